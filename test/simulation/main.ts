// Runs a scenario of the simulation: many seeds, or one with its whole log.
import { inspect } from "node:util";
import { type Fault, type RunResult, SimulationError, type SweepResult, sweep } from "@seaworthy/simulator";
import { Command, InvalidArgumentError, Option } from "commander";
import { type StoryName, stories, tellStory } from "./binary-star-stories.js";
import { CURES, type Cure } from "./binary-star-story-world.js";
import { scenarios, summaries } from "./scenarios.js";

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("It must be a whole number.");
  return value;
}

function atLeastOne(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError("It must be at least 1.");
  return value;
}

function faultLine({ at, kind, ...details }: Fault): string {
  return `  ${at.toFixed(3)} ${kind} ${inspect(details, { depth: null, breakLength: Number.POSITIVE_INFINITY })}`;
}

function printRun(seed: number, { log, events, digest, faults, convergedMs }: RunResult): void {
  for (const line of log()) console.log(line);
  console.log(`events ${events}, digest ${digest}`);
  console.log(`faults (${faults.length}):`);
  for (const fault of faults) console.log(faultLine(fault));
  console.log(`seed ${seed}: all invariants held, converged after ${convergedMs.toFixed(1)} ms`);
}

function printSweep(scenario: string, from: number, { seeds, events, faults, slowest }: SweepResult): void {
  const summary = summaries[scenario];
  if (summary !== undefined) console.log(summary());
  console.log(`events ${events}, faults ${faults}`);
  console.log(`slowest to converge: seed ${slowest.seed}, after ${slowest.convergedMs.toFixed(1)} ms`);
  console.log(`seeds ${from} to ${from + seeds - 1}: all invariants held, all converged`);
}

function printStory(name: StoryName, cure: Cure): void {
  const { told, overlapMs } = tellStory(name, cure);
  console.log(`${name}: ${stories[name].about}`);
  for (const { at, line } of told) console.log(`${at.toFixed(0).padStart(6)} ${line}`);
  console.log(`both could answer for ${overlapMs.toFixed(0)} ms`);
}

interface Flags {
  seed?: number;
  story?: StoryName;
  cure: Cure;
  seeds: number;
  from: number;
}

const program = new Command("simulate")
  .description("Runs a scenario in the simulator: many seeds, or one with its whole log.")
  .argument("<scenario>", `one of: ${Object.keys(scenarios).join(", ")}`)
  .addOption(
    new Option("--seed <number>", "run this seed alone and print its whole log").argParser(wholeNumber),
  )
  .addOption(new Option("--seeds <number>", "how many seeds").argParser(atLeastOne).default(2000))
  .addOption(new Option("--from <number>", "the first seed").argParser(wholeNumber).default(1))
  .addOption(
    new Option(
      "--story <name>",
      "of binary-star: tell what befalls a pair, instead of running seeds",
    ).choices(Object.keys(stories)),
  )
  .addOption(new Option("--cure <cure>", "what the pair of the story has").choices(CURES).default("none"))
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

program.action(async (name: string, { seed, seeds, from, story, cure }: Flags) => {
  const scenario = scenarios[name];
  if (scenario === undefined) return program.error(`error: there is no scenario "${name}"`);
  if (story !== undefined) return printStory(story, cure);
  try {
    if (seed === undefined) printSweep(name, from, await sweep({ scenario, seeds, from }));
    else printRun(seed, scenario({ seed, log: "full" }));
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error;
    for (const line of error.log) console.log(line);
    console.error(error.message);
    process.exitCode = 1;
  }
});

await program.parseAsync();
