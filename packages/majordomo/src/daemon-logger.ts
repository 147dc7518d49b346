import { waitAtMost } from "@seaworthy/core/node";
import { destination, type Logger, pino, stdTimeFunctions } from "pino";
import type { LogLevel } from "./daemon-status-log.js";

/** Lines that wait for a reader are kept up to this size, in bytes; more are lost. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** How long the last lines may take to leave, in ms. */
const FLUSH_MS = 1000;

/** A log on standard error. */
export interface DaemonLog {
  readonly logger: Logger;
  /** Gives what was written up to a second to leave. */
  close(): Promise<void>;
  /** Forgets what has not left. */
  abandon(): void;
}

/**
 * Opens the log: JSON lines on standard error. Whoever reads them, or does not, never keeps the daemon waiting.
 *
 * @param name - of the program
 */
export function openLog(name: string, level: LogLevel): DaemonLog {
  const stream = destination({ dest: 2, sync: false, maxLength: MAX_WAITING_BYTES });
  // A full disk, or a reader that has gone, is no reason to end the daemon.
  stream.on("error", () => undefined);
  const logger = pino(
    {
      name,
      level,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return {
    logger,
    async close() {
      await waitAtMost(FLUSH_MS, (done) => {
        // Not by `once()`, which rejects if the last lines cannot be written.
        stream.on("close", done);
        stream.end();
      });
      // Or the end of the process would wait for the reader.
      stream.destroy();
    },
    abandon: () => stream.destroy(),
  };
}
