// Runs a scenario of the simulation: many seeds, or one with its whole log.
import { SimulationError, sweep } from "@seaworthy/simulator";
import { Command, InvalidArgumentError, Option } from "commander";
import { scenarios } from "./scenarios.js";

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("It must be a whole number.");
  return value;
}

interface Flags {
  seed?: number;
  seeds: number;
  from: number;
}

const program = new Command("simulate")
  .description("runs a scenario in the simulator")
  .argument("<scenario>", `one of: ${Object.keys(scenarios).join(", ")}`)
  .addOption(new Option("--seed <N>", "run this seed alone and print its whole log").argParser(wholeNumber))
  .addOption(new Option("--seeds <N>", "how many seeds").argParser(wholeNumber).default(2000))
  .addOption(new Option("--from <N>", "the first seed").argParser(wholeNumber).default(1))
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

program.action((name: string, { seed, seeds, from }: Flags) => {
  const scenario = scenarios[name];
  if (scenario === undefined) return program.error(`error: there is no scenario "${name}"`);
  try {
    if (seed === undefined) console.log(sweep({ scenario, seeds, from }));
    else {
      const { log, ...result } = scenario({ seed, log: "full" });
      for (const line of log()) console.log(line);
      console.log(result);
    }
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error;
    for (const line of error.log) console.log(line);
    console.error(error.message);
    process.exitCode = 1;
  }
});

program.parse();
