import type { Frames, StatusEvent } from "@seaworthy/core";
import type { RequestFailure } from "@seaworthy/majordomo/machine";
import type { TitanicStore } from "./store.js";
import type { TitanicCommand } from "./wire.js";

/** What a server asks of its store while it runs. */
export type StoreMethod =
  | "add"
  | "find"
  | "remove"
  | "claim"
  | "renew"
  | "complete"
  | "release"
  | "bury"
  | "services"
  | "sweep";

/** A call of the store, as data. */
export type StoreAction = {
  readonly [M in StoreMethod]: { readonly method: M; readonly args: Parameters<TitanicStore[M]> };
}[StoreMethod];

/** What a call of the store resolves with. */
export type StoreOutcome<M extends StoreMethod> = Awaited<ReturnType<TitanicStore[M]>>;

/** What can happen to a server. */
export type TitanicServerInput =
  /** A client asks for something; `ticket` is what it will be answered by. */
  | { readonly type: "asked"; readonly ticket: number; readonly command: TitanicCommand }
  | { readonly type: "malformed"; readonly ticket: number; readonly reason: string }
  /** The store has done what `op` asked for. */
  | { readonly type: "stored"; readonly op: number; readonly outcome: StoreOutcome<StoreMethod> }
  | { readonly type: "store-failed"; readonly op: number; readonly message: string }
  /** The service, or for a question of the server's the broker, has answered. */
  | { readonly type: "answered"; readonly call: number; readonly body: Uint8Array[] }
  | { readonly type: "failed"; readonly call: number; readonly failure: RequestFailure }
  /** There may be work for a service. */
  | { readonly type: "work"; readonly service: Uint8Array }
  /** Look through the store for work at once: an operator has requeued something. */
  | { readonly type: "look" }
  /** Another server or an operator has removed a request: whoever works on it can stop. */
  | { readonly type: "removed"; readonly id: Uint8Array }
  /** Begin no more; what is worked on may finish. */
  | { readonly type: "close" }
  /** It is closing, and what is worked on can be waited for no longer. */
  | { readonly type: "time-is-up" };

/** What a server does. */
export type TitanicServerOutput =
  | { readonly type: "answer"; readonly ticket: number; readonly body: Frames }
  | { readonly type: "store"; readonly op: number; readonly action: StoreAction }
  | {
      readonly type: "call";
      readonly call: number;
      readonly service: Uint8Array;
      readonly body: Frames;
      readonly timeoutMs: number;
    }
  | { readonly type: "abort"; readonly call: number }
  /** It is closing, and nothing is worked on or on its way to the store any more. */
  | { readonly type: "idle" }
  | { readonly type: "status"; readonly event: TitanicServerEvent };

/** Why a request was not taken in. */
export type RefusalReason = "malformed" | "conflict" | "limit" | "store";

/** Status events of a server. Ids are as on the wire, 32 hexadecimal digits. */
export type TitanicServerEvent =
  /** An attempt failed, and another follows. */
  | (StatusEvent & {
      readonly type: "attempt-failed";
      readonly id: string;
      readonly service: string;
      /** Attempts of the request that have failed. */
      readonly failures: number;
      readonly failure: string;
      /** The pause before the next, in ms. */
      readonly pauseMs: number;
    })
  /** `maxAttempts` have failed: it is a dead letter. */
  | (StatusEvent & {
      readonly type: "request-buried";
      readonly id: string;
      readonly service: string;
      readonly failure: string;
    })
  | (StatusEvent & {
      readonly type: "request-refused";
      readonly reason: RefusalReason;
      /** What is wrong, for logs. */
      readonly message: string;
    })
  /** There is no worker for a service that requests wait for; or there is one again. */
  | (StatusEvent & { readonly type: "service-missed" | "service-found"; readonly service: string })
  /** Another server has claimed a request that this one worked on, or removed it without this one hearing of it. */
  | (StatusEvent & { readonly type: "lease-lost"; readonly id: string; readonly service: string })
  /** A reply came for a request that is closed, or answered already. */
  | (StatusEvent & { readonly type: "reply-dropped"; readonly id: string; readonly service: string })
  | (StatusEvent & {
      readonly type: "store-failed";
      readonly method: StoreMethod;
      readonly message: string;
    })
  /** The store does again what it is asked. */
  | (StatusEvent & { readonly type: "store-recovered" })
  /** The broker knows one of the server's own services, or knows it no more. */
  | (StatusEvent & {
      readonly type: "service-offered" | "service-withdrawn";
      readonly service: string;
      readonly endpoint: string;
    })
  /** The connection over which requests are sent on. */
  | (StatusEvent & {
      readonly type: "connection-opened" | "connection-lost" | "connection-failed";
      readonly endpoint: string;
      readonly reason?: string;
    })
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number });

/** Counters of a server. */
export interface TitanicServerStats {
  /** Requests taken in. */
  accepted: number;
  /** Requests that had been taken in before under the same key. */
  known: number;
  /** Requests that were not taken in, for whatever reason. */
  refused: number;
  /** Replies handed out. */
  fetched: number;
  /** Questions for replies that were not there yet. */
  pending: number;
  /** Questions for requests that were not there (any more). */
  unknown: number;
  /** Requests closed. */
  closed: number;
  /** Attempts begun. */
  attempts: number;
  /** Attempts that were answered, and the reply stored. */
  completed: number;
  /** Attempts that failed, other than for want of a worker or a broker. */
  failed: number;
  /** Attempts that found no worker or no broker, which counts for nothing. */
  postponed: number;
  /** Requests that became dead letters. */
  buried: number;
  /** Claims that were lost to another server, or with a request of whose removal nothing was heard. */
  leasesLost: number;
  /** Replies that nobody wanted any more. */
  repliesDropped: number;
  /** Calls of the store that failed. */
  storeFailures: number;
  /** Messages to the server's services that could not be understood. */
  malformed: number;
}

/** How much a server has at present. */
export interface TitanicServerLoad {
  /** Requests that are worked on. */
  inFlight: number;
  /** Services that requests are worked on for, or wait for. */
  services: number;
  /** Those of them that have no worker. */
  missed: number;
  /** Calls of the store that are under way. */
  storing: number;
}
