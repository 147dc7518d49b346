import { randomBytes } from "node:crypto";
import {
  type BinaryStarStats,
  type EpochOptions,
  openEpochs,
  type PublishedState,
  type StarRole,
} from "@seaworthy/binary-star";
import { BinaryStarMachine, resolveStarOptions, type StarOptions } from "@seaworthy/binary-star/machine";
import { ClosedError, checkEndpoint, frameKey, systemScheduler, textFrame } from "@seaworthy/core";
import { type DriverStats, Role, ZmqTransport } from "@seaworthy/core/node";
import { type SnapshotEndpoints, threeEndpoints } from "./endpoints.js";
import { loadMap } from "./load-map.js";
import { PORTION_BYTES } from "./packs.js";
import { ServerMachine } from "./server-machine.js";
import type { SnapshotServerCounters } from "./server-messages.js";
import {
  type ResolvedServerOptions,
  resolveServerOptions,
  type ServerOptions,
  valueLimit,
} from "./server-options.js";
import { type ServerPair, type SnapshotServerStatus, type WiredServer, wireServer } from "./server-wiring.js";
import type { MapStore } from "./store.js";

/** The pair that a server is one of. Give both the same but for the role. */
export interface SnapshotPairOptions extends Omit<StarOptions, "heartbeatMs">, EpochOptions {}

/** Options of a server. */
export interface SnapshotServerOptions extends ServerOptions {
  /** Keeps the map beyond the end of the process. Default none. */
  store?: MapStore | undefined;
  /** It is one of two. Default: it is alone. */
  pair?: SnapshotPairOptions | undefined;
}

/** What a server knows of itself and its peer. */
export interface SnapshotServerView {
  /** Updates are ordered, and snapshots given. */
  readonly isActive: boolean;
  /** Number of the last update in the map. */
  readonly sequence: number;
  /** Keys in the map. */
  readonly keys: number;
  /** The pair, if it is one of two. */
  readonly pair:
    | {
        readonly role: StarRole;
        readonly state: PublishedState;
        readonly epoch: number;
        /** `undefined` while the peer is not heard. */
        readonly peerState: PublishedState | undefined;
        /** The passive server has everything, and each update waits for it. */
        readonly isFollowed: boolean;
      }
    | undefined;
}

/** Counters since construction, and what there is now. */
export interface SnapshotServerStats extends SnapshotServerCounters {
  readonly keys: number;
  /** Size of keys, values and properties, in bytes. */
  readonly bytes: number;
  /** Updates that are ordered, and not published. */
  readonly uncommitted: number;
  /** Snapshots that are sent, or wait for their turn. */
  readonly openSnapshots: number;
  /** Subtrees that are counted. */
  readonly subtrees: number;
  readonly pair: BinaryStarStats | undefined;
  readonly sockets: DriverStats;
}

const OWNER = "SnapshotServer";

/**
 * The server of a map that clients share (12/CHP): orders their updates, publishes them, and gives the map to those that join. Alone, or one of
 * a pair that carries the map over the failure of the other.
 *
 * @example
 * ```ts
 * const server = new SnapshotServer();
 * await server.bind("tcp://*:5556");   // and 5557, and 5558
 * ```
 */
export class SnapshotServer extends Role<SnapshotServerStatus> {
  readonly #options: ResolvedServerOptions;
  readonly #transport = new ZmqTransport(OWNER);
  readonly #machine: ServerMachine;
  readonly #star: BinaryStarMachine | undefined;
  readonly #store: MapStore | undefined;
  readonly #wired: WiredServer;
  readonly #opened: Promise<void>;
  /** It may be, though what it has could not be loaded. */
  #isStoreOpen = false;
  #closing: Promise<void> | undefined;

