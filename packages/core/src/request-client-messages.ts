import type { Frames, Malformed } from "./frames.js";
import type { RequestId } from "./request-envelope.js";
import type { RequestEffort } from "./request-errors.js";
import type { AttemptLimits } from "./request-limits.js";
import type { StatusEvent } from "./status.js";

/** What the application has to say to a client. `call` is the number that it knows a request by. */
export type RequestClientCall =
  | { readonly type: "connect" | "disconnect"; readonly endpoint: string }
  | ({ readonly type: "request"; readonly call: number; readonly body: Frames } & AttemptLimits)
  | { readonly type: "abort"; readonly call: number }
  | { readonly type: "close" };

/** What can happen to a client that has a socket for each connection. `R` is what its servers may reply. */
export type RequestClientInput<R> =
  | RequestClientCall
  /** The socket's queue is full. */
  | { readonly type: "not-taken"; readonly call: number }
  | { readonly type: "up" | "down"; readonly connection: number; readonly reason?: string | undefined }
  | { readonly type: "received"; readonly connection: number; readonly reply: R }
  | (Malformed & { readonly connection: number });

/** What such a client does. */
export type RequestClientOutput<E extends StatusEvent, F> =
  | { readonly type: "open"; readonly connection: number; readonly endpoint: string }
  | { readonly type: "discard"; readonly connection: number }
  | {
      readonly type: "send";
      readonly connection: number;
      readonly call: number;
      /** Number of the attempt, from 1. */
      readonly attempt: number;
      readonly id: RequestId;
      readonly body: Frames;
    }
  | { readonly type: "answered"; readonly call: number; readonly body: Uint8Array[] }
  | { readonly type: "failed"; readonly call: number; readonly failure: F }
  | { readonly type: "status"; readonly event: E };

/** Codes of the ends without a reply that are no pattern's own. */
export type RequestClientCode =
  | "ERR_REQUEST_TIMEOUT"
  | "ERR_CONNECTION_LOST"
  | "ERR_NOT_CONNECTED"
  | "ERR_HANDLER_FAILED"
  | "ERR_ABORTED"
  | "ERR_CLOSED";

/** How a request ended without a reply. */
export type RequestClientFailure<Code extends string = RequestClientCode> = RequestEffort & {
  readonly code: Code;
  /** What the server's handler said. */
  readonly message?: string;
};

/** Whom a client's machine and sockets tell what happens. */
export interface RequestClientOwner<E extends StatusEvent, F> {
  answered(call: number, body: Uint8Array[]): void;
  failed(call: number, failure: F): void;
  status(event: E): void;
}
