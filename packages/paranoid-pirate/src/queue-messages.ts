import type {
  DeskRequest,
  Frames,
  FrontendInput,
  Malformed,
  MessageDropped,
  RefusalReason,
  RequestDropped,
  StatusEvent,
} from "@seaworthy/core";
import type { WorkerCommand } from "./wire.js";

/** What can happen to a queue. `worker` is the key of a routing id. */
export type ParanoidPirateQueueInput =
  | FrontendInput
  | {
      readonly type: "said";
      readonly worker: string;
      readonly id: Uint8Array;
      readonly command: WorkerCommand;
    }
  /** A worker's connection is gone. */
  | { readonly type: "worker-departed"; readonly worker: string }
  /** What was sent to a worker could not be routed; `number` if it was a request. */
  | {
      readonly type: "unreachable";
      readonly worker: string;
      readonly reason: RefusalReason | "queue-full";
      readonly number: number | undefined;
    }
  /** What a worker sent is no message. */
  | (Malformed & { readonly worker: string })
  /** No more requests are to be taken. */
  | { readonly type: "close" };

/** Why a worker is not in the queue's books any more. */
export type GoneReason =
  /** Its connection has ended. */
  | "departed"
  /** A message to it could not be routed, or not be queued. */
  | RefusalReason
  | "queue-full"
  /** It has been silent for twice its liveness. */
  | "silent";

/** Status events of a queue. `worker` is the worker's routing id: as text if it is printable, or in hexadecimal. */
export type ParanoidPirateQueueEvent =
  | (StatusEvent & {
      /**
       * `worker-expired`: silent for its liveness, what it had is given to another; `worker-returned`: free
       * for requests again after that; `worker-left`: it took its leave.
       */
      readonly type: "worker-joined" | "worker-expired" | "worker-returned" | "worker-left";
      readonly worker: string;
    })
  | (StatusEvent & { readonly type: "worker-gone"; readonly worker: string; readonly reason: GoneReason })
  /** `maxWorkers` are in the books. */
  | (StatusEvent & { readonly type: "worker-refused"; readonly worker: string })
  /** Its worker is gone, or gave it back: another gets the request. */
  | (StatusEvent & { readonly type: "request-redelivered"; readonly deliveries: number })
  /** It was given to `maxDeliveries` workers, and none replied. */
  | (StatusEvent & { readonly type: "request-given-up"; readonly deliveries: number })
  | RequestDropped
  | (StatusEvent & {
      readonly type: "reply-dropped";
      /** `late`: another worker has answered, or the request was given up; `unknown`: to no request of this worker. */
      readonly reason: "late" | "unknown" | "body-too-large";
    })
  | (StatusEvent & { readonly type: "reply-undeliverable"; readonly reason: RefusalReason | "queue-full" })
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number })
  | MessageDropped;

/** What a queue does. */
export type ParanoidPirateQueueOutput =
  | { readonly type: "deliver"; readonly worker: Uint8Array; readonly request: DeskRequest }
  | { readonly type: "answer"; readonly route: Frames; readonly body: Frames }
  /** `intervalMs`: ours, told to those who understand it. */
  | { readonly type: "heartbeat"; readonly worker: Uint8Array; readonly intervalMs: number | undefined }
  /** The worker has nothing more to expect. */
  | { readonly type: "release"; readonly worker: Uint8Array }
  /** It is closing, and no worker has a request any more. */
  | { readonly type: "idle" }
  | { readonly type: "status"; readonly event: ParanoidPirateQueueEvent };

/** Counters of a queue. */
export interface ParanoidPirateQueueStats {
  /** Requests that came from clients. */
  requests: number;
  /** Requests given to a worker, each time counted. */
  delivered: number;
  /** Replies passed on to their clients. */
  answered: number;
  /** Requests given to another worker because the one before was gone or gave them back. */
  redelivered: number;
  /** Requests given up after `maxDeliveries`. */
  givenUp: number;
  /** Requests that no worker got: no room, too old, too large, client gone, closing. */
  dropped: number;
  /** Replies that nobody waited for, or that were too large. */
  repliesDropped: number;
  /** Replies whose client was gone or did not read. */
  undeliverable: number;
  /** Messages that were no commands, requests or replies. */
  malformed: number;
  /** Workers that were silent for their liveness. */
  expired: number;
}
