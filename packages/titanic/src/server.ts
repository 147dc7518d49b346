import { randomBytes } from "node:crypto";
import { ClosedError, checkEndpoint, failureText, systemScheduler } from "@seaworthy/core";
import { type DriverStats, Role, waitAtMost, ZmqTransport } from "@seaworthy/core/node";
import { idMaker } from "./request-ids.js";
import { checkQuery } from "./server-arguments.js";
import { TitanicServerMachine } from "./server-machine.js";
import type {
  StoreAction,
  StoreMethod,
  StoreOutcome,
  TitanicServerEvent,
  TitanicServerLoad,
  TitanicServerStats,
} from "./server-messages.js";
import {
  type ResolvedServerOptions,
  resolveServerOptions,
  type TitanicServerOptions,
} from "./server-options.js";
import { type WiredServer, wireServer } from "./server-wiring.js";
import type { RequestDetails, RequestInfo, StoreCounts, StoreQuery, TitanicStore } from "./store.js";
import { parseId } from "./wire.js";

const OWNER = "TitanicServer";
/** How long the store may take for what is given back at the end, in ms. */
const GIVE_BACK_MS = 5000;

type StoreCall = (...args: readonly unknown[]) => Promise<StoreOutcome<StoreMethod>>;

/**
 * A server of durable requests (9/TSP) behind Majordomo brokers. A request that it has accepted outlives any crash and
 * loss of power: it is run at least once, again and again until it has a reply or `maxAttempts` have failed, and its
 * reply is kept until it is closed or `retentionMs` have passed.
 *
 * What is accepted is as safe as the store makes it; several servers may share a store that allows it.
 *
 * @example
 * ```ts
 * const server = new TitanicServer(new LmdbStore("./titanic"));
 * server.connect("tcp://localhost:5555");
 * await server.open();
 * ```
 */
export class TitanicServer extends Role<TitanicServerEvent> {
  readonly #store: TitanicStore;
  readonly #options: ResolvedServerOptions;
  readonly #transport = new ZmqTransport(OWNER);
  readonly #endpoints = new Set<string>();
  #machine: TitanicServerMachine | undefined;
  #wired: WiredServer | undefined;
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  /**
   * @param store - where requests and replies are kept. The server opens and closes it
   * @throws TypeError or RangeError that names the option at fault
   */
  constructor(store: TitanicStore, options: TitanicServerOptions = {}) {
    super("titanic");
    if (typeof store?.claim !== "function") throw new TypeError(`${OWNER}: the store must be a TitanicStore`);
    this.#store = store;
    this.#options = resolveServerOptions(options);
  }

  /**
   * Opens the store and begins to serve. May be called again when it failed.
   *
   * @throws (by rejecting) StoreError if the store cannot be opened; ClosedError
   */
  open(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new ClosedError(OWNER));
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /**
   * Serves through a broker; several calls, several brokers.
   *
   * @throws ClosedError if the server is closed; TypeError or RangeError if the endpoint is not of the form
   * `transport://address`
   */
  connect(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "connect");
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    if (this.#endpoints.has(endpoint)) return;
    this.#endpoints.add(endpoint);
    this.#wired?.connect(endpoint);
  }

  /**
   * Leaves a broker. An endpoint that is not in use is let pass.
   *
   * @throws TypeError or RangeError if the endpoint is not of the form `transport://address`
   */
  disconnect(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "connect");
    if (this.#endpoints.delete(endpoint)) this.#wired?.disconnect(endpoint);
  }

