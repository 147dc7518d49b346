import type {
  DeskRequest,
  Frames,
  FrontendInput,
  MessageDropped,
  RefusalReason,
  RequestDropped,
  StatusEvent,
} from "@seaworthy/core";
import type { WorkerReady, WorkerReply } from "./wire.js";

/** Why a message was not sent: ZeroMQ could not route it, or the socket takes no more. */
export type UnsentReason = RefusalReason | "queue-full";

/** What became of the worker that had a request. */
export type LossReason = "worker-ready" | "worker-departed" | "worker-forgotten";

/** What can happen to a queue. */
export type SimplePirateQueueInput =
  | FrontendInput
  | WorkerReady
  | WorkerReply
  /** A request did not get to the worker that it was given to. */
  | {
      readonly type: "undelivered";
      readonly worker: Uint8Array;
      readonly number: number | undefined;
      readonly reason: UnsentReason;
    }
  /** A worker's connection is gone, and it cannot come back as the one that it was. */
  | { readonly type: "worker-departed"; readonly worker: Uint8Array }
  /** No more requests are to be taken. */
  | { readonly type: "close" };

/** Status events of a queue. `worker` is the worker's routing id: as text if it is printable, or in hexadecimal. */
export type SimplePirateQueueEvent =
  /**
   * `worker-joined`: a worker that was not known is ready; `worker-forgotten`: at `maxWorkers`, the one that
   * has been busy for longest, or else ready for longest, made room for it.
   */
  | (StatusEvent & {
      readonly type: "worker-joined" | "worker-forgotten";
      readonly worker: string;
    })
  /** Its connection has ended (`departed`), or a request could not be sent to it. */
  | (StatusEvent & {
      readonly type: "worker-gone";
      readonly worker: string;
      readonly reason: UnsentReason | "departed";
    })
  | (StatusEvent & {
      readonly type: "request-lost";
      readonly worker: string;
      /** `worker-ready`: the worker had it, and says READY instead of a reply. */
      readonly reason: LossReason;
    })
  | RequestDropped
  | (StatusEvent & {
      readonly type: "reply-dropped";
      /** `unknown`: to no request that this worker has, as far as the queue knows. */
      readonly reason: "unknown" | "body-too-large";
    })
  | (StatusEvent & { readonly type: "reply-undeliverable"; readonly reason: UnsentReason })
  /** The queue's process stood still: requests have waited for longer, and clients may have given up. */
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number })
  | MessageDropped;

/** What a queue does. */
export type SimplePirateQueueOutput =
  | { readonly type: "dispatch"; readonly worker: Uint8Array; readonly request: DeskRequest }
  | { readonly type: "answer"; readonly route: Frames; readonly body: Frames }
  /** The queue is closing, and no worker has a request any more. */
  | { readonly type: "idle" }
  | { readonly type: "status"; readonly event: SimplePirateQueueEvent };

/** Counters of a queue. */
export interface SimplePirateQueueStats {
  /** Requests that came from clients. */
  requests: number;
  /** Requests given to a worker, each time counted. */
  dispatched: number;
  /** Requests that did not get to their worker and went to another, or back into line. */
  returned: number;
  /** Replies passed on to their clients. */
  answered: number;
  /** Requests that a worker had and did not reply to: it said READY again, has gone, or was forgotten. */
  lost: number;
  /** Requests that no worker got: no room, too old, too large, client gone, closing. */
  dropped: number;
  /** Replies to requests that their worker did not have, or that were too large. */
  repliesDropped: number;
  /** Replies whose client was gone or did not read. */
  undeliverable: number;
  /** Messages that were no requests, or neither READY nor replies. */
  malformed: number;
}
