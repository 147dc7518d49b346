import type { Frames, MessageDropped, RequestEffort, StatusEvent } from "@seaworthy/core";
import type { decodeAnswer, PublishedState } from "./wire.js";

/** What a server said about one request: a reply, the report of a failed handler, or a refusal. */
export type Answer = Exclude<ReturnType<typeof decodeAnswer>, { readonly type: "malformed" }>;

/** What can happen to a client. `call` is the number that the application knows a request by. */
export type BinaryStarClientInput =
  | { readonly type: "connect" | "disconnect"; readonly endpoint: string }
  | {
      readonly type: "request";
      readonly call: number;
      readonly body: Frames;
      readonly timeoutMs: number;
      readonly attempts: number;
    }
  | { readonly type: "abort" | "not-taken"; readonly call: number }
  | { readonly type: "close" }
  | { readonly type: "up" | "down"; readonly connection: number; readonly reason?: string | undefined }
  | { readonly type: "received"; readonly connection: number; readonly answer: Answer }
  | { readonly type: "malformed"; readonly connection: number; readonly reason: string };

/** How a request failed. */
export type RequestFailure = RequestEffort & {
  readonly code:
    | "ERR_REQUEST_TIMEOUT"
    | "ERR_CONNECTION_LOST"
    | "ERR_NOT_ACTIVE"
    | "ERR_HANDLER_FAILED"
    | "ERR_ABORTED"
    | "ERR_CLOSED";
  /** What the server's handler said. */
  readonly message?: string;
};

/** Why a client left a server. */
export type MoveReason =
  /** The connection broke. */
  | "lost"
  /** The connection could not be made, or not in time. */
  | "failed"
  /** Not a word came in a whole attempt of a request. */
  | "silent"
  /** It said that it is not active, and is not to become so soon. */
  | "refused"
  /** It was taken out with `disconnect`. */
  | "disconnected";

/** Status events of a client; `call` numbers its requests from 1. */
export type BinaryStarClientEvent =
  | (StatusEvent & {
      readonly type: "connection-opened" | "connection-lost" | "connection-failed";
      readonly endpoint: string;
      /** What went wrong, where it is known. */
      readonly reason?: string;
    })
  /** The other server gets its turn when the pair has had time to find this one dead. */
  | (StatusEvent & {
      readonly type: "settling-began";
      readonly endpoint: string;
      readonly reason: MoveReason;
      readonly ms: number;
    })
  /** A connection to another server is being made. */
  | (StatusEvent & {
      readonly type: "server-changed";
      readonly from: string;
      readonly to: string;
      readonly reason: MoveReason;
    })
  /** The server is not active. */
  | (StatusEvent & {
      readonly type: "request-refused";
      readonly call: number;
      readonly endpoint: string;
      readonly state: PublishedState;
      /** After so many ms a request can make it active; `undefined` if its peer lives, or it must not be. */
      readonly retryAfterMs: number | undefined;
    })
  /** An attempt is over, and another follows. */
  | (StatusEvent & {
      readonly type: "request-retried";
      readonly call: number;
      /** The attempt that is over, from 1. */
      readonly attempt: number;
      readonly reason: "timed-out" | "refused" | "connection-lost";
    })
  | (StatusEvent & {
      readonly type: "request-failed";
      readonly call: number;
      readonly code: RequestFailure["code"];
      readonly attempts: number;
    })
  | (StatusEvent & {
      readonly type: "reply-dropped";
      /** `late`: its request is over, answered or failed; `unknown`: never asked by this client. */
      readonly reason: "late" | "unknown";
    })
  /** The socket's queue is full (`socket.maxQueued`): the attempt does not count, and is made again after a pause. */
  | (StatusEvent & { readonly type: "send-refused"; readonly call: number })
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number })
  | MessageDropped;

/** What a client does. */
export type BinaryStarClientOutput =
  | { readonly type: "open"; readonly connection: number; readonly endpoint: string }
  | { readonly type: "discard"; readonly connection: number }
  | {
      readonly type: "send";
      readonly connection: number;
      readonly call: number;
      /** Number of the attempt, from 1. */
      readonly attempt: number;
      readonly id: { readonly epoch: bigint; readonly sequence: bigint };
      readonly body: Frames;
    }
  | { readonly type: "answered"; readonly call: number; readonly body: Uint8Array[] }
  | { readonly type: "failed"; readonly call: number; readonly failure: RequestFailure }
  | { readonly type: "status"; readonly event: BinaryStarClientEvent };

/** Counters of a client. */
export interface BinaryStarClientStats {
  /** Requests made. */
  requests: number;
  /** Requests that ended in their reply. */
  answered: number;
  /** Requests that ended in an error. */
  failed: number;
  /** Times that a request was sent beyond the first. */
  retries: number;
  /** Times that a server said that it is not active. */
  refusals: number;
  /** Times that the client went to another server. */
  moves: number;
  /** Answers to requests that were over: late, or the second one. */
  lateReplies: number;
  /** Answers that nobody asked for, and messages that are none. */
  dropped: number;
  /** Sends that a full send queue did not take. */
  sendsRefused: number;
}
