import { LOG_LEVELS, type LogLevel } from "./daemon-status-log.js";

/** A flag of a command line. */
export interface Flag {
  readonly name: string;
  /** What stands for its value in the help; a flag without one has no value. */
  readonly value?: string;
  readonly help: string;
  /** It may be given more than once. */
  readonly isMultiple?: boolean;
}

/** Metrics are for those on this machine, unless a host is given. */
export const DEFAULT_METRICS_HOST = "127.0.0.1";
export const DEFAULT_LOG_LEVEL: LogLevel = "info";

export const METRICS: Flag = {
  name: "metrics",
  value: "[HOST:]PORT",
  help: `serve /metrics for Prometheus, and /healthz (default host ${DEFAULT_METRICS_HOST})`,
};
export const LOG_LEVEL: Flag = {
  name: "log-level",
  value: "LEVEL",
  help: `${LOG_LEVELS.join(", ")} (default ${DEFAULT_LOG_LEVEL})`,
};
export const HELP: Flag = { name: "help", help: "print this text" };
export const VERSION: Flag = { name: "version", help: "print the version" };

/** The flag of an option that is a time, in ms. */
export function ms(name: string, help: string): Flag {
  return { name, value: "MS", help };
}

/** The flag of an option that is a number of things. */
export function count(name: string, help: string): Flag {
  return { name, value: "N", help };
}

/** The flag of an option that is a size. */
export function bytes(name: string, help: string): Flag {
  return { name, value: "BYTES", help };
}

/**
 * The lines of a help text that tell of flags, one below the other.
 *
 * @param defaults - the default of each flag that stands for an option, by the name of the flag
 */
export function flagLines(
  flags: readonly Flag[],
  defaults: ReadonlyMap<string, unknown> = new Map(),
): string {
  const left = flags.map(({ name, value }) => (value === undefined ? `--${name}` : `--${name} ${value}`));
  const width = Math.max(...left.map((text) => text.length));
  const end = ({ name }: Flag): string => (defaults.has(name) ? ` (default ${defaults.get(name)})` : "");
  return flags.map((flag, at) => `  ${left[at]?.padEnd(width)}  ${flag.help}${end(flag)}`).join("\n");
}

/**
 * Defaults for {@link flagLines}.
 *
 * @param optionFlags - the flag of each option
 * @param resolved - all options with their defaults
 */
export function defaultsOf<K extends string>(
  optionFlags: Readonly<Record<K, Flag>>,
  resolved: Readonly<Record<K, unknown>>,
): Map<string, unknown> {
  const options = Object.keys(optionFlags) as K[];
  return new Map(options.map((option) => [optionFlags[option].name, resolved[option]]));
}
