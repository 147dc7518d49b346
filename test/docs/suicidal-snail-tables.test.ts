import {
  type SnailAlarm,
  SnailError,
  type SnailMessage,
  type SnailPolicy,
  SnailPublisher,
  type SnailPublisherEvent,
  type SnailReason,
  SnailSubscriber,
  type SnailSubscriberEvent,
} from "@seaworthy/suicidal-snail";
import * as snail from "@seaworthy/suicidal-snail/machine";
import { describe, expect, test } from "vitest";
import { workspaceFile } from "./site.js";
import { fences, SnippetFolder } from "./snippet-folder.js";
import { documented, named, pageSource, socketSettings, type Types, table } from "./tables.js";

const page = await pageSource("docs/patterns/suicidal-snail.md");

describe("option tables have every option, with the default that the code has", () => {
  test.each([
    ["### Publisher", snail.resolvePublisherOptions()],
    ["### Subscriber", snail.resolveSubscriberOptions()],
    ["### Socket", socketSettings],
  ])("%s", (heading, actual) => {
    expect(documented(table(page, heading), actual)).toStrictEqual(actual);
  });
});

test("every policy has its column", () => {
  const policies: Record<SnailPolicy, true> = { die: true, resync: true, report: true };
  const [head = ""] = /^\| \|.*\|$/m.exec(page.split("\n## Policies\n")[1] ?? "") ?? [];
  expect([...head.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual(Object.keys(policies));
});

const publisherEvents: Types<SnailPublisherEvent> = {
  "connection-opened": true,
  "connection-lost": true,
  "connection-failed": true,
};
const subscriberEvents: Types<SnailSubscriberEvent> = {
  ...publisherEvents,
  "publisher-heard": true,
  "topic-ended": true,
  "alarm-raised": true,
  resynced: true,
  "process-stalled": true,
  "message-dropped": true,
};
const reasons: Record<SnailReason, true> = {
  gap: true,
  delay: true,
  queue: true,
  "queue-full": true,
  "too-many-topics": true,
};
const fields: Record<keyof SnailAlarm, true> = {
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

test.each([
  ["every status event of the publisher", "### Of the publisher", publisherEvents],
  ["every status event of the subscriber", "### Of the subscriber", subscriberEvents],
  ["every field of an alarm", "### Alarms", fields],
  ["every member of a message", "### The message", message],
])("%s is on the page, and no other", (_what, heading, actual) => {
  expect(named(table(page, heading)).sort()).toEqual(Object.keys(actual).sort());
});

test("every reason of an alarm is on the page, and no other", () => {
  const [, after = ""] = page.split("\n| Reason |");
  expect(named(table(`\n#\n| Reason |${after}`, "#")).sort()).toEqual(Object.keys(reasons).sort());
});

test.each([
  ["### Counted by the publisher", () => new SnailPublisher()],
  ["### Counted by the subscriber", () => new SnailSubscriber()],
])("every number of stats() is on the page, and no other: %s", async (heading, create) => {
  await using role = create();
  expect(named(table(page, heading)).sort()).toEqual(Object.keys(role.stats()).sort());
});

test("the error is as the page says", () => {
  const at = { reason: "gap", topic: "a", epoch: 1n, lost: 1, delayMs: 0, at: 0 } as const;
  const error = new SnailError(at);
  const [[name, , retryable = ""] = []] = table(page, "## Errors");
  expect(name).toBe(`\`${error.code}\`<br>\`${error.name}\``);
  expect(retryable.startsWith("yes")).toBe(error.retryable);
  expect(error).toMatchObject(at);
});

test("the snippets are typed right", async () => {
  await using folder = await SnippetFolder.create();
  const snippets = fences(await workspaceFile("docs/patterns/suicidal-snail.md"), "ts");
  expect(snippets).toHaveLength(2);
  for (const [index, code] of snippets.entries()) await folder.write(`snippet-${index}.ts`, code);
  await folder.checkTypes();
});
