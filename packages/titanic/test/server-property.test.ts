import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StoreMethod } from "../src/server-messages.js";
import { idOf, ServerDriver } from "./server-driver.js";

const METHODS: readonly StoreMethod[] = [
  "add",
  "find",
  "remove",
  "claim",
  "renew",
  "complete",
  "release",
  "bury",
  "services",
  "sweep",
];
const SERVICES = ["a", "b", "c"];
const MINUTE = 60_000;

type Step = (driver: Witness) => void;

/** Drives a server, and keeps account of what its clients were told. */
class Witness {
  readonly driver = new ServerDriver({
    maxInFlight: 3,
    maxInFlightTotal: 5,
    maxInFlightBytes: 12,
    maxServices: 2,
    maxAttempts: 3,
    leaseMs: 3000,
    lookMs: 1000,
  });
  #asked = 0;
  #seen = 0;
  /** Tickets of submissions, and of closings with the number of the request. */
  readonly #closings = new Map<number, number>();
  readonly #submissions = new Map<number, string>();
  readonly accepted = new Map<string, number>();
  readonly closed = new Set<number>();
  /** Requests whose closing was confirmed, and that were sent to their services all the same. */
  readonly ghosts: string[] = [];

  submit(service: string): void {
    const body = `${service}-${++this.#asked}`;
    this.#submissions.set(this.#asked, body);
    this.driver.submit(service, body);
  }

  close(which: number): void {
    const numbers = [...this.accepted.values()];
    const number = numbers[which % Math.max(1, numbers.length)];
    if (number === undefined) return;
    this.#closings.set(++this.#asked, number);
    this.driver.closeRequest(number);
  }

  end(service: string, how: "replies" | "throws" | "has gone"): void {
    if (!this.driver.running.some((name) => name.startsWith(`${service} `))) return;
    if (how === "replies") this.driver.reply(service);
    else this.driver.fail(service, how === "throws" ? "ERR_HANDLER_FAILED" : "ERR_NO_SERVICE");
  }

  steal(which: number): void {
    const pending = [...this.driver.store.kept.values()].filter(({ state }) => state === "pending");
    const kept = pending[which % Math.max(1, pending.length)];
    if (kept !== undefined) this.driver.store.steal(kept, 5000);
  }

