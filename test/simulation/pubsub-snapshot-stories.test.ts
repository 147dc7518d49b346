import { describe, expect, it } from "vitest";
import { ending, StoryWorld } from "./pubsub-snapshot-stories.js";

describe("one fault loses nothing", () => {
  it("the active is killed, and started again", () => {
    const world = new StoryWorld().set("ann", "1").kill("primary");
    expect([world.active, world.shows("bob")]).toEqual([["backup"], "1"]);
    expect(ending(world.set("bob", "2").start("primary"))).toBe("2");
  });

  it("the passive is killed, and started again", () => {
    const world = new StoryWorld().kill("backup").set("ann", "1").start("backup");
    expect(ending(world.set("ann", "2"))).toBe("2");
  });
});

describe("what two faults can do to the plain pair", () => {
  it("the link between the two is cut, the active goes on alone and dies: what it acknowledged in between is gone", () => {
    const world = new StoryWorld().set("ann", "before").cut("primary", "backup").set("ann", "in between");
    expect([world.active, world.shows("bob"), world.has("backup")]).toEqual([
      ["primary"],
      "in between",
      "before",
    ]);
    world.kill("primary");
    expect([world.active, world.shows("ann"), world.shows("bob")]).toEqual([["backup"], "before", "before"]);
    expect(ending(world.heal())).toBe("before");
  });

  it.each([
    ["without an arbiter both serve, and what was written to the one in the lower epoch is gone", false],
    ["with an arbiter one serves, and nothing is lost", true],
  ])("the link between the two is cut, and a client loses the active: %s", (_what, hasArbiter) => {
    const world = new StoryWorld({ hasArbiter })
      .set("ann", "before")
      .cut("primary", "backup")
      .cut("bob", "primary");
    expect(world.active).toEqual(hasArbiter ? ["primary"] : ["primary", "backup"]);
    world.set("ann", "to the primary");
    if (!hasArbiter) world.set("bob", "to the backup");
    expect([world.has("primary"), world.has("backup")]).toEqual([
      "to the primary",
      hasArbiter ? "before" : "to the backup",
    ]);
    expect(world.shows("bob")).toBe(hasArbiter ? "before" : "to the backup");
    expect(ending(world.heal())).toBe(hasArbiter ? "to the primary" : "to the backup");
  });

  it("the passive is away, and the active dies: nobody serves until that is back, and without a store all is gone", () => {
    const world = new StoryWorld().set("ann", "1").kill("backup").kill("primary").start("backup");
    expect([world.active, world.shows("bob")]).toEqual([[], "1"]);
    expect(ending(world.start("primary"))).toBeUndefined();
  });

  it("both are killed: without stores all is gone, and clients keep what they have until they have joined", () => {
    const world = new StoryWorld().set("ann", "1").kill("primary").kill("backup");
    expect([world.active, world.shows("ann"), world.shows("bob")]).toEqual([[], "1", "1"]);
    expect(ending(world.start("primary").start("backup"))).toBeUndefined();
  });

  it("both are killed: with stores nothing is lost", () => {
    const world = new StoryWorld({ hasStores: true }).set("ann", "1").kill("primary").kill("backup");
    expect(ending(world.start("backup").start("primary"))).toBe("1");
  });
});

describe("both are killed, with stores, and one of them had gone on alone", () => {
  /** The primary dies, the backup takes over, and dies as well. */
  const backupIsAhead = (): StoryWorld =>
    new StoryWorld({ hasStores: true }).set("ann", "1").kill("primary").set("ann", "2").kill("backup");

  /** The backup dies, and then the primary. */
  const primaryIsAhead = (): StoryWorld =>
    new StoryWorld({ hasStores: true }).set("ann", "1").kill("backup").set("ann", "2").kill("primary");

  it("a primary that is ahead, and a backup that is not: nothing is lost, whichever is started first", () => {
    expect(ending(primaryIsAhead().start("primary").start("backup"))).toBe("2");
    expect(ending(primaryIsAhead().start("backup").start("primary"))).toBe("2");
  });

  it("a primary that is behind serves with what it has: what only the backup had is gone", () => {
    const world = backupIsAhead().start("primary");
    expect([world.active, world.shows("ann")]).toEqual([["primary"], "1"]);
    expect(ending(world.start("backup"))).toBe("1");
  });

  it("a backup that is ahead does not serve alone, and gives way to the primary: what only it had is gone", () => {
    const world = backupIsAhead().start("backup");
    expect([world.active, world.has("backup"), world.shows("ann")]).toEqual([[], "2", "2"]);
    expect(ending(world.start("primary"))).toBe("1");
  });
});
