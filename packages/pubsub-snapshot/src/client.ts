import { randomBytes } from "node:crypto";
import { AbortedError, ClosedError, frameKey, LimitError, systemScheduler } from "@seaworthy/core";
import { type DriverStats, OpenCalls, Role, ZmqTransport } from "@seaworthy/core/node";
import {
  deleteRequest,
  keyBytes,
  readyRequest,
  type SnapshotDeleteOptions,
  type SnapshotReadyOptions,
  type SnapshotSetOptions,
  type SnapshotWatchOptions,
  setRequest,
  valueBytes,
  watchRequest,
} from "./client-arguments.js";
import { SnapshotClientMachine } from "./client-machine.js";
import type { SnapshotClientEvent, SnapshotClientStats, UpdateRequest } from "./client-messages.js";
import {
  type ResolvedSnapshotClientOptions,
  resolveSnapshotClientOptions,
  type SnapshotClientOptions,
} from "./client-options.js";
import { ChangeView, EntryView, views } from "./client-view.js";
import { Watch } from "./client-watch.js";
import { type WiredSnapshotClient, wireSnapshotClient } from "./client-wiring.js";
import { type SnapshotEndpoints, threeEndpoints } from "./endpoints.js";
import { updateError } from "./errors.js";
import type { Watcher } from "./watchers.js";

const OWNER = "SnapshotClient";

/** An entry of the map, as it was when it was asked for. */
export interface SnapshotEntry {
  readonly key: Buffer;
  /** The key as text. */
  readonly keyText: string;
  readonly value: Buffer;
  /** Number of the update that set it: what `ifSequence` compares with. */
  readonly sequence: number;
  /** What was given with the value. */
  readonly properties: Readonly<Record<string, string>>;
  /** Its time to live as it was given, in ms; `undefined` for none. */
  readonly ttlMs: number | undefined;
}

/** Something became of a key. */
export interface SnapshotChange {
  readonly type: "set" | "deleted";
  readonly key: Buffer;
  /** The key as text. */
  readonly keyText: string;
  /** What it is now; missing if it was deleted. */
  readonly entry: SnapshotEntry | undefined;
  /** What it was before; missing if it was not there. */
  readonly previous: SnapshotEntry | undefined;
  /** Number of the update; of a deletion that was found out by joining anew, that of the snapshot. */
  readonly sequence: number;
}

/** As a Buffer: what sockets hand over is one, and copies of what is small are not. */
const bytesOf = (frame: Uint8Array): Buffer => (frame instanceof Buffer ? frame : Buffer.from(frame));

const UUID_BYTES = 16;

/** Random bytes, asked of the system for many UUIDs at a time. */
function uuids(): () => Uint8Array {
  let pool = randomBytes(0);
  return () => {
    if (pool.length === 0) pool = randomBytes(256 * UUID_BYTES);
    const uuid = pool.subarray(0, UUID_BYTES);
    pool = pool.subarray(UUID_BYTES);
    return uuid;
  };
}

/** A `set` or `delete` that is in flight. */
interface UpdateCall {
  resolve(sequence: number): void;
  reject(error: Error): void;
  readonly signal: AbortSignal | undefined;
}

interface ReadyCall {
  reject(error: Error): void;
  readonly signal: AbortSignal;
}

interface OpenWatch {
  readonly watch: Watch<SnapshotChange>;
  readonly signal: AbortSignal | undefined;
}

/**
 * A client of a shared map: holds the whole of it, or a subtree, and keeps it complete. It joins one server; no update is ever
 * missed unnoticed: when one is, or the server is lost, it joins anew, the next server if there is one. Until that join is complete, the
 * map stays as it was.
 *
 * `set` and `delete` resolve when the server has ordered the update and, if the key lies in the subtree, the map contains it: never
 * before. They are sent again, and not ordered twice, whenever it is not known whether the server has them. A server that is not ours
 * does not know them again: there an update may be ordered more than once.
 *
 * @example
 * ```ts
 * const client = new SnapshotClient({ subtree: "/client/" });
 * client.connect("tcp://localhost:5556");
 * await client.ready();
 * await client.set("/client/a", "hello", { ttlMs: 10_000 });
 * console.log(`${client.get("/client/a")}`);
 * for await (const { type, keyText, entry } of client.watch()) console.log(type, keyText, `${entry?.value}`);
 * ```
 */
