import type { Frames, MessageDropped, RefusalReason, StatusEvent } from "@seaworthy/core";
import type { Request } from "./wire.js";

/** What can happen to a server. A `ticket` numbers the requests that were given to a handler. */
export type LazyPirateServerInput =
  | Request
  | { readonly type: "malformed"; readonly reason: string }
  /** The application can take `count` more requests. */
  | { readonly type: "demand"; readonly count: number }
  | { readonly type: "reply"; readonly ticket: number; readonly body: Frames }
  /** The handler threw. */
  | { readonly type: "fail"; readonly ticket: number; readonly message: string }
  /** The application will not answer. */
  | { readonly type: "drop"; readonly ticket: number }
  | { readonly type: "undeliverable"; readonly reason: RefusalReason | "queue-full" }
  /** No more requests are to be run. */
  | { readonly type: "close" };

/** Status events of a server. */
export type LazyPirateServerEvent =
  | (StatusEvent & {
      readonly type: "request-refused";
      readonly reason: "queue-full" | "body-too-large" | "closing";
    })
  | (StatusEvent & { readonly type: "handler-failed"; readonly message: string })
  | (StatusEvent & { readonly type: "reply-undeliverable"; readonly reason: RefusalReason | "queue-full" })
  /** A repeated request was answered from the reply cache, or will be answered with the one in progress. */
  | (StatusEvent & { readonly type: "repeat-answered" | "repeat-joined" })
  | MessageDropped;

/** How a request ended. */
export type Outcome =
  | { readonly type: "reply"; readonly body: Frames }
  | { readonly type: "failure"; readonly message: string };

/** What a server does. */
export type LazyPirateServerOutput =
  | {
      readonly type: "run";
      readonly ticket: number;
      readonly key: string | undefined;
      readonly body: Uint8Array[];
    }
  | { readonly type: "answer"; readonly route: Frames; readonly outcome: Outcome }
  | { readonly type: "status"; readonly event: LazyPirateServerEvent };

/** Counters of a server. */
export interface LazyPirateServerStats {
  /** Requests that arrived, repeats included. */
  requests: number;
  /** Requests given to a handler. */
  run: number;
  /** Replies sent for requests that ran. */
  answered: number;
  /** Handlers that threw. */
  failed: number;
  /** Requests that the application dropped without an answer. */
  dropped: number;
  /** Repeats that were answered without running again, or joined to the request in progress. */
  repeats: number;
  /** Requests refused at a limit or while closing. */
  refused: number;
  /** Messages that were no requests. */
  malformed: number;
  /** Replies whose client was gone or did not read. */
  undeliverable: number;
}
