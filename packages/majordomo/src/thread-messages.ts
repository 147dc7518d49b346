import type { MessagePort } from "node:worker_threads";
import type { Body } from "@seaworthy/core";
import type { NonEmptyFrames } from "@seaworthy/core/node";

/** A request in a thread. */
export interface ThreadRequest {
  /** The frames that the client sent, as copies: they may be changed. */
  readonly body: NonEmptyFrames;
  /**
   * Fires when nobody waits for the reply any more, or when the worker begins to close. A handler that computes
   * hears of it only when it lets its thread's event loop turn. Look at `aborted` before you listen: what the thread
   * was told meanwhile comes all at once.
   */
  readonly signal: AbortSignal;
  /**
   * Sends a part of the reply that is not the last; what the handler returns is the last one. The bytes are copied.
   *
   * @returns a promise that resolves when there is room for the next part; whoever does not wait for it lets parts
   * pile up in memory
   * @throws (by rejecting) TypeError for what is no body; AlreadyAnsweredError once the handler has returned
   */
  partial(body: Body): Promise<void>;
}

/** Answers a request in a thread: returns the reply's body, or the last part of it. */
export type ThreadHandler = (request: ThreadRequest) => Body | Promise<Body>;

/** What a thread is to do. */
export interface ThreadTask {
  /** The URL of the handler's module. */
  readonly handler: string;
  /** None: the module is only to be loaded. */
  readonly request?: { readonly body: readonly Uint8Array[]; readonly port: MessagePort };
}

/** What became of it. */
export interface ThreadResult {
  readonly body?: Uint8Array[];
  /** What the handler threw, in words. */
  readonly failure?: string;
}

/** What a thread says while it has a request: a part of the reply. */
export type FromThread = readonly Uint8Array[];

/** What a thread is told while it has a request: its signal fires, or there is room for another part. */
export type ToThread = { readonly type: "abort"; readonly reason: string } | { readonly type: "passed" };

/** Frames that can be cloned without the rest of a larger piece of memory that they lie in. */
export function ownFrames(frames: readonly Uint8Array[]): Uint8Array[] {
  return frames.map((frame) =>
    frame.byteLength === frame.buffer.byteLength ? frame : new Uint8Array(frame),
  );
}
