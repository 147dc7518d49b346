import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { UsageError } from "./daemon-command-line.js";
import type { DaemonLog } from "./daemon-logger.js";

/** All is done, or the program was told to stop. */
export const EXIT_DONE = 0;
/** It could not be done. */
export const EXIT_FAILED = 1;
/** An argument is wrong. */
const EXIT_USAGE = 2;
/** And the number of the signal: as shells have it. */
const EXIT_SIGNAL = 128;

/**
 * Runs a program; a {@link UsageError} becomes a line on standard error and exit code 2.
 *
 * @param name - of the program, for that line
 * @returns the code to exit with
 */
export async function runProgram(name: string, main: () => Promise<number>): Promise<number> {
  // Whoever started this may read no further than to "ready", and may have gone when something is wrong.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
  try {
    return await main();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    await complain(name, `${error.message} (see --help)`);
    return EXIT_USAGE;
  }
}

/** Writes to standard output; resolves when the text has left, or cannot. */
export function print(text: string): Promise<void> {
  return write(process.stdout, text);
}

/** Writes a line of the program to standard error. */
export function complain(name: string, text: string): Promise<void> {
  return write(process.stderr, `${name}: ${text}\n`);
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => stream.write(text, () => resolve()));
}

/** Resolves when the process is told to stop (SIGTERM, SIGINT). When it is told again, it ends at once. */
export function signalled(log: DaemonLog): Promise<NodeJS.Signals> {
  // A daemon has no file to read again, and the end of a terminal is no reason to stop.
  process.on("SIGHUP", () => log.logger.info("SIGHUP is ignored"));
  return new Promise((resolve) => {
    let isStopping = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (!isStopping) resolve(signal);
      else {
        log.abandon();
        process.exit(EXIT_SIGNAL + constants.signals[signal]);
      }
      isStopping = true;
    };
    process.on("SIGTERM", stop).on("SIGINT", stop);
  });
}

/**
 * The version that a package has.
 *
 * @param manifest - where its package.json is
 */
export function packageVersion(manifest: URL): string {
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}
