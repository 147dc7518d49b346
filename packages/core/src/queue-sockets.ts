import { frameLimit } from "./frame-limit.js";
import {
  DELIMITER,
  type Enveloped,
  type Frames,
  frameKey,
  isAnonymous,
  type Malformed,
  openEnvelope,
} from "./frames.js";
import { type ResolvedSettings, resolveSettings } from "./socket-settings.js";
import type { StatusEvent } from "./status.js";
import type { RefusalReason, SocketSettings, Transport } from "./transport.js";

/** Whom a queue's sockets and machine tell what happens. */
export interface QueueOwner<E extends StatusEvent> {
  /** It is closing, and no worker has a request any more. */
  idle(): void;
  status(event: E): void;
}

/** What bounds the two sockets of a queue. */
export interface QueueBounds {
  readonly maxBodyBytes: number;
  readonly maxWorkers: number;
}

/** Settings of the two sockets of a queue, with every default filled in. */
export interface QueueSockets {
  readonly frontend: ResolvedSettings;
  readonly backend: ResolvedSettings;
}

/**
 * Twice the requests that one of our clients has in flight by default. ZeroMQ hears of what a peer has read
 * only each half mark, so a ROUTER may take a peer for full when half a mark is waiting.
 */
const FRONTEND_HIGH_WATER_MARK = 20_000;

/**
 * A worker has one request at a time, and few words besides. A full queue must not cost a worker, so there is
 * room for all of them, and for what is left of those that have gone.
 */
const QUEUED_PER_WORKER = 4;

/**
 * Checks what a user gave for the sockets of a queue and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveQueueSockets(
  owner: string,
  { maxBodyBytes, maxWorkers }: QueueBounds,
  given: { readonly frontend: SocketSettings; readonly backend: SocketSettings },
): QueueSockets {
  const { sendHighWaterMark = FRONTEND_HIGH_WATER_MARK } = given.frontend;
  const frontend = resolveSettings(`${owner}: frontend`, { ...given.frontend, sendHighWaterMark });
  const backend = resolveSettings(`${owner}: backend`, given.backend);
  const limit = (settings: ResolvedSettings, side: "frontend" | "backend"): number =>
    frameLimit(owner, maxBodyBytes, settings, given[side], side);
  return {
    frontend: { ...frontend, maxFrameBytes: limit(frontend, "frontend") },
    backend: {
      ...backend,
      maxQueued: Math.max(backend.maxQueued, QUEUED_PER_WORKER * maxWorkers),
      maxFrameBytes: limit(backend, "backend"),
    },
  };
}

/** What the clients' side of a queue tells its machine. */
export type FrontendInput =
  | Enveloped
  | Malformed
  /** The connection of a client is gone, and it cannot come back for its replies. */
  | { readonly type: "client-departed"; readonly client: string }
  /** A reply did not leave. */
  | { readonly type: "undeliverable"; readonly reason: RefusalReason | "queue-full" };

/** The socket that a queue has for its clients. */
export interface Frontend {
  bind(endpoint: string): string;
  /** Sends a reply the way that its request came. */
  answer(route: Frames, body: Frames): void;
  close(lingerMs: number): Promise<void>;
}

/** Opens the socket that a queue has for its clients. */
export function openFrontend(
  transport: Transport,
  settings: SocketSettings,
  departures: boolean,
  feed: (input: FrontendInput) => void,
): Frontend {
  const socket = transport.open(
    { ...settings, type: "router", departures },
    {
      message: (frames) => feed(openEnvelope(frames)),
      departed(id) {
        // One with a routing id of its own may come back for its replies.
        if (isAnonymous(id)) feed({ type: "client-departed", client: frameKey(id) });
      },
      refused: (_frames, reason) => feed({ type: "undeliverable", reason }),
    },
  );
  return {
    bind: (endpoint) => socket.bind(endpoint),
    answer(route, body) {
      if (!socket.send([...route, DELIMITER, ...body])) feed({ type: "undeliverable", reason: "queue-full" });
    },
    close: (lingerMs) => socket.close(lingerMs),
  };
}
