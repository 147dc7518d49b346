import type { Frames } from "./frames.js";
import type { EnvelopedRequest } from "./request-envelope.js";
import type { MessageDropped, StatusEvent } from "./status.js";
import type { RefusalReason } from "./transport.js";

/** What can happen to a server. A `ticket` numbers the requests that were given to a handler. */
export type RequestServerInput =
  /** `tag` is a number that the pattern has for it and gets back with `run`. Default 0. */
  | (EnvelopedRequest & { readonly tag?: number })
  | { readonly type: "malformed"; readonly reason: string }
  /** The application can take `count` more requests. */
  | { readonly type: "demand"; readonly count: number }
  | { readonly type: "reply"; readonly ticket: number; readonly body: Frames }
  /** The handler threw. */
  | { readonly type: "fail"; readonly ticket: number; readonly message: string }
  /** The application will not answer. */
  | { readonly type: "drop"; readonly ticket: number }
  | { readonly type: "undeliverable"; readonly reason: RefusalReason | "queue-full" }
  /**
   * What waits is refused, what runs is not answered when it ends, and repeats of either are new requests. So are those of what was
   * answered: what was done in an office that is over may be lost. Later requests are taken as ever.
   */
  | { readonly type: "revoke"; readonly reason: "revoked" }
  /** The answer to the request with this key was held back: a repeat of it is a new request. */
  | { readonly type: "forget"; readonly key: string }
  /** No more requests are to be run. */
  | { readonly type: "close" };

/** Status events of a server. */
export type RequestServerEvent =
  /** `revoked` only where the server's pattern takes its office from it: it waited until then. */
  | (StatusEvent & {
      readonly type: "request-refused";
      readonly reason: "queue-full" | "body-too-large" | "closing" | "revoked";
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

/** A request for the application, which has asked for it. */
export interface RequestServerRun {
  readonly type: "run";
  readonly ticket: number;
  /** Key of the request id, if the request came from one of our clients. */
  readonly key: string | undefined;
  /** Byte 3 of the request id; 0 if there is none. */
  readonly kind: number;
  /** What came with the request. */
  readonly tag: number;
  /** The way by which it came; a repeat may come another way, and take the answer with it. */
  readonly route: Frames;
  readonly body: Uint8Array[];
}

/** What a server does. */
export type RequestServerOutput =
  | RequestServerRun
  | { readonly type: "answer"; readonly route: Frames; readonly outcome: Outcome }
  | { readonly type: "status"; readonly event: RequestServerEvent };

/** Counters of a server. */
export interface RequestServerStats {
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
  /** Requests that were revoked while they ran and have ended since, however they did. */
  revoked: number;
  /** Repeats that were answered without running again, or joined to the request in progress. */
  repeats: number;
  /** Requests refused at a limit, when they were revoked, or while closing. */
  refused: number;
  /** Messages that were no requests. */
  malformed: number;
  /** Replies whose client was gone or did not read. */
  undeliverable: number;
}

/** Whom a server's machine and sockets tell what happens. */
export interface RequestServerOwner<E extends StatusEvent = RequestServerEvent> {
  run(request: RequestServerRun): void;
  /** The machine has been told to `revoke`; this is why, for the requests that run. */
  revoke(reason: Error): void;
  status(event: E): void;
}
