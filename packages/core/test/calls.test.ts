import { expect, it } from "vitest";
import { OpenCalls } from "../src/node/index.js";

const call = (signal?: AbortSignal) => ({ signal });

it("calls are numbered from 1, and over once", () => {
  const calls = new OpenCalls(() => {});
  const [first, second] = [call(), call()];
  expect([calls.add(first), calls.add(second)]).toEqual([1, 2]);
  expect(calls.size).toBe(2);
  expect(calls.get(1)).toBe(first);
  expect(calls.settle(1)).toBe(first);
  expect(calls.settle(1)).toBeUndefined();
  expect(calls.get(1)).toBeUndefined();
  expect(calls.size).toBe(1);
});

it("a signal that fires tells of the open calls that have it", () => {
  const aborted: number[] = [];
  const calls = new OpenCalls((number) => aborted.push(number));
  const abort = new AbortController();
  for (let count = 0; count < 3; count++) calls.add(call(abort.signal));
  calls.settle(2);
  abort.abort();
  expect(aborted).toEqual([1, 3]);
});

it("waiting ends with the last call", async () => {
  const calls = new OpenCalls(() => {});
  await calls.whenIdle(60_000);
  calls.add(call());
  calls.add(call());
  const idle = calls.whenIdle(60_000).then(() => calls.size);
  calls.settle(2);
  calls.settle(1);
  expect(await idle).toBe(0);
});

it("waiting ends when it has lasted long enough", async () => {
  const calls = new OpenCalls(() => {});
  calls.add(call());
  await calls.whenIdle(1);
  expect(calls.size).toBe(1);
  calls.settle(1);
});
