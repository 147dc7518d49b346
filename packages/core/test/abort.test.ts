import { AbortedCalls } from "@seaworthy/core";
import { expect, it, vi } from "vitest";

it("tells of every call whose signal fires, once, and of no other", () => {
  const aborted: number[] = [];
  const calls = new AbortedCalls((call) => aborted.push(call));
  const [first, second] = [new AbortController(), new AbortController()];
  calls.add(first.signal, 1);
  calls.add(first.signal, 2);
  calls.add(second.signal, 3);
  calls.remove(first.signal, 2);
  first.abort();
  expect(aborted).toEqual([1]);
  calls.remove(first.signal, 1);
  second.abort();
  expect(aborted).toEqual([1, 3]);
});

it("puts one listener on a signal, however many calls it stands for, and takes it away with the last", () => {
  const calls = new AbortedCalls(() => {});
  const { signal } = new AbortController();
  const added = vi.spyOn(signal, "addEventListener");
  const removed = vi.spyOn(signal, "removeEventListener");
  for (let call = 0; call < 1000; call++) calls.add(signal, call);
  expect(added).toHaveBeenCalledTimes(1);
  for (let call = 0; call < 1000; call++) calls.remove(signal, call);
  expect(removed).toHaveBeenCalledTimes(1);
  calls.add(signal, 1);
  expect(added).toHaveBeenCalledTimes(2);
});

it("a call that a callback removes while the signal fires is not told of twice", () => {
  const aborted: number[] = [];
  const controller = new AbortController();
  const calls = new AbortedCalls((call) => {
    aborted.push(call);
    calls.remove(controller.signal, call);
  });
  calls.add(controller.signal, 1);
  calls.add(controller.signal, 2);
  controller.abort();
  expect(aborted).toEqual([1, 2]);
});
