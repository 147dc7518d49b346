import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";

const ROOT = join(import.meta.dirname, "..", "..");
const EXAMPLES = join(ROOT, "examples");
/** Where compiled examples find what they import from other packages. */
const PLACE = join(EXAMPLES, "node_modules");

/** They load or start files beside them, as TypeScript. */
const FROM_SOURCE: readonly string[] = ["majordomo/threads-worker", "titanic/survive"];

let folder: string | undefined;

/**
 * The file to run for an example, `<pattern>/<role>`: compiled from source when the first one is asked for, since Node.js
 * starts that in a fifth of the time that it takes to compile each module whenever a process starts.
 */
export function compiledExample(name: string): string {
  if (FROM_SOURCE.includes(name)) return join(EXAMPLES, `${name}.ts`);
  folder ??= compileAll();
  return join(folder, `${name}.js`);
}

function compileAll(): string {
  mkdirSync(PLACE, { recursive: true });
  const outdir = mkdtempSync(join(PLACE, ".compiled-"));
  process.once("exit", () => rmSync(outdir, { recursive: true, force: true }));
  const names = readdirSync(EXAMPLES, { recursive: true, encoding: "utf8" });
  buildSync({
    entryPoints: names
      .filter((name) => /^[\w-]+\/[\w-]+\.ts$/.test(name))
      .map((name) => join(EXAMPLES, name)),
    outdir,
    outbase: EXAMPLES,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@seaworthy/source"],
    external: [
      "commander",
      "lmdb",
      "pg",
      "pino",
      "piscina",
      "prom-client",
      "proper-lockfile",
      "write-file-atomic",
      "zeromq",
    ],
    logLevel: "warning",
  });
  return outdir;
}
