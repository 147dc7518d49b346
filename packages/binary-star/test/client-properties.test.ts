import fc from "fast-check";
import { expect, it } from "vitest";
import type { Answer, BinaryStarClientInput } from "../src/client-messages.js";
import { ClientDriver, EPOCH } from "./client-driver.js";

type Step =
  | BinaryStarClientInput
  | { readonly type: "pass"; readonly ms: number }
  | { readonly type: "stalled"; readonly ms: number };

const SETTLE_MS = 200;
const constant = fc.constant;
const endpoint = fc.constantFrom("tcp://a:1", "tcp://b:2", "tcp://c:3");
const call = fc.nat({ max: 12 });
/** How many connections ago: what befalls the current one, and now and then one that was left. */
const age = fc.constantFrom(0, 0, 0, 0, 0, 1, 2);
const id = {
  epoch: fc.constantFrom(EPOCH, EPOCH, EPOCH, EPOCH, 7n),
  sequence: fc.bigInt({ min: 0n, max: 12n }),
};
const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ type: constant("reply"), ...id, body: constant([new Uint8Array(1)]) }),
  fc.record({ type: constant("failure"), ...id, message: constant("no") }),
  fc.record({
    type: constant("refusal"),
    ...id,
    state: fc.constantFrom("passive", "primary", "active"),
    retryAfterMs: fc.constantFrom(undefined, 0, 5, 50, 150, 3_600_000),
  }),
) as fc.Arbitrary<Answer>;

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constantFrom("connect", "connect", "disconnect"), endpoint }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: constant("request"),
      call: constant(0),
      body: constant([new Uint8Array(1)]),
      timeoutMs: fc.constantFrom(1, 40, 100, 350),
      attempts: fc.constantFrom(1, 2, 3, 8),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("abort", "not-taken"), call }) },
  { weight: 6, arbitrary: fc.record({ type: constant("up"), connection: age }) },
  { weight: 2, arbitrary: fc.record({ type: constant("down"), connection: age }) },
  { weight: 8, arbitrary: fc.record({ type: constant("received"), connection: age, reply: answer }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: constant("malformed"), connection: age, reason: constant("?") }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ type: constant("pass"), ms: fc.constantFrom(1, 10, 60, 100, 200, 500) }),
  },
  { weight: 1, arbitrary: fc.record({ type: constant("stalled"), ms: constant(500) }) },
) as fc.Arbitrary<Step>;

const steps = fc.array(step, { maxLength: 150, size: "max" });

interface Asked {
  readonly attempts: number;
  readonly endsAt: number;
}

/** Carries the steps out and keeps books of what is promised to each call. */
class Witness {
  readonly client: ClientDriver;
  readonly asked = new Map<number, Asked>();
  readonly ended = new Set<number>();
  /** Sends of each call, but for those that a full queue did not take. */
  readonly sends = new Map<number, number>();
  readonly open: number[] = [];
  #seen = 0;

  constructor(random: () => number) {
    this.client = new ClientDriver(
      { settleMs: SETTLE_MS, connectTimeoutMs: 80, backoff: { initialMs: 20, maxMs: 100 } },
      random,
    );
    this.client.connect("tcp://a:1", "tcp://b:2");
  }

  do(each: Step): void {
    const { client } = this;
    if (each.type === "pass") client.until(client.now + each.ms);
    else if (each.type === "request") {
      const { timeoutMs, attempts } = each;
      // Noted before, since it may end at once.
      const endsAt = client.now + attempts * timeoutMs + SETTLE_MS;
      this.asked.set(this.asked.size + 1, { attempts, endsAt });
      client.request({ timeoutMs, attempts });
    } else if ("connection" in each) {
      const newest = client.of("open").length - 1;
      client.feed({ ...each, connection: newest - each.connection });
    } else client.feed(each);
    this.look();
  }

  look(): void {
    for (; this.#seen < this.client.outputs.length; this.#seen++) {
      const output = this.client.outputs[this.#seen];
      if (output?.type === "open") this.open.push(output.connection);
      else if (output?.type === "discard") expect(this.open.shift()).toBe(output.connection);
      else if (output?.type === "send") this.#sent(output.call, output.connection);
      else if (output?.type === "status" && output.event.type === "send-refused")
        this.#count(output.event.call, -1);
      else if (output?.type === "answered" || output?.type === "failed")
        this.#ended(output.call, this.client.times[this.#seen]);
      expect(this.open.length).toBeLessThanOrEqual(1);
    }
  }

  #sent(number: number, connection: number): void {
    this.#count(number, 1);
    expect(this.sends.get(number)).toBeLessThanOrEqual(this.asked.get(number)?.attempts ?? 0);
    expect(this.open).toEqual([connection]);
    expect(this.ended).not.toContain(number);
  }

  #count(number: number, more: number): void {
    this.sends.set(number, (this.sends.get(number) ?? 0) + more);
  }

  #ended(number: number, at: number | undefined): void {
    expect(at).toBeLessThanOrEqual(this.asked.get(number)?.endsAt ?? 0);
    expect(this.ended).not.toContain(number);
    this.ended.add(number);
  }
}

it("whatever happens, each call ends once and in time, and is sent over the one connection that is open", () => {
  fc.assert(
    fc.property(steps, fc.double({ min: 0, max: 0.999, noNaN: true }), (all, chance) => {
      const witness = new Witness(() => chance);
      for (const each of all) witness.do(each);
      const { client, asked, ended } = witness;
      const last = Math.max(client.now, ...[...asked.values()].map(({ endsAt }) => endsAt));
      client.until(last);
      witness.look();
      expect(ended.size).toBe(asked.size);
      expect(client.machine.inFlight).toBe(0);
      const { requests, answered, failed } = client.machine.stats;
      expect([requests, answered + failed]).toEqual([asked.size, asked.size]);
    }),
    { numRuns: 1000 },
  );
});

it("whatever happens before, closing ends all, and nothing happens after", () => {
  fc.assert(
    fc.property(steps, steps, (before, after) => {
      const witness = new Witness(() => 0.5);
      for (const each of before) witness.do(each);
      witness.do({ type: "close" });
      expect([witness.ended.size, witness.open]).toEqual([witness.asked.size, []]);
      const opened = witness.client.opened.length;
      for (const each of after) witness.do(each);
      expect(witness.ended.size).toBe(witness.asked.size);
      expect(witness.client.opened).toHaveLength(opened);
      expect(witness.client.machine).toMatchObject({ inFlight: 0, deadline: undefined });
    }),
    { numRuns: 300 },
  );
});

it("after any past, a server that answers is found, and what is in flight is answered", () => {
  fc.assert(
    fc.property(steps, fc.double({ min: 0, max: 0.999, noNaN: true }), (past, chance) => {
      const witness = new Witness(() => chance);
      for (const each of past) witness.do(each);
      const { client } = witness;
      client.connect("tcp://a:1", "tcp://b:2");
      const number = client.request({ timeoutMs: 1000, attempts: 50 });
      // From now on connections stand at once, and all servers answer whatever is sent.
      for (let rounds = 0; client.of("answered").every(({ call: each }) => each !== number); rounds++) {
        expect(rounds).toBeLessThan(100);
        const { connection } = client.of("open").at(-1) as { connection: number };
        client.up(connection);
        for (const { id: asked, connection: over } of client.of("send").slice(-50)) {
          if (over === connection)
            client.receive(connection, { type: "reply", ...asked, body: [new Uint8Array(1)] });
        }
        client.until(client.machine.deadline ?? client.now);
      }
    }),
    { numRuns: 300 },
  );
});
