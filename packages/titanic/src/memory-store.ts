import { resolveOptions, systemScheduler } from "@seaworthy/core";
import { Ledger } from "./ledger.js";
import { quickDigest } from "./ledger-digest.js";
import type { LedgerSurroundings } from "./ledger-ground.js";
import { MemoryGround } from "./ledger-memory.js";
import { type LedgerOptions, ledgerRules } from "./ledger-options.js";
import { LedgerPort } from "./ledger-port.js";
import { LedgerStore } from "./ledger-store.js";
import { StoreNews } from "./store-news.js";

const SURROUNDINGS: LedgerSurroundings = {
  now: () => systemScheduler.now(),
  wall: () => Date.now(),
  digest: quickDigest,
  // Nothing is read here that could have changed since it was written.
  checksum: () => 0,
  defer: queueMicrotask,
};

/** What several stores have in common. */
class Memory {
  readonly ledger: Ledger;
  readonly stores = new Set<MemoryStore>();
  #opened: Promise<void> | undefined;

  constructor(options: LedgerOptions) {
    const limits = resolveOptions("MemoryStore", ledgerRules, options);
    this.ledger = new Ledger(new MemoryGround(), limits, SURROUNDINGS);
  }

  open(): Promise<void> {
    this.#opened ??= new Promise((resolve, reject) => this.ledger.open(resolve, reject));
    return this.#opened;
  }
}

/**
 * A store that keeps requests in memory, for tests and examples. It promises what every store does, but that nothing
 * survives its process. What is in it lasts as long as the object: closed and opened again, it is as it was, claims apart.
 */
export class MemoryStore extends LedgerStore {
  readonly #memory: Memory;
  readonly #news = new StoreNews();

  /**
   * @param options - limits; or another store, which this one then shares everything with, as two servers share a
   * database. Each of them is opened and closed for itself.
   * @throws TypeError or RangeError for a wrong option
   */
  constructor(options: LedgerOptions | MemoryStore = {}) {
    super();
    this.#memory = options instanceof MemoryStore ? options.#memory : new Memory(options);
  }

  async open(): Promise<void> {
    await this.#memory.open();
    this.#memory.stores.add(this);
    const tell = (service: Uint8Array): void => this.#tellOthers((news) => news.work(service));
    const tellRemoved = (id: Uint8Array): void => this.#tellOthers((news) => news.removed(id));
    this.attach(new LedgerPort(this.#memory.ledger, tell, tellRemoved));
  }

  async close(): Promise<void> {
    const port = this.detach();
    if (port === undefined) return;
    this.#memory.stores.delete(this);
    await new Promise<void>((resolve) => port.close(resolve));
  }

  onWork(listener: (service: Uint8Array) => void): void {
    this.#news.onWork(listener);
  }

  onRemoved(listener: (id: Uint8Array) => void): void {
    this.#news.onRemoved(listener);
  }

  #tellOthers(say: (news: StoreNews) => void): void {
    for (const store of this.#memory.stores) if (store !== this) say(store.#news);
  }
}