  /**
   * @throws TypeError or RangeError that names the option at fault; Error if the pair's epoch file cannot be read, or holds something else
   */
  constructor(options: SnapshotServerOptions = {}) {
    super("pubsub-snapshot");
    const { store, pair, ...given } = options;
    if (store !== undefined && !isStore(store))
      throw new TypeError(`${OWNER}: option "store" must have open(), commit(), replace() and close()`);
    const resolved = resolveServerOptions(OWNER, given);
    const wiredPair = pair && makePair(pair, resolved);
    this.#options = { ...resolved, ...wiredPair?.surroundings, hasStore: store !== undefined };
    this.#store = store;
    this.#star = wiredPair?.pair.machine;
    this.#machine = new ServerMachine(this.#options);
    this.#wired = wireServer(this.#machine, {
      transport: this.#transport,
      scheduler: systemScheduler,
      options: this.#options,
      store,
      pair: wiredPair?.pair,
      makeLife: () => randomBytes(8).toString("hex"),
      wallClock: () => Date.now(),
      owner: { status: (event) => this.report(event) },
    });
    this.#opened = this.#open();
    // Whoever binds is told.
    this.#opened.catch(() => undefined);
  }

  /**
   * Listens for clients, when what the store has is loaded. Of a TCP endpoint with a port P the three are P for snapshots, P + 1 for updates and P + 2 for
   * what clients publish; with the port `*` the system chooses all three.
   *
   * @returns the endpoints with their real ports, as a client's `connect` takes them
   * @throws (by rejecting) BindError if one cannot be bound; what the store's `open` rejects with; TypeError or RangeError if it is no endpoint;
   * ClosedError
   */
  async bind(endpoint: string | SnapshotEndpoints): Promise<SnapshotEndpoints> {
    const endpoints = threeEndpoints(OWNER, endpoint, "bind");
    await this.#ready();
    return this.#wired.bind(endpoints);
  }

  /**
   * Publishes this server's states there, for its peer.
   *
   * @returns the endpoint with its real port
   * @throws (by rejecting) as `bind`; TypeError if the server is not one of a pair
   */
  async bindPeer(endpoint: string): Promise<string> {
    this.#assertPair();
    checkEndpoint(OWNER, endpoint, "bind");
    await this.#ready();
    return this.#wired.bindPeer(endpoint);
  }

  /**
   * Hears the peer's states from there. The server judges its peer from now on.
   *
   * @param snapshot - where the peer's snapshots are asked of: what a passive server follows
   * @throws (by rejecting) what the store's `open` rejects with; TypeError or RangeError if it is no endpoint, or the server is not one of a pair;
   * ClosedError
   */
  async connectPeer(endpoint: string, snapshot: string): Promise<void> {
    this.#assertPair();
    checkEndpoint(OWNER, endpoint, "connect");
    checkEndpoint(OWNER, snapshot, "connect");
    await this.#ready();
    this.#wired.connectPeer(endpoint, snapshot);
  }

  /** The value of a key, as it is published. */
  get(key: string | Uint8Array): Buffer | undefined {
    const name = typeof key === "string" ? frameKey(textFrame(key)) : frameKey(key);
    const value = this.#machine.map.get(name)?.value;
    return value && Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }

  /** What the server knows of itself and its peer. */
  view(): SnapshotServerView {
    const { isServing: isActive, map, hasFollower: isFollowed } = this.#machine;
    const star = this.#star;
    const pair = star && {
      role: star.role,
      state: star.published,
      epoch: star.epoch,
      peerState: star.peerState,
      isFollowed,
    };
    return { isActive, sequence: map.sequence, keys: map.size, pair };
  }

  /** Counters since construction, and what there is now. */
  stats(): SnapshotServerStats {
    const { counters, map, uncommitted, openSnapshots, subtrees } = this.#machine;
    return {
      ...counters,
      keys: map.size,
      bytes: map.bytes,
      uncommitted,
      openSnapshots,
      subtrees,
      pair: this.#star && { ...this.#star.stats },
      sockets: this.#transport.stats(),
    };
  }

  /** Refuses what comes from now on, lets a passive peer take over, gives what was said up to `lingerMs` to leave, and closes the store. */
  override close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#opened.catch(() => undefined);
    await this.#wired.close(this.#options.lingerMs);
    if (this.#isStoreOpen) await this.#store?.close();
  }

  async #open(): Promise<void> {
    if (this.#store !== undefined) {
      const map = await this.#store.open();
      this.#isStoreOpen = true;
      loadMap(this.#machine, map, systemScheduler.now(), Date.now());
    }
    if (this.#star === undefined) this.#wired.serve();
  }

  async #ready(): Promise<void> {
    this.#assertOpen();
    await this.#opened;
    this.#assertOpen();
  }

  #assertPair(): void {
    if (this.#star === undefined) throw new TypeError(`${OWNER}: without the option "pair" there is no peer`);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
  }
}

/** A pair, and what a server knows by it. */
interface MadePair {
  readonly pair: ServerPair;
  readonly surroundings: { readonly peerDeadMs: number; readonly packBytes: number };
}

function makePair(options: SnapshotPairOptions, server: ResolvedServerOptions): MadePair {
  const { arbiter, epochFile, ...given } = options;
  const resolved = resolveStarOptions(`${OWNER}: pair`, { ...given, heartbeatMs: server.heartbeatMs });
  const { store, beginning } = openEpochs(OWNER, { arbiter, epochFile });
  const machine = new BinaryStarMachine(resolved, beginning);
  const { peerSocket, liveness } = resolved;
  const maxFrameBytes = valueLimit(OWNER, server, peerSocket, options.peerSocket ?? {}, "peerSocket");
  const socket = { ...peerSocket, maxFrameBytes };
  const peerDeadMs = resolved.heartbeatMs * liveness;
  const packBytes = Math.min(socket.maxFrameBytes, PORTION_BYTES);
  return { pair: { machine, socket, arbiter, store }, surroundings: { peerDeadMs, packBytes } };
}

function isStore(store: Partial<MapStore> | null): boolean {
  return (["open", "commit", "replace", "close"] as const).every(
    (name) => typeof store?.[name] === "function",
  );
}