  /** Counters since it was opened, and how much there is now in this server. {@link counts} has what the store has. */
  stats(): TitanicServerStats & TitanicServerLoad & { sockets: DriverStats } {
    const { stats, load } = this.#machine ?? this.#newMachine();
    return { ...stats, ...load, sockets: this.#transport.stats() };
  }

  /**
   * How many requests the store has.
   *
   * @throws (by rejecting) StoreError
   */
  counts(): Promise<StoreCounts> {
    return this.#store.counts();
  }

  /**
   * Requests of the store, the oldest first, their bodies apart.
   *
   * @throws (by rejecting) StoreError; TypeError or RangeError that names what is wrong with the query
   */
  async list(query: StoreQuery): Promise<readonly RequestInfo[]> {
    return this.#store.list(checkQuery(`${OWNER}.list`, query));
  }

  /**
   * One request with its bodies, or `undefined`.
   *
   * @param id - 32 hexadecimal digits
   * @throws (by rejecting) StoreError; RangeError if it is no id
   */
  async show(id: string): Promise<RequestDetails | undefined> {
    return this.#store.show(checkedId(id));
  }

  /**
   * Makes a dead letter pending again; it is tried at once, and `maxAttempts` times as if it were new.
   *
   * @param id - 32 hexadecimal digits
   * @returns whether there was such a dead letter
   * @throws (by rejecting) StoreError; RangeError if it is no id
   */
  async requeue(id: string): Promise<boolean> {
    const isRequeued = await this.#store.requeue(checkedId(id));
    this.#wired?.feed({ type: "look" });
    return isRequeued;
  }

  /**
   * Forgets a request, whatever its state, as if its client had closed it.
   *
   * @param id - 32 hexadecimal digits
   * @returns whether there was one
   * @throws (by rejecting) StoreError; RangeError if it is no id
   */
  async drop(id: string): Promise<boolean> {
    const bytes = checkedId(id);
    const wasThere = await this.#store.remove(bytes, this.#options.keyRetentionMs);
    this.#wired?.feed({ type: "removed", id: bytes });
    return wasThere;
  }

  /**
   * Takes no more requests and begins none, lets those that are worked on finish for up to `lingerMs`, gives the rest
   * back to the store, leaves the brokers, and closes sockets and store.
   */
  override close(): Promise<void> {
    // Closed from now on, also for whoever is told of what closing leads to.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  async #open(): Promise<void> {
    await this.#store.open();
    this.#machine = this.#newMachine();
    const wired = wireServer(this.#machine, {
      transport: this.#transport,
      scheduler: systemScheduler,
      options: this.#options,
      epoch: randomBytes(8).readBigUInt64BE(),
      random: Math.random,
      store: (action, done, failed) => {
        void this.#perform(action).then(done, (error) => failed(failureText(error)));
      },
      owner: { idle: () => this.#idle?.(), status: (event) => this.report(event) },
    });
    this.#wired = wired;
    this.#store.onWork((service) => wired.feed({ type: "work", service }));
    this.#store.onRemoved((id) => wired.feed({ type: "removed", id }));
    for (const endpoint of this.#endpoints) wired.connect(endpoint);
  }

  #newMachine(): TitanicServerMachine {
    return new TitanicServerMachine(
      this.#options,
      idMaker(Date.now, randomBytes),
      Math.random,
      systemScheduler.now(),
    );
  }

  // Asynchronous, so that a store that throws has failed and nothing else has.
  async #perform({ method, args }: StoreAction): Promise<StoreOutcome<StoreMethod>> {
    const store = this.#store as unknown as Record<StoreMethod, StoreCall>;
    return store[method](...args);
  }

  async #close(): Promise<void> {
    await this.#opening?.catch(() => {});
    if (this.#wired !== undefined) await this.#drain(this.#wired);
    // Also when it could not be opened: it may have connections all the same.
    await this.#store.close();
  }

  async #drain(wired: WiredServer): Promise<void> {
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    const wait = (ms: number): Promise<void> => waitAtMost(ms, (done) => void idle.then(done));
    wired.drain();
    await wait(this.#options.lingerMs);
    wired.giveBack();
    await wait(GIVE_BACK_MS);
    await wired.close();
  }
}

function checkedId(id: string): Uint8Array {
  const bytes = parseId(String(id));
  if (bytes === undefined)
    throw new RangeError(`${OWNER}: an id has 32 hexadecimal digits, got ${JSON.stringify(id)}`);
  return bytes;
}
