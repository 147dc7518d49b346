import { describe, expect, it } from "vitest";
import { type StoryName, stories, tellStory } from "./binary-star-stories.js";
import { CURES, type Cure, HEARTBEAT_MS, type StoryWorld } from "./binary-star-story-world.js";

/** What became of the pair from the first blow on. */
function plot({ lines }: StoryWorld): string[] {
  const begun = lines.slice(lines.findIndex((line) => line.startsWith("---")));
  return begun.filter((line) => !line.startsWith("client"));
}

/** The epochs of the answers that a client has had, in order. */
function epochsOf({ lines }: StoryWorld, client: string): number[] {
  return lines.flatMap((line) => {
    const [, epoch] = line.split(`${client}: answered in epoch `);
    return epoch === undefined ? [] : [Number(epoch)];
  });
}

/** Whatever it was: in the end one is active, and all clients are answered. */
function told(name: StoryName, cure: Cure): StoryWorld {
  const world = tellStory(name, cure);
  expect(world.active).toHaveLength(1);
  expect(world.answeredSince(world.simulation.now() - 100).sort()).toEqual(["client-0", "client-1"]);
  return world;
}

describe("what the plain pair cannot survive, and an arbiter cures", () => {
  it("split-between-clients: both answer, each its own half", () => {
    const plain = told("split-between-clients", "none");
    expect(epochsOf(plain, "client-0")).toEqual([1, 2]);
    expect(epochsOf(plain, "client-1")).toEqual([1, 2]);
    expect(plot(plain)).toEqual([
      "--- primary and backup lose each other",
      "--- client-1 and primary lose each other",
      "--- client-0 and backup lose each other",
      "backup: active in epoch 2 (peer-dead)",
      "--- they reach each other again",
      "primary: not active any more, epoch 1 (yielded)",
      "primary: passive",
    ]);
    expect(plain.overlapMs).toBeGreaterThan(1000);

    const cured = told("split-between-clients", "arbiter");
    expect(epochsOf(cured, "client-1")).toEqual([1]);
    expect(plot(cured)).toEqual([
      "--- primary and backup lose each other",
      "--- client-1 and primary lose each other",
      "--- client-0 and backup lose each other",
      "backup: no epoch, another holds the lease",
      "--- they reach each other again",
    ]);
    expect(cured.overlapMs).toBe(0);
  });

  it("one-client-loses-its-way: the vote of one client makes a second active", () => {
    const plain = told("one-client-loses-its-way", "none");
    expect(plot(plain)).toEqual([
      "--- primary and backup lose each other",
      "--- client-1 and primary lose each other",
      "backup: active in epoch 2 (peer-dead)",
      "--- they reach each other again",
      "primary: not active any more, epoch 1 (yielded)",
      "primary: passive",
    ]);
    expect(plain.overlapMs).toBeGreaterThan(1000);

    const cured = told("one-client-loses-its-way", "arbiter");
    expect(plot(cured)).toEqual([
      "--- primary and backup lose each other",
      "--- client-1 and primary lose each other",
      "backup: no epoch, another holds the lease",
      "--- they reach each other again",
    ]);
    expect(cured.overlapMs).toBe(0);
  });

  it("active-cut-off: the old active goes on until it hears of the new one", () => {
    const plain = told("active-cut-off", "none");
    expect(plot(plain)).toEqual([
      "--- primary is cut off from all others",
      "backup: active in epoch 2 (peer-dead)",
      "--- they reach each other again",
      "primary: not active any more, epoch 1 (yielded)",
      "primary: passive",
    ]);
    expect(plain.overlapMs).toBeGreaterThan(1000);

    const cured = told("active-cut-off", "arbiter");
    expect(epochsOf(cured, "client-0")).toEqual([1, 2]);
    expect(plot(cured)).toEqual([
      "--- primary is cut off from all others",
      "primary: not active any more, epoch 1 (lease-lost)",
      "backup: active in epoch 2 (peer-dead)",
      "--- they reach each other again",
      "primary: passive",
    ]);
    expect(cured.overlapMs).toBe(0);
  });

  it("active-loses-arbiter: a lease is over for its holder before it is for the arbiter", () => {
    expect(told("active-loses-arbiter", "none").overlapMs).toBeGreaterThan(1000);

    const cured = told("active-loses-arbiter", "arbiter");
    expect(cured.overlapMs).toBe(0);
    const takeovers = plot(cured).filter((line) => line.endsWith("(lease-lost)"));
    expect(takeovers.length).toBeGreaterThan(4);
  });

  it("primary-restarts-while-cut: a waiting primary takes a vote, although the backup is active", () => {
    const plain = told("primary-restarts-while-cut", "none");
    // The epochs of this client go down: storage that fences would refuse what it asks for.
    expect(epochsOf(plain, "client-1")).toEqual([1, 2, 1, 2]);
    expect(plot(plain)).toEqual([
      "--- primary is killed",
      "backup: active in epoch 2 (peer-dead)",
      "--- primary and backup lose each other",
      "--- primary is started",
      "--- client-1 and backup lose each other",
      "primary: active in epoch 1 (peer-dead)",
      "--- they reach each other again",
      "primary: not active any more, epoch 1 (yielded)",
      "primary: passive",
    ]);
    expect(plain.overlapMs).toBeGreaterThan(1000);

    const cured = told("primary-restarts-while-cut", "arbiter");
    const lines = new Set(plot(cured).filter((line) => line.startsWith("primary")));
    expect(lines).toEqual(new Set(["primary: no epoch, another holds the lease", "primary: passive"]));
    expect(cured.overlapMs).toBe(0);
    expect(cured.active).toEqual(["backup"]);
  });

  it("both-restart-while-cut: epochs begin anew, unless somebody remembers them", () => {
    const activations = (cure: Cure): string[] => {
      const world = told("both-restart-while-cut", cure);
      expect(world.overlapMs).toBe(0);
      return plot(world).filter((line) => line.includes(": active in epoch"));
    };
    const first = "backup: active in epoch 2 (peer-dead)";
    expect(activations("none")).toEqual([first, "primary: active in epoch 1 (peer-dead)"]);
    expect(activations("stores")).toEqual([first, "primary: active in epoch 3 (peer-dead)"]);
    expect(activations("arbiter")).toEqual([first, "primary: active in epoch 3 (peer-dead)"]);
  });

  it("stores alone keep epochs rising, and not two from being active", () => {
    const world = told("primary-restarts-while-cut", "stores");
    expect(plot(world)).toContain("primary: active in epoch 3 (peer-dead)");
    expect(world.overlapMs).toBeGreaterThan(1000);
    expect(world.active).toEqual(["primary"]);
  });
});

