import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { workspaceFile } from "./site.js";

const programs = [
  { page: "docs/index.md", prints: "hello\n" },
  { page: "docs/patterns/simple-pirate.md", prints: "you said ahoy\n" },
  { page: "docs/patterns/paranoid-pirate.md", prints: "you said ahoy\n" },
  { page: "docs/patterns/majordomo.md", prints: "you said ahoy\n" },
];

test.each(programs)("the first request on $page is answered", async ({ page, prints }) => {
  const [, snippet = ""] = /^```ts\n(.*?)^```$/ms.exec(await workspaceFile(page)) ?? [];
  const flags = [
    "--conditions=@seaworthy/source",
    "--import",
    "tsx",
    "--input-type=module",
    "--eval",
    snippet,
  ];
  const options = { cwd: import.meta.dirname, timeout: 30_000 };
  const { stdout } = await promisify(execFile)(process.execPath, flags, options);
  expect(stdout).toBe(prints);
});
