import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { MajordomoBroker } from "./broker.js";
import { type DaemonArguments, parseDaemonArguments, UsageError } from "./daemon-arguments.js";
import { usage } from "./daemon-flags.js";
import { EventLog } from "./daemon-log.js";
import { type DaemonLog, openLog } from "./daemon-logger.js";
import { BrokerMetrics } from "./daemon-metrics.js";
import { type MetricsServer, serveMetrics } from "./daemon-metrics-server.js";

const EXIT_STOPPED = 0;
const EXIT_CANNOT_LISTEN = 1;
const EXIT_USAGE = 2;
/** And the number of the signal: as shells have it. */
const EXIT_SIGNAL = 128;

/**
 * Runs a broker until the process is told to stop.
 *
 * @param args - the command line, without the name of the program
 * @returns the code to exit with
 */
export async function runDaemon(args: readonly string[]): Promise<number> {
  // Whoever started this may read no further than to "ready".
  process.stdout.on("error", () => undefined);
  try {
    const parsed = parseDaemonArguments(args);
    if (parsed === "help") await print(process.stdout, usage());
    else if (parsed === "version") await print(process.stdout, `${version()}\n`);
    else return await new Daemon(parsed).run();
    return EXIT_STOPPED;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    await complain(`${error.message} (see --help)`);
    return EXIT_USAGE;
  }
}

/** A broker in a process of its own. */
class Daemon {
  readonly #arguments: DaemonArguments;
  readonly #log: DaemonLog;
  readonly #events: EventLog;
  readonly #broker: MajordomoBroker;
  readonly #metrics: BrokerMetrics | undefined;
  #server: MetricsServer | undefined;

  constructor(given: DaemonArguments) {
    this.#arguments = given;
    this.#log = openLog(given.logLevel);
    this.#events = new EventLog(this.#log.logger);
    this.#broker = new MajordomoBroker(given.options);
    this.#metrics = given.metrics === undefined ? undefined : new BrokerMetrics(this.#broker);
    this.#broker.on("status", (event) => {
      this.#events.write(event);
      this.#metrics?.note(event);
    });
  }

  /** @returns the code to exit with */
  async run(): Promise<number> {
    const stopped = this.#signalled();
    try {
      const endpoints = await this.#listen();
      const metrics = this.#server === undefined ? [] : [this.#server.url];
      await print(process.stdout, `ready ${[...endpoints, ...metrics].join(" ")}\n`);
    } catch (error) {
      await this.#close();
      await this.#log.close();
      await complain((error as Error).message);
      return EXIT_CANNOT_LISTEN;
    }
    const signal = await stopped;
    const { waiting, running } = this.#broker.stats();
    this.#log.logger.info({ signal, waiting, running }, "draining");
    await this.#close();
    const { requests, answered, dropped } = this.#broker.stats();
    this.#log.logger.info({ requests, answered, dropped }, "stopped");
    await this.#log.close();
    return EXIT_STOPPED;
  }

  async #listen(): Promise<string[]> {
    const { endpoints: given, metrics: address } = this.#arguments;
    if (this.#metrics !== undefined && address !== undefined) {
      this.#server = await serveMetrics(this.#metrics, address).catch((error: Error) => {
        throw new Error(`--metrics: cannot listen on ${address.host} port ${address.port}: ${error.message}`);
      });
    }
    const endpoints: string[] = [];
    for (const endpoint of given) endpoints.push(await this.#broker.bind(endpoint));
    const { detectsDepartures } = this.#broker.stats();
    const { url: metrics } = this.#server ?? {};
    this.#log.logger.info({ version: version(), endpoints, metrics, detectsDepartures }, "listening");
    return endpoints;
  }

  /** Closes the broker first: how it is until then can be seen from the metrics. */
  async #close(): Promise<void> {
    await this.#broker.close();
    this.#events.close();
    await this.#server?.close();
  }

  /** Resolves when the process is told to stop. When it is told again, it ends at once. */
  #signalled(): Promise<NodeJS.Signals> {
    // It has no file to read again, and the end of a terminal is no reason to stop.
    process.on("SIGHUP", () => this.#log.logger.info("SIGHUP is ignored"));
    return new Promise((resolve) => {
      let isStopping = false;
      const stop = (signal: NodeJS.Signals): void => {
        if (!isStopping) resolve(signal);
        else {
          this.#log.abandon();
          process.exit(EXIT_SIGNAL + constants.signals[signal]);
        }
        isStopping = true;
      };
      process.on("SIGTERM", stop).on("SIGINT", stop);
    });
  }
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return version;
}

function complain(text: string): Promise<void> {
  return print(process.stderr, `majordomo-broker: ${text}\n`);
}

/** Resolves when the text has left, or cannot. */
function print(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => stream.write(text, () => resolve()));
}
