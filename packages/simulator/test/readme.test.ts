import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);

test("the README's program runs, prints the same for the same seed, and converges", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const code = /```js\n(.*?)```/s.exec(readme)?.[1];
  if (code === undefined) throw new Error("the README has no program");
  const options = [
    "--import",
    "tsx",
    "--conditions=@seaworthy/source",
    "--input-type=module",
    "--eval",
    code,
  ];
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const print = async (seed: string): Promise<string> =>
    (await run(process.execPath, [...options, "pinger.js", seed], { cwd })).stdout;
  const [first, again, other] = await Promise.all([print("1"), print("1"), print("2")]);
  expect(first).toMatch(/^seed 1: \d+ events, \d+ faults, [\d.]+ ms, digest [0-9a-f]{8}\n$/);
  expect(again).toBe(first);
  expect(other).not.toBe(first);
}, 60_000);
