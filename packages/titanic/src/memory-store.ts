import { resolveOptions, systemScheduler } from "@seaworthy/core";
import { Ledger } from "./ledger.js";
import { quickDigest } from "./ledger-digest.js";
import type { LedgerSurroundings } from "./ledger-ground.js";
import { MemoryGround } from "./ledger-memory.js";
import { type LedgerOptions, ledgerRules } from "./ledger-options.js";
import { LedgerPort } from "./ledger-port.js";
import { LedgerStore } from "./ledger-store.js";

const SURROUNDINGS: LedgerSurroundings = {
  now: () => systemScheduler.now(),
  wall: () => Date.now(),
  digest: quickDigest,
  // Nothing is read here that could have changed since it was written.
  checksum: () => 0,
  defer: queueMicrotask,
};

type Listener = (word: Uint8Array) => void;

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
  readonly #workListeners: Listener[] = [];
  readonly #removalListeners: Listener[] = [];

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
    const toldOfWork = (service: Uint8Array): void =>
      this.#tellOthers((store) => store.#workListeners, service);
    const toldOfRemoval = (id: Uint8Array): void => this.#tellOthers((store) => store.#removalListeners, id);
    this.attach(new LedgerPort(this.#memory.ledger, toldOfWork, toldOfRemoval));
  }

  async close(): Promise<void> {
    const port = this.detach();
    if (port === undefined) return;
    this.#memory.stores.delete(this);
    await new Promise<void>((resolve) => port.close(resolve));
  }

  onWork(listener: (service: Uint8Array) => void): void {
    this.#workListeners.push(listener);
  }

  onRemoved(listener: (id: Uint8Array) => void): void {
    this.#removalListeners.push(listener);
  }

  #tellOthers(listenersOf: (store: MemoryStore) => readonly Listener[], word: Uint8Array): void {
    for (const store of this.#memory.stores) {
      if (store === this) continue;
      for (const listener of listenersOf(store)) listener(word);
    }
  }
}
