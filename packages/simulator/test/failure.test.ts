import { SeaworthyError } from "@seaworthy/core";
import { expect, test } from "vitest";
import { Simulation, SimulationError, type SimulationOptions, sweep } from "../src/index.js";
import { binder, connecter, oneMs } from "./support.js";

function failureOf(run: () => unknown): SimulationError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(SimulationError);
    return error as SimulationError;
  }
  throw new Error("it did not fail");
}

/** A client that sends every 10 ms to a server that has had enough of it after the third message. */
function impatient(options: SimulationOptions = {}): Simulation {
  const simulation = new Simulation({ seed: 42, network: oneMs, ...options });
  const server = binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  simulation.every(10, () => void client.call((recorder) => recorder.sendText("x")));
  simulation.invariant("at most two messages", () => {
    const count = server.app?.messages.length ?? 0;
    return count <= 2 ? undefined : `got ${count}`;
  });
  return simulation;
}

test("an invariant is checked after every event: the run stops at the very one that broke it", () => {
  const error = failureOf(() => impatient().runFor(1000));
  expect(error.at).toBe(31);
  expect(error.log.at(-1)).toMatch(/^31\.000 server gets/);
  expect([error.invariant, error.reason, error.phase]).toEqual(["at most two messages", "got 3", "safety"]);
});

test("a failure tells seed, phase, time, invariant, faults so far, the end of the log and how to replay", () => {
  const simulation = impatient({ replay: (seed) => `npm run simulate -- impatient --seed ${seed}` });
  const error = failureOf(() =>
    simulation.run({
      faults: [
        { at: 5, kind: "pause", node: "client", forMs: 1 },
        { at: 7, kind: "delay", from: "server", to: "client", extraMs: 3, forMs: 4 },
        { at: 8, kind: "slow", node: "client", serviceMs: 0.5, forMs: 4 },
        { at: 9, kind: "partition", from: ["server"], to: ["client"], oneWay: true, forMs: 1 },
        { at: 9.5, kind: "partition", from: ["server"], to: ["client"], forMs: 0.1 },
        { at: 900, kind: "cut", nodes: ["server", "client"] },
      ],
    }),
  );
  const lines = error.message.split("\n");
  expect(lines[0]).toBe(
    'seed 42 failed in the safety phase at 31.000 ms: invariant "at most two messages": got 3',
  );
  expect(lines.slice(1, 7)).toEqual([
    "faults (5):",
    "  5.000 pause client for 1 ms",
    "  7.000 delay server -> client by 3 ms for 4 ms",
    "  8.000 slow client to 0.5 ms per task for 4 ms",
    "  9.000 partition server -x-> client for 1 ms",
    "  9.500 partition server <-x-> client for 0.1 ms",
  ]);
  expect(lines.at(7)).toBe("end of the log:");
  expect(lines.at(-2)).toMatch(/^ {2}31\.000 server gets/);
  expect(lines.at(-1)).toBe("replay: npm run simulate -- impatient --seed 42");
  expect(error).toMatchObject({ name: "SimulationError", code: "ERR_SIMULATION_FAILED", seed: 42 });
  expect(error).toBeInstanceOf(SeaworthyError);
});

test("without a replay command the failure shows how to make the same simulation", () => {
  expect(failureOf(() => impatient().runFor(1000)).replay).toBe("new Simulation({ seed: 42 })");
});

test("nodes that do not converge once everything is healed are a failure of the liveness phase", () => {
  const simulation = new Simulation({ network: oneMs });
  const node = simulation.node("n", () => {});
  const error = failureOf(() =>
    simulation.run({
      safetyMs: 100,
      livenessMs: 500,
      faults: [{ at: 10, kind: "crash", node: "n" }],
      converged: () => (node.lives === 3 ? true : `${node.lives} lives of 3`),
    }),
  );
  expect([error.phase, error.at, error.invariant]).toEqual(["liveness", 600, undefined]);
  expect(error.reason).toBe("not converged within 500 ms after everything was healed: 2 lives of 3");
});

