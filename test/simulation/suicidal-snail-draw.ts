import type { Random } from "@seaworthy/core";
import type { FaultPlan } from "@seaworthy/simulator";
import type { SnailPolicy } from "@seaworthy/suicidal-snail/machine";
import { Dice, names } from "./majordomo-draw.js";

/** How long faults happen, in ms. */
export const STORM_MS = 3000;
/** Clocks are wrong by up to two hours against each other. */
const MAX_OFFSET_MS = 7_200_000;
/** And run too fast or too slow by up to this share of the time. */
const MAX_DRIFT = 100e-6;

interface Clocked {
  readonly name: string;
  readonly offsetMs: number;
  readonly rate: number;
}

export interface PublisherSetting extends Clocked {
  readonly topics: readonly string[];
  readonly maxTopics: number;
  readonly everyMs: number;
  /** Messages that its socket takes in one turn of the event loop. */
  readonly maxQueued: number;
  readonly highWaterMark: number;
}

export interface SubscriberSetting extends Clocked {
  readonly policy: SnailPolicy;
  readonly prefixes: readonly string[];
  readonly maxDelayMs: number;
  readonly maxQueued: number;
  readonly clockWindowMs: number;
  readonly highWaterMark: number;
  /** How long the application takes for one message, in ms; 0: it takes what is there at once. */
  readonly workMs: number;
}

/** Everything that a seed decides about a run besides its faults. */
export interface Setting {
  readonly publishers: readonly PublisherSetting[];
  readonly subscribers: readonly SubscriberSetting[];
  /** How often an application falls asleep. */
  readonly napEveryMs: number;
}

const TOPICS = ["", "a", "a.1", "a.2", "b", "b.1", "b.2", "c"];
const PREFIXES = [[""], [""], ["a"], ["a.1", "b"], ["b.", "c"], ["a", "a.1", ""]];

const clocked = (dice: Dice, name: string): Clocked => ({
  name,
  offsetMs: dice.upTo(MAX_OFFSET_MS),
  rate: 1 + (dice.upTo(2) - 1) * MAX_DRIFT,
});

export function draw(random: Random): Setting {
  const dice = new Dice(random);
  const marks = [1, 5, 20, 1000, 1_000_000];
  const publishers = names("publisher", dice.pick([1, 1, 2])).map((name): PublisherSetting => {
    const topics = TOPICS.slice(0, dice.between(1, TOPICS.length));
    return {
      ...clocked(dice, name),
      topics,
      maxTopics: dice.chance(0.4) ? dice.between(1, topics.length) : 1000,
      everyMs: dice.pick([12, 20, 40]),
      maxQueued: dice.pick([4, 10_000]),
      highWaterMark: dice.pick(marks),
    };
  });
  const subscribers = names("subscriber", dice.pick([1, 1, 2])).map(
    (name): SubscriberSetting => ({
      ...clocked(dice, name),
      policy: dice.pick(["die", "resync", "report"]),
      prefixes: dice.pick(PREFIXES),
      maxDelayMs: dice.pick([60, 150, 400]),
      maxQueued: dice.pick([3, 20, 10_000]),
      clockWindowMs: dice.pick([500, 2000, 60_000]),
      highWaterMark: dice.pick(marks),
      workMs: dice.pick([0, 0, 1, 3]),
    }),
  );
  return {
    ...{ publishers, subscribers },
    napEveryMs: dice.chance(0.5) ? dice.between(400, 1500) : Number.POSITIVE_INFINITY,
  };
}

export function drawFaults({ publishers, subscribers }: Setting): FaultPlan {
  const [from, to] = [publishers, subscribers].map((side) => side.map(({ name }) => name));
  const nodes = [...(from ?? []), ...(to ?? [])];
  return {
    crash: { everyMs: [1000, 5000], forMs: [50, 800], nodes },
    pause: { everyMs: [700, 3000], forMs: [50, 1200], nodes },
    slow: { everyMs: [1500, 6000], forMs: [200, 1000], serviceMs: [1, 15], nodes: to ?? [] },
    cut: { everyMs: [400, 2000] },
    partition: { everyMs: [1000, 5000], forMs: [50, 1000], oneWay: 0.5 },
    delay: { everyMs: [700, 4000], forMs: [100, 1500], extraMs: [5, 600] },
  };
}
