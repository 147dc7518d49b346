import type { Frames, MessageDropped, StatusEvent, WorkerCall } from "@seaworthy/core";
import type { Notice } from "./notice.js";
import type { MdpVersion } from "./wire.js";
import type { BrokerCommand, WorkerOutcome } from "./worker-wire.js";

/** What can happen to a worker. Each `connection` is a socket of its own. */
export type MajordomoWorkerInput =
  | WorkerCall
  /** The application has a part of a reply, which is not the last. `part` numbers the parts of all replies. */
  | { readonly type: "partial"; readonly ticket: number; readonly part: number; readonly body: Frames }
  /** It is closing, and requests at hand can be waited for no longer. */
  | { readonly type: "time-is-up" }
  | { readonly type: "up"; readonly connection: number }
  | { readonly type: "lost"; readonly connection: number; readonly reason: string | undefined }
  | { readonly type: "said"; readonly connection: number; readonly command: BrokerCommand }
  | { readonly type: "malformed"; readonly connection: number; readonly reason: string };

/** Status events of a worker. */
export type MajordomoWorkerEvent =
  /** It said READY, first or after an interruption. */
  | (StatusEvent & { readonly type: "session-opened"; readonly endpoint: string })
  | (StatusEvent & {
      readonly type: "session-lost";
      readonly endpoint: string;
      /**
       * `silent`: nothing was heard of the broker; `disconnected`: the connection broke; `failed`: there was none
       * yet; `dismissed`: the broker said DISCONNECT.
       */
      readonly how: "silent" | "disconnected" | "failed" | "dismissed";
      /** What went wrong, where it is known. */
      readonly reason?: string;
      /** The pause before the next try, in ms; none if the worker was leaving. */
      readonly pauseMs?: number;
    })
  /**
   * A request stays without a word that its broker would understand. The worker leaves the broker, which would
   * think it busy for ever, and comes again at once.
   */
  | (StatusEvent & { readonly type: "session-renewed"; readonly endpoint: string })
  /** It is closed for good. */
  | (StatusEvent & { readonly type: "session-closed"; readonly endpoint: string })
  /** The first words on a connection tell whether the broker is ours. */
  | (StatusEvent & {
      readonly type: "broker-recognised";
      readonly endpoint: string;
      readonly ours: boolean;
      /** What is spoken with it. */
      readonly protocol: MdpVersion;
    })
  | (StatusEvent & { readonly type: "handler-failed"; readonly message: string })
  /** A thread of `serve(url)` died while it had no request; another takes its place. */
  | (StatusEvent & { readonly type: "thread-failed"; readonly message: string })
  | (StatusEvent & {
      readonly type: "reply-dropped";
      /** Its session is over, or its client is known to have given up. */
      readonly reason: "session-lost" | "client-gone";
    })
  | (StatusEvent & {
      readonly type: "request-refused";
      /** `queue-full`: `maxHeld` are here; `not-ready`: nobody had said READY; `leaving`: it crossed our leave. */
      readonly reason: "queue-full" | "not-ready" | "leaving";
    })
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number })
  | MessageDropped;

/** What a worker says to a broker. */
export type WorkerSpeech =
  | { readonly type: "ready"; readonly version: MdpVersion; readonly notice: Notice }
  | { readonly type: "heartbeat"; readonly version: MdpVersion; readonly notice: Notice | undefined }
  | { readonly type: "disconnect"; readonly version: MdpVersion }
  | { readonly type: "partial"; readonly part: number; readonly address: Frames; readonly body: Frames }
  | {
      readonly type: "final";
      readonly version: MdpVersion;
      readonly outcome: WorkerOutcome;
      readonly address: Frames;
      readonly body: Frames;
    };

/** What a worker does. */
export type MajordomoWorkerOutput =
  | { readonly type: "open"; readonly connection: number; readonly endpoint: string }
  /** `lingers`: what was said last, which is DISCONNECT, is to leave first. */
  | { readonly type: "discard"; readonly connection: number; readonly lingers: boolean }
  | { readonly type: "say"; readonly connection: number; readonly speech: WorkerSpeech }
  /** This part is kept, or finds no way: the next may come. Those that are said have to leave first. */
  | { readonly type: "passed"; readonly part: number }
  | { readonly type: "run"; readonly ticket: number; readonly body: Uint8Array[] }
  | { readonly type: "revoke"; readonly ticket: number; readonly reason: "session-lost" | "client-gone" }
  | { readonly type: "closed" }
  | { readonly type: "status"; readonly event: MajordomoWorkerEvent };

/** Counters of a worker. */
export interface MajordomoWorkerStats {
  /** Requests that came. */
  requests: number;
  /** Replies sent. */
  answered: number;
  /** Parts of replies that were sent, or kept for a broker that takes none, other than the last parts. */
  partials: number;
  /** Requests whose handler threw. */
  failed: number;
  /** Requests that the application dropped. */
  dropped: number;
  /**
   * Requests that were here and were given up, because the worker was leaving or nobody asked for them any more: the
   * broker gives them to another, if it is ours.
   */
  returned: number;
  /** Requests whose client is known to have given up. */
  cancelled: number;
  /** Replies that came too late: their session was over, or their client had given up. */
  repliesDropped: number;
  /** Requests for which there was no room, or that nobody was ready for. */
  refused: number;
  /** Sessions lost: by silence, by DISCONNECT, by the end of the connection, or before there was one. */
  sessionsLost: number;
  /** Messages that were no command of a broker. */
  malformed: number;
}
