import type {
  FailureReply,
  Frames,
  MessageDropped,
  RefusalReason,
  Reply,
  RequestClientCall,
  RequestClientFailure,
  RequestId,
  StatusEvent,
} from "@seaworthy/core";
import type { Copy } from "./pending.js";
import type { ServerState } from "./server-life.js";
import type { Pong } from "./wire.js";

/** Why a message was not sent: the ROUTER refused it, or the socket's queue is full. */
export type SendRefusal = RefusalReason | "queue-full";

/** What can happen to a client. `connection` is the number that it gave when it asked for the connection to be opened. */
export type FreelanceClientInput =
  | RequestClientCall
  /** `failed`: the connection could not be made. */
  | {
      readonly type: "up" | "down" | "failed";
      readonly connection: number;
      readonly reason?: string | undefined;
    }
  | {
      readonly type: "received";
      readonly connection: number;
      readonly message: Reply | FailureReply | Pong;
    }
  | { readonly type: "malformed"; readonly connection: number; readonly reason: string }
  /** `tracked`: what is at the other end has another name than the server, and said something. */
  | { readonly type: "unknown-server"; readonly connection: number }
  /** A request was not sent; without `sequence` it was a PING. */
  | {
      readonly type: "refused";
      readonly connection: number;
      readonly sequence: bigint | undefined;
      readonly reason: SendRefusal;
    };

/** How a request failed. */
export type FreelanceFailure = RequestClientFailure;

/** Status events of a client; `call` numbers its requests from 1. */
export type FreelanceClientEvent =
  | (StatusEvent & {
      /**
       * `server-connected`: the handshake is done; `server-alive`: it takes requests; `server-suspected`: it owes us
       * a word and takes no requests until it says one.
       */
      readonly type:
        | "server-added"
        | "server-removed"
        | "server-connected"
        | "server-alive"
        | "server-suspected";
      readonly endpoint: string;
    })
  | (StatusEvent & {
      /** What it had in hand is retried elsewhere, and its connection is made anew. */
      readonly type: "server-gone";
      readonly endpoint: string;
      /** `lost`: its connection ended; `silent`: it said nothing for too long. */
      readonly reason: "lost" | "silent";
    })
  | (StatusEvent & {
      /** A connection could not be made; it is tried again. */
      readonly type: "connection-failed";
      readonly endpoint: string;
      /** What went wrong, where it is known. */
      readonly reason?: string;
    })
  /**
   * `tracked`: a connection stands, but the server at its end has another name. A server's routing id must be the
   * endpoint that the client connects to, letter by letter.
   */
  | (StatusEvent & { readonly type: "server-unaddressable"; readonly endpoint: string })
  | (StatusEvent & {
      readonly type: "request-retried";
      readonly call: number;
      /** The attempt that is over, from 1. */
      readonly attempt: number;
      readonly reason: "timed-out" | "server-lost";
      /** The pause before the next attempt, in ms. */
      readonly pauseMs: number;
    })
  | (StatusEvent & { readonly type: "request-hedged"; readonly call: number; readonly endpoint: string })
  | (StatusEvent & {
      readonly type: "request-failed";
      readonly call: number;
      readonly code: FreelanceFailure["code"];
      readonly attempts: number;
    })
  | (StatusEvent & {
      readonly type: "reply-dropped";
      /** `late`: its request is over; `unknown`: never asked by this client. */
      readonly reason: "late" | "unknown";
    })
  /** A request was not sent: it goes to another server, or waits for one, or until a word shows that a full queue has moved. */
  | (StatusEvent & { readonly type: "send-refused"; readonly call: number; readonly reason: SendRefusal })
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number })
  | MessageDropped;

/** What a client does. */
export type FreelanceClientOutput =
  | { readonly type: "open"; readonly connection: number; readonly endpoint: string }
  | { readonly type: "discard"; readonly connection: number }
  | { readonly type: "ping"; readonly connection: number }
  | {
      readonly type: "send";
      readonly connection: number;
      readonly id: RequestId;
      readonly body: Frames;
      /** Says whether it is still to be sent when it gets to the front of a queue. */
      readonly copy: Pick<Copy, "isWanted" | "mayLeave">;
    }
  | { readonly type: "answered"; readonly call: number; readonly body: Uint8Array[] }
  | { readonly type: "failed"; readonly call: number; readonly failure: FreelanceFailure }
  | { readonly type: "status"; readonly event: FreelanceClientEvent };

/** Counters of a client. */
export interface FreelanceClientStats {
  /** Requests made. */
  requests: number;
  /** Requests that ended in their reply. */
  answered: number;
  /** Requests that ended in an error. */
  failed: number;
  /** Attempts beyond the first. */
  retries: number;
  /** Requests sent to a second server because the first took long. */
  hedges: number;
  /** Hedges whose reply came first. */
  hedgesWon: number;
  /** Hedges that were due, and not made for want of budget. */
  hedgesWithheld: number;
  /** Replies beyond the first to one request: of `shotgun`, and of hedges. */
  duplicateReplies: number;
  /** Replies to requests that were over. */
  lateReplies: number;
  /** Replies that nobody asked for, messages that are no replies, and what servers of another name say. */
  dropped: number;
  /** Requests that a socket did not take. */
  refused: number;
}

/** What a client knows of one of its servers. */
export interface FreelanceServerStatistics {
  readonly endpoint: string;
  readonly state: ServerState;
  /** Requests that it has and owes a reply for. */
  readonly outstanding: number;
  /** How long it takes to answer, smoothed, in ms; `undefined` before its first answer. */
  readonly latencyMs: number | undefined;
  /** Requests sent to it, hedges and retries included. */
  readonly requests: number;
  /** Replies that came from it, late and duplicate ones included. */
  readonly answered: number;
  /** Handlers that failed there. */
  readonly failures: number;
  /** Requests that it did not answer in time. */
  readonly timeouts: number;
  /** Requests that were with it when it was lost. */
  readonly losses: number;
  /** Requests that were sent to it because another took long. */
  readonly hedges: number;
  /** How long ago it was last heard, in ms; `undefined` if it never was. */
  readonly lastHeardMs: number | undefined;
}
