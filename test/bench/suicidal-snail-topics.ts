import { systemScheduler, type Transport, textFrame } from "@seaworthy/core";
import {
  PublisherMachine,
  resolvePublisherOptions,
  type WiredPublisher,
  wirePublisher,
} from "@seaworthy/suicidal-snail/machine";
import { median } from "./figures.js";

/** What it costs to number a message and give it to a socket. */
export interface TopicCost {
  readonly topics: number;
  readonly perMessageNs: number;
}

const ROUNDS = 9;
const MESSAGES = 200_000;
const BODY = [textFrame("hello world")];

/** A socket that takes everything, and does nothing with it. */
const nowhere: Transport = {
  open: () => ({
    bind: (endpoint) => endpoint,
    connect() {},
    disconnect() {},
    subscribe() {},
    send: () => true,
    close: async () => {},
  }),
  backlog: () => false,
};

interface Case {
  readonly publisher: WiredPublisher;
  readonly names: readonly string[];
  readonly times: number[];
  next: number;
}

function newCase(topics: number): Case {
  const options = resolvePublisherOptions({ maxTopics: topics });
  const publisher = wirePublisher(new PublisherMachine(options, 1n), {
    transport: nowhere,
    scheduler: systemScheduler,
    socket: options.socket,
    owner: { status() {} },
  });
  const names = Array.from({ length: topics }, (_, index) => `topic.${index}`);
  for (const name of names) publisher.publish(name, BODY);
  return { publisher, names, times: [], next: 0 };
}

/** Publishes to each topic in its turn. */
function round(one: Case): number {
  const { publisher, names } = one;
  const startedAt = performance.now();
  for (let sent = 0; sent < MESSAGES; sent++) {
    publisher.publish(names[one.next++ % names.length] as string, BODY);
  }
  return ((performance.now() - startedAt) * 1e6) / MESSAGES;
}

/** Medians over rounds in which all take turns. */
export function measureTopics(counts: readonly number[]): TopicCost[] {
  const cases = counts.map(newCase);
  for (const one of cases) round(one);
  for (let turn = 0; turn < ROUNDS; turn++) for (const one of cases) one.times.push(round(one));
  return cases.map(({ names, times }) => ({ topics: names.length, perMessageNs: median(times) }));
}
