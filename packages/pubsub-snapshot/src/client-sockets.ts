import { type Frames, frameKey, SocketPool, type SocketSettings, type Transport } from "@seaworthy/core";
import type { ClientInput } from "./client-messages.js";
import type { SnapshotEndpoints } from "./endpoints.js";
import { decodeAnswer } from "./packs.js";
import { decodeUpdate, encodeCommand } from "./wire.js";

/** Time for the word that nothing more is wanted to leave, in ms. */
const FAREWELL_MS = 100;

/** The sockets of a client: those of a join are made for it, and connect once. */
export class ClientSockets {
  readonly #settings: SocketSettings;
  readonly #feed: (input: ClientInput) => void;
  /** By the number of the join. */
  readonly #pools: Readonly<Record<"snapshot" | "publisher" | "collector", SocketPool>>;

  /** @param feed - told of all that comes */
  constructor(transport: Transport, settings: SocketSettings, feed: (input: ClientInput) => void) {
    this.#settings = settings;
    this.#feed = feed;
    this.#pools = {
      snapshot: new SocketPool(transport),
      publisher: new SocketPool(transport),
      collector: new SocketPool(transport),
    };
  }

  /** Makes the connections of a join. */
  open(join: number, { snapshot, publisher }: SnapshotEndpoints): void {
    this.#openPublisher(join, publisher);
    this.#openSnapshot(join, snapshot);
  }

  /** Makes the connection to a collector, again and again: what it has missed is sent again. */
  openCollector(join: number, endpoint: string): void {
    // A publisher drops what nobody has subscribed to yet, and says nothing.
    const spec = { ...this.#settings, type: "publisher", subscriptions: true, immediate: true } as const;
    const prefixes = new Set<string>();
    this.#pools.collector.open(join, endpoint, spec, {
      message() {},
      subscribed: (prefix) => {
        if (prefixes.size === 0) this.#feed({ type: "collector-open", join });
        prefixes.add(frameKey(prefix));
      },
      unsubscribed: (prefix) => {
        if (prefixes.delete(frameKey(prefix)) && prefixes.size === 0)
          this.#feed({ type: "collector-closed", join });
      },
      connection: ({ type, reason }) => {
        if (type === "failed") this.#feed({ type: "collector-failed", join, reason });
      },
    });
  }

  subscribe(join: number, topics: readonly Uint8Array[]): void {
    for (const topic of topics) this.#pools.publisher.subscribe(join, topic);
  }

  /** @returns false if the socket takes no more, or is closed */
  send(join: number, socket: "snapshot" | "collector", frames: Frames, isWanted?: () => boolean): boolean {
    return this.#pools[socket].send(join, frames, isWanted);
  }

  /** Closes the sockets of a join. */
  discard(join: number, isAmidSnapshot: boolean): void {
    const { snapshot, publisher, collector } = this.#pools;
    if (isAmidSnapshot) snapshot.send(join, encodeCommand("KTHXBAI"));
    snapshot.discard(join, isAmidSnapshot ? FAREWELL_MS : 0);
    publisher.discard(join);
    collector.discard(join);
  }

  /** Closes all sockets; resolves when they are. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#pools).map((pool) => pool.close()));
  }

  #openSnapshot(join: number, endpoint: string): void {
    const spec = { ...this.#settings, type: "dealer", reconnect: false } as const;
    this.#pools.snapshot.open(join, endpoint, spec, {
      message: (frames) => {
        const message = decodeAnswer(frames);
        if (message.type === "malformed") this.#malformed(join, "snapshot", message.reason);
        else this.#feed({ type: "message", join, message });
      },
      connection: ({ type, reason }) => this.#connection(join, "snapshot", type, reason),
    });
  }

  #openPublisher(join: number, endpoint: string): void {
    const spec = { ...this.#settings, type: "subscriber", reconnect: false } as const;
    this.#pools.publisher.open(join, endpoint, spec, {
      message: (frames) => {
        const message = decodeUpdate(frames);
        if (message.type === "malformed") this.#malformed(join, "publisher", message.reason);
        else this.#feed({ type: "update", join, message });
      },
      connection: ({ type, reason }) => this.#connection(join, "publisher", type, reason),
    });
  }

  #connection(
    join: number,
    socket: "snapshot" | "publisher",
    type: "up" | "down" | "failed",
    reason: string | undefined,
  ): void {
    this.#feed({ type: type === "up" ? "up" : "down", join, socket, reason });
  }

  #malformed(join: number, socket: "snapshot" | "publisher", reason: string): void {
    this.#feed({ type: "malformed", join, socket, reason });
  }
}
