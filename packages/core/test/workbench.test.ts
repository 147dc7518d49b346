import { Workbench } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

/** Puts one, and returns its ticket. */
const ticketOf = (bench: Workbench, session = 1): number =>
  bench.put(session, [Uint8Array.of(session)], [Uint8Array.of(0)]).ticket;

type Command =
  | { kind: "demand" }
  | { kind: "withdraw"; count: number; concurrency: number }
  | { kind: "take-back"; session: number }
  | { kind: "close" }
  | { kind: "put"; session: number }
  | { kind: "revoke"; session: number }
  | { kind: "next" }
  | { kind: "finish"; ticket: number }
  | { kind: "cancel"; ticket: number };

const session = fc.integer({ min: 1, max: 3 });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("demand" as const) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("put" as const), session }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("next" as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("finish" as const), ticket: fc.nat(12) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("cancel" as const), ticket: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("revoke" as const), session }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("take-back" as const), session }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("withdraw" as const),
      count: fc.nat(3),
      concurrency: fc.nat(4),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("close" as const) }) },
);

describe("Workbench", () => {
  it("does what an array does that is searched from end to end", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
        const bench = new Workbench();
        let held: { ticket: number; session: number; state: string }[] = [];
        let [demand, tickets, concurrency] = [0, 0, 0];
        const waiting = (): typeof held => held.filter(({ state }) => state === "waiting");
        const running = (): typeof held => held.filter(({ state }) => state !== "waiting");
        for (const step of commands) {
          if (step.kind === "demand") {
            bench.demand(1);
            demand += 1;
            concurrency = Math.max(concurrency, demand + running().length);
          } else if (step.kind === "withdraw") {
            bench.withdraw(step.count, step.concurrency);
            demand = Math.max(0, demand - step.count);
            concurrency = Math.min(concurrency, step.concurrency);
          } else if (step.kind === "take-back") {
            const theirs = waiting().filter((item) => item.session === step.session);
            const taken = bench.takeBack((session) => session === step.session);
            expect(taken.map(({ ticket }) => ticket)).toEqual(theirs.map(({ ticket }) => ticket));
            held = held.filter((item) => !theirs.includes(item));
          } else if (step.kind === "put") {
            held.push({ ticket: ++tickets, session: step.session, state: "waiting" });
            expect(ticketOf(bench, step.session)).toBe(tickets);
          } else if (step.kind === "next") {
            const first = demand > 0 ? waiting()[0] : undefined;
            expect(bench.next()?.ticket).toBe(first?.ticket);
            if (first === undefined) continue;
            first.state = "running";
            demand -= 1;
          } else if (step.kind === "finish") {
            const item = running().find(({ ticket }) => ticket === step.ticket);
            expect(bench.finish(step.ticket)).toEqual(item && expect.objectContaining({ ...item }));
            held = held.filter((other) => other !== item);
          } else if (step.kind === "cancel") {
            const item = held.find(({ ticket }) => ticket === step.ticket);
            expect(bench.find(step.ticket)).toEqual(item && expect.objectContaining({ ...item }));
            if (item === undefined) continue;
            expect(bench.cancel(step.ticket)).toMatchObject({ ...item });
            if (item.state === "waiting") held = held.filter((other) => other !== item);
            else if (item.state === "running") item.state = "cancelled";
          } else if (step.kind === "close") {
            expect(bench.close().map(({ ticket }) => ticket)).toEqual(waiting().map(({ ticket }) => ticket));
            demand = 0;
            held = running();
          } else {
            const theirs = held.filter((item) => item.session === step.session);
            const hit = theirs.filter(({ state }) => state === "running");
            expect(bench.revoke(step.session).map(({ ticket }) => ticket)).toEqual(
              hit.map(({ ticket }) => ticket),
            );
            held = held.filter((item) => !(theirs.includes(item) && item.state === "waiting"));
            for (const item of theirs) item.state = "revoked";
          }
          expect([bench.waiting, bench.running, bench.orphaned, bench.concurrency]).toEqual([
            waiting().length,
            running().length,
            held.filter(({ state }) => state === "revoked").length,
            concurrency,
          ]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("keeps what came with a request", () => {
    const bench = new Workbench();
    const [address, body] = [[Uint8Array.of(7)], [Uint8Array.of(8), Uint8Array.of(9)]];
    expect(bench.put(3, address, body)).toEqual({ ticket: 1, session: 3, address, body, state: "waiting" });
    bench.demand(1);
    expect(bench.next()).toEqual({ ticket: 1, session: 3, address, body, state: "running" });
    expect(bench.finish(1)).toEqual({ ticket: 1, session: 3, address, body, state: "running" });
    expect(bench.finish(1)).toBeUndefined();
  });

  it("takes nothing as finished that the application never had", () => {
    const bench = new Workbench();
    const ticket = ticketOf(bench);
    expect(bench.finish(ticket)).toBeUndefined();
    expect([bench.waiting, bench.running]).toEqual([1, 0]);
  });

  it("tells of a finished request that its session is over", () => {
    const bench = new Workbench();
    const ticket = ticketOf(bench);
    bench.demand(1);
    bench.next();
    expect(bench.revoke(1).map((item) => item.ticket)).toEqual([ticket]);
    expect(bench.revoke(1), "once").toEqual([]);
    expect(bench.running, "it still has the application busy").toBe(1);
    expect(bench.finish(ticket)).toMatchObject({ state: "revoked" });
    expect(bench.running).toBe(0);
  });

  it("keeps nothing of what is revoked, however often sessions come and go", () => {
    const bench = new Workbench();
    for (let index = 0; index < 1000; index++) {
      expect(ticketOf(bench, index)).toBe(index + 1);
      expect(bench.revoke(index)).toEqual([]);
    }
    const last = ticketOf(bench, 2000);
    bench.demand(1);
    expect(bench.next()?.ticket).toBe(last);
  });

  it("has been ready for as many as were asked for at once", () => {
    const bench = new Workbench();
    bench.demand(2);
    ticketOf(bench);
    ticketOf(bench);
    bench.next();
    bench.demand(1);
    expect(bench.concurrency, "two asked for, one running").toBe(3);
    bench.next();
    bench.finish(1);
    bench.finish(2);
    expect(bench.concurrency).toBe(3);
  });
});
