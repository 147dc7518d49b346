import type { Frames, MessageDropped, StatusEvent, WorkerCall } from "@seaworthy/core";
import type { WorkerRequest } from "./wire.js";

/** What can happen to a worker. Each `connection` is a socket of its own. */
export type SimplePirateWorkerInput =
  | WorkerCall
  | { readonly type: "up"; readonly connection: number }
  | { readonly type: "lost"; readonly connection: number; readonly reason: string | undefined }
  | { readonly type: "received"; readonly connection: number; readonly request: WorkerRequest }
  | { readonly type: "malformed"; readonly connection: number; readonly reason: string };

/** Status events of a worker. */
export type SimplePirateWorkerEvent =
  /** It has said READY, first or after an interruption. */
  | (StatusEvent & { readonly type: "session-opened"; readonly endpoint: string })
  | (StatusEvent & {
      readonly type: "session-lost";
      readonly endpoint: string;
      /** `disconnected`: the connection broke; `failed`: there was none yet. */
      readonly how: "disconnected" | "failed";
      /** What went wrong, where it is known. */
      readonly reason?: string;
    })
  | (StatusEvent & { readonly type: "handler-failed"; readonly message: string })
  /** The connection that the request came over is lost: the reply finds no way. */
  | (StatusEvent & { readonly type: "reply-dropped" })
  /** A queue gave a session a second request: it waits until the application takes it. */
  | (StatusEvent & { readonly type: "request-held"; readonly endpoint: string })
  | (StatusEvent & {
      readonly type: "request-refused";
      readonly endpoint: string;
      /**
       * `not-ready`: nobody had said READY on this connection, or it is over; `leaving`: the session is to end; `queue-full`: a second request to
       * a session while `maxHeld` are here.
       */
      readonly reason: "not-ready" | "leaving" | "queue-full" | "body-too-large";
    })
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number })
  | MessageDropped;

/** What a worker does. */
export type SimplePirateWorkerOutput =
  | { readonly type: "open"; readonly connection: number; readonly endpoint: string }
  /** `lingers`: what was said last is to leave first. */
  | { readonly type: "discard"; readonly connection: number; readonly lingers: boolean }
  | { readonly type: "ready"; readonly connection: number }
  | {
      readonly type: "reply";
      readonly connection: number;
      readonly address: Frames;
      readonly body: Frames;
    }
  | { readonly type: "run"; readonly ticket: number; readonly body: Uint8Array[] }
  | { readonly type: "revoke"; readonly ticket: number }
  | { readonly type: "closed" }
  | { readonly type: "status"; readonly event: SimplePirateWorkerEvent };

/** Counters of a worker. */
export interface SimplePirateWorkerStats {
  /** Requests that came. */
  requests: number;
  /** Replies sent. */
  answered: number;
  /** Requests that the application dropped without an answer. */
  dropped: number;
  /** Handlers that threw. */
  failed: number;
  /** Replies to requests whose connection was lost meanwhile. */
  repliesDropped: number;
  /** Requests that were not run: not expected, too large, or no room. */
  refused: number;
  /** Connections lost, or not made. */
  sessionsLost: number;
  /** Messages that were no requests. */
  malformed: number;
}
