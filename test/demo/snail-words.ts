/** Messages a second that the publisher publishes. */
export const RATE = 2000;
/** Its topics, each in its turn: number n goes to {@link topicOf} n. */
export const TOPICS = 20;
/** How late a message may be for the subscribers, in ms. */
export const MAX_DELAY_MS = 200;
/** The publisher's port. */
export const UPDATES = "updates";
/** The port at which subscribers tell the judge. */
export const JUDGE = "judge";
export const SUBSCRIBERS = ["subscriber 1", "subscriber 2", "subscriber 3"] as const;

/** How the example publisher distributes its numbers. */
export function topicOf(number: number): string {
  return `topic.${((number - 1) % TOPICS) + 1}.`;
}

/** A message that the application has got. */
export interface Handed {
  /** The life of the publisher. */
  readonly life: string;
  readonly topic: string;
  /** What the publisher has written into it: it counts over all its topics, from 1. */
  readonly number: number;
  /** When, on `monotonicMs()`. */
  readonly at: number;
  /** Whether the application was told that something is wrong: the message carries an alarm. */
  readonly isAlarming: boolean;
}

/** What a subscriber tells the judge now and then. */
export interface SnailWord {
  readonly subscriber: string;
  /** Since the last word. */
  readonly handed: readonly Handed[];
  /** Messages of which it has said so far that they are lost, or that it has dropped because they were late. */
  readonly noticed: number;
  /** How often it was handed messages again after a loss or a delay, so far. */
  readonly resyncs: number;
  /** Alarms by reason, so far. */
  readonly alarms: Readonly<Record<string, number>>;
}

/** What faults tell a subscriber. */
export interface SnailOrder {
  /** How long each message takes from now on, in ms. */
  readonly workMs: number;
}