  /** Reads what was put out since it was last called. */
  look(): void {
    const fresh = this.driver.outputs.slice(this.#seen);
    this.#seen = this.driver.outputs.length;
    const confirmed = new Set<string>();
    for (const output of fresh) {
      if (output.type === "call") {
        const body = Buffer.concat(output.body).toString();
        const number = this.accepted.get(body);
        if (confirmed.has(body) || (number !== undefined && this.closed.has(number))) this.ghosts.push(body);
      } else if (output.type === "answer" && String(Buffer.from(output.body[0] ?? [])) === "200") {
        const submitted = this.#submissions.get(output.ticket);
        const id = Buffer.from(output.body[1] ?? []).toString();
        if (submitted !== undefined) this.accepted.set(submitted, Number.parseInt(id, 16));
        const number = this.#closings.get(output.ticket);
        if (number === undefined) continue;
        this.closed.add(number);
        for (const [body, accepted] of this.accepted) if (accepted === number) confirmed.add(body);
      }
    }
  }
}

const service = fc.constantFrom(...SERVICES);
const methods = fc.subarray([...METHODS], { maxLength: 4 });
const number = fc.nat(1000);

/** A step that fast-check can print. */
const step = (name: string, does: Step): Step => Object.assign(does, { [fc.toStringMethod]: () => name });

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: service.map((name) => step(`submit ${name}`, (witness) => witness.submit(name))) },
  { weight: 3, arbitrary: number.map((which) => step(`close ${which}`, (witness) => witness.close(which))) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(service, fc.constantFrom("replies", "throws", "has gone"))
      .map(([name, how]) => step(`${name} ${how}`, (witness) => witness.end(name, how))),
  },
  {
    weight: 3,
    arbitrary: service.map((name) => step(`offer ${name}`, ({ driver }) => void driver.offer(name))),
  },
  {
    weight: 1,
    arbitrary: service.map((name) =>
      step(`withdraw ${name}`, ({ driver }) => void driver.services.delete(name)),
    ),
  },
  {
    weight: 2,
    arbitrary: methods.map((held) => step(`hold ${held}`, ({ driver }) => void driver.hold(...held))),
  },
  {
    weight: 2,
    arbitrary: number.map((seed) =>
      step(`let all ${seed}`, ({ driver }) => void driver.letAll((n) => seed % n)),
    ),
  },
  {
    weight: 1,
    arbitrary: methods.map((failing) =>
      step(`fail ${failing}`, ({ driver }) => void driver.failStore(...failing)),
    ),
  },
  { weight: 1, arbitrary: number.map((which) => step(`steal ${which}`, (witness) => witness.steal(which))) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(1, 100, 1000, 4000)
      .map((ms) => step(`wait ${ms}`, ({ driver }) => void driver.until(driver.now + ms))),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(500, 5000).map((ms) =>
      step(`stall ${ms}`, ({ driver }) => {
        driver.now += ms;
        driver.feed({ type: "stalled", ms });
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: service.map((name) =>
      step(`work ${name}`, ({ driver }) => void driver.feed({ type: "work", service: Buffer.from(name) })),
    ),
  },
);

function played(steps: readonly Step[]): Witness {
  const witness = new Witness();
  for (const does of steps) {
    does(witness);
    witness.look();
    const { running } = witness.driver;
    expect(new Set(running).size, "each is at its service once").toBe(running.length);
    for (const name of SERVICES) {
      expect(running.filter((text) => text.startsWith(`${name} `)).length).toBeLessThanOrEqual(3);
    }
  }
  return witness;
}

/** Everything works again, for long enough. */
function healed(witness: Witness): ServerDriver {
  const { driver } = witness;
  for (const name of SERVICES) driver.offer(name, (body) => `${body} done`);
  driver.hold().failStore().letAll();
  for (const name of SERVICES) {
    while (driver.running.some((text) => text.startsWith(`${name} `))) driver.reply(name);
  }
  driver.until(driver.now + MINUTE);
  witness.look();
  return driver;
}

describe("whatever happens, in whatever order", { timeout: 60_000 }, () => {
  it("what was accepted is answered in the end, unless it was closed; and nothing is left over", () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 120, size: "max" }), (steps) => {
        const witness = played(steps);
        const driver = healed(witness);
        const before = driver.clear().machine.stats.fetched;
        for (const number of witness.accepted.values()) driver.fetch(number);
        const answers = driver.did("answer").map((answer) => answer.split(" ")[1]?.slice(0, 3));
        const expected = [...witness.accepted.values()].map((number) =>
          witness.closed.has(number) ? "400" : "ok",
        );
        expect(answers.map((status) => (status === "400" ? "400" : "ok"))).toEqual(expected);
        expect(answers).not.toContain("300");
        expect(driver.machine.stats.fetched).toBeGreaterThanOrEqual(before);
        expect(driver.machine.load).toEqual({ inFlight: 0, services: 0, missed: 0, storing: 0 });
      }),
      { numRuns: 200 },
    );
  });

  it("fault: what was closed does not run any more", () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 120, size: "max" }), (steps) => {
        const witness = played(steps);
        healed(witness);
        expect(witness.ghosts).toEqual([]);
        for (const number of witness.closed) {
          expect([...witness.driver.store.kept.values()].map(({ id }) => id)).not.toContainEqual(
            idOf(number),
          );
        }
      }),
      { numRuns: 200 },
    );
  });

  it("a server that closes becomes idle once, and leaves all that is not done to others", () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 100, size: "max" }), (steps) => {
        const { driver } = played(steps);
        driver.hold().failStore().feed({ type: "close" }).letAll();
        driver.until(driver.now + 1000).feed({ type: "time-is-up" });
        expect(driver.did("idle")).toHaveLength(1);
        expect(driver.running.filter((name) => !name.startsWith("mmi.service"))).toEqual([]);
        expect(driver.machine.deadline).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });
});
