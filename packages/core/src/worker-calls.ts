import type { Frames } from "./frames.js";
import type { StatusEvent } from "./status.js";

/** What the application tells a worker's machine. */
export type WorkerCall =
  | { readonly type: "connect" | "disconnect"; readonly endpoint: string }
  /** The application can take `count` more requests. */
  | { readonly type: "demand"; readonly count: number }
  /**
   * `count` of the requests that were asked for are wanted no more, and those that still ask take up to
   * `concurrency` at a time.
   */
  | { readonly type: "withdraw"; readonly count: number; readonly concurrency: number }
  | { readonly type: "reply"; readonly ticket: number; readonly body: Frames }
  /** The application will not answer; `reason` if its handler threw. */
  | { readonly type: "drop"; readonly ticket: number; readonly reason?: string }
  /** Take no more requests, and go when those at hand are done. */
  | { readonly type: "close" };

/** What a worker's sockets and machine tell the role. */
export interface WorkerOwner<E extends StatusEvent> {
  /** The application asked for a request: here it is. */
  run(ticket: number, body: Uint8Array[]): void;
  /** A reply to this request finds no way any more, because its session is over, or for the reason given. */
  revoke(ticket: number, reason?: Error): void;
  /** Closing is over: no session is left. */
  closed(): void;
  status(event: E): void;
}
