import {
  type Frames,
  frameKey,
  type SocketSettings,
  type Transport,
  type TransportSocket,
} from "@seaworthy/core";
import type { ClientInput } from "./client-messages.js";
import type { SnapshotEndpoints } from "./endpoints.js";
import { decodeMessage, decodeUpdate, encodeCommand } from "./wire.js";

/** Time for the word that nothing more is wanted to leave, in ms. */
const FAREWELL_MS = 100;

interface JoinSockets {
  snapshot?: TransportSocket;
  publisher?: TransportSocket;
  collector?: TransportSocket;
}

/** The sockets of a client: those of a join are made for it, and connect once. */
export class ClientSockets {
  readonly #transport: Transport;
  readonly #settings: SocketSettings;
  readonly #feed: (input: ClientInput) => void;
  readonly #joins = new Map<number, JoinSockets>();
  readonly #closings = new Set<Promise<void>>();

  /** @param feed - told of all that comes */
  constructor(transport: Transport, settings: SocketSettings, feed: (input: ClientInput) => void) {
    this.#transport = transport;
    this.#settings = settings;
    this.#feed = feed;
  }

  /** Makes the connections of a join. */
  open(join: number, { snapshot, publisher }: SnapshotEndpoints): void {
    this.#joins.set(join, {});
    this.#attempt(join, "publisher", () => this.#openPublisher(join, publisher));
    this.#attempt(join, "snapshot", () => this.#openSnapshot(join, snapshot));
  }

  /** Makes the connection to a collector, again and again: what it has missed is sent again. */
  openCollector(join: number, endpoint: string): void {
    const sockets = this.#joins.get(join);
    if (sockets === undefined) return;
    const failed = (reason: string | undefined): void =>
      this.#feed({ type: "collector-failed", join, reason });
    const prefixes = new Set<string>();
    try {
      // A publisher drops what nobody has subscribed to yet, and says nothing.
      const spec = { ...this.#settings, type: "publisher", subscriptions: true, immediate: true } as const;
      const socket = this.#transport.open(spec, {
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
          if (type === "failed") failed(reason);
        },
      });
      sockets.collector = socket;
      socket.connect(endpoint);
    } catch (error) {
      failed(reasonOf(error));
    }
  }

  subscribe(join: number, topics: readonly Uint8Array[]): void {
    const publisher = this.#joins.get(join)?.publisher;
    for (const topic of topics) publisher?.subscribe(topic);
  }

  /** @returns false if the socket takes no more, or is closed */
  send(join: number, socket: "snapshot" | "collector", frames: Frames, isWanted?: () => boolean): boolean {
    return this.#joins.get(join)?.[socket]?.send(frames, isWanted) ?? false;
  }

  /** Closes the sockets of a join. */
  discard(join: number, isAmidSnapshot: boolean): void {
    const { snapshot, publisher, collector } = this.#joins.get(join) ?? {};
    this.#joins.delete(join);
    if (isAmidSnapshot) snapshot?.send(encodeCommand("KTHXBAI"));
    this.#close(snapshot?.close(isAmidSnapshot ? FAREWELL_MS : 0));
    this.#close(publisher?.close(0));
    this.#close(collector?.close(0));
  }

  /** Resolves when all that were discarded are closed. */
  async closed(): Promise<void> {
    await Promise.all(this.#closings);
  }

  #openSnapshot(join: number, endpoint: string): void {
    const socket = this.#transport.open(
      { ...this.#settings, type: "dealer", reconnect: false },
      {
        message: (frames) => {
          const message = decodeMessage(frames);
          if (message.type === "malformed") this.#malformed(join, "snapshot", message.reason);
          else this.#feed({ type: "message", join, message });
        },
        connection: ({ type, reason }) => this.#connection(join, "snapshot", type, reason),
      },
    );
    this.#keep(join, "snapshot", socket);
    socket.connect(endpoint);
  }

  #openPublisher(join: number, endpoint: string): void {
    const socket = this.#transport.open(
      { ...this.#settings, type: "subscriber", reconnect: false },
      {
        message: (frames) => {
          const message = decodeUpdate(frames);
          if (message.type === "malformed") this.#malformed(join, "publisher", message.reason);
          else this.#feed({ type: "update", join, message });
        },
        connection: ({ type, reason }) => this.#connection(join, "publisher", type, reason),
      },
    );
    this.#keep(join, "publisher", socket);
    socket.connect(endpoint);
  }

  #keep(join: number, name: "snapshot" | "publisher", socket: TransportSocket): void {
    (this.#joins.get(join) as JoinSockets)[name] = socket;
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

  /** A process can run out of sockets, which is a failed connection like any other. */
  #attempt(join: number, socket: "snapshot" | "publisher", open: () => void): void {
    try {
      open();
    } catch (error) {
      this.#connection(join, socket, "failed", reasonOf(error));
    }
  }

  #close(closing: Promise<void> | undefined): void {
    if (closing === undefined) return;
    const closings = this.#closings;
    closings.add(closing);
    void closing.finally(() => closings.delete(closing));
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
