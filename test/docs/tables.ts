import { dirname, join } from "node:path";
import { resolveSettings } from "@seaworthy/core";
import { workspaceFile } from "./site.js";

/** A page as VitePress reads it: with the parts that it includes. */
export async function pageSource(path: string): Promise<string> {
  const markdown = await workspaceFile(path);
  const parts = [...markdown.matchAll(/^<!--@include: (.+?)-->$/gm)];
  const texts = await Promise.all(
    parts.map(([, part = ""]) => workspaceFile(join(dirname(path), part.trim()))),
  );
  return parts.reduce((page, [include], index) => page.replace(include, () => texts[index] ?? ""), markdown);
}

/** What comes after the line `before`; nothing if there is no such line. */
export const textAfter = (markdown: string, before: string): string =>
  markdown.split(`\n${before}\n`)[1] ?? "";

/** The rows of the first table after the line `before`, each a list of its cells. */
export const table = (markdown: string, before: string): string[][] =>
  firstTable(textAfter(markdown, before), `after "${before}"`);

/** The rows of the first table whose head begins so. */
export function tableWithHead(markdown: string, head: string): string[][] {
  const [, after] = markdown.split(`\n${head}`);
  return firstTable(after === undefined ? "" : head + after, `with the head "${head}"`);
}

/** The rows of the first table in a text; `where` that is, for who finds none there. */
export function firstTable(text: string, where: string): string[][] {
  const [rows] = /^\|.*(?:\n\|.*)*/m.exec(text) ?? [];
  if (rows === undefined) throw new Error(`there is no table ${where}`);
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

/** The words that the head of the first table after the line `before` has in backticks. */
export function columnsOf(markdown: string, before: string): string[] {
  const [head = ""] = /^\|.*$/m.exec(textAfter(markdown, before)) ?? [];
  return wordsIn([head]);
}

/** What each row is about: the code, event or name that its first cell begins with. */
export const named = (rows: string[][]): string[] =>
  rows.map(([cell = ""]) => cell.split("<br>")[0]?.replaceAll("`", "") ?? "");

/** As `named`, of functions without their parameters. */
export const members = (rows: string[][]): string[] =>
  named(rows).map((name) => name.replace(/^(\w+)\(.*/, "$1"));

/** The row about `name` in the first table after the line `before`; no cells if there is none. */
export const rowOf = (markdown: string, before: string, name: string): string[] =>
  table(markdown, before).find(([cell = ""]) => cell.split("<br>")[0] === `\`${name}\``) ?? [];

/** The words that the last cell of a row has in backticks. */
export const wordsIn = (row: string[]): string[] =>
  [...(row.at(-1) ?? "").matchAll(/`([\w-]+)`/g)].map(([, word = ""]) => word);

const UNITS: Readonly<Record<string, number>> = { MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** A number as the pages have it: `10,000`, `16 MiB`. */
export function numberIn(stated: string): number {
  const [, digits = "", unit = ""] = /^([\d,]+)(?: ([MG]iB))?(?![\w.])/.exec(stated) ?? [];
  return Number(digits.replaceAll(",", "") || Number.NaN) * (UNITS[unit] ?? 1);
}

/** The number that a cell has after the name of a setting. */
export function settingIn(cell: string | undefined, setting: string): number {
  const [, stated = ""] = new RegExp(`\`${setting}\` ([\\d,]+)`).exec(cell ?? "") ?? [];
  return numberIn(stated);
}

/** Names and defaults as a page has them; for an option that is an object, a page may say it in words. */
export function documented(rows: string[][], actual: object): Record<string, unknown> {
  return Object.fromEntries(
    rows.map(([name = "", stated = ""]) => {
      const option = name.replaceAll("`", "");
      const value = (actual as Record<string, unknown>)[option];
      if (typeof value === "number") return [option, numberIn(stated)];
      if (typeof value === "boolean") return [option, stated === "true"];
      if (typeof value === "string") return [option, stated.replaceAll("`", "")];
      return [option, value];
    }),
  );
}

/** Frames as the pages write them, of a word for each. */
export const inBrackets = (words: readonly string[]): string =>
  `\`${words.map((word) => `[${word}]`).join("")}\``;

/** The bytes that the rows of a layout are about, in order: `0–3` is four of them. */
export function bytesOf(rows: string[][]): number[] {
  const ranges = named(rows).map((range) => range.split("–").map(Number));
  return ranges.flatMap(([first = 0, last = first]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
}

/** What the table of socket settings has on every page: they are the same for all roles, and there are no keys unless given. */
export const socketSettings: object = { curve: undefined, ...resolveSettings("test", {}) };

/** What the table of errors says of one. */
export function errorIn(markdown: string, code: string): { code: string; name: string; retryable: boolean } {
  const [cell = "", , retryable = ""] = rowOf(markdown, "## Errors", code);
  const [, name = ""] = cell.replaceAll("`", "").split("<br>");
  if (retryable !== "yes" && retryable !== "no")
    throw new Error(`${code} may be tried again: "${retryable}"?`);
  return { code, name, retryable: retryable === "yes" };
}

/** The first cells, which name metrics, of the table whose head begins so. */
export const metricCells = (markdown: string, head: string): string[] =>
  tableWithHead(markdown, head).map(([cell = ""]) => cell);

/** Each type of a union of events; the compiler demands all of them, and no other. */
export type Types<E extends { type: string }> = Record<E["type"], true>;

/** The values of a field of an event, over all members of the union that have its type. */
type ValueOf<E, T extends string, K extends string> = E extends { type: infer U }
  ? T extends U
    ? E extends Record<K, infer V>
      ? V & string
      : never
    : never
  : never;

/** What a field of an event may say; the compiler demands all of it, and nothing else. */
export type Values<E, T extends string, K extends string = "reason"> = Record<ValueOf<E, T, K>, true>;
