/**
 * Runs an example from source: `npm run example <pattern>/<role> -- [options of the example]`. It
 * runs in this very process, so signals and the exit code are the example's own.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const here = import.meta.dirname;
const examples = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "node_modules")
  .flatMap(({ name }) => readdirSync(join(here, name)).map((file) => `${name}/${file}`))
  .filter((path) => path.endsWith(".ts"))
  .map((path) => path.slice(0, -".ts".length))
  .sort();

const [name = "", ...args] = process.argv.slice(2);
if (examples.includes(name)) {
  const file = join(here, `${name}.ts`);
  process.argv = [process.argv[0] as string, file, ...args];
  // npm keeps options that stand before `--`, and hands on their values alone.
  if (process.env["npm_lifecycle_event"] === "example" && args[0]?.startsWith("-") === false) {
    process.once("exit", (code) => {
      if (code === 2) console.error(`Options go after "--": npm run example ${name} -- --option value`);
    });
  }
  await import(pathToFileURL(file).href);
} else {
  const wanted = name === "" ? "which example?" : `there is no example "${name}"`;
  console.error(`error: ${wanted}\n\nExamples:\n${examples.map((known) => `  ${known}`).join("\n")}`);
  process.exitCode = 2;
}
