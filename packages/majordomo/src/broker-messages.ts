import type { Frames, Malformed, MessageDropped, RefusalReason, StatusEvent } from "@seaworthy/core";
import type { ClientCancel, ClientRequest, WorkerSaid } from "./broker-wire.js";
import type { BrokerNotice } from "./notice.js";
import type { MdpVersion } from "./wire.js";

/** The delivery that a PARTIAL is of. */
export interface PartOf {
  /** Key of the worker. */
  readonly worker: string;
  readonly number: number;
}

/** What happens to a broker. */
export type MajordomoBrokerInput =
  | ClientRequest
  | ClientCancel
  | WorkerSaid
  | Malformed
  /** The connection of this peer is gone; `isAnonymous` if it cannot come back under its routing id. */
  | { readonly type: "departed"; readonly peer: string; readonly isAnonymous: boolean }
  /** A message did not leave; `number` if it was this delivery of a request on its way to a worker. */
  | {
      readonly type: "undeliverable";
      readonly peer: string;
      readonly reason: RefusalReason | "queue-full";
      readonly number?: number | undefined;
      /** It was a part of this reply: the client would take the rest for the whole. */
      readonly partOf?: PartOf | undefined;
      readonly isForWorker: boolean;
    }
  /** Take no more requests. */
  | { readonly type: "close" }
  /** Tell all workers to go. */
  | { readonly type: "dismiss" };

/** What a broker does. */
export type MajordomoBrokerOutput =
  | {
      readonly type: "deliver";
      readonly worker: Uint8Array;
      readonly version: MdpVersion;
      /** Each delivery of a request has one of its own. */
      readonly number: number;
      readonly body: Frames;
    }
  | {
      readonly type: "answer";
      readonly version: MdpVersion;
      readonly route: Frames;
      readonly service: Uint8Array;
      readonly body: Frames;
      readonly isFinal: boolean;
      readonly partOf?: PartOf;
    }
  | {
      readonly type: "heartbeat";
      readonly worker: Uint8Array;
      readonly version: MdpVersion;
      readonly notice: BrokerNotice | undefined;
    }
  /** Nobody waits for the reply to what was delivered under this number any more. */
  | {
      readonly type: "cancel";
      readonly worker: Uint8Array;
      readonly version: MdpVersion;
      readonly number: number;
    }
  | { readonly type: "disconnect"; readonly worker: Uint8Array; readonly version: MdpVersion }
  /** It is closing, and no worker has a request any more. */
  | { readonly type: "idle" }
  | { readonly type: "status"; readonly event: MajordomoBrokerEvent };

/**
 * Why a request ended without a reply: `no-worker` if nobody offered the service while it could wait, `too-old` if
 * workers did and none was free, `given-up` after `maxDeliveries`, `limit` for want of room, `client-gone` and
 * `cancelled` if nobody waits for the reply, `handler-failed` and `dropped` if the worker's application said so.
 */
export type DropReason =
  | "no-worker"
  | "too-old"
  | "given-up"
  | "limit"
  | "client-gone"
  | "cancelled"
  | "closing"
  | "handler-failed"
  | "dropped";

/** Why a worker is gone: it took its leave, its connection ended, it was silent, or it said what it should not have said. */
export type GoneReason = "disconnected" | "departed" | "silent" | "unexpected" | RefusalReason | "queue-full";

/** What a broker tells of itself. Times are those of its clock, in ms; workers are named by routing id. */
export type MajordomoBrokerEvent =
  | (StatusEvent & {
      readonly type: "worker-joined";
      readonly worker: string;
      readonly service: string;
      readonly protocol: MdpVersion;
      readonly credit: number;
    })
  /** What it had goes to others. */
  | (StatusEvent & { readonly type: "worker-expired"; readonly worker: string; readonly service: string })
  /** An expired worker was heard again. */
  | (StatusEvent & { readonly type: "worker-returned"; readonly worker: string; readonly service: string })
  | (StatusEvent & {
      readonly type: "worker-gone";
      readonly worker: string;
      readonly service: string;
      readonly reason: GoneReason;
    })
  /** A worker was not registered: there is no room, or the name is the broker's own (8/MMI). */
  | (StatusEvent & {
      readonly type: "worker-refused";
      readonly worker: string;
      readonly service: string;
      readonly reason: "maxWorkers" | "maxServices" | "reserved-name";
    })
  | (StatusEvent & { readonly type: "service-added" | "service-removed"; readonly service: string })
  | (StatusEvent & {
      readonly type: "request-dropped";
      readonly service: string;
      readonly reason: DropReason;
      /** How long it had been here, in ms. */
      readonly waitedMs: number;
    })
  /** Its worker was lost; it is the next that is served. */
  | (StatusEvent & {
      readonly type: "request-redelivered";
      readonly service: string;
      readonly deliveries: number;
    })
  | (StatusEvent & {
      readonly type: "reply-dropped";
      /**
       * `late`: another reply came first, or nobody waits; `unknown`: its sender had no such request; `no-room`: with
       * the parts that are kept for the end of it, it does not fit in `maxHeldBytes`.
       */
      readonly reason: "late" | "unknown" | "body-too-large" | "no-room";
    })
  | (StatusEvent & {
      readonly type: "reply-undeliverable";
      readonly reason: RefusalReason | "queue-full";
    })
  | MessageDropped
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number });

/** Counters of a broker, since its construction. */
export interface MajordomoBrokerStats {
  /** Requests that came, those to `mmi.` services and retries that joined their original included. */
  requests: number;
  /** Replies that were sent to clients, parts not counted. */
  answered: number;
  /** Requests to `mmi.` services. */
  mmi: number;
  /** Retries of requests that were at hand. */
  joined: number;
  /** Times that a request was given to a worker. */
  delivered: number;
  /** Requests that were given to another worker. */
  redelivered: number;
  /** Requests that ended without a reply. */
  dropped: number;
  /** Replies, or parts of some, that were not passed on. */
  repliesDropped: number;
  /** Replies, or parts of some, that did not leave. */
  undeliverable: number;
  /** Messages that were no command. */
  malformed: number;
  /** Workers that were silent for too long. */
  expired: number;
  /** Workers that said what they should not have said, and were told to come again. */
  expelled: number;
  /** Workers that were not registered. */
  refused: number;
}

/** A service, as `services()` shows it. */
export interface ServiceInfo {
  readonly name: string;
  /** Registered workers. */
  readonly workers: number;
  /** Workers that would be given a request. */
  readonly free: number;
  /** Requests that wait. */
  readonly waiting: number;
  /** Requests that workers have. */
  readonly running: number;
}

/** A worker, as `workers()` shows it. */
export interface WorkerInfo {
  /** Its routing id. */
  readonly id: string;
  readonly service: string;
  readonly protocol: MdpVersion;
  /** Requests that it takes at a time. */
  readonly credit: number;
  /** Requests that it has. */
  readonly running: number;
  /** It introduced itself as one of ours. */
  readonly isOurs: boolean;
  /** Silent for too long: it is given nothing, and forgotten soon. */
  readonly isMissing: boolean;
  /** How long it has said nothing, in ms. */
  readonly silentMs: number;
}
