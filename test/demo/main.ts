/**
 * The demo: real processes of each pattern under load, real faults on a schedule, and what became of
 * every request, or of every message that was published.
 *
 *   npm run demo
 *   npm run demo -- --pattern lazy-pirate --seconds 60
 *   npm run demo -- --json
 *
 * Exits with 0 when nothing was lost or mismatched and every fault was recovered from, with 1 otherwise.
 */
import { constants } from "node:os";
import { Command, InvalidArgumentError } from "commander";
import { Listr } from "listr2";
import { killAllGroups } from "../harness/stray.js";
import { loadPattern, patternNames } from "./patterns.js";
import { Performance, ROUND_SECONDS } from "./performance.js";
import { asJson, isSound, type PatternResult, tables } from "./results.js";

const MIN_SECONDS = 5;
const MAX_SECONDS = 86_400;

interface Options {
  pattern?: string[];
  seconds: number;
  json?: true;
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS)) {
    throw new InvalidArgumentError(`It must be a number from ${MIN_SECONDS} to ${MAX_SECONDS}.`);
  }
  return seconds;
}

function parseOptions(known: readonly string[]): Options {
  const list = known.join(", ");
  const parsePattern = (name: string, before: string[] = []): string[] => {
    if (!known.includes(name)) throw new InvalidArgumentError(`There are: ${list}.`);
    return [...before, name];
  };
  return new Command("demo")
    .description("Shows the patterns surviving real faults.")
    .option("--pattern <name>", `show this pattern only: ${list} (default: all)`, parsePattern)
    .option("--seconds <number>", "how long to show each pattern", parseSeconds, ROUND_SECONDS)
    .option("--json", "print one JSON document and nothing else")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .parse()
    .opts<Options>();
}

function endOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      killAllGroups();
      if (process.stdout.isTTY) process.stdout.write("\u001b[?25h\n"); // show the cursor again
      process.exit(128 + constants.signals[signal]);
    });
  }
}

async function run(names: readonly string[], { seconds, json }: Options): Promise<PatternResult[]> {
  const isLive = process.stdout.isTTY === true;
  const say = (line: string): void => {
    if (!isLive && !json) console.log(line);
  };
  const performances: Performance[] = [];
  for (const name of names) {
    performances.push(new Performance(await loadPattern(name), seconds, say));
  }
  try {
    await new Listr(
      performances.map((performance) => performance.task()),
      {
        registerSignalListeners: false,
        silentRendererCondition: json === true || !isLive,
        rendererOptions: { collapseSubtasks: false, formatOutput: "truncate" },
      },
    ).run();
  } finally {
    await Promise.all(performances.map((performance) => performance.close()));
  }
  return performances.flatMap(({ result }) => result ?? []);
}

endOnSignals();
const known = await patternNames();
const options = parseOptions(known);
try {
  const results = await run(options.pattern ?? known, options);
  console.log(options.json ? asJson(results) : `\n${tables(results)}`);
  process.exitCode = results.every(isSound) ? 0 : 1;
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = 1;
}
