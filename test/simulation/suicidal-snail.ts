import { type RunResult, type ScenarioContext, type SimulatedNode, Simulation } from "@seaworthy/simulator";
import { Dice } from "./majordomo-draw.js";
import { replayCommand } from "./replay.js";
import {
  draw,
  drawFaults,
  type PublisherSetting,
  STORM_MS,
  type SubscriberSetting,
} from "./suicidal-snail-draw.js";
import { type Entry, Ledger } from "./suicidal-snail-ledger.js";
import {
  bodyNumber,
  bootPublisher,
  bootSubscriber,
  type PublisherApp,
  type SubscriberApp,
  type World,
} from "./suicidal-snail-nodes.js";

const LIVENESS_MS = 15_000;
/** What was sent before the faults ended may still be under way. */
const SETTLE_MS = 200;
/** Messages that the kernels hold for a socket that does not read. */
const WINDOWS = [2, 10, 100];

/** What each subscriber is still to get after healing: a fresh message of each topic of each publisher. */
class Recovery {
  readonly #wanted = new Set<string>();
  #sinceMs = Number.POSITIVE_INFINITY;

  constructor(publishers: readonly PublisherSetting[], subscribers: readonly SubscriberSetting[]) {
    for (const { name, prefixes } of subscribers)
      for (const publisher of publishers)
        for (const topic of publisher.topics)
          if (prefixes.some((prefix) => topic.startsWith(prefix)))
            this.#wanted.add(`${name} ${publisher.name} ${topic}`);
  }

  healed(now: number): void {
    this.#sinceMs = Math.min(this.#sinceMs, now);
  }

  got(subscriber: SubscriberSetting, { line: { publisher, topic }, at }: Entry, now: number): void {
    if (at < this.#sinceMs + SETTLE_MS || now - at > subscriber.maxDelayMs) return;
    this.#wanted.delete(`${subscriber.name} ${publisher} ${topic}`);
  }

  progress(): true | string {
    return this.#wanted.size === 0 ? true : `nobody has heard: ${[...this.#wanted].join(", ")}`;
  }
}

/**
 * Publishers that number their messages by topic, and forget topics; subscribers of all policies, which take some
 * prefixes, and whose applications are slow or fall asleep. Both crash, stand still, and lose their connections; clocks
 * are hours apart and drift; high-water marks drop messages without a word.
 *
 * Invariants, at all times. What a publisher sends is numbered without a gap, it keeps no more topics than it may, and ends those that it
 * forgets. A loss is told of when the next message of the topic arrives, with the right number; and none is told of that
 * there is not. No message is called late that was not, and none is handed over as fresh that was late or waited too long.
 * Nothing is handed over twice or out of order, and nothing that arrived is dropped silently.
 *
 * At the end, with all healed, in bounded time: every subscriber hands over fresh messages of every topic that it takes.
 */
export function suicidalSnail({ seed, log }: ScenarioContext): RunResult {
  const simulation = new Simulation({
    ...{ seed, log, replay: (failed) => replayCommand("suicidal-snail", failed) },
    network: { windowMessages: WINDOWS[seed % WINDOWS.length] as number },
  });
  const setting = draw(simulation.stream("setting"));
  let violation: string | undefined;
  const violated = (what: string): void => {
    violation ??= what;
  };
  const ledger = new Ledger(simulation, violated);
  const recovery = new Recovery(setting.publishers, setting.subscribers);
  let bodies = 0;
  const world: World = {
    ...{ simulation, ledger, violated, publishers: setting.publishers },
    newBody: () => bodyNumber(++bodies),
  };
  const publishers = setting.publishers.map((publisher) => bootPublisher(world, publisher));
  const subscribers = setting.subscribers.map((subscriber) =>
    bootSubscriber(world, subscriber, (entry) => recovery.got(subscriber, entry, simulation.now())),
  );
  publishFrom(simulation, publishers, setting.publishers);
  letNap(simulation, subscribers, setting.napEveryMs);
  return simulation.run({
    safetyMs: STORM_MS,
    livenessMs: LIVENESS_MS,
    faults: drawFaults(setting),
    invariants: { "promises are kept": () => violation },
    converged() {
      recovery.healed(simulation.now());
      return recovery.progress();
    },
  });
}

function publishFrom(
  simulation: Simulation,
  nodes: readonly SimulatedNode<PublisherApp>[],
  settings: readonly PublisherSetting[],
): void {
  const dice = new Dice(simulation.stream("workload"));
  for (const [index, { topics, everyMs }] of settings.entries()) {
    simulation.every(everyMs, () => {
      // Now and then more at once than the socket may take.
      const count = dice.chance(0.05) ? dice.between(2, 12) : 1;
      const batch = Array.from({ length: count }, () => dice.pick(topics));
      nodes[index]?.call((app) => app.publish(batch));
    });
  }
}

/** Applications fall asleep with what they have in hand. */
function letNap(
  simulation: Simulation,
  subscribers: readonly SimulatedNode<SubscriberApp>[],
  everyMs: number,
): void {
  if (everyMs > STORM_MS) return;
  const dice = new Dice(simulation.stream("naps"));
  simulation.every(everyMs, () => {
    if (simulation.phase === "liveness") return false;
    const forMs = dice.between(20, 800);
    dice.pick(subscribers).call((app) => app.nap(forMs));
    return true;
  });
}
