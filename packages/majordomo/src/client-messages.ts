import type { Frames, MessageDropped, ReplaceReason, RequestEffort, StatusEvent } from "@seaworthy/core";
import type { ReplyPart } from "./client-wire.js";
import type { RefusalKind, RequestHeader } from "./request-header.js";
import type { MdpVersion } from "./wire.js";

/** What can happen to a client. `call` is the number that the application knows a request by. */
export type MajordomoClientInput =
  | { readonly type: "connect" | "disconnect"; readonly endpoint: string }
  | {
      readonly type: "request";
      readonly call: number;
      readonly service: Uint8Array;
      readonly body: Frames;
      readonly timeoutMs: number;
      readonly attempts: number;
      /** Whether parts of the reply are told as they come. */
      readonly isStream: boolean;
    }
  | { readonly type: "abort" | "not-taken"; readonly call: number }
  /** The application has read a part of a stream, of this size. */
  | { readonly type: "read"; readonly call: number; readonly bytes: number }
  | { readonly type: "close" }
  | { readonly type: "up" | "down"; readonly socket: number; readonly reason?: string | undefined }
  | { readonly type: "received"; readonly socket: number; readonly reply: ReplyPart }
  | { readonly type: "malformed"; readonly socket: number; readonly reason: string };

/** Why an attempt ended without a reply, other than by the failure of a handler. */
export type AttemptEnd =
  | "timed-out"
  | "connection-lost"
  /** A part of the reply is missing, or its last parts are of another run than its first. */
  | "incomplete"
  | Exclude<RefusalKind, "handler-failed" | "given-up">;

/** What broke off a stream of which parts had been read. */
export type StreamBreak =
  | AttemptEnd
  /** The worker was lost, and another began from the start. */
  | "restarted";

/** What a request failed of. */
export type FailureCause =
  /** `wasGiven` is false if the broker said of the last attempt that no worker had been given the request. */
  | { readonly code: "ERR_REQUEST_TIMEOUT"; readonly wasGiven?: false }
  | {
      readonly code:
        | "ERR_BROKER_UNREACHABLE"
        | "ERR_NO_SERVICE"
        | "ERR_WORKERS_FAILED"
        | "ERR_ABORTED"
        | "ERR_CLOSED";
    }
  /** What the handler said, or which limit it is. */
  | { readonly code: "ERR_HANDLER_FAILED" | "ERR_BROKER_LIMIT"; readonly message: string }
  | { readonly code: "ERR_STREAM_INTERRUPTED"; readonly reason: StreamBreak }
  | { readonly code: "ERR_LIMIT_REACHED"; readonly option: string; readonly limit: number };

/** How a request failed. */
export type RequestFailure = RequestEffort & FailureCause;

/** Status events of a client; `call` numbers its requests from 1. */
export type MajordomoClientEvent =
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
      /** `silent`: a whole attempt passed without a word; `closing`: the broker said that it closes. */
      readonly reason: ReplaceReason | "closing";
    })
  /** It is known whether a broker is one of Seaworthy, and which version of MDP it is spoken to with. */
  | (StatusEvent & {
      readonly type: "broker-recognised";
      readonly endpoint: string;
      readonly ours: boolean;
      readonly protocol: MdpVersion;
    })
  | (StatusEvent & {
      readonly type: "request-retried";
      readonly call: number;
      /** The attempt that is over, from 1. */
      readonly attempt: number;
      readonly reason: AttemptEnd;
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
      /**
       * `late`: its request is over or goes by another reply; `incomplete`: a part before it is missing;
       * `unknown`: never asked by this client.
       */
      readonly reason: "late" | "incomplete" | "unknown";
    })
  /** The socket's queue is full (`socket.maxQueued`): this attempt is not sent, and ends by its timeout. */
  | (StatusEvent & { readonly type: "send-refused"; readonly call: number })
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number })
  | MessageDropped;

/** What a client does. */
export type MajordomoClientOutput =
  | { readonly type: "open"; readonly socket: number; readonly endpoint: string }
  | { readonly type: "discard"; readonly socket: number }
  /** Ask the broker whether it is one of ours, or still there. */
  | { readonly type: "introduce"; readonly socket: number; readonly version: MdpVersion }
  | {
      readonly type: "send";
      readonly socket: number;
      readonly call: number;
      /** Number of the attempt, from 1. */
      readonly attempt: number;
      readonly version: MdpVersion;
      readonly service: Uint8Array;
      /** Only for brokers of ours. */
      readonly header: RequestHeader | undefined;
      readonly body: Frames;
    }
  | {
      readonly type: "cancel";
      readonly socket: number;
      readonly version: MdpVersion;
      readonly service: Uint8Array;
      readonly header: RequestHeader;
    }
  /** A part of a stream that is not the last. */
  | { readonly type: "part"; readonly call: number; readonly body: Uint8Array[] }
  /** The whole reply, or the last part of a stream. */
  | { readonly type: "answered"; readonly call: number; readonly body: Uint8Array[] }
  | { readonly type: "failed"; readonly call: number; readonly failure: RequestFailure }
  | { readonly type: "status"; readonly event: MajordomoClientEvent };

/** Counters of a client. */
export interface MajordomoClientStats {
  /** Requests made, streams and questions for a service among them. */
  requests: number;
  /** Requests that ended in their reply. */
  answered: number;
  /** Requests that ended in an error. */
  failed: number;
  /** Attempts beyond the first. */
  retries: number;
  /** Parts of streams that were handed over, the last ones not counted. */
  parts: number;
  /** Brokers that were told that a request is given up. */
  cancelled: number;
  /** Replies and parts whose request was over, or went by another reply, or lacked a part. */
  lateReplies: number;
  /** Replies that nobody asked for, and messages that are no replies. */
  dropped: number;
  /** Attempts that a full send queue did not take. */
  refused: number;
  /** Connections replaced. */
  replaced: number;
}
