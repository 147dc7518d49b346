import { resolveSettings } from "@seaworthy/core";
import { LazyPirateRequest } from "@seaworthy/lazy-pirate";
import {
  type LazyPirateClientEvent,
  type LazyPirateServerEvent,
  REQUEST_ID_BYTES,
  type RequestFailure,
  resolveClientOptions,
  resolveServerOptions,
} from "@seaworthy/lazy-pirate/machine";
import { describe, expect, test } from "vitest";
import { workspaceFile } from "./site.js";

const lazyPirate = await workspaceFile("docs/patterns/lazy-pirate.md");
const socketSettings = await workspaceFile("docs/parts/socket-settings.md");

/** The rows of the first table after `heading`, each a list of its cells. */
function table(markdown: string, heading: string): string[][] {
  const [, after = ""] = markdown.split(`\n${heading}\n`);
  const [rows = ""] = /^\|.*(?:\n\|.*)*/m.exec(after) ?? [];
  return rows
    .split("\n")
    .slice(2)
    .map((row) =>
      row
        .split("|")
        .map((cell) => cell.trim())
        .slice(1, -1),
    );
}

/** What each row is about: the code or event that its first cell begins with. */
const named = (rows: string[][]): string[] =>
  rows.map(([cell = ""]) => cell.split("<br>")[0]?.replaceAll("`", "") ?? "");

/** A number as the pages have it: `10,000`, `16 MiB`. */
function numberIn(stated: string): number {
  const [, digits = "", unit] = /^([\d,]+)(?: (MiB))?(?![\w.])/.exec(stated) ?? [];
  return Number(digits.replaceAll(",", "") || Number.NaN) * (unit === "MiB" ? 1024 * 1024 : 1);
}

/** Names and defaults as a page has them; for an option that is an object, a page may say it in words. */
function documented(rows: string[][], actual: object): Record<string, unknown> {
  return Object.fromEntries(
    rows.map(([name = "", stated = ""]) => {
      const option = name.replaceAll("`", "");
      const value = (actual as Record<string, unknown>)[option];
      if (typeof value === "number") return [option, numberIn(stated)];
      if (typeof value === "boolean") return [option, stated === "true"];
      return [option, value];
    }),
  );
}

describe("option tables have every option, with the default that the code has", () => {
  test("client", () => {
    const actual = resolveClientOptions();
    expect(documented(table(lazyPirate, "### Client"), actual)).toStrictEqual(actual);
  });

  test("server", () => {
    const actual = resolveServerOptions();
    const rows = table(lazyPirate, "### Server");
    expect(documented(rows, actual)).toStrictEqual(actual);
    expect(rows.find(([name]) => name === "`replyCache`")?.[1]).toBe("false");
    const [, mark = ""] =
      /`sendHighWaterMark` ([\d,]+)/.exec(rows.find(([name]) => name === "`socket`")?.[1] ?? "") ?? [];
    expect(numberIn(mark)).toBe(actual.socket.sendHighWaterMark);
  });

  test("reply cache", () => {
    const actual = resolveServerOptions({ replyCache: true }).replyCache ?? {};
    expect(documented(table(lazyPirate, "### The reply cache"), actual)).toStrictEqual(actual);
  });

  test("socket", () => {
    const actual = resolveSettings("test", {});
    const rows = table(`\n#\n${socketSettings}`, "#");
    const { curve, ...rest } = documented(rows, actual);
    expect(curve).toBe(actual.curve);
    expect(rest).toStrictEqual(actual);
  });
});

test("every way in which a request can fail is on the page", () => {
  // The compiler demands each code of the union here.
  const codes: Record<RequestFailure["code"], true> = {
    ERR_REQUEST_TIMEOUT: true,
    ERR_CONNECTION_LOST: true,
    ERR_NOT_CONNECTED: true,
    ERR_HANDLER_FAILED: true,
    ERR_ABORTED: true,
    ERR_CLOSED: true,
  };
  expect(named(table(lazyPirate, "## Errors"))).toEqual(expect.arrayContaining(Object.keys(codes)));
});

test("every status event is on the page, and no other", () => {
  const client: Record<LazyPirateClientEvent["type"], true> = {
    "connection-opened": true,
    "connection-failed": true,
    "connection-lost": true,
    "connection-abandoned": true,
    "connection-replaced": true,
    "request-retried": true,
    "request-failed": true,
    "reply-dropped": true,
    "send-refused": true,
    "process-stalled": true,
    "message-dropped": true,
  };
  const server: Record<LazyPirateServerEvent["type"], true> = {
    "request-refused": true,
    "handler-failed": true,
    "reply-undeliverable": true,
    "repeat-answered": true,
    "repeat-joined": true,
    "message-dropped": true,
  };
  expect(named(table(lazyPirate, "### Of the client")).sort()).toEqual(Object.keys(client).sort());
  expect(named(table(lazyPirate, "### Of the server")).sort()).toEqual(Object.keys(server).sort());
});

test("every member of the server's request is on the page", () => {
  const listed = named(table(lazyPirate, "### The request")).map((member) => member.replace(/\(.*/, ""));
  const methods = Object.getOwnPropertyNames(LazyPirateRequest.prototype).filter(
    (name) => name !== "constructor",
  );
  expect(listed).toEqual(expect.arrayContaining(["body", "id", "signal", ...methods]));
  expect(listed).toHaveLength(3 + methods.length);
});

test("the layout of the request id covers its bytes without a gap", () => {
  const [, layout = ""] = lazyPirate.split("The request id is the same on every attempt:");
  const ranges = named(table(`\n#\n${layout}`, "#")).map((range) => range.split("–").map(Number));
  const bytes = ranges.flatMap(([first = 0, last = first]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
  expect(bytes).toEqual(Array.from({ length: REQUEST_ID_BYTES }, (_, index) => index));
});
