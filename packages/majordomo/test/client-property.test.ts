import { textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { MajordomoClientOutput } from "../src/client-messages.js";
import type { HeaderKind } from "../src/request-header.js";
import { ClientDriver } from "./client-driver.js";

const MAX_SOCKETS = 3;
const KINDS: HeaderKind[] = [
  "message",
  "message",
  "message",
  "cancel",
  "handler-failed",
  "no-worker",
  "too-old",
  "given-up",
  "limit",
  "closing",
  "dropped",
];

/** What happens in a client's world; numbers pick one of what there is. */
type Step =
  | {
      readonly do: "connect" | "disconnect" | "up" | "down" | "word" | "ours" | "foreign";
      readonly pick: number;
    }
  | {
      readonly do: "request";
      readonly isStream: boolean;
      readonly timeoutMs: number;
      readonly attempts: number;
    }
  | { readonly do: "abort" | "not-taken" | "read"; readonly pick: number }
  | { readonly do: "bare"; readonly pick: number; readonly isFinal: boolean }
  | {
      readonly do: "said";
      readonly pick: number;
      readonly call: number;
      readonly kind: HeaderKind;
      readonly index: number;
      readonly delivery: number;
      readonly isFinal: boolean;
    }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "stall" };

const pick = fc.nat({ max: 20 });
const oneOf = <T extends string>(...names: T[]) => fc.constantFrom(...names);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: oneOf("connect", "disconnect"), pick }) },
  { weight: 5, arbitrary: fc.record({ do: oneOf("up", "up", "up", "down"), pick }) },
  { weight: 5, arbitrary: fc.record({ do: oneOf("word", "ours", "ours", "foreign"), pick }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("request" as const),
      isStream: fc.boolean(),
      timeoutMs: fc.constantFrom(50, 400, 1000, 5000),
      attempts: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: oneOf("abort", "not-taken", "read"), pick }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("bare" as const), pick, isFinal: fc.boolean() }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("said" as const),
      pick,
      call: fc.integer({ min: 1, max: 6 }),
      kind: fc.constantFrom(...KINDS),
      index: fc.nat({ max: 2 }),
      delivery: fc.integer({ min: 1, max: 2 }),
      isFinal: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 60, 500, 3500) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "stall" as const }) },
);

/** Plays steps, and holds what the machine puts out against what it promises. */
class World {
  readonly client: ClientDriver = new ClientDriver({
    maxSockets: MAX_SOCKETS,
    maxConnections: 2,
    maxStreamParts: 2,
    protocol: "0.2",
  });
  readonly #sockets = new Map<number, string>();
  /** What the last request was that went over a socket without a header, and has not ended there. */
  readonly #bare = new Map<number, number>();
  readonly #calls: number[] = [];
  readonly #ended = new Set<number>();
  #seen = 0;

  play(next: Step): void {
    const { client } = this;
    const socket =
      [...this.#sockets.keys()][("pick" in next ? next.pick : 0) % Math.max(1, this.#sockets.size)] ?? 99;
    switch (next.do) {
      case "connect":
      case "disconnect":
        client.feed({ type: next.do, endpoint: `tcp://host:${1 + (next.pick % 3)}` });
        break;
      case "up":
      case "down":
        client.feed({ type: next.do, socket });
        break;
      case "word":
        client.word(socket);
        break;
      case "ours":
        client.isOurs(socket);
        break;
      case "foreign":
        client.introduces("501", socket);
        break;
      case "request":
        this.#calls.push(client.request(next));
        break;
      case "abort":
      case "not-taken":
        client.feed({ type: next.do, call: this.#call(next.pick) });
        break;
      case "read":
        client.feed({ type: "read", call: this.#call(next.pick), bytes: 1 });
        break;
      case "bare":
        if (next.isFinal) this.#bare.delete(socket);
        client.bare([textFrame("x")], { socket, isFinal: next.isFinal });
        break;
      case "said":
        client.said(next.call, next, socket);
        break;
      case "wait":
        client.until(client.now + next.ms);
        break;
      case "stall":
        client.feed({ type: "stalled", ms: 100 });
        break;
    }
    this.check();
  }

  check(): void {
    const { outputs, machine } = this.client;
    for (; this.#seen < outputs.length; this.#seen++)
      this.#look(outputs[this.#seen] as MajordomoClientOutput);
    expect(machine.connections).toBe(this.#sockets.size);
    expect(machine.connections).toBeLessThanOrEqual(2 * MAX_SOCKETS);
    expect(machine.inFlight).toBe(this.#calls.length - this.#ended.size);
    // A deadline that has passed and is not worked off would make the host spin.
    if (machine.deadline !== undefined) expect(machine.deadline).toBeGreaterThanOrEqual(this.client.now);
  }

  #call(number: number): number {
    return this.#calls[number % Math.max(1, this.#calls.length)] ?? 99;
  }

  #look(output: MajordomoClientOutput): void {
    switch (output.type) {
      case "open":
        expect(this.#sockets.has(output.socket)).toBe(false);
        this.#sockets.set(output.socket, output.endpoint);
        break;
      case "discard":
        expect(this.#sockets.delete(output.socket)).toBe(true);
        this.#bare.delete(output.socket);
        break;
      case "send":
        expect(this.#sockets.has(output.socket)).toBe(true);
        expect(this.#ended.has(output.call)).toBe(false);
        if (output.header !== undefined) break;
        // One at a time: the reply could not be told from another's.
        expect(this.#bare.has(output.socket)).toBe(false);
        this.#bare.set(output.socket, output.call);
        break;
      case "introduce":
      case "cancel":
        expect(this.#sockets.has(output.socket)).toBe(true);
        break;
      case "part":
        expect(this.#ended.has(output.call)).toBe(false);
        break;
      case "answered":
      case "failed":
        expect(this.#ended.has(output.call)).toBe(false);
        this.#ended.add(output.call);
        break;
      case "status":
        break;
    }
  }
}

it("whatever happens, each request ends once, and no socket is used that is not open or not free", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = new World();
      for (const next of steps) world.play(next);
      // All attempts and pauses of any request are over by then.
      world.client.until(world.client.now + 60_000);
      world.check();
      const streaming = world.client.machine.inFlight;
      expect(streaming).toBe(0);
      world.client.feed({ type: "close" });
      world.check();
      expect(world.client.machine).toMatchObject({ inFlight: 0, connections: 0, deadline: undefined });
    }),
    { numRuns: 1000 },
  );
});
