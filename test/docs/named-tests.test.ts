import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { workspaceFile } from "./site.js";
import { table } from "./tables.js";

const patterns = [
  "simple-pirate",
  "paranoid-pirate",
  "majordomo",
  "titanic",
  "binary-star",
  "freelance",
  "suicidal-snail",
  "pubsub-snapshot",
];

/** Names of the tests in the tests of a package. */
async function testNames(pattern: string): Promise<Set<string>> {
  const folder = `packages/${pattern}/test`;
  const files = readdirSync(join(import.meta.dirname, "../..", folder)).filter((file) =>
    file.endsWith(".test.ts"),
  );
  const sources = await Promise.all(files.map((file) => workspaceFile(join(folder, file))));
  const names = sources.flatMap((source) => [
    ...source.matchAll(/(?:\b(?:it|test)|\.each\([^()]*\)|\]\))\(\s*(?:"([^"]+)"|`([^`]+)`)/g),
  ]);
  // Of names that are made for each of several cases, what they have in common.
  const common = names.map(([, name, template = ""]) =>
    (name ?? template).replace(
      name === undefined ? / \([^(]*\$.*$/ : /(?:: (?:\$|[^:]*%[a-z])| \([^(]*%[a-z]).*$/,
      "",
    ),
  );
  return new Set(common.map((name) => name.replace(/^fault: /, "")));
}

describe.each(patterns)("each difference from the guide on the page of %s", (pattern) => {
  test("names a test that there is", async () => {
    const rows = table(await workspaceFile(`docs/patterns/${pattern}.md`), "## What differs from the guide");
    const known = await testNames(pattern);
    const named = rows.map(([, ours = ""]) => /<br>\*(.+)\*$/.exec(ours)?.[1] ?? `none: ${ours}`);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});
