import { type Frames, frameKey, frameText, textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeAnswer } from "../src/packs.js";
import { ServerMachine } from "../src/server-machine.js";
import type { ServerInput, ServerOutput } from "../src/server-messages.js";
import { resolveServerOptions } from "../src/server-options.js";
import { decodeMessage, decodeServerMessage, decodeUpdate } from "../src/wire.js";
import { uuidOf, wish } from "./server-driver.js";

const DEAD_MS = 200;
const STALL_MS = 100;

interface Update {
  readonly key: string;
  readonly value: string;
  readonly uuid: number;
}

/** An active server and one that follows it, in virtual time; what they say to each other is carried by hand. */
class Pair {
  now = 0;
  readonly active: ServerMachine;
  readonly passive: ServerMachine;
  /** The updates that the active ordered, by number from 1. */
  readonly ordered: Update[] = [];
  readonly acknowledged: number[] = [];
  /** The passive one says that it may take over. */
  mayTakeOver = false;
  /** What is under way, each with the number of its connection. */
  toActive: { link: number; frames: Frames }[] = [];
  toPassive: { link: number; frames: Frames }[] = [];
  /** The connection that stands, as the passive one knows it; 0 for none. */
  link = 0;
  /** The messages under way wait. */
  isCut = false;
  #links = 0;
  #lastPublished = 0;
  /** The active has to be told who is gone. */
  readonly #gone = new Set<number>();
  #awakeAt = { active: 0, passive: 0 };

  constructor(credit: number, packBytes: number) {
    const socket = { sendHighWaterMark: Math.ceil(credit / 0.4) };
    const options = resolveServerOptions(
      "Server",
      { heartbeatMs: 50, maxUncommitted: 40, socket },
      { peerDeadMs: DEAD_MS, packBytes },
    );
    this.active = new ServerMachine(options);
    this.passive = new ServerMachine(options);
    this.#feed("active", { type: "activate", life: "life" });
  }

  set(update: Update): void {
    const before = this.active.uncommitted + this.active.map.sequence;
    const message = wish(update.key, update.value, { uuid: uuidOf(update.uuid) });
    const route = textFrame("client");
    this.#feed("active", { type: "message", route, message, maySay: true, retryAfterMs: undefined });
    if (this.active.uncommitted + this.active.map.sequence > before) this.ordered.push(update);
  }

  follow(): void {
    if (this.link !== 0) return;
    this.#feed("passive", { type: "follow" });
    this.#feed("passive", { type: "link-up" });
  }

  carry(to: "active" | "passive", count: number): void {
    if (this.isCut) return;
    const queue = to === "active" ? this.toActive : this.toPassive;
    for (const { link, frames } of queue.splice(0, count)) {
      if (to === "passive") {
        if (link === this.link) this.#feed(to, { type: "link-message", message: decodeAnswer([...frames]) });
      } else if (!this.#gone.has(link)) {
        const route = textFrame(`link ${link}`);
        const message = decodeServerMessage([...frames]);
        this.#feed(to, { type: "message", route, message, maySay: true, retryAfterMs: undefined });
      }
    }
  }

  /** The connection is lost, with what was under way; the passive one is told, or finds out by the silence. */
  reset(isTold: boolean): void {
    const { link } = this;
    if (link === 0) return;
    this.#gone.add(link);
    this.toActive = this.toActive.filter((message) => message.link !== link);
    this.toPassive = this.toPassive.filter((message) => message.link !== link);
    if (isTold) this.#feed("passive", { type: "link-down", reason: "reset" });
  }

  /** Time goes on; who sleeps is not woken, and finds out that it stood still. */
  run(ms: number, sleeper?: "active" | "passive"): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now = Math.min(end, this.now + 5);
      for (const who of ["active", "passive"] as const) {
        if (who === sleeper) continue;
        this.#wake(who);
      }
    }
    for (const who of ["active", "passive"] as const) this.#wake(who);
  }

  /** All that is on its way arrives, until nothing more is said. */
  settle(ms: number): void {
    this.isCut = false;
    for (const end = this.now + ms; this.now < end; ) {
      this.follow();
      for (let round = 0; round < 50 && this.toActive.length + this.toPassive.length > 0; round++) {
        this.carry("active", 1000);
        this.carry("passive", 1000);
      }
      this.run(10);
    }
  }

  #wake(who: "active" | "passive"): void {
    const slept = this.now - this.#awakeAt[who];
    this.#awakeAt[who] = this.now;
    if (slept > STALL_MS) this.#feed(who, { type: "stalled", ms: slept });
    const machine = this[who];
    for (let turn = 0; (machine.deadline ?? Number.POSITIVE_INFINITY) <= this.now; turn++) {
      if (turn > 100) throw new Error(`${who} is woken at ${machine.deadline} again and again`);
      machine.tick(this.now);
      this.#perform(who);
    }
  }

  #feed(who: "active" | "passive", input: ServerInput | { type: "stalled"; ms: number }): void {
    this[who].handle(input, this.now);
    this.#perform(who);
  }

  #perform(who: "active" | "passive"): void {
    const machine = this[who];
    for (let output = machine.take(); output !== undefined; output = machine.take()) this.#do(output);
    this.check();
  }

  #do(output: ServerOutput): void {
    switch (output.type) {
      case "open-link":
        this.#links += 1;
        this.link = this.#links;
        return;
      case "close-link":
        this.#gone.add(this.link);
        this.link = 0;
        return;
      case "link-send":
        if (!this.#gone.has(this.link)) this.toActive.push({ link: this.link, frames: output.frames });
        return;
      case "caught-up":
        this.mayTakeOver = true;
        return;
      case "source-lost":
      case "fell-behind":
        this.mayTakeOver = false;
        return;
      case "publish":
        return this.#published(output.frames);
      case "send":
        return this.#sent(output);
    }
  }

  #sent({ frames }: ServerOutput & { type: "send" }): void {
    const [route, ...rest] = frames;
    const name = frameText(route as Uint8Array);
    if (name === "client") {
      const message = decodeMessage(rest);
      if (message.type === "command" && message.name === "OKTHX") this.acknowledged.push(message.number);
      return;
    }
    const link = Number(name.slice(5));
    if (!this.#gone.has(link)) this.toPassive.push({ link, frames: rest });
    else this.#feed("active", { type: "refused", frames, reason: "peer-unknown" });
  }

  #published(frames: Frames): void {
    const message = decodeUpdate([...frames]);
    if (message.type === "malformed") throw new Error(message.reason);
    if (message.sequence === 0) return;
    this.#lastPublished += 1;
    expect(message.sequence, "each once, in order").toBe(this.#lastPublished);
  }

  /** What must hold at any time. */
  check(): void {
    const { active, passive } = this;
    if (this.mayTakeOver && active.hasFollower && this.link === this.#links)
      expect(passive.map.sequence, "the passive one has what is published").toBeGreaterThanOrEqual(
        active.map.sequence,
      );
  }

  /** The map as it was at this number. */
  at(sequence: number): Record<string, string> {
    const map = new Map<string, string>();
    for (const { key, value } of this.ordered.slice(0, sequence)) {
      if (value === "") map.delete(key);
      else map.set(key, value);
    }
    return Object.fromEntries(map);
  }
}

