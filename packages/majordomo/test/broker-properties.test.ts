import fc from "fast-check";
import { expect, it } from "vitest";
import type { MdpVersion, PartKind } from "../src/machine.js";
import { type Step, Witness } from "./broker-witness.js";

const named = (prefix: string, count: number) =>
  fc.nat({ max: count - 1 }).map((index) => `${prefix}${index}`);
const constant = fc.constant;
const worker = named("w", 5);
const client = fc.oneof(named("c", 2), named("\0c", 2));
const service = fc.constantFrom("s0", "s0", "s1", "s1", "s2", "mmi.service", "mmi.workers");
const version = fc.constantFrom<MdpVersion>("0.1", "0.2");
const heartbeatMs = fc.constantFrom(50, 100, 400);
const notice = fc.option(fc.record({ credit: fc.nat({ max: 4 }), heartbeatMs }), { nil: undefined });
const ends = fc.constantFrom<PartKind>("final", "final", "final", "partial", "handler-failed", "dropped");
const sequence = fc.nat({ max: 9 });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: constant("ready"), worker, service, version, notice }) },
  { weight: 6, arbitrary: fc.record({ do: constant("heartbeat"), worker, notice }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: constant("ask"),
      client,
      service,
      version,
      sequence: fc.option(sequence, { nil: undefined }),
      ttlMs: fc.constantFrom(0, 50, 1000),
      bytes: fc.nat({ max: 300 }),
    }),
  },
  {
    weight: 14,
    arbitrary: fc.record({ do: constant("reply"), worker, kind: ends, place: fc.nat({ max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: constant("stray"), worker, kind: ends }) },
  { weight: 1, arbitrary: fc.record({ do: constant("disconnect"), worker }) },
  { weight: 1, arbitrary: fc.record({ do: constant("refused"), worker }) },
  { weight: 2, arbitrary: fc.record({ do: constant("cancel"), sequence }) },
  { weight: 2, arbitrary: fc.record({ do: constant("departed"), peer: fc.oneof(worker, client) }) },
  { weight: 8, arbitrary: fc.record({ do: constant("pass"), ms: fc.nat({ max: 150 }) }) },
  { weight: 1, arbitrary: fc.record({ do: constant("stall"), ms: fc.nat({ max: 2000 }) }) },
);

it("whatever clients and workers do, the books are right at any time, and empty in the end", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const witness = new Witness();
      for (const each of steps) witness.do(each);
      // Longer than any request may wait and any worker may be silent.
      witness.pass(10_000);
      const books = { waiting: 0, running: 0, heldBytes: 0, workerCount: 0, serviceCount: 0, clientCount: 0 };
      expect(witness.machine).toMatchObject({ ...books, deadline: undefined });
    }),
    { numRuns: 300 },
  );
}, 30_000);
