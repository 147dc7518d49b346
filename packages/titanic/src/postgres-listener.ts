import { Backoff, systemScheduler } from "@seaworthy/core";
import pg from "pg";
import { connectionSettings } from "./postgres-database.js";
import { storeError } from "./postgres-errors.js";
import type { ResolvedPostgresOptions } from "./postgres-options.js";
import { NOTIFY } from "./postgres-sql.js";
import type { StoreNews } from "./store-news.js";

/** How often an idle connection is asked whether it still is one, in ms: the end of a silent one is not told. */
const PING_MS = 10_000;
/** Others are told at most this often, in ms: under load one word stands for very many requests. */
const TELL_MS = 5;

/** Ids in one word: PostgreSQL takes words of less than 8000 bytes. */
const IDS_PER_WORD = 240;

const SERVICE = /^(?:[0-9a-f]{2}){1,255}$/;
const ID_DIGITS = 32;
const IDS = new RegExp(`^(?:[0-9a-f]{${ID_DIGITS}}){1,${IDS_PER_WORD}}$`);

/**
 * Tells other servers of services that have work and of requests that were removed, and hears of it from them. It has a
 * connection of its own, which comes back by itself; what is said in between is lost.
 *
 * NOTIFY is not part of the statements that add and remove requests: it makes a commit take a lock that all databases of a server
 * share, and hold it while the disk is synced, so that commits of several servers would wait in a line. Here there is
 * nothing to sync.
 */
export class Listener {
  readonly #options: ResolvedPostgresOptions;
  readonly #work: string;
  readonly #gone: string;
  readonly #news: StoreNews;
  readonly #backoff = new Backoff({ initialMs: 50, maxMs: 2000 }, Math.random);
  #client: pg.Client | undefined;
  /** Services that have work and ids of what was removed, in hexadecimal, that others are still to be told of. */
  #services = new Set<string>();
  #removed = new Set<string>();
  /** What others are being told at present. */
  #saying: Promise<void> | undefined;
  #isTelling = false;
  #isClosed = false;
  #cancelTimer: () => void = () => undefined;

  constructor(options: ResolvedPostgresOptions, news: StoreNews) {
    this.#options = options;
    this.#work = `${options.schema}_work`;
    this.#gone = `${options.schema}_gone`;
    this.#news = news;
  }

  /** Connects and listens. */
  async open(): Promise<void> {
    const client = new pg.Client(connectionSettings(this.#options));
    client.on("error", () => this.#lost(client));
    client.on("end", () => this.#lost(client));
    client.on("notification", ({ channel, payload = "", processId }) => {
      // What we say ourselves comes back, too.
      if (processId !== processIdOf(client)) this.#heard(channel, payload);
    });
    try {
      await client.connect();
      await client.query(`SET synchronous_commit = off; LISTEN ${this.#work}; LISTEN ${this.#gone}`);
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
    this.#services.add(Buffer.from(service).toString("hex"));
    this.#tellAll();
  }

  /** Tells the others that a request was removed. */
  tellRemoved(id: Uint8Array): void {
    if (this.#client === undefined) return;
    this.#removed.add(Buffer.from(id).toString("hex"));
    this.#tellAll();
  }

  /** Tells what is still to be told, and ends. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer();
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    // What is being said must not be cut off: whoever removes one request and is gone has nobody else to say it.
    await this.#saying;
    await this.#say(client);
    abandon(client);
  }

  #heard(channel: string, word: string): void {
    if (channel === this.#work) {
      if (SERVICE.test(word)) this.#news.work(Buffer.from(word, "hex"));
    } else if (IDS.test(word)) {
      for (let at = 0; at < word.length; at += ID_DIGITS)
        this.#news.removed(Buffer.from(word.slice(at, at + ID_DIGITS), "hex"));
    }
  }

  #tellAll(): void {
    const client = this.#client;
    if (client === undefined || this.#isTelling || !this.#hasNews) return;
    this.#isTelling = true;
    this.#saying = this.#say(client).finally(() => {
      this.#saying = undefined;
      const next = (): void => {
        this.#isTelling = false;
        this.#tellAll();
      };
      systemScheduler.schedule(systemScheduler.now() + TELL_MS, next);
    });
  }

  get #hasNews(): boolean {
    return this.#services.size > 0 || this.#removed.size > 0;
  }

  /** Says what is to be told. If that fails, the connection is lost. */
  async #say(client: pg.Client): Promise<void> {
    if (!this.#hasNews) return;
    const ids = [...this.#removed];
    const words = [...this.#services].map((service) => [this.#work, service] as const);
    for (let from = 0; from < ids.length; from += IDS_PER_WORD)
      words.push([this.#gone, ids.slice(from, from + IDS_PER_WORD).join("")]);
    this.#forgetNews();
    const values = [words.map(([channel]) => channel), words.map(([, word]) => word)];
    await client.query({ ...NOTIFY, values }).catch(() => this.#lost(client));
  }

  #forgetNews(): void {
    this.#services = new Set();
    this.#removed = new Set();
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
    this.#forgetNews();
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
