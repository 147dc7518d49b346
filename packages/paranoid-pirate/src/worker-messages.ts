import type { Frames, MessageDropped, StatusEvent, WorkerCall } from "@seaworthy/core";
import type { QueueCommand } from "./wire.js";

/** What can happen to a worker. Each `connection` is a socket of its own. */
export type ParanoidPirateWorkerInput =
  | WorkerCall
  | { readonly type: "up"; readonly connection: number }
  | { readonly type: "lost"; readonly connection: number; readonly reason: string | undefined }
  | { readonly type: "said"; readonly connection: number; readonly command: QueueCommand }
  | { readonly type: "malformed"; readonly connection: number; readonly reason: string };

/** Status events of a worker. */
export type ParanoidPirateWorkerEvent =
  /** It said READY, first or after an interruption. */
  | (StatusEvent & { readonly type: "session-opened"; readonly endpoint: string })
  | (StatusEvent & {
      readonly type: "session-lost";
      readonly endpoint: string;
      /** `silent`: no heartbeat came; `disconnected`: the connection broke; `failed`: there was none yet. */
      readonly how: "silent" | "disconnected" | "failed";
      /** What went wrong, where it is known. */
      readonly reason?: string;
      /** The pause before the next try, in ms; none while the application is still at work on a request. */
      readonly pauseMs?: number;
    })
  /** It is closed for good. */
  | (StatusEvent & { readonly type: "session-closed"; readonly endpoint: string })
  | (StatusEvent & { readonly type: "handler-failed"; readonly message: string })
  /** The session is over, and its queue has given the request to another. */
  | (StatusEvent & { readonly type: "reply-dropped" })
  | (StatusEvent & {
      readonly type: "request-refused";
      /** `queue-full`: `maxHeld` are here; `not-ready`: nobody had said READY. */
      readonly reason: "queue-full" | "not-ready";
    })
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number })
  | MessageDropped;

/** What a worker says to a queue. */
export type WorkerSpeech =
  | { readonly type: "ready" | "leave" }
  | { readonly type: "heartbeat"; readonly intervalMs: number | undefined }
  | { readonly type: "reply"; readonly address: Frames; readonly body: Frames };

/** What a worker does. */
export type ParanoidPirateWorkerOutput =
  | { readonly type: "open"; readonly connection: number; readonly endpoint: string }
  /** `lingers`: what was said last is to leave first. */
  | { readonly type: "discard"; readonly connection: number; readonly lingers: boolean }
  | { readonly type: "say"; readonly connection: number; readonly speech: WorkerSpeech }
  | { readonly type: "run"; readonly ticket: number; readonly body: Uint8Array[] }
  | { readonly type: "revoke"; readonly ticket: number }
  | { readonly type: "closed" }
  | { readonly type: "status"; readonly event: ParanoidPirateWorkerEvent };

/** Counters of a worker. */
export interface ParanoidPirateWorkerStats {
  /** Requests that came. */
  requests: number;
  /** Replies sent. */
  answered: number;
  /** Requests that the application gave back: dropped, or their handler threw. */
  givenBack: number;
  /** Replies to sessions that were over. */
  repliesDropped: number;
  /** Requests for which there was no room, or that nobody was ready for. */
  refused: number;
  /** Sessions lost: by silence, by the end of the connection, or before there was one. */
  sessionsLost: number;
  /** Messages that were no commands or requests. */
  malformed: number;
}
