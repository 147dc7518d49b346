import {
  type BinaryStarEvent,
  type BinaryStarMachine,
  type BinaryStarSurroundings,
  type WiredStar,
  wireStar,
} from "@seaworthy/binary-star/machine";
import {
  failureText,
  keyFrame,
  MachineHost,
  type Scheduler,
  SocketPool,
  type Transport,
} from "@seaworthy/core";
import { subtreeOfBeat } from "./beat.js";
import type { SnapshotEndpoints } from "./endpoints.js";
import type { Entry } from "./entry.js";
import { decodeAnswer } from "./packs.js";
import type { ServerMachine } from "./server-machine.js";
import type { ServerOutput, SnapshotServerEvent } from "./server-messages.js";
import type { ResolvedServerOptions } from "./server-options.js";
import type { MapStore, StoredEntry } from "./store.js";
import { decodeServerMessage, decodeUpdate } from "./wire.js";

/** Status events of a server, and of the pair that it belongs to. */
export type SnapshotServerStatus = SnapshotServerEvent | BinaryStarEvent;

/** The pair that a server belongs to. */
export interface ServerPair extends Pick<BinaryStarSurroundings, "socket" | "arbiter" | "store"> {
  readonly machine: BinaryStarMachine;
}

/** Where a server's machine lives. */
export interface ServerMachineSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  options: ResolvedServerOptions;
  /** Has been opened, and what it had been loaded into the machine. */
  store?: MapStore | undefined;
  pair?: ServerPair | undefined;
  /** Makes the name of a time of serving, which no other has. */
  makeLife(): string;
  /** The wall clock, in ms since 1970: by it entries are kept that have a time to live. */
  wallClock(): number;
  owner: { status(event: SnapshotServerStatus): void };
}

/** A server's machine with its sockets. */
export interface WiredServer {
  /** Returns the endpoints with their real ports. */
  bind(endpoints: SnapshotEndpoints): SnapshotEndpoints;
  /** Without a pair: serve. */
  serve(): void;
  /** Where the peer subscribes to this server's states. */
  bindPeer(endpoint: string): string;
  /** Where the peer publishes its states, and where its snapshots are asked of. */
  connectPeer(endpoint: string, snapshot: string): void;
  close(lingerMs: number): Promise<void>;
}

/** So long may the last word to the active peer take, in ms. */
const LAST_WORD_MS = 100;

