import { Backoff, failureText } from "@seaworthy/core";
import { waitAtMost } from "@seaworthy/core/node";
import {
  complain,
  type DaemonLog,
  EXIT_DONE,
  EXIT_FAILED,
  type MetricsServer,
  openLog,
  openMetrics,
  print,
  StatusLog,
  signalled,
} from "@seaworthy/majordomo/daemon";
import { curveKeyPair } from "zeromq";
import type { CurveKeys, ServeArguments, StorePlace } from "./daemon-arguments.js";
import { type Control, controlPath, openControl } from "./daemon-control.js";
import { levelOf } from "./daemon-levels.js";
import { TitanicMetrics } from "./daemon-metrics.js";
import { openingError, placeText, storeAt } from "./daemon-store.js";
import { TitanicServer } from "./server.js";
import type { TitanicServerEvent } from "./server-messages.js";
import type { TitanicServerOptions } from "./server-options.js";
import type { TitanicStore } from "./store.js";
import { StoreError } from "./store-errors.js";
import { TITANIC_VERBS } from "./wire.js";

/** Pauses between attempts to reach a store that is not there at the start. */
const OPENING = { initialMs: 200, maxMs: 5000 };
/** A store that does not answer is not waited for longer than this at the end, in ms. */
const FORSAKE_MS = 1000;

/**
 * Runs a server until the process is told to stop.
 *
 * @param name - of the program
 * @returns the code to exit with
 */
export async function runServer(name: string, version: string, given: ServeArguments): Promise<number> {
  const log = openLog(name, given.logLevel);
  try {
    return await new ServerDaemon(log, given, await storeAt(given.place, given.limits)).run(version);
  } catch (error) {
    await log.close();
    await complain(name, (error as Error).message);
    return EXIT_FAILED;
  }
}

/** A server in a process of its own. */
class ServerDaemon {
  readonly #arguments: ServeArguments;
  readonly #log: DaemonLog;
  readonly #events: StatusLog<TitanicServerEvent>;
  readonly #server: TitanicServer;
  /** Resolves when one broker has been told of all services. */
  readonly #offered: Promise<void>;
  #metrics: MetricsServer | undefined;
  #control: Control | undefined;
  #isOpen = false;

  constructor(log: DaemonLog, given: ServeArguments, store: TitanicStore) {
    this.#arguments = given;
    this.#log = log;
    this.#events = new StatusLog(log.logger, levelOf);
    this.#server = new TitanicServer(store, serverOptions(given));
    this.#server.on("status", (event) => this.#events.write(event));
    this.#offered = allOffered(this.#server);
  }

  /** @returns the code to exit with */
  async run(version: string): Promise<number> {
    const stopped = signalled(this.#log);
    try {
      await this.#start(version, stopped);
      const lost = this.#lostFolder();
      await Promise.race([this.#announce(), lost, stopped]);
      await Promise.race([lost, stopped]);
    } catch (error) {
      await this.#close();
      throw error;
    }
    this.#log.logger.info({ signal: await stopped, inFlight: this.#server.stats().inFlight }, "draining");
    await this.#close();
    const { accepted, completed, buried } = this.#server.stats();
    this.#log.logger.info({ accepted, completed, buried }, "stopped");
    await this.#log.close();
    return EXIT_DONE;
  }

  async #start(version: string, stopped: Promise<NodeJS.Signals>): Promise<void> {
    const { endpoints, metrics, place } = this.#arguments;
    const figures = metrics === undefined ? undefined : new TitanicMetrics(this.#server);
    this.#metrics = await openMetrics(figures, metrics);
    const facts = { version, store: placeText(place), endpoints, metrics: this.#metrics?.url };
    this.#log.logger.info(facts, "starting");
    for (const endpoint of endpoints) this.#server.connect(endpoint);
    this.#isOpen = await this.#openStore(stopped);
    if (this.#isOpen && place.type === "lmdb") await this.#openControl(controlPath(place.folder));
  }

  /** Says that it is ready, once one broker has been told of all services. */
  async #announce(): Promise<void> {
    await this.#offered;
    const { url } = this.#metrics ?? {};
    await print(`ready ${[...this.#arguments.endpoints, ...(url === undefined ? [] : [url])].join(" ")}\n`);
  }

  /**
   * Rejects when another process has taken the folder, as one may if this one stood still for long. Nothing would work
   * here ever after.
   */
  #lostFolder(): Promise<never> {
    return new Promise((_resolve, reject) => {
      if (this.#arguments.place.type !== "lmdb") return;
      this.#server.on("store-failed", () => {
        this.#server.counts().catch((error) => {
          if (!(error instanceof StoreError) || error.code !== "ERR_STORE_IN_USE") return;
          // The socket of that name is the other's now, and must stay.
          this.#control = undefined;
          reject(error);
        });
      });
    });
  }

  /**
   * Opens the store. A database that cannot be reached is tried again, since a supervisor could do no better: it may
   * start after its servers. A folder that cannot be used stays so.
   *
   * @returns whether it is open; not if the process is told to stop before
   */
  async #openStore(stopped: Promise<NodeJS.Signals>): Promise<boolean> {
    const backoff = new Backoff(OPENING, Math.random);
    let isStopped = false;
    const stop = stopped.then(() => {
      isStopped = true;
    });
    while (!isStopped) {
      try {
        const opened = this.#server.open().then(() => true);
        return await Promise.race([opened, stop.then(() => false)]);
      } catch (error) {
        if (!isWorthWaiting(this.#arguments.place, error)) throw openingError(this.#arguments.place, error);
        const pauseMs = Math.round(backoff.next());
        this.#log.logger.warn({ reason: failureText(error), pauseMs }, "the store cannot be reached");
        await waitAtMost(pauseMs, (done) => void stop.then(done));
      }
    }
    return false;
  }

  async #openControl(path: string): Promise<void> {
    try {
      this.#control = await openControl(path, this.#server);
    } catch (error) {
      // It serves its clients all the same.
      this.#log.logger.warn(
        { reason: failureText(error) },
        "no control socket for ls, show, requeue and drop",
      );
    }
  }

  /** The metrics last: how the server is until then can be seen from them. */
  async #close(): Promise<void> {
    // Before the folder may be another's: the socket there is removed by its name.
    await this.#control?.close();
    const closed = this.#server.close();
    if (this.#isOpen) await closed;
    else await waitAtMost(FORSAKE_MS, (done) => void closed.then(done, done));
    this.#events.close();
    await this.#metrics?.close();
  }
}

/** Resolves when one broker has been told of all services of a server. */
function allOffered(server: TitanicServer): Promise<void> {
  const offered = new Map<string, Set<string>>();
  return new Promise((resolve) => {
    server.on("service-withdrawn", ({ endpoint, service }) => offered.get(endpoint)?.delete(service));
    server.on("service-offered", ({ endpoint, service }) => {
      const services = offered.get(endpoint) ?? new Set();
      offered.set(endpoint, services.add(service));
      if (services.size === TITANIC_VERBS.length) resolve();
    });
  });
}

function isWorthWaiting(place: StorePlace, error: unknown): boolean {
  return place.type === "postgres" && error instanceof StoreError && error.code === "ERR_STORE_UNAVAILABLE";
}

function serverOptions({ options, socket, curve }: ServeArguments): TitanicServerOptions {
  return { ...options, socket: curve === undefined ? socket : { ...socket, curve: clientKeys(curve) } };
}

function clientKeys({ serverKey, own = curveKeyPair() }: CurveKeys): {
  readonly serverKey: string;
  readonly publicKey: string;
  readonly secretKey: string;
} {
  return { ...own, serverKey };
}
