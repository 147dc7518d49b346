import type { LogMode } from "@seaworthy/simulator";
import {
  type Cure,
  DEATH_MS,
  HEARTBEAT_MS,
  type StoryOptions,
  StoryWorld,
} from "./binary-star-story-world.js";

/** Something that befalls a pair of which the primary is active, and what comes of it. */
export interface Story {
  readonly about: string;
  readonly options?: StoryOptions;
  tell(world: StoryWorld): void;
}

/** Time for the pair to find its places, or to lose them, in ms. */
const WHILE_MS = 10 * DEATH_MS;

/** By the names that the documentation has for them. */
export const stories = {
  "split-between-clients": {
    about: "the network falls in two, with a node and a client in each half",
    tell(world) {
      world.cut("primary", "backup");
      world.cut("client-1", "primary");
      world.cut("client-0", "backup");
      world.runFor(WHILE_MS);
      world.heal();
    },
  },
  "one-client-loses-its-way": {
    about: "the link between the two is cut, and one of the clients loses the active node as well",
    tell(world) {
      world.cut("primary", "backup");
      world.runFor(WHILE_MS);
      world.cut("client-1", "primary");
      world.runFor(WHILE_MS);
      world.heal();
    },
  },
  "active-cut-off": {
    about: "the active node is cut off from its peer and from all clients",
    tell(world) {
      world.cutOff("primary");
      world.runFor(WHILE_MS);
      world.heal();
    },
  },
  "active-loses-arbiter": {
    about:
      "the link between the two is cut, clients ask both, and the active node loses the arbiter, which is far away",
    options: { arbiter: { leaseMs: 1000, travelMs: 100 } },
    tell(world) {
      world.pester("backup");
      for (let round = 0; round < 8; round++) {
        world.cut("primary", "backup");
        world.runFor(WHILE_MS + 37 * round);
        world.loseArbiter(world.active[0] ?? "primary");
        world.runFor(WHILE_MS);
        world.heal();
        world.runFor(WHILE_MS);
      }
    },
  },
  "primary-restarts-while-cut": {
    about: "the backup has taken over; the primary is started again while the link between the two is cut",
    tell(world) {
      world.kill("primary");
      world.runFor(WHILE_MS);
      world.cut("primary", "backup");
      world.start("primary");
      world.cut("client-1", "backup");
      world.runFor(WHILE_MS);
      world.heal();
    },
  },
  "both-restart-while-cut": {
    about: "the backup has taken over; then both are started again while the link between them is cut",
    tell(world) {
      world.kill("primary");
      world.runFor(WHILE_MS);
      world.cut("primary", "backup");
      world.kill("backup");
      world.start("backup");
      world.start("primary");
      world.runFor(WHILE_MS);
      world.heal();
    },
  },
  "claim-meets-active": {
    about:
      "with stores: a cut ends while an epoch is claimed: of one that knows less than the active node, and of such as know more",
    tell(world) {
      world.kill("primary");
      world.runFor(WHILE_MS);
      world.cut("primary", "backup");
      world.cut("client-1", "backup");
      world.start("primary");
      world.runUntil("primary", "isClaiming");
      world.heal();
      world.runFor(WHILE_MS);
      world.kill("primary");
      world.cut("primary", "backup");
      world.cut("client-1", "backup");
      world.start("primary");
      world.runUntil("primary", "isActive");
      world.kill("primary");
      world.start("primary");
      world.runUntil("primary", "isClaiming");
      world.heal();
      world.runFor(WHILE_MS);
      world.isRefusing = true;
      world.cut("primary", "backup");
      world.cut("client-1", "primary");
      world.runUntil("backup", "isActive");
      world.runUntil("backup", "isClaiming");
      world.isRefusing = false;
      world.heal();
    },
  },
  "only-the-link-is-cut": {
    about: "the link between the two is cut, and all clients reach both",
    tell(world) {
      world.cut("primary", "backup");
      world.runFor(WHILE_MS);
      world.heal();
    },
  },
  "passive-stands-still": {
    about:
      "the passive node, of which a client asks, stands still for longer than its peer may be silent, again and again",
    // So long that it does not doubt itself when it goes on.
    options: { heartbeats: { primary: HEARTBEAT_MS, backup: 5 * HEARTBEAT_MS } },
    tell(world) {
      world.pester("backup");
      world.runFor(WHILE_MS);
      // Made again after it, the connection of the two is the last that is read.
      world.simulation.cut("primary", "backup");
      for (let round = 0; round < 12; round++) {
        world.runFor(WHILE_MS + 17 * round);
        world.pause("backup");
        world.runFor(2 * DEATH_MS);
        world.resume("backup");
      }
    },
  },
  "active-stands-still": {
    about: "the active node stands still for three times as long as its peer waits",
    tell(world) {
      world.pause("primary");
      world.runFor(3 * DEATH_MS);
      world.resume("primary");
    },
  },
  "active-stands-still-as-the-other-restarts": {
    about: "the backup has taken over and stands still; the primary is started again meanwhile",
    tell(world) {
      world.kill("primary");
      world.runFor(WHILE_MS);
      world.pause("backup");
      world.start("primary");
      world.runUntil("primary", "isActive");
      world.runFor(DEATH_MS);
      world.resume("backup");
    },
  },
  "active-dies": {
    about: "the active node is killed, and started again later",
    tell(world) {
      world.kill("primary");
      world.runFor(WHILE_MS);
      world.start("primary");
    },
  },
  "both-killed-primary-first": {
    about: "both are killed, and the primary is started first",
    tell(world) {
      world.kill("primary");
      world.kill("backup");
      world.runFor(WHILE_MS);
      world.start("primary");
      world.runFor(WHILE_MS);
      world.start("backup");
    },
  },
  "both-killed-backup-first": {
    about: "both are killed, and the backup is started first",
    tell(world) {
      world.kill("primary");
      world.kill("backup");
      world.runFor(WHILE_MS);
      world.start("backup");
      world.runFor(WHILE_MS);
      world.start("primary");
    },
  },
} satisfies Readonly<Record<string, Story>>;

export type StoryName = keyof typeof stories;

/** A story from its quiet beginning to some time after its end. */
export function tellStory(name: StoryName, cure: Cure, log: LogMode = "tail"): StoryWorld {
  const story: Story = stories[name];
  const world = new StoryWorld(cure, story.options ?? {}, log);
  world.runFor(WHILE_MS);
  story.tell(world);
  world.runFor(WHILE_MS);
  return world;
}