test("invariants hold in the liveness phase too", () => {
  const simulation = new Simulation();
  simulation.at(150, () => simulation.note("late"));
  const invariants = { early: () => (simulation.now() < 150 ? undefined : "late") };
  const error = failureOf(() => simulation.run({ safetyMs: 100, invariants, converged: () => false }));
  expect([error.phase, error.invariant, error.at]).toEqual(["liveness", "early", 150]);
});

test("a run that passes tells how long it took to converge", () => {
  const simulation = new Simulation({ seed: 3, network: oneMs });
  binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  const phases: string[] = [];
  simulation.every(100, () => phases.push(simulation.phase));
  const result = simulation.run({
    safetyMs: 250,
    faults: [{ at: 0, kind: "partition", from: ["client"], to: ["server"] }],
    converged: () => client.app?.events.length === 1,
  });
  expect(result).toMatchObject({ seed: 3, at: 252, convergedMs: 2 });
  expect(result.digest).toBe(simulation.digest);
  expect(result.events).toBe(simulation.events);
  expect(result.faults).toHaveLength(1);
  expect(phases).toEqual(["safety", "safety"]);
});

test("what a node's code throws is a failure with the error as its cause", () => {
  const simulation = new Simulation();
  const cause = new TypeError("oops");
  simulation.node("n", ({ scheduler }) => {
    scheduler.schedule(10, () => {
      throw cause;
    });
  });
  const error = failureOf(() => simulation.runFor(100));
  expect([error.reason, error.at, error.cause]).toEqual(["threw TypeError: oops", 10, cause]);
});

test("a machine that never lets time pass is found out", () => {
  const simulation = new Simulation({ maxEvents: 1000 });
  simulation.node("n", ({ scheduler }) => {
    const again = (): unknown => scheduler.schedule(scheduler.now(), again);
    again();
  });
  expect(failureOf(() => simulation.runFor(1)).reason).toMatch(/maxEvents = 1000 .*stand still/);
});

test("runUntil stops at the event that it waits for, or when the time is over", () => {
  const simulation = new Simulation();
  let count = 0;
  simulation.every(10, () => ++count < 5);
  expect(simulation.runUntil(() => count === 3, 1000)).toBe(true);
  expect(simulation.now()).toBe(30);
  expect(simulation.runUntil(() => count === 6, 1000)).toBe(false);
  expect([simulation.now(), count]).toEqual([1030, 5]);
});

test.each<[string, () => unknown, RegExp]>([
  ["seed", () => new Simulation({ seed: -1 }), /^Simulation: option "seed" must be a whole number from 0 to/],
  ["log", () => new Simulation({ log: "all" as "full" }), /^Simulation: option "log" must be one of "tail"/],
  ["replay", () => new Simulation({ replay: "x" as never }), /option "replay" must be a function/],
  [
    "network",
    () => new Simulation({ network: { minLatencyMs: -1 } }),
    /^Simulation: network: option "minLatencyMs"/,
  ],
  ["unknown", () => new Simulation({ sead: 1 } as object), /there is no option "sead"/],
  ["run", () => new Simulation().run({ safetyMs: -1 }), /^Simulation.run: option "safetyMs"/],
  [
    "faults",
    () => new Simulation().run({ faults: 1 as never }),
    /option "faults" must be a plan or a schedule/,
  ],
  ["every", () => new Simulation().every(0, () => {}), /^Simulation.every: option "intervalMs"/],
])("a wrong option is named: %s", (_name, construct, message) => {
  expect(construct).toThrow(message);
});

test("a wrong option of a sweep is named", async () => {
  const swept = sweep({ seeds: 0, scenario: () => new Simulation().run() });
  await expect(swept).rejects.toThrow(/^sweep: option "seeds"/);
});
