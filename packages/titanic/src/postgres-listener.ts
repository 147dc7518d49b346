import { Backoff, systemScheduler } from "@seaworthy/core";
import pg from "pg";
import { connectionSettings } from "./postgres-database.js";
import { storeError } from "./postgres-errors.js";
import type { ResolvedPostgresOptions } from "./postgres-options.js";
import { NOTIFY } from "./postgres-sql.js";

/** How often an idle connection is asked whether it still is one, in ms: the end of a silent one is not told. */
const PING_MS = 10_000;
/** Others are told at most this often, in ms: under load one word stands for very many requests. */
const TELL_MS = 5;

const SERVICE = /^(?:[0-9a-f]{2}){1,255}$/;

/**
 * Tells other servers of services that have work, and hears of it from them. It has a connection of its own, which comes
 * back by itself; what is said in between is lost.
 *
 * NOTIFY is not part of the statements that add requests: it makes a commit take a lock that all databases of a server
 * share, and hold it while the disk is synced, so that commits of several servers would wait in a line. Here there is
 * nothing to sync.
 */
export class Listener {
  readonly #options: ResolvedPostgresOptions;
  readonly #channel: string;
  readonly #hear: (service: Uint8Array) => void;
  readonly #backoff = new Backoff({ initialMs: 50, maxMs: 2000 }, Math.random);
  #client: pg.Client | undefined;
  #news = new Set<string>();
  #isTelling = false;
  #isClosed = false;
  #cancelTimer: () => void = () => undefined;

  constructor(options: ResolvedPostgresOptions, hear: (service: Uint8Array) => void) {
    this.#options = options;
    this.#channel = `${options.schema}_work`;
    this.#hear = hear;
  }

  /** Connects and listens. */
  async open(): Promise<void> {
    const client = new pg.Client(connectionSettings(this.#options));
    client.on("error", () => this.#lost(client));
    client.on("end", () => this.#lost(client));
    client.on("notification", ({ payload = "", processId }) => {
      // What we say ourselves comes back, too.
      if (processId === processIdOf(client) || !SERVICE.test(payload)) return;
      this.#hear(Buffer.from(payload, "hex"));
    });
    try {
      await client.connect();
      await client.query(`SET synchronous_commit = off; LISTEN ${this.#channel}`);
    } catch (error) {
      abandon(client);
      throw storeError(error);
    }
    if (this.#isClosed) return abandon(client);
    this.#client = client;
    this.#backoff.reset();
    this.#watch(client);
  }

  /** Tells the others that a service has work. */
  tell(service: Uint8Array): void {
    if (this.#client === undefined) return;
    this.#news.add(Buffer.from(service).toString("hex"));
    this.#tellAll();
  }

  /** Tells what is still to be told, and ends. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer();
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    if (this.#news.size > 0) await this.#notify(client).catch(() => undefined);
    abandon(client);
  }

  #tellAll(): void {
    const client = this.#client;
    if (client === undefined || this.#isTelling || this.#news.size === 0) return;
    this.#isTelling = true;
    this.#notify(client)
      .catch(() => this.#lost(client))
      .finally(() => {
        const next = (): void => {
          this.#isTelling = false;
          this.#tellAll();
        };
        systemScheduler.schedule(systemScheduler.now() + TELL_MS, next);
      });
  }

  async #notify(client: pg.Client): Promise<void> {
    const news = [...this.#news];
    this.#news = new Set();
    await client.query({ ...NOTIFY, values: [this.#channel, news] });
  }

  #watch(client: pg.Client): void {
    this.#cancelTimer = systemScheduler.schedule(systemScheduler.now() + PING_MS, () => {
      client.query("SELECT").then(
        () => this.#client === client && this.#watch(client),
        () => this.#lost(client),
      );
    });
  }

  #lost(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#news = new Set();
    abandon(client);
    this.#reopen();
  }

  #reopen(): void {
    this.#cancelTimer();
    this.#cancelTimer = systemScheduler.schedule(systemScheduler.now() + this.#backoff.next(), () => {
      this.open().catch(() => {
        if (!this.#isClosed) this.#reopen();
      });
    });
  }
}

/** The number of the process that serves the connection; pg has it, and its types do not say so. */
function processIdOf(client: pg.Client): number | undefined {
  return (client as unknown as { processID?: number }).processID;
}

/** Ends a connection without waiting for the other side, which may be gone, nor making the process wait. */
function abandon(client: pg.Client): void {
  client.end().catch(() => undefined);
  (client as unknown as { unref?(): void }).unref?.();
}