const mapOf = ({ map }: ServerMachine): Record<string, string> =>
  Object.fromEntries(Array.from(map.values(), ({ key, value }) => [frameText(key), frameText(value)]));

describe("an active server and the one that follows it", () => {
  const who = fc.constantFrom("active" as const, "passive" as const);
  const action = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("set" as const),
        key: fc.constantFrom("a", "b", "c", "d", "e"),
        value: fc.constantFrom("1", "2", ""),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("carry" as const),
        who,
        count: fc.integer({ min: 1, max: 12 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant("run" as const), ms: fc.integer({ min: 1, max: 80 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("follow" as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("reset" as const), isTold: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("cut" as const), isCut: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("sleep" as const), who, ms: fc.integer({ min: 20, max: 300 }) }),
    },
  );
  const plan = fc.record({
    credit: fc.constantFrom(1, 2, 5, 400),
    // None, two or three entries in a message, or all.
    packBytes: fc.constantFrom(0, 90, 130, 16_384),
    first: fc.nat({ max: 30 }),
    actions: fc.array(action, { maxLength: 150 }),
  });

  function play({
    credit,
    packBytes,
    first,
    actions,
  }: typeof plan extends fc.Arbitrary<infer T> ? T : never): Pair {
    const pair = new Pair(credit, packBytes);
    let uuid = 0;
    for (let n = 0; n < first; n++) pair.set({ key: `k${n % 10}`, value: `${n}`, uuid: ++uuid });
    for (const each of actions) {
      if (each.do === "set") pair.set({ key: each.key, value: each.value, uuid: ++uuid });
      else if (each.do === "carry") pair.carry(each.who, each.count);
      else if (each.do === "run") pair.run(each.ms);
      else if (each.do === "follow") pair.follow();
      else if (each.do === "settle") pair.settle(20);
      else if (each.do === "reset") pair.reset(each.isTold);
      else if (each.do === "cut") pair.isCut = each.isCut;
      else pair.run(each.ms, each.who);
    }
    return pair;
  }

  it("whatever is lost, cut or asleep: what is published is in the one that may take over, and it has no state that never was", () => {
    let deaths = 0;
    fc.assert(
      fc.property(plan, (given) => {
        const pair = play(given);
        expect(mapOf(pair.passive), "a state that the map had").toEqual(pair.at(pair.passive.map.sequence));
        expect(mapOf(pair.active)).toEqual(pair.at(pair.active.map.sequence));
        if (!pair.mayTakeOver || !pair.active.hasFollower || pair.link === 0) return;
        // The active dies at this moment.
        if (pair.toPassive.length > 0 || pair.toActive.length > 0) deaths += 1;
        for (const number of pair.acknowledged) {
          expect(number, "nothing that was acknowledged is lost").toBeLessThanOrEqual(
            pair.passive.map.sequence,
          );
          const update = pair.ordered[number - 1] as Update;
          expect(pair.passive.known.find(uuidOf(update.uuid)), "nor would it be ordered twice").toBe(number);
        }
      }),
      { numRuns: 600 },
    );
    // That the case which it is about was come to at all.
    expect(deaths).toBeGreaterThan(10);
  });

  it("come to the same map in the end, and the follower is waited for", () => {
    fc.assert(
      fc.property(plan, (given) => {
        const pair = play(given);
        pair.settle(4 * DEAD_MS);
        expect(pair.active.hasFollower && pair.mayTakeOver).toBe(true);
        expect(pair.active.uncommitted).toBe(0);
        expect(pair.active.map.sequence).toBe(pair.ordered.length);
        expect(mapOf(pair.passive)).toEqual(mapOf(pair.active));
        expect(pair.passive.map.sequence).toBe(pair.ordered.length);
        const known = ({ known: updates }: ServerMachine) => new Map(updates.entries());
        expect(known(pair.passive)).toEqual(known(pair.active));
        expect(known(pair.active).get(frameKey(uuidOf(1)))).toBe(pair.ordered.length > 0 ? 1 : undefined);
      }),
      { numRuns: 300 },
    );
  });
});
