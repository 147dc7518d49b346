import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { workspaceFile } from "./site.js";

test("the first request on the home page is answered", async () => {
  const [, snippet = ""] = /^```ts\n(.*?)^```$/ms.exec(await workspaceFile("docs/index.md")) ?? [];
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
  expect(stdout).toBe("hello\n");
});
