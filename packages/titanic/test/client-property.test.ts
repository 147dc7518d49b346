import type { RequestFailure } from "@seaworthy/majordomo/machine";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { TitanicClientOutput } from "../src/client-messages.js";
import { ID, TitanicDriver, textOf } from "./client-driver.js";

const ANSWERS: readonly (readonly string[])[] = [
  ["200", ID],
  ["200", ID],
  ["200", "reply"],
  ["200"],
  ["300"],
  ["400"],
  ["404"],
  ["500", "trouble"],
  ["500", "dead: letter"],
  ["501"],
  [],
];
const CODES: readonly RequestFailure["code"][] = [
  "ERR_REQUEST_TIMEOUT",
  "ERR_BROKER_UNREACHABLE",
  "ERR_NO_SERVICE",
  "ERR_WORKERS_FAILED",
  "ERR_LIMIT_REACHED",
  "ERR_ABORTED",
];

/** What happens in a client's world; numbers pick one of what there is. */
type Step =
  | {
      readonly do: "submit" | "call" | "reply" | "wait" | "close";
      readonly isKeyed: boolean;
      readonly limitMs: number;
    }
  | { readonly do: "abort" | "recorded" | "changed" | "ours" | "foreign" | "stall"; readonly pick: number }
  | { readonly do: "answer"; readonly pick: number; readonly frames: readonly string[] }
  | { readonly do: "fail"; readonly pick: number; readonly code: RequestFailure["code"] }
  | { readonly do: "wait-for"; readonly ms: number };

const pick = fc.nat({ max: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("submit", "call", "call", "reply", "wait", "close"),
      isKeyed: fc.boolean(),
      limitMs: fc.constantFrom(20, 500, 5000, Number.POSITIVE_INFINITY),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("abort", "recorded", "recorded", "changed", "ours", "foreign", "stall"),
      pick,
    }),
  },
  {
    weight: 14,
    arbitrary: fc.record({ do: fc.constant("answer" as const), pick, frames: fc.constantFrom(...ANSWERS) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("fail" as const), pick, code: fc.constantFrom(...CODES) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("wait-for" as const),
      ms: fc.constantFrom(1, 60, 300, 2000, 40_000),
    }),
  },
);

/** Plays steps, and holds what the machine puts out against what it promises. */
class World {
  readonly client: TitanicDriver;
  readonly #calls: number[] = [];
  readonly #ended = new Set<number>();
  /** What is asked, by its number, and of which service. */
  readonly #open = new Map<number, string>();
  /** Calls whose reply was to be recorded. */
  readonly #recorded = new Set<number>();
  #seen = 0;

  constructor(dialect: "auto" | "seaworthy" | "rfc9") {
    this.client = new TitanicDriver({ dialect }, () => 0.5);
  }

  play(next: Step): void {
    const { client } = this;
    switch (next.do) {
      case "submit":
      case "call":
      case "reply":
      case "wait":
      case "close":
        this.#calls.push(this.#begin(next.do, next.isKeyed, next.limitMs));
        break;
      case "abort":
        client.feed({ type: "abort", call: this.#call(next.pick) });
        break;
      case "recorded":
        client.feed({ type: "recorded", call: this.#call(next.pick) });
        break;
      case "changed":
        client.feed({ type: "broker-changed" });
        break;
      case "ours":
      case "foreign":
        client.feed({ type: "recognised", ours: next.do === "ours" });
        break;
      case "stall":
        client.feed({ type: "stalled", ms: 100 });
        break;
      case "answer":
        this.#settle(next.pick, (ask) => client.answerTo(ask, ...next.frames));
        break;
      case "fail":
        this.#settle(next.pick, (ask) => client.fails(next.code, ask));
        break;
      case "wait-for":
        client.until(client.now + next.ms);
        break;
    }
    this.check();
  }

  check(): void {
    const { outputs, machine } = this.client;
    for (; this.#seen < outputs.length; this.#seen++) this.#look(outputs[this.#seen] as TitanicClientOutput);
    expect(machine.inFlight).toBe(this.#calls.length - this.#ended.size);
    // What is asked is asked for a call that has not ended, or once for all of them.
    expect(this.#open.size).toBeLessThanOrEqual(machine.inFlight + 1);
    if (machine.deadline !== undefined) expect(machine.deadline).toBeGreaterThanOrEqual(this.client.now);
  }

  get open(): number {
    return this.#open.size;
  }

  /** Answers all that is asked, until nothing is. */
  drain(): void {
    for (let rounds = 0; this.client.machine.inFlight > 0 && rounds < 200; rounds++) {
      for (const [ask, service] of [...this.#open]) this.#answerWell(ask, service);
      for (const call of this.#recorded) this.client.feed({ type: "recorded", call });
      this.check();
      const { deadline } = this.client.machine;
      if (deadline !== undefined && this.#open.size === 0) this.client.until(deadline);
      this.check();
    }
  }

  #answerWell(ask: number, service: string): void {
    this.#open.delete(ask);
    if (service === "mmi.service" || service === "titanic.close") this.client.answerTo(ask, "200");
    else this.client.answerTo(ask, "200", ID);
  }

  #begin(type: "submit" | "call" | "reply" | "wait" | "close", isKeyed: boolean, limitMs: number): number {
    const { client } = this;
    switch (type) {
      case "submit":
        return client.submit({ isKeyed });
      case "call":
        return client.call({ isKeyed, limitMs, records: isKeyed });
      case "wait":
        return client.wait({ limitMs });
      case "reply":
        return client.reply();
      case "close":
        return client.close();
    }
  }

  #call(number: number): number {
    return this.#calls[number % Math.max(1, this.#calls.length)] ?? 99;
  }

  #settle(number: number, how: (ask: number) => unknown): void {
    const asks = [...this.#open.keys()];
    const ask = asks[number % Math.max(1, asks.length)] ?? 999_999;
    this.#open.delete(ask);
    how(ask);
  }

  #look(output: TitanicClientOutput): void {
    switch (output.type) {
      case "request":
        expect(this.#open.has(output.ask)).toBe(false);
        expect(output.timeoutMs).toBeGreaterThanOrEqual(1);
        expect(output.timeoutMs).toBeLessThanOrEqual(1000);
        expect(output.attempts).toBeGreaterThanOrEqual(1);
        expect(output.attempts).toBeLessThanOrEqual(3);
        this.#open.set(output.ask, textOf([output.service]));
        break;
      case "abort":
        expect(this.#open.delete(output.ask)).toBe(true);
        break;
      case "record":
        expect(this.#ended.has(output.call)).toBe(false);
        expect(this.#recorded.has(output.call)).toBe(false);
        this.#recorded.add(output.call);
        break;
      case "status":
        break;
      default:
        expect(this.#ended.has(output.call)).toBe(false);
        this.#ended.add(output.call);
    }
  }
}

it.each(["auto", "seaworthy", "rfc9"] as const)(
  "whatever happens, each call ends once, nothing is asked for nobody, and all ends well when all is well: %s",
  (dialect) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, closes) => {
        const world = new World(dialect);
        for (const next of steps) world.play(next);
        if (closes) world.client.feed({ type: "close" });
        else world.drain();
        world.check();
        expect(world.client.machine.inFlight).toBe(0);
        if (closes) expect(world.open).toBe(0);
      }),
      { numRuns: 300 },
    );
  },
);
