import { SnailError, SnailPublisher, SnailSubscriber } from "@seaworthy/suicidal-snail";
import * as snail from "@seaworthy/suicidal-snail/machine";
import { expect, test } from "vitest";
import * as names from "../../packages/suicidal-snail/test/names.js";
import { testNames, testOptions, testStatistics } from "./page-tests.js";
import { checkSnippetTypes } from "./snippet-folder.js";
import { columnsOf, named, pageSource, socketSettings, table, tableWithHead } from "./tables.js";

const page = await pageSource("docs/patterns/suicidal-snail.md");

testOptions(page, {
  "### Publisher": snail.resolvePublisherOptions(),
  "### Subscriber": snail.resolveSubscriberOptions(),
  "### Socket": socketSettings,
});

test("every policy has its column", () => {
  expect(columnsOf(page, "## Policies")).toEqual(Object.keys(names.policies));
});

testNames(page, [
  ["every status event of the publisher", "### Of the publisher", names.publisherEvents],
  ["every status event of the subscriber", "### Of the subscriber", names.subscriberEvents],
  ["every field of an alarm", "### Alarms", names.alarm],
  ["every member of a message", "### The message", names.message],
]);

test("every reason of an alarm is on the page, and no other", () => {
  expect(named(tableWithHead(page, "| Reason |")).sort()).toEqual(Object.keys(names.reasons).sort());
});

testStatistics(page, [
  ["### Counted by the publisher", () => new SnailPublisher()],
  ["### Counted by the subscriber", () => new SnailSubscriber()],
]);

test("the error is as the page says", () => {
  const at = { reason: "gap", topic: "a", epoch: 1n, lost: 1, delayMs: 0, at: 0 } as const;
  const error = new SnailError(at);
  const [[name, , retryable = ""] = []] = table(page, "## Errors");
  expect(name).toBe(`\`${error.code}\`<br>\`${error.name}\``);
  expect(retryable.startsWith("yes")).toBe(error.retryable);
  expect(error).toMatchObject(at);
});

test("the snippets are typed right", async () => {
  expect(await checkSnippetTypes("docs/patterns/suicidal-snail.md")).toBe(2);
});
