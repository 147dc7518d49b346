import type { Frames, StatusEvent } from "@seaworthy/core";
import type { MajordomoClientEvent, RequestFailure } from "@seaworthy/majordomo/machine";

/** How requests are handed in: to `titanic.submit`, or to the `titanic.request` of RFC 9. */
export type TitanicDialect = "seaworthy" | "rfc9";

/** How often a server is asked at most, and how long each of those times may take, in ms. */
interface Limits {
  readonly timeoutMs: number;
  readonly attempts: number;
}

/** What is to be taken in. */
interface Submission {
  readonly service: Uint8Array;
  readonly body: Frames;
  /** What the caller knows it by, or `undefined`. */
  readonly key: Uint8Array | undefined;
}

/** What can happen to a client. `call` is the number that the application knows a call by. */
export type TitanicClientInput =
  | (Submission & Limits & { readonly type: "submit"; readonly call: number })
  | (Limits & { readonly type: "reply" | "close-request"; readonly call: number; readonly id: string })
  | {
      readonly type: "wait";
      readonly call: number;
      readonly id: string;
      /** How long to wait in all, in ms; infinity for as long as it takes. */
      readonly limitMs: number;
    }
  | (Submission & {
      readonly type: "call";
      readonly call: number;
      readonly limitMs: number;
      /** Whether the application records the reply before the request is closed. */
      readonly records: boolean;
    })
  | { readonly type: "abort" | "recorded"; readonly call: number }
  /** The broker has answered what was asked. */
  | { readonly type: "answered"; readonly ask: number; readonly body: Uint8Array[] }
  | { readonly type: "failed"; readonly ask: number; readonly failure: RequestFailure }
  /** It is known whether the broker is one of Seaworthy. */
  | { readonly type: "recognised"; readonly ours: boolean }
  /** A connection was lost or replaced. */
  | { readonly type: "broker-changed" }
  | { readonly type: "close" };

/** What a call failed of. */
export type TitanicFailure =
  | RequestFailure
  | { readonly code: "ERR_UNKNOWN_REQUEST" | "ERR_REQUEST_CLOSED"; readonly id: string }
  | { readonly code: "ERR_DEAD_LETTER"; readonly id: string; readonly failure: string }
  | { readonly code: "ERR_KEY_CONFLICT" | "ERR_NOT_SUPPORTED" }
  /** What the server said. */
  | { readonly code: "ERR_REQUEST_REFUSED" | "ERR_SERVER_FAILED"; readonly message: string }
  | {
      readonly code: "ERR_WAIT_TIMEOUT";
      /** `undefined` if it is not known to be taken in. */
      readonly id: string | undefined;
      /** How long it has waited, in ms. */
      readonly waitedMs: number;
      /** What has kept the client from learning more, last. */
      readonly trouble: string | undefined;
    };

/** What a client does. */
export type TitanicClientOutput =
  | {
      readonly type: "request";
      readonly ask: number;
      readonly service: Uint8Array;
      readonly body: Frames;
      readonly timeoutMs: number;
      readonly attempts: number;
    }
  /** Nobody waits any more for what was asked. */
  | { readonly type: "abort"; readonly ask: number }
  | { readonly type: "submitted"; readonly call: number; readonly id: string }
  /** The reply, to hand out. */
  | { readonly type: "replied"; readonly call: number; readonly body: Uint8Array[] }
  /** The reply, to be recorded; `recorded` or `abort` follows. */
  | { readonly type: "record"; readonly call: number; readonly body: Uint8Array[] }
  /** There is no reply yet. */
  | { readonly type: "pending"; readonly call: number }
  | { readonly type: "closed"; readonly call: number }
  | { readonly type: "failed"; readonly call: number; readonly failure: TitanicFailure }
  | { readonly type: "status"; readonly event: TitanicClientEvent };

/** What a call is about at the moment. */
export type CallStep = "submit" | "reply" | "close";

/** Status events of a client; `call` numbers its calls from 1. Those of its connections are Majordomo's. */
export type TitanicClientEvent =
  /** It is known how requests are handed in; `broker-silent`: the broker does not tell (8/MMI). */
  | (StatusEvent & { readonly type: "dialect-found"; readonly dialect: TitanicDialect | "broker-silent" })
  /**
   * The server could not do what it was asked, or did not answer; it is asked again. Of a call that waits for a reply
   * it is told once for each reason in a row.
   */
  | (StatusEvent & {
      readonly type: "call-retried";
      readonly call: number;
      readonly step: CallStep;
      readonly reason: string;
      /** The pause before, in ms. */
      readonly pauseMs: number;
    })
  | (StatusEvent & {
      readonly type: "call-failed";
      readonly call: number;
      readonly code: TitanicFailure["code"];
    })
  /** A call has its reply, but its request could not be closed: the server forgets it when it has kept it long enough. */
  | (StatusEvent & { readonly type: "request-left"; readonly call: number; readonly id: string })
  | Exclude<MajordomoClientEvent, { readonly call: number }>;

/** Counters of a client. */
export interface TitanicClientStats {
  /** Calls made. */
  calls: number;
  /** Calls that failed. */
  failed: number;
  /** Requests taken in. */
  submitted: number;
  /** Replies that came. */
  replies: number;
  /** Answers that there was no reply yet. */
  pending: number;
  /** Requests closed. */
  closed: number;
  /** Requests that a call left without closing them. */
  left: number;
  /** Pauses after which a server was asked again that had failed or not answered. */
  retries: number;
}
