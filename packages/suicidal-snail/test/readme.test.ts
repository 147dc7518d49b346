import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import type {
  SnailAlarm,
  SnailMessage,
  SnailPolicy,
  SnailPublisherEvent,
  SnailReason,
  SnailSubscriberEvent,
} from "../src/index.js";
import { resolvePublisherOptions, resolveSubscriberOptions } from "../src/machine.js";

// The compiler sees to it that none is missing here.
const publisherEvents: Record<SnailPublisherEvent["type"], true> = {
  "connection-opened": true,
  "connection-lost": true,
  "connection-failed": true,
};
const subscriberEvents: Record<SnailSubscriberEvent["type"], true> = {
  ...publisherEvents,
  "publisher-heard": true,
  "topic-ended": true,
  "alarm-raised": true,
  resynced: true,
  "process-stalled": true,
  "message-dropped": true,
};
const policies: Record<SnailPolicy, true> = { die: true, resync: true, report: true };
const reasons: Record<SnailReason, true> = {
  gap: true,
  delay: true,
  queue: true,
  "queue-full": true,
  "too-many-topics": true,
};
const alarm: Record<keyof SnailAlarm, true> = {
  reason: true,
  topic: true,
  epoch: true,
  lost: true,
  delayMs: true,
  at: true,
};
const message: Record<keyof SnailMessage, true> = {
  topic: true,
  topicText: true,
  body: true,
  delayMs: true,
  arrivedAt: true,
  epoch: true,
  sequence: true,
  alarm: true,
};

const readme = await Readme.of(import.meta.url);

describe("the README", () => {
  it("has an example that runs as it stands", async () => {
    expect(await readme.runExample()).toEqual({ stdout: "wind.speed: 12\n", stderr: "" });
  });

  it("lists every option of both roles, and no other", () => {
    expect(readme.options("The publisher")).toEqual(Object.keys(resolvePublisherOptions()).sort());
    expect(readme.options("The subscriber")).toEqual(Object.keys(resolveSubscriberOptions()).sort());
  });

  it("lists every event, every policy, every reason and every field of an alarm", () => {
    const names = [subscriberEvents, policies, reasons, alarm].flatMap((each) => Object.keys(each));
    expect(readme.lacks(names)).toEqual([]);
  });

  it("has the fields of a message in the order of the code", () => {
    expect(readme.text).toContain(`{ ${Object.keys(message).join(", ")} }`);
  });
});
