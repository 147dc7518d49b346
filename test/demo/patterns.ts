import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { DemoPattern } from "./pattern.js";

const FOLDER = join(import.meta.dirname, "patterns");

/** The pattern of that name. */
export async function loadPattern(name: string): Promise<DemoPattern> {
  const { pattern } = (await import(pathToFileURL(join(FOLDER, `${name}.ts`)).href)) as {
    pattern: DemoPattern;
  };
  return pattern;
}

/** Names of all patterns that the demo can show. */
export async function patternNames(): Promise<string[]> {
  const files = await readdir(FOLDER);
  return files
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -".ts".length))
    .sort();
}
