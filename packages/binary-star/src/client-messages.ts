import type {
  MessageDropped,
  RequestClientCode,
  RequestClientFailure,
  RequestClientInput,
  RequestClientOutput,
  StatusEvent,
} from "@seaworthy/core";
import type { decodeAnswer, PublishedState } from "./wire.js";

/** What a server said about one request: a reply, the report of a failed handler, or a refusal. */
export type Answer = Exclude<ReturnType<typeof decodeAnswer>, { readonly type: "malformed" }>;

/** What can happen to a client. */
export type BinaryStarClientInput = RequestClientInput<Answer>;

/** How a request failed. */
export type RequestFailure = RequestClientFailure<
  Exclude<RequestClientCode, "ERR_NOT_CONNECTED"> | "ERR_NOT_ACTIVE"
>;

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
export type BinaryStarClientOutput = RequestClientOutput<BinaryStarClientEvent, RequestFailure>;

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
