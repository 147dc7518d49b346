import { dirname, join } from "node:path";
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

/** The rows of the first table after the line `before`, each a list of its cells. */
export function table(markdown: string, before: string): string[][] {
  const [, after] = markdown.split(`\n${before}\n`);
  const [rows] = /^\|.*(?:\n\|.*)*/m.exec(after ?? "") ?? [];
  if (rows === undefined) throw new Error(`there is no table after "${before}"`);
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

/** What each row is about: the code, event or name that its first cell begins with. */
export const named = (rows: string[][]): string[] =>
  rows.map(([cell = ""]) => cell.split("<br>")[0]?.replaceAll("`", "") ?? "");

const UNITS: Readonly<Record<string, number>> = { MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** A number as the pages have it: `10,000`, `16 MiB`. */
export function numberIn(stated: string): number {
  const [, digits = "", unit = ""] = /^([\d,]+)(?: ([MG]iB))?(?![\w.])/.exec(stated) ?? [];
  return Number(digits.replaceAll(",", "") || Number.NaN) * (UNITS[unit] ?? 1);
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

/** The bytes that the rows of a layout are about, in order: `0–3` is four of them. */
export function bytesOf(rows: string[][]): number[] {
  const ranges = named(rows).map((range) => range.split("–").map(Number));
  return ranges.flatMap(([first = 0, last = first]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
}
