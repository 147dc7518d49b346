import type { Frames } from "@seaworthy/core";
import * as titanic from "@seaworthy/titanic/machine";
import { expect, test } from "vitest";
import { inBrackets, pageSource, table, tableWithHead } from "./tables.js";

const page = await pageSource("docs/patterns/titanic.md");

const ID = Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index);
const [SERVICE, KEY] = ["service", "key"].map((word) => Buffer.from(word)) as [Buffer, Buffer];
const BODY = [Buffer.from("body")];

/** Frames as the page writes them. */
function written(frames: Frames): string {
  const words = frames.map((frame) => {
    const text = Buffer.from(frame).toString("latin1");
    return { body: "body…", [titanic.idText(ID)]: "id" }[text] ?? text;
  });
  return inBrackets(words);
}

test("requests and answers have the frames that the page says", () => {
  const rows = table(page, "## On the wire").map(([service, ...frames]) => [service, frames]);
  expect(Object.fromEntries(rows)).toEqual({
    "`titanic.request`": [titanic.encodeSubmit(undefined, SERVICE, BODY), titanic.encodeAccepted(ID)].map(
      written,
    ),
    "`titanic.submit`": [titanic.encodeSubmit(KEY, SERVICE, BODY), titanic.encodeAccepted(ID)].map(written),
    "`titanic.reply`": [titanic.encodeId(ID), titanic.encodeReply(BODY)].map(written),
    "`titanic.close`": [titanic.encodeId(ID), titanic.encodeClosed()].map(written),
  });
  expect(rows.map(([service]) => service).sort()).toEqual(
    titanic.TITANIC_VERBS.map((verb) => `\`${titanic.verbService(verb)}\``).sort(),
  );
});

test("every answer is on the page", () => {
  const answers = [
    titanic.encodeAccepted(ID),
    titanic.encodeReply(BODY),
    titanic.encodeClosed(),
    titanic.encodePending(),
    titanic.encodeUnknown(),
    titanic.encodeUnknown("text"),
    titanic.encodeFailed("text"),
    titanic.encodeDead("text"),
  ];
  const stated = tableWithHead(page, "| Answer ");
  expect(stated.map(([frames]) => frames)).toEqual(answers.map(written));
});

test("an id is read and written as the page says", () => {
  const text = titanic.idText(ID);
  expect(text).toMatch(/^[0-9A-F]{32}$/);
  for (const either of [text, text.toLowerCase()]) expect(titanic.parseId(either)).toEqual(ID);
  expect(titanic.parseId("../../../../../../../../etc/pass")).toBeUndefined();
});

test("names that the page rules out are refused", () => {
  const decode = (service: string, body: Frames): string =>
    titanic.decodeCommand("request", [Buffer.from(service), ...body]).type;
  expect(decode("s".repeat(255), BODY)).toBe("submit");
  for (const service of ["", "s".repeat(256), "mmi.service"]) expect(decode(service, BODY)).toBe("malformed");
  expect(decode("echo", [])).toBe("malformed");
});
