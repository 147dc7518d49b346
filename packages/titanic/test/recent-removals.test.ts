import { expect, it } from "vitest";
import { RecentRemovals } from "../src/recent-removals.js";
import { idOf } from "./server-driver.js";

it("knows what was removed for as long as a claim is under way that began before", () => {
  const removals = new RecentRemovals();
  const first = removals.claimBegins();
  removals.add(idOf(1));
  const second = removals.claimBegins();
  removals.add(idOf(2));
  const third = removals.claimBegins();
  expect([1, 2, 3].map((n) => removals.has(idOf(n)))).toEqual([true, true, false]);
  removals.claimOver(second);
  expect([1, 2].map((n) => removals.has(idOf(n)))).toEqual([true, true]);
  removals.claimOver(first);
  expect([1, 2].map((n) => removals.has(idOf(n)))).toEqual([false, false]);
  removals.claimOver(third);
});

it("does not remember what is removed while nothing is being claimed", () => {
  const removals = new RecentRemovals();
  removals.add(idOf(1));
  removals.claimOver(removals.claimBegins());
  removals.add(idOf(2));
  expect([1, 2].map((n) => removals.has(idOf(n)))).toEqual([false, false]);
});
