import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { buildSync } from "esbuild";

const ROOT = join(import.meta.dirname, "..", "..");
const EXAMPLES = join(ROOT, "examples");
/** Where compiled examples find what they import from other packages. */
const PLACE = join(EXAMPLES, "node_modules");

/** They load or start files beside them, as TypeScript. */
const FROM_SOURCE: readonly string[] = ["majordomo/threads-worker", "titanic/survive"];

/** What is loaded from where it is installed. */
const INSTALLED = [
  "commander",
  "lmdb",
  "pg",
  "pino",
  "piscina",
  "prom-client",
  "proper-lockfile",
  "write-file-atomic",
  "zeromq",
];

let folder: string | undefined;
const programs = new Map<string, string>();

/**
 * The file to run for an example, `<pattern>/<role>`: compiled from source when the first one is asked for, since Node.js
 * starts that in a fifth of the time that it takes to compile each module whenever a process starts.
 */
export function compiledExample(name: string): string {
  if (FROM_SOURCE.includes(name)) return join(EXAMPLES, `${name}.ts`);
  folder ??= compileAll();
  return join(folder, `${name}.js`);
}

/**
 * The file to run for a TypeScript file of a package, given by its path: compiled from source as examples are, and
 * beside `src`, so that the program finds its package.json.
 */
export function compiledProgram(file: string): string {
  const compiled = programs.get(file) ?? compileProgram(file);
  programs.set(file, compiled);
  return compiled;
}

/** Removes what {@link compiledProgram} has made; after the tests of a file, since their process may be ended by a signal. */
export function removePrograms(): void {
  for (const compiled of programs.values()) rmSync(dirname(compiled), { recursive: true, force: true });
  programs.clear();
}

function compileProgram(file: string): string {
  const packages = join(ROOT, "packages") + sep;
  if (!file.startsWith(packages)) throw new Error(`${file} is of no package`);
  const [name = ""] = file.slice(packages.length).split(sep);
  const outdir = mkdtempSync(join(packages, name, ".compiled-"));
  compile([file], outdir);
  return join(outdir, basename(file).replace(/\.ts$/, ".js"));
}

function compileAll(): string {
  mkdirSync(PLACE, { recursive: true });
  const outdir = mkdtempSync(join(PLACE, ".compiled-"));
  process.once("exit", () => rmSync(outdir, { recursive: true, force: true }));
  const names = readdirSync(EXAMPLES, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => /^[\w-]+\/[\w-]+\.ts$/.test(name));
  compile(
    files.map((name) => join(EXAMPLES, name)),
    outdir,
    EXAMPLES,
  );
  return outdir;
}

function compile(entryPoints: string[], outdir: string, outbase?: string): void {
  buildSync({
    entryPoints,
    outdir,
    ...(outbase === undefined ? {} : { outbase }),
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@seaworthy/source"],
    external: INSTALLED,
    logLevel: "warning",
  });
}
