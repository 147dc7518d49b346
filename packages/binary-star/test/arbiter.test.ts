import { expect, it } from "vitest";
import { MemoryArbiter } from "../src/arbiter.js";

function arbiter() {
  const time = { now: 0 };
  return { time, arbiter: new MemoryArbiter({ leaseMs: 100, clock: { now: () => time.now } }) };
}

it("one lease at a time, each in a higher epoch, and at least the one that was asked for", async () => {
  const { time, arbiter: one } = arbiter();
  expect(await one.acquire({ minEpoch: 5 })).toEqual({ epoch: 5, durationMs: 100 });
  time.now = 99;
  expect(await one.acquire({ minEpoch: 9 })).toBeUndefined();
  time.now = 100;
  expect(await one.acquire({ minEpoch: 1 })).toEqual({ epoch: 6, durationMs: 100 });
});

it("a lease lasts longer when it is renewed, if it is not over and not another's", async () => {
  const { time, arbiter: one } = arbiter();
  const lease = { epoch: 1, durationMs: 100 };
  await one.acquire({ minEpoch: 1 });
  time.now = 60;
  expect(await one.renew(lease)).toEqual(lease);
  time.now = 159;
  expect(await one.acquire({ minEpoch: 1 })).toBeUndefined();
  time.now = 160;
  expect(await one.renew(lease)).toBeUndefined();
  await one.acquire({ minEpoch: 1 });
  expect(await one.renew(lease)).toBeUndefined();
});

it("a lease that is released is free, and what is not held is no error", async () => {
  const { arbiter: one } = arbiter();
  await one.acquire({ minEpoch: 1 });
  await one.release({ epoch: 1, durationMs: 100 });
  expect(await one.acquire({ minEpoch: 1 })).toMatchObject({ epoch: 2 });
  await one.release({ epoch: 1, durationMs: 100 });
  expect(await one.acquire({ minEpoch: 1 }), "another's is not released").toBeUndefined();
});
