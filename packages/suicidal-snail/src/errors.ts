import { SeaworthyError } from "@seaworthy/core";
import type { SnailAlarm, SnailReason } from "./alarm.js";

function describe({ reason, topic, lost, delayMs }: SnailAlarm): string {
  switch (reason) {
    case "gap":
      return `${lost ?? "an unknown number of"} messages were lost on topic ${JSON.stringify(topic)}`;
    case "delay":
      return `a message on topic ${JSON.stringify(topic)} came ${Math.round(delayMs)} ms late`;
    case "queue":
      return `a message on topic ${JSON.stringify(topic)} has waited to be taken for too long, and is ${Math.round(delayMs)} ms late`;
    case "queue-full":
      return "too many messages wait to be taken";
    case "too-many-topics":
      return "there are too many topics or publishers to keep track of";
  }
}

/** The policy `die`: the subscriber was too slow, or something was lost, and it has closed itself. */
export class SnailError extends SeaworthyError<"ERR_TOO_SLOW"> implements SnailAlarm {
  override name = "SnailError";
  readonly reason: SnailReason;
  readonly topic: string;
  readonly epoch: bigint;
  readonly lost: number | undefined;
  readonly delayMs: number;
  readonly at: number;

  constructor(alarm: SnailAlarm) {
    super("ERR_TOO_SLOW", describe(alarm), { retryable: true });
    this.reason = alarm.reason;
    this.topic = alarm.topic;
    this.epoch = alarm.epoch;
    this.lost = alarm.lost;
    this.delayMs = alarm.delayMs;
    this.at = alarm.at;
  }
}
