import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { checkEndpoint } from "@seaworthy/core";
import { type MajordomoBrokerOptions, resolveBrokerOptions } from "./broker-options.js";
import {
  BIND,
  CURVE,
  DEFAULT_ENDPOINT,
  DEFAULT_LOG_LEVEL,
  DEFAULT_METRICS_HOST,
  FLAGS,
  HELP,
  IPV6,
  LOG_LEVEL,
  METRICS,
  type NumericOption,
  OPTION_FLAGS,
  VERSION,
} from "./daemon-flags.js";
import { isLogLevel, LOG_LEVELS, type LogLevel } from "./daemon-log.js";

/** Where metrics are served. */
export interface MetricsAddress {
  readonly host: string;
  /** 0: the system picks one. */
  readonly port: number;
}

/** What the command line asks for. */
export interface DaemonArguments {
  readonly endpoints: readonly string[];
  readonly options: MajordomoBrokerOptions;
  readonly metrics: MetricsAddress | undefined;
  readonly logLevel: LogLevel;
}

/** The command line is wrong; the message is one line that names what, and the value. */
export class UsageError extends Error {
  override name = "UsageError";
}

type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/**
 * What a command line asks for.
 *
 * @param args - those behind the name of the program
 * @throws UsageError
 */
export function parseDaemonArguments(args: readonly string[]): DaemonArguments | "help" | "version" {
  const values = splitArguments(args);
  if (values[HELP.name] === true) return "help";
  if (values[VERSION.name] === true) return "version";
  return {
    endpoints: readEndpoints(values[BIND.name]),
    options: { ...readNumbers(values), socket: readSocket(values) },
    metrics: readMetrics(values[METRICS.name]),
    logLevel: readLogLevel(values[LOG_LEVEL.name]),
  };
}

function splitArguments(args: readonly string[]): Values {
  const options = Object.fromEntries(
    FLAGS.map(({ name, value, isMultiple = false }) => [
      name,
      { type: value === undefined ? ("boolean" as const) : ("string" as const), multiple: isMultiple },
    ]),
  );
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(dashedValue(args) ?? ((error as Error).message.split("\n", 1)[0] as string));
  }
}

/** A flag with another, or with a negative number, for its value: `parseArgs` does not name the value then. */
function dashedValue(args: readonly string[]): string | undefined {
  const at = args.findIndex(
    (arg, index) =>
      FLAGS.some(({ name, value }) => value !== undefined && arg === `--${name}`) &&
      args[index + 1]?.startsWith("-"),
  );
  return at === -1 ? undefined : `${args[at]} needs a value, got ${JSON.stringify(args[at + 1])}`;
}

function readEndpoints(given: Values[string]): readonly string[] {
  const endpoints = (given ?? [DEFAULT_ENDPOINT]) as string[];
  for (const endpoint of endpoints) {
    try {
      checkEndpoint("--bind", endpoint, "bind");
    } catch (error) {
      throw new UsageError((error as Error).message);
    }
  }
  return endpoints;
}

function readNumbers(values: Values): MajordomoBrokerOptions {
  const options: { [K in NumericOption]?: number } = {};
  for (const [option, { name }] of Object.entries(OPTION_FLAGS)) {
    const text = values[name];
    if (typeof text !== "string") continue;
    // What is no number is refused as it stands, together with those that are out of bounds.
    const value = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : (text as unknown as number);
    try {
      resolveBrokerOptions({ [option]: value });
    } catch (error) {
      throw new UsageError((error as Error).message.replace(/^.*?option "\w+"/, `--${name}`));
    }
    options[option as NumericOption] = value;
  }
  return options;
}

function readSocket(values: Values): NonNullable<MajordomoBrokerOptions["socket"]> {
  const ipv6 = values[IPV6.name] === true;
  const path = values[CURVE.name];
  if (typeof path !== "string") return { ipv6 };
  const curve = { server: true, secretKey: readSecretKey(path) } as const;
  try {
    resolveBrokerOptions({ socket: { curve } });
  } catch {
    // The key is not shown, not even a wrong one.
    throw new UsageError(
      `--${CURVE.name}: there is no CURVE key, 40 characters of Z85, in ${JSON.stringify(path)}`,
    );
  }
  return { ipv6, curve };
}

function readSecretKey(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`--${CURVE.name}: cannot read ${JSON.stringify(path)}: ${code}`);
  }
}

function readMetrics(given: Values[string]): MetricsAddress | undefined {
  if (typeof given !== "string") return undefined;
  const [, host = DEFAULT_METRICS_HOST, port] =
    /^(?:(\[[^\]\s]+\]|[^\s:[\]]+):)?(\d{1,5})$/.exec(given) ?? [];
  if (port === undefined || Number(port) > 65_535) {
    throw new UsageError(`--metrics must be a port or host:port, got ${JSON.stringify(given)}`);
  }
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

function readLogLevel(given: Values[string] = DEFAULT_LOG_LEVEL): LogLevel {
  if (isLogLevel(given)) return given;
  throw new UsageError(`--log-level must be one of ${LOG_LEVELS.join(", ")}, got ${JSON.stringify(given)}`);
}