export class SnapshotClient extends Role<SnapshotClientEvent> implements Iterable<SnapshotEntry> {
  readonly #options: ResolvedSnapshotClientOptions;
  readonly #machine: SnapshotClientMachine;
  readonly #transport = new ZmqTransport(OWNER);
  readonly #wired: WiredSnapshotClient;
  readonly #updates: OpenCalls<UpdateCall> = new OpenCalls((call) =>
    this.#wired.feed({ type: "abort", call }),
  );
  readonly #waiting: OpenCalls<ReadyCall> = new OpenCalls((call) => {
    const waiting = this.#waiting.settle(call);
    waiting?.reject(new AbortedError(waiting.signal.reason));
  });
  readonly #watches: OpenCalls<OpenWatch> = new OpenCalls((call) => {
    const open = this.#watches.settle(call);
    open?.watch.end(new AbortedError(open.signal?.reason));
  });
  readonly #readers = new Map<Watcher, Watch<SnapshotChange>>();
  /** The map is complete for the first time, or will not be. */
  readonly #complete: Promise<void>;
  #completed: () => void = () => {};
  #notCompleted: (error: Error) => void = () => {};
  #closing: Promise<void> | undefined;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: SnapshotClientOptions = {}) {
    super("pubsub-snapshot");
    this.#complete = new Promise((resolve, reject) => {
      this.#completed = resolve;
      this.#notCompleted = reject;
    });
    // Perhaps nobody waits.
    this.#complete.catch(() => {});
    this.#options = resolveSnapshotClientOptions(options);
    this.#machine = new SnapshotClientMachine(this.#options, Math.random, uuids());
    this.#wired = wireSnapshotClient(this.#machine, {
      transport: this.#transport,
      scheduler: systemScheduler,
      socket: this.#options.socket,
      owner: {
        ready: () => this.#completed(),
        ordered: (call, sequence) => this.#updates.settle(call)?.resolve(sequence),
        failed: (call, failure) => {
          const update = this.#updates.settle(call);
          update?.reject(updateError(failure, update.signal));
        },
        changed: (watcher) => this.#readers.get(watcher)?.changed(),
        status: (event) => this.report(event),
      },
    });
  }

  /**
   * Adds a server: `tcp://host:port` with the port of its snapshots, behind which are the two others, or all three endpoints. Of a
   * pair both, the primary first.
   *
   * @throws ClosedError; TypeError or RangeError if it is no endpoint
   */
  connect(server: string | SnapshotEndpoints): void {
    const endpoints = threeEndpoints(OWNER, server, "connect");
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    this.#wired.feed({ type: "connect", endpoints });
  }

  /** Where the snapshots of the server are that keeps the map complete; `undefined` while none does. */
  get server(): string | undefined {
    return this.#machine.server;
  }

  /**
   * Resolves when the map is complete for the first time, or at once if it was.
   *
   * @throws (by rejecting) AbortedError, ClosedError; TypeError for wrong options
   */
  async ready(options: SnapshotReadyOptions = {}): Promise<void> {
    const { signal } = readyRequest(options);
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    if (signal?.aborted) throw new AbortedError(signal.reason);
    if (signal === undefined) return this.#complete;
    await new Promise<void>((resolve, reject) => {
      const call = this.#waiting.add({ reject, signal });
      this.#complete.then(resolve, reject).finally(() => this.#waiting.settle(call));
    });
  }

  /** How many entries the map has. */
  get size(): number {
    return this.#machine.map.size;
  }

  /** Number of the last update that the map is known to contain; 0 before the first join. */
  get sequence(): number {
    return this.#machine.map.sequence;
  }

  /**
   * The value of a key. It belongs to the map: do not write to it.
   *
   * @throws TypeError or RangeError if it is no key
   */
  get(key: string | Uint8Array): Buffer | undefined {
    const entry = this.#machine.map.get(frameKey(keyBytes(key, 1)));
    return entry && bytesOf(entry.value);
  }

  /** The entry of a key: its value and what goes with it. */
  entry(key: string | Uint8Array): SnapshotEntry | undefined {
    const entry = this.#machine.map.get(frameKey(keyBytes(key, 1)));
    return entry && new EntryView(entry, bytesOf);
  }

  has(key: string | Uint8Array): boolean {
    return this.#machine.map.get(frameKey(keyBytes(key, 1))) !== undefined;
  }

  /**
   * The entries as they are now, in no particular order; what becomes of the map meanwhile does not show.
   *
   * @param beginning - of the keys; default empty: all of them
   */
  entries(beginning: string | Uint8Array = ""): IterableIterator<SnapshotEntry> {
    const entries = this.#machine.map.under(frameKey(keyBytes(beginning, 0)));
    return views(entries, bytesOf);
  }

  [Symbol.iterator](): IterableIterator<SnapshotEntry> {
    return this.entries();
  }

  /**
   * Sets a key, and waits until the server has ordered that and the map contains it. A key outside of the subtree: until the
   * server has ordered it. Bytes are not copied: they must not be changed any more.
   *
   * @param key - from 1 to 255 bytes; text stands for its UTF-8 bytes
   * @param value - not empty, and not larger than `socket.maxFrameBytes`
   * @returns the number of the update, which is the entry's from then on
   * @throws (by rejecting) {@link SnapshotUpdateError}; TypeError or RangeError for wrong arguments
   */
  async set(
    key: string | Uint8Array,
    value: string | Uint8Array,
    options: SnapshotSetOptions = {},
  ): Promise<number> {
    const update = setRequest(keyBytes(key, 1), valueBytes(value), options, this.#options.timeoutMs);
    const { maxFrameBytes } = this.#options.socket;
    // A server that accepts no such frame ends the connection, and with it all that others have in flight.
    if (update.value.length > maxFrameBytes)
      throw new LimitError("maxFrameBytes", maxFrameBytes, "the value is too large", false);
    return this.#update(update, options.signal);
  }

  /**
   * Deletes a key, if it is there, in the same way as {@link set} sets one.
   *
   * @throws (by rejecting) {@link SnapshotUpdateError}; TypeError or RangeError for wrong arguments
   */
  async delete(key: string | Uint8Array, options: SnapshotDeleteOptions = {}): Promise<number> {
    const update = deleteRequest(keyBytes(key, 1), options, this.#options.timeoutMs);
    return this.#update(update, options.signal);
  }

  /**
   * What becomes of a key, or of all keys that begin with a name that is empty or ends with a slash, from this call on. Of a
   * join, the first one included, it tells how the new map differs from the old one. It ends when the client is closed. Whoever
   * reads no more should leave the loop, or call `return()`.
   *
   * @param key - default empty: everything
   * @throws ClosedError, TypeError, RangeError; (by rejecting) LimitError if the reader is too far behind, AbortedError
   */
  watch(
    key: string | Uint8Array = "",
    options: SnapshotWatchOptions = {},
  ): AsyncIterableIterator<SnapshotChange, undefined> {
    const name = frameKey(keyBytes(key, 0));
    const { maxQueued, signal } = watchRequest(options);
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    const watcher = this.#machine.watch(name, maxQueued);
    let call: number | undefined;
    const watch = new Watch<SnapshotChange>(
      watcher,
      (change) => new ChangeView(change, bytesOf),
      () => {
        this.#machine.map.watchers.remove(watcher);
        this.#readers.delete(watcher);
        if (call !== undefined) this.#watches.settle(call);
      },
    );
    this.#readers.set(watcher, watch);
    if (signal?.aborted) watch.end(new AbortedError(signal.reason));
    else call = this.#watches.add({ watch, signal });
    return watch;
  }

  /** Counters since construction, and how much there is now. */
  stats(): SnapshotClientStats & { keys: number; inFlight: number; watches: number; sockets: DriverStats } {
    const { stats, map, inFlight } = this.#machine;
    const { size: watches } = this.#readers;
    return { ...stats, keys: map.size, inFlight, watches, sockets: this.#transport.stats() };
  }

  /**
   * Takes no more updates, lets those in flight finish for up to `lingerMs`, rejects the rest with `ERR_CLOSED`, ends what
   * watches, and closes the sockets. The map can still be read, as it was.
   */
  override close(): Promise<void> {
    // Closed from now on, also for whoever is told of what closing leads to.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#notCompleted(new ClosedError(OWNER));
    await this.#updates.whenIdle(this.#options.lingerMs);
    await this.#wired.close();
    for (const watch of [...this.#readers.values()]) watch.end();
  }

  #update(update: UpdateRequest, signal: AbortSignal | undefined): Promise<number> {
    const { maxInFlight } = this.#options;
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    if (signal?.aborted) throw new AbortedError(signal.reason);
    if (this.#updates.size >= maxInFlight)
      throw new LimitError("maxInFlight", maxInFlight, "too many updates");
    return new Promise((resolve, reject) => {
      const call = this.#updates.add({ resolve, reject, signal });
      this.#wired.feed({ type: "set", call, update });
    });
  }
}
