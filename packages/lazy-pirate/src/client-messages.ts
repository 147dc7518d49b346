import type {
  FailureReply,
  MessageDropped,
  ReplaceReason,
  Reply,
  RequestClientFailure,
  RequestClientInput,
  RequestClientOutput,
  StatusEvent,
} from "@seaworthy/core";

/** What can happen to a client. */
export type LazyPirateClientInput = RequestClientInput<Reply | FailureReply>;

/** How a request failed. */
export type RequestFailure = RequestClientFailure;

/** Status events of a client; `call` numbers its requests from 1. */
export type LazyPirateClientEvent =
  | (StatusEvent & {
      readonly type: "connection-opened" | "connection-lost" | "connection-failed";
      readonly endpoint: string;
      /** What went wrong, where it is known. */
      readonly reason?: string;
    })
  /** A replaced connection made room for a new one (`maxConnections`); requests on it count as lost. */
  | (StatusEvent & { readonly type: "connection-abandoned"; readonly endpoint: string })
  | (StatusEvent & {
      readonly type: "connection-replaced";
      readonly from: string;
      readonly to: string;
      /** `silent`: a whole attempt passed without a word; `failed`: it could not be made. */
      readonly reason: ReplaceReason;
    })
  | (StatusEvent & {
      readonly type: "request-retried";
      readonly call: number;
      /** The attempt that is over, from 1. */
      readonly attempt: number;
      readonly reason: "timed-out" | "connection-lost";
      /** The pause before the next attempt, in ms. */
      readonly pauseMs: number;
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
  /** The socket's queue is full (`socket.maxQueued`): this attempt is not sent until a reply shows that the queue has moved. */
  | (StatusEvent & { readonly type: "send-refused"; readonly call: number })
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number })
  | MessageDropped;

/** What a client does. */
export type LazyPirateClientOutput = RequestClientOutput<LazyPirateClientEvent, RequestFailure>;

/** Counters of a client. */
export interface LazyPirateClientStats {
  /** Requests made. */
  requests: number;
  /** Requests that ended in their reply. */
  answered: number;
  /** Requests that ended in an error. */
  failed: number;
  /** Attempts beyond the first. */
  retries: number;
  /** Replies to requests that were over: late, or the second one. */
  lateReplies: number;
  /** Replies that nobody asked for, and messages that are no replies. */
  dropped: number;
  /** Attempts that a full send queue did not take. */
  refused: number;
  /** Connections replaced. */
  replaced: number;
}
