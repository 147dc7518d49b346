import { LazyPirateClient } from "@seaworthy/lazy-pirate";
import { describe, expect, it } from "vitest";
import { freeEndpoint, runExampleWell, startExample } from "../harness/example.js";
import type { Program } from "../harness/program.js";
import { testHelp, testRefusals } from "./scenes.js";

interface Queue extends AsyncDisposable {
  readonly program: Program;
  readonly frontend: string;
  readonly backend: string;
}

async function startQueue(...args: string[]): Promise<Queue> {
  const frontend = await freeEndpoint();
  const backend = await freeEndpoint();
  const ports = ["--frontend", frontend, "--backend", backend];
  const program = await startExample("paranoid-pirate/queue", ...ports, ...args);
  return { program, frontend, backend, [Symbol.asyncDispose]: () => program.kill() };
}

/** A worker of which the queue knows as many sessions. */
async function startWorker(queue: Queue, sessions: number, ...args: string[]): Promise<Program> {
  const known = says(queue, /^joined /, sessions);
  const worker = await startExample("paranoid-pirate/worker", "--connect", queue.backend, ...args);
  await known;
  return worker;
}

function connect({ frontend }: Queue): LazyPirateClient & AsyncDisposable {
  const client = new LazyPirateClient({ timeoutMs: 60_000 });
  client.connect(frontend);
  return client;
}

/** Resolves when the queue has said so, as often, from now on. */
async function says({ program }: Queue, what: RegExp, times = 1): Promise<string> {
  let said = 0;
  return await program.nextLine((line) => what.test(line) && ++said === times);
}

const text = async (reply: Promise<readonly Uint8Array[]>): Promise<string> => String((await reply)[0]);

/** What is said of a value that is no number of these. */
const refusal = (role: string, option: string, value: string) =>
  [role, [option, value], option, `'${value}'`, "whole number from 1 to"] as const;

describe("arguments", () => {
  testHelp("paranoid-pirate", [
    ["queue", "--heartbeat", "(default: 1000)"],
    ["queue", "--liveness", "(default: 3)"],
    ["worker", "--heartbeat", "(default: 1000)"],
    ["worker", "--liveness", "(default: 3)"],
    ["worker", "--concurrency", "(default: 1)"],
  ]);

  const refused = ["0", "-1", "1.5", "often", "", "1000000001"];
  const numbers = [
    ["queue", "--heartbeat"],
    ["queue", "--liveness"],
    ["worker", "--heartbeat"],
    ["worker", "--liveness"],
    ["worker", "--concurrency"],
  ] as const;
  testRefusals("paranoid-pirate", [
    ...numbers.flatMap(([role, option]) => refused.map((value) => refusal(role, option, value))),
    refusal("worker", "--concurrency", "301"),
  ]);

  it("takes the longest heartbeat and liveness", async () => {
    const longest = ["--heartbeat", "1000000000", "--liveness", "1000000000"];
    await using queue = await startQueue(...longest);
    await using worker = await startWorker(queue, 1, ...longest);
    await runExampleWell("lazy-pirate/client", "--connect", queue.frontend, "--requests", "1");
    expect(await worker.end("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});

describe("workers", () => {
  it("work on as many requests at a time as they are told to", async () => {
    await using queue = await startQueue("--heartbeat", "100000");
    await using worker = await startWorker(queue, 3, "--concurrency", "3", "--heartbeat", "100000");
    await using client = connect(queue);
    worker.pause();
    let held = 3;
    const replies = ["1", "2", "3"].map((body) => text(client.request(body)).finally(() => held--));
    await using other = await startWorker(queue, 1, "--heartbeat", "100000");
    // Were one of those before it still waiting, the other worker would have answered it first.
    expect(await text(client.request("4"))).toBe("4");
    expect(held).toBe(3);
    worker.resume();
    expect(await Promise.all(replies)).toEqual(["1", "2", "3"]);
    const left = says(queue, /^left /, 3);
    expect(await worker.end("SIGTERM")).toEqual({ code: 0, signal: null });
    await left;
    expect(worker.lines[0]).toBe(`ready ${queue.backend}`);
    expect(worker.lines.slice(1, -1)).toEqual([`opened ${queue.backend}`, `opened ${queue.backend}`]);
    expect(worker.lines.at(-1)).toBe("stopped after 3 requests");
    expect((await other.end("SIGTERM")).code).toBe(0);
  });

  it("that are killed have their request redelivered at once, with no retry", async () => {
    // With such heartbeats only the end of the connection can tell.
    await using queue = await startQueue("--heartbeat", "100000");
    await using dying = await startWorker(queue, 1, "--heartbeat", "100000");
    await using _heir = await startWorker(queue, 1, "--heartbeat", "100000");
    await using client = connect(queue);
    dying.pause();
    const [first, second] = [text(client.request("first")), text(client.request("second"))];
    expect(await second).toBe("second"); // so that the first is with the other worker
    const told = Promise.all([
      says(queue, /^gone SWPP1-\S+: departed$/),
      says(queue, /^redelivered: delivery 2$/),
    ]);
    await dying.kill();
    expect(await first).toBe("first");
    await told;
    expect(client.stats().retries).toBe(0);
  });

  it("that are frozen expire, have their request redelivered, and return", async () => {
    // Until the queue has the requests, the worker must count as alive: for some of these, also on a busy machine.
    const pace = ["--heartbeat", "100", "--liveness", "30"];
    await using queue = await startQueue(...pace);
    await using frozen = await startWorker(queue, 1, ...pace);
    await using _heir = await startWorker(queue, 1, ...pace);
    await using client = connect(queue);
    const [, worker] = /^joined (\S+)$/.exec(queue.program.lines[1] ?? "") ?? [];
    const told = Promise.all([
      says(queue, RegExp(`^expired ${worker}$`)),
      says(queue, /^redelivered: delivery 2$/),
    ]);
    frozen.pause();
    const [first, second] = [text(client.request("first")), text(client.request("second"))];
    expect(await Promise.all([first, second])).toEqual(["first", "second"]);
    expect(client.stats().retries).toBe(0);
    await told;
    // Within a second liveness it returns; after that it joins anew.
    const back = says(queue, /^(returned|joined) SWPP1-/);
    frozen.resume();
    await back;
    const fresh = await Promise.all(["3", "4"].map((body) => text(client.request(body))));
    expect(fresh).toEqual(["3", "4"]);
    expect((await frozen.end("SIGTERM")).code).toBe(0);
    expect(frozen.lines.at(-1)).not.toBe("stopped after 0 requests");
  });

  it("that are told to stop when a request is on its way lose nothing, with no retry", async () => {
    await using queue = await startQueue("--heartbeat", "100000");
    await using leaving = await startWorker(queue, 1, "--heartbeat", "100000");
    await using _heir = await startWorker(queue, 1, "--heartbeat", "100000");
    await using client = connect(queue);
    leaving.pause();
    const [first, second] = [text(client.request("first")), text(client.request("second"))];
    expect(await second).toBe("second"); // so that the first waits to be read by the one that is leaving
    const left = says(queue, /^left SWPP1-/);
    const ended = leaving.end("SIGTERM");
    leaving.resume();
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(await first).toBe("first");
    await left;
    expect(client.stats().retries).toBe(0);
  });
});
