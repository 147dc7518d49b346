import { type MajordomoBrokerOptions, resolveBrokerOptions } from "./broker-options.js";
import {
  type FlagValues,
  type MetricsAddress,
  readEndpoints,
  readKey,
  readLogLevel,
  readMetrics,
  readNumbers,
  splitArguments,
} from "./daemon-command-line.js";
import { HELP, VERSION } from "./daemon-flag.js";
import { BIND, CURVE, DEFAULT_ENDPOINT, FLAGS, IPV6, OPTION_FLAGS } from "./daemon-flags.js";
import type { LogLevel } from "./daemon-status-log.js";

export { UsageError } from "./daemon-command-line.js";

/** What the command line asks for. */
export interface DaemonArguments {
  readonly endpoints: readonly string[];
  readonly options: MajordomoBrokerOptions;
  readonly metrics: MetricsAddress | undefined;
  readonly logLevel: LogLevel;
}

/**
 * What a command line asks for.
 *
 * @param args - those behind the name of the program
 * @throws UsageError
 */
export function parseDaemonArguments(args: readonly string[]): DaemonArguments | "help" | "version" {
  const { values } = splitArguments(args, FLAGS);
  if (values[HELP.name] === true) return "help";
  if (values[VERSION.name] === true) return "version";
  return {
    endpoints: readEndpoints(values, BIND, DEFAULT_ENDPOINT, "bind"),
    options: { ...readNumbers(values, OPTION_FLAGS, resolveBrokerOptions), socket: readSocket(values) },
    metrics: readMetrics(values),
    logLevel: readLogLevel(values),
  };
}

function readSocket(values: FlagValues): NonNullable<MajordomoBrokerOptions["socket"]> {
  const ipv6 = values[IPV6.name] === true;
  const serving = (secretKey: string) => ({ server: true, secretKey }) as const;
  const secretKey = readKey(values, CURVE, (key) =>
    resolveBrokerOptions({ socket: { curve: serving(key) } }),
  );
  return secretKey === undefined ? { ipv6 } : { ipv6, curve: serving(secretKey) };
}