describe.each(CURES)("what the pair survives, with cure: %s", (cure) => {
  const survived = (name: StoryName): string[] => {
    const world = told(name, cure);
    expect(world.overlapMs).toBe(0);
    return plot(world);
  };
  const isOf = (role: string) => (line: string) => line.startsWith(`${role}: active in epoch`);

  it("only-the-link-is-cut: nothing comes of it, since no client asks the passive one", () => {
    expect(survived("only-the-link-is-cut")).toEqual([
      "--- primary and backup lose each other",
      "--- they reach each other again",
    ]);
  });

  it("passive-stands-still: it reads first, and does not take the active one for dead", () => {
    const lines = survived("passive-stands-still");
    expect(lines.filter((line) => !line.startsWith("---"))).toEqual([]);
  });

  it("active-stands-still: it reads first, and makes way before it answers anybody", () => {
    expect(survived("active-stands-still")).toEqual([
      "--- primary stands still",
      "backup: active in epoch 2 (peer-dead)",
      "--- primary goes on",
      "primary: not active any more, epoch 1 (yielded)",
      "primary: passive",
    ]);
  });

  it("active-stands-still-as-the-other-restarts: the primary is active with what it has from before, until they hear each other", () => {
    const world = told("active-stands-still-as-the-other-restarts", cure);
    const forgets = cure === "none";
    expect(plot(world)).toEqual([
      "--- primary is killed",
      "backup: active in epoch 2 (peer-dead)",
      "--- backup stands still",
      "--- primary is started",
      `primary: active in epoch ${forgets ? 1 : 3} (peer-dead)`,
      "--- backup goes on",
      forgets
        ? "primary: not active any more, epoch 1 (yielded)"
        : "backup: not active any more, epoch 2 (yielded)",
      forgets ? "primary: passive" : "backup: passive",
    ]);
    expect(epochsOf(world, "client-1")).toEqual(forgets ? [1, 2, 1, 2] : [1, 2, 3]);
    expect(world.overlapMs).toBeLessThanOrEqual(cure === "arbiter" ? 0 : HEARTBEAT_MS);
  });

  it("active-dies: the other takes over, and stays when it is back", () => {
    expect(survived("active-dies")).toEqual([
      "--- primary is killed",
      "backup: active in epoch 2 (peer-dead)",
      "--- primary is started",
      "primary: passive",
    ]);
  });

  it("both-killed-primary-first: the primary takes the vote of the first client", () => {
    const lines = survived("both-killed-primary-first");
    expect(lines.filter(isOf("primary"))).toHaveLength(1);
    expect(lines.filter(isOf("backup"))).toEqual([]);
    expect(lines.at(-1)).toBe("backup: passive");
  });

  it("both-killed-backup-first: the backup waits for the primary, whatever clients ask", () => {
    const lines = survived("both-killed-backup-first");
    const at = lines.indexOf("--- primary is started");
    expect(lines.slice(0, at).some(isOf("backup"))).toBe(false);
    expect(lines.slice(at + 1).filter(isOf("primary"))).toHaveLength(1);
    expect(lines.at(-1)).toBe("backup: passive");
  });
});

it("tells each story the same way each time", () => {
  for (const name of Object.keys(stories) as StoryName[]) {
    const [first, again] = [1, 2].map(() => tellStory(name, "stores").simulation.digest);
    expect(first).toBe(again);
  }
});
