import { MajordomoBroker } from "./broker.js";
import { type DaemonArguments, parseDaemonArguments } from "./daemon-arguments.js";
import { usage } from "./daemon-flags.js";
import { EventLog } from "./daemon-log.js";
import { type DaemonLog, openLog } from "./daemon-logger.js";
import { BrokerMetrics } from "./daemon-metrics.js";
import { type MetricsServer, openMetrics } from "./daemon-metrics-server.js";
import {
  complain,
  EXIT_DONE,
  EXIT_FAILED,
  packageVersion,
  print,
  runProgram,
  signalled,
} from "./daemon-program.js";

const NAME = "majordomo-broker";

/**
 * Runs a broker until the process is told to stop.
 *
 * @param args - the command line, without the name of the program
 * @returns the code to exit with
 */
export function runDaemon(args: readonly string[]): Promise<number> {
  return runProgram(NAME, async () => {
    const parsed = parseDaemonArguments(args);
    if (parsed === "help") await print(usage());
    else if (parsed === "version") await print(`${version()}\n`);
    else return new Daemon(parsed).run();
    return EXIT_DONE;
  });
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
    this.#log = openLog(NAME, given.logLevel);
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
    const stopped = signalled(this.#log);
    try {
      const endpoints = await this.#listen();
      const metrics = this.#server === undefined ? [] : [this.#server.url];
      await print(`ready ${[...endpoints, ...metrics].join(" ")}\n`);
    } catch (error) {
      await this.#close();
      await this.#log.close();
      await complain(NAME, (error as Error).message);
      return EXIT_FAILED;
    }
    const signal = await stopped;
    const { waiting, running } = this.#broker.stats();
    this.#log.logger.info({ signal, waiting, running }, "draining");
    await this.#close();
    const { requests, answered, dropped } = this.#broker.stats();
    this.#log.logger.info({ requests, answered, dropped }, "stopped");
    await this.#log.close();
    return EXIT_DONE;
  }

  async #listen(): Promise<string[]> {
    const { endpoints: given, metrics: address } = this.#arguments;
    this.#server = await openMetrics(this.#metrics, address);
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
}

function version(): string {
  return packageVersion(new URL("../package.json", import.meta.url));
}