/** Connects a server's machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireServer(
  machine: ServerMachine,
  { transport, scheduler, options, store, pair, makeLife, wallClock, owner }: ServerMachineSurroundings,
): WiredServer {
  const router = transport.open(
    { ...options.socket, type: "router" },
    {
      message: (frames) => received(frames),
      refused: (frames, reason) => host.feed({ type: "refused", frames, reason }),
    },
  );
  const publisher = transport.open(
    {
      ...options.socket,
      type: "publisher",
      subscriptions: true,
      sendHighWaterMark: options.maxBehind,
      // All that may be published in one go, and as much again.
      maxQueued: Math.max(options.socket.maxQueued, 2 * options.maxUncommitted),
    },
    {
      message() {},
      subscribed: (prefix) => followed(prefix, "subscribed"),
      unsubscribed: (prefix) => followed(prefix, "unsubscribed"),
    },
  );
  const collector = transport.open(
    { ...options.socket, type: "subscriber" },
    { message: (frames) => host.feed({ type: "collected", message: decodeUpdate(frames) }) },
  );
  collector.subscribe(new Uint8Array(0));
  const links = new SocketPool(transport);
  /** The latest connection to the peer. What those before say late does not count. */
  let link = 0;
  let peerSnapshot: string | undefined;
  let transfer = 0;

  const star: WiredStar | undefined =
    pair &&
    wireStar(pair.machine, {
      ...pair,
      transport,
      scheduler,
      owner: {
        activate(epoch) {
          star?.feed({ type: "activated", epoch });
          host.feed({ type: "activate", life: makeLife() });
        },
        deactivate(_epoch, reason) {
          host.feed({ type: "deactivate" });
          // It may become passive beside a peer that is not active yet, and whose updates it would not get.
          if (reason !== "yielded") star?.feed({ type: "source-lost" });
        },
        transfer(number) {
          transfer = number;
          host.feed({ type: "follow" });
        },
        stopTransfer: () => host.feed({ type: "unfollow" }),
        status: (event) => owner.status(event),
      },
    });

  if (pair !== undefined) machine.isSure = (now) => pair.machine.isServing(now);

  function received([route, ...frames]: Uint8Array[]): void {
    const message = decodeServerMessage(frames);
    // What the peer asks for is no sign that a client has lost it.
    if (message.type === "snapshot-request" && message.terms?.follows !== true) star?.vote();
    const now = scheduler.now();
    const maySay = machine.isSure(now);
    const retryAfterMs = pair?.machine.retryAfterMs(now);
    host.feed({ type: "message", route: route as Uint8Array, message, maySay, retryAfterMs });
  }

  function followed(prefix: Uint8Array, type: "subscribed" | "unsubscribed"): void {
    const subtree = subtreeOfBeat(prefix);
    if (subtree !== undefined) host.feed({ type, subtree });
  }

  function send({ frames, flush, end }: ServerOutput & { type: "send" }): void {
    const isWanted =
      flush === undefined
        ? undefined
        : (): boolean => {
            const isComplete = end === undefined || machine.mayEnd(end);
            host.feed({ type: "flushed", snapshot: flush });
            return isComplete;
          };
    if (router.send(frames, isWanted)) return;
    host.feed({ type: "refused", frames, reason: "queue-full" });
    if (flush !== undefined) host.feed({ type: "flushed", snapshot: flush });
  }

  function openLink(): void {
    link += 1;
    const opened = link;
    const spec = { ...(pair as ServerPair).socket, type: "dealer", reconnect: false } as const;
    links.open(opened, peerSnapshot as string, spec, {
      message: (frames) => {
        if (link === opened) host.feed({ type: "link-message", message: decodeAnswer(frames) });
      },
      connection: ({ type, reason = type }) => {
        if (link !== opened) return;
        host.feed(type === "up" ? { type: "link-up" } : { type: "link-down", reason });
      },
    });
  }

  function give(output: ServerOutput & { type: "store" | "store-all" }): PromiseLike<void> {
    const ahead = wallClock() - output.at;
    const stored = (entry: Entry): StoredEntry => storedEntry(entry, ahead);
    const kept = store as MapStore;
    if (output.type === "store") return kept.commit(output.updates.map(stored));
    const { sequence } = output;
    const known = output.known.map(([uuid, number]) => ({ uuid: keyFrame(uuid), sequence: number }));
    return kept.replace({ sequence, entries: output.entries.map(stored), known });
  }

  /** In callbacks alone: where the store calls back at once, as in a simulation, all happens in virtual time. */
  function keep(output: ServerOutput & { type: "store" | "store-all" }): void {
    const failed = (error: unknown): void => host.feed({ type: "store-failed", reason: failureText(error) });
    let given: PromiseLike<void>;
    try {
      given = give(output);
      // Whoever writes a store may also return nothing, or throw at once.
      if (typeof given?.then !== "function") throw new TypeError("the store's method returned no promise");
    } catch (error) {
      return failed(error);
    }
    given.then(() => host.feed({ type: "stored" }), failed);
  }

  function perform(output: ServerOutput): void {
    switch (output.type) {
      case "send":
        return send(output);
      case "publish":
        publisher.send(output.frames);
        return;
      case "store":
      case "store-all":
        return keep(output);
      case "open-link":
        return openLink();
      case "close-link":
        return links.discard(link, LAST_WORD_MS);
      case "link-send":
        links.send(link, output.frames);
        return;
      case "caught-up":
        return star?.feed({ type: "caught-up", transfer });
      case "follow-failed":
        return star?.feed({ type: "transfer-failed", transfer, reason: output.reason });
      case "source-lost":
        return star?.feed({ type: "source-lost", since: output.since });
      case "fell-behind":
        return star?.feed({ type: "fell-behind" });
      case "status":
        return owner.status(output.event);
    }
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    bind: ({ snapshot, publisher: updates, collector: collected }) => ({
      snapshot: router.bind(snapshot),
      publisher: publisher.bind(updates),
      collector: collector.bind(collected),
    }),
    serve: () => host.feed({ type: "activate", life: makeLife() }),
    bindPeer: (endpoint) => (star as WiredStar).bind(endpoint),
    connectPeer(endpoint, snapshot) {
      peerSnapshot = snapshot;
      star?.connect(endpoint);
    },
    async close(lingerMs) {
      host.feed({ type: "close" });
      const sockets: readonly { close(lingerMs: number): Promise<void> }[] = [router, publisher];
      const word = Math.max(lingerMs, LAST_WORD_MS);
      await Promise.all([
        ...sockets.map((socket) => socket.close(lingerMs)),
        collector.close(0),
        links.close(LAST_WORD_MS),
        star?.close(word),
      ]);
      host.stop();
    },
  };
}

function storedEntry(
  { key, sequence, uuid, properties, value, expiresAt }: Entry,
  ahead: number,
): StoredEntry {
  return {
    key,
    sequence,
    uuid,
    properties,
    value,
    expiresAt: expiresAt === undefined ? undefined : expiresAt + ahead,
  };
}
