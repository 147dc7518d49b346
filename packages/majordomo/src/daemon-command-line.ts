import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { checkEndpoint } from "@seaworthy/core";
import { DEFAULT_LOG_LEVEL, DEFAULT_METRICS_HOST, type Flag, LOG_LEVEL, METRICS } from "./daemon-flag.js";
import { isLogLevel, LOG_LEVELS, type LogLevel } from "./daemon-status-log.js";

/** The command line is wrong; the message is one line that names what, and the value. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Values of flags by their names. */
export type FlagValues = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/** A command line, taken apart. */
export interface CommandLine {
  readonly values: FlagValues;
  /** Arguments that are no flags and no values of any. */
  readonly operands: readonly string[];
}

/** Where metrics are served. */
export interface MetricsAddress {
  readonly host: string;
  /** 0: the system picks one. */
  readonly port: number;
}

/**
 * Takes a command line apart.
 *
 * @param args - those behind the name of the program
 * @param flags - all that there are
 * @param takesOperands - whether there may be arguments that are no flags
 * @throws UsageError
 */
export function splitArguments(
  args: readonly string[],
  flags: readonly Flag[],
  takesOperands = false,
): CommandLine {
  const options = Object.fromEntries(
    flags.map(({ name, value, isMultiple = false }) => [
      name,
      { type: value === undefined ? ("boolean" as const) : ("string" as const), multiple: isMultiple },
    ]),
  );
  try {
    const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: takesOperands });
    return { values: parsed.values, operands: parsed.positionals };
  } catch (error) {
    throw new UsageError(dashedValue(args, flags) ?? ((error as Error).message.split("\n", 1)[0] as string));
  }
}

/** A flag with another, or with a negative number, for its value: `parseArgs` does not name the value then. */
function dashedValue(args: readonly string[], flags: readonly Flag[]): string | undefined {
  const at = args.findIndex(
    (arg, index) =>
      flags.some(({ name, value }) => value !== undefined && arg === `--${name}`) &&
      args[index + 1]?.startsWith("-"),
  );
  return at === -1 ? undefined : `${args[at]} needs a value, got ${JSON.stringify(args[at + 1])}`;
}

/**
 * Endpoints to bind or to connect to.
 *
 * @throws UsageError
 */
export function readEndpoints(
  values: FlagValues,
  { name }: Flag,
  fallback: string,
  use: "bind" | "connect",
): readonly string[] {
  const endpoints = (values[name] ?? [fallback]) as string[];
  for (const endpoint of endpoints) {
    try {
      checkEndpoint(`--${name}`, endpoint, use);
    } catch (error) {
      throw new UsageError((error as Error).message);
    }
  }
  return endpoints;
}

/**
 * Options that are numbers.
 *
 * @param optionFlags - the flag of each
 * @param check - throws if an option is out of its bounds, and names it as `option "…"`
 * @throws UsageError
 */
export function readNumbers<K extends string>(
  values: FlagValues,
  optionFlags: Readonly<Record<K, Flag>>,
  check: (options: { [N in K]?: number }) => unknown,
): { [N in K]?: number } {
  const options: { [N in K]?: number } = {};
  for (const option of Object.keys(optionFlags) as K[]) {
    const { name } = optionFlags[option];
    const text = values[name];
    if (typeof text !== "string") continue;
    // What is no number is refused as it stands, together with those that are out of bounds.
    const value = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : (text as unknown as number);
    try {
      check({ [option]: value } as { [N in K]?: number });
    } catch (error) {
      throw new UsageError((error as Error).message.replace(/^.*?option "\w+"/, `--${name}`));
    }
    options[option] = value;
  }
  return options;
}

/**
 * The CURVE key in the file that a flag names, or `undefined` without that flag.
 *
 * @param check - throws if it is no key
 * @throws UsageError, which does not show the key, not even a wrong one
 */
export function readKey(
  values: FlagValues,
  { name }: Flag,
  check: (key: string) => unknown,
): string | undefined {
  const path = values[name];
  if (typeof path !== "string") return undefined;
  const key = readKeyFile(name, path);
  try {
    check(key);
  } catch {
    throw new UsageError(
      `--${name}: there is no CURVE key, 40 characters of Z85, in ${JSON.stringify(path)}`,
    );
  }
  return key;
}

function readKeyFile(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`--${name}: cannot read ${JSON.stringify(path)}: ${code}`);
  }
}

/**
 * Where to serve metrics, or `undefined`.
 *
 * @throws UsageError
 */
export function readMetrics(values: FlagValues): MetricsAddress | undefined {
  const given = values[METRICS.name];
  if (typeof given !== "string") return undefined;
  const [, host = DEFAULT_METRICS_HOST, port] =
    /^(?:(\[[^\]\s]+\]|[^\s:[\]]+):)?(\d{1,5})$/.exec(given) ?? [];
  if (port === undefined || Number(port) > 65_535) {
    throw new UsageError(`--metrics must be a port or host:port, got ${JSON.stringify(given)}`);
  }
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/**
 * From which level on to log.
 *
 * @throws UsageError
 */
export function readLogLevel(values: FlagValues): LogLevel {
  const given = values[LOG_LEVEL.name] ?? DEFAULT_LOG_LEVEL;
  if (isLogLevel(given)) return given;
  throw new UsageError(`--log-level must be one of ${LOG_LEVELS.join(", ")}, got ${JSON.stringify(given)}`);
}
