/**
 * The ground of Seaworthy's daemons: command lines, logs, metrics and signals, as `majordomo-broker` has them. Other
 * packages of Seaworthy build their programs on it, so that all of them are run alike.
 *
 * @module
 */
export {
  type CommandLine,
  type FlagValues,
  type MetricsAddress,
  readEndpoints,
  readKey,
  readLogLevel,
  readMetrics,
  readNumbers,
  splitArguments,
  UsageError,
} from "./daemon-command-line.js";
export { type Counters, Figures, type Gauges, type Metric } from "./daemon-figures.js";
export {
  bytes,
  count,
  defaultsOf,
  type Flag,
  flagLines,
  HELP,
  LOG_LEVEL,
  METRICS,
  ms,
  VERSION,
} from "./daemon-flag.js";
export { type DaemonLog, openLog } from "./daemon-logger.js";
export { type MetricsServer, type MetricsText, openMetrics } from "./daemon-metrics-server.js";
export {
  complain,
  EXIT_DONE,
  EXIT_FAILED,
  packageVersion,
  print,
  runProgram,
  signalled,
} from "./daemon-program.js";
export {
  type EventLevel,
  type EventLogger,
  LOG_LEVELS,
  type LogLevel,
  StatusLog,
} from "./daemon-status-log.js";
