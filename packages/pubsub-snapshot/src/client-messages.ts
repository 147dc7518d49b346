import type { MessageDropped, StatusEvent } from "@seaworthy/core";
import type { WidenReason } from "./client-feed.js";
import type { SnapshotEndpoints } from "./endpoints.js";
import type { Items } from "./packs.js";
import type { Property } from "./properties.js";
import type { Watcher } from "./watchers.js";
import type { Command, KeyValue, RefusalReason, SnapshotTerms } from "./wire.js";

/** What the application wants to be set or deleted. */
export interface UpdateRequest {
  readonly key: Uint8Array;
  /** Empty to delete the key. */
  readonly value: Uint8Array;
  readonly properties: readonly Property[];
  /** 0 for none. */
  readonly ttlMs: number;
  /** The key's sequence must be this one; 0: there must be no such key. */
  readonly expected: number | undefined;
  readonly timeoutMs: number;
}

/** What can happen to a client. `call` is the number that the application knows an update by, `join` names connections. */
export type ClientInput =
  | { readonly type: "connect"; readonly endpoints: SnapshotEndpoints }
  | { readonly type: "set"; readonly call: number; readonly update: UpdateRequest }
  /** The application waits no more; or the socket has not taken what was to be sent. */
  | { readonly type: "abort" | "not-taken"; readonly call: number }
  /** A connection stands, or is gone, or could not be made. */
  | {
      readonly type: "up" | "down";
      readonly join: number;
      readonly socket: "snapshot" | "publisher";
      readonly reason?: string | undefined;
    }
  /** The collector of a server that is not ours has subscribed to updates, or does so no more. */
  | { readonly type: "collector-open" | "collector-closed"; readonly join: number }
  | { readonly type: "collector-failed"; readonly join: number; readonly reason: string | undefined }
  /** Something came over the connection for updates. */
  | { readonly type: "update"; readonly join: number; readonly message: KeyValue }
  /** Something came over the connection for snapshots. */
  | { readonly type: "message"; readonly join: number; readonly message: KeyValue | Items | Command }
  | {
      readonly type: "malformed";
      readonly join: number;
      readonly socket: "snapshot" | "publisher";
      readonly reason: string;
    }
  | { readonly type: "close" };

/** How an update failed. */
export type UpdateFailure =
  | { readonly code: "ERR_SET_TIMEOUT"; readonly timeoutMs: number; readonly sent: number }
  | { readonly code: "ERR_CONFLICT"; readonly sequence: number }
  | { readonly code: "ERR_LIMIT_REACHED"; readonly option: string; readonly limit: number }
  | { readonly code: "ERR_REFUSED"; readonly reason: RefusalReason }
  | { readonly code: "ERR_UNSUPPORTED"; readonly option: string }
  | { readonly code: "ERR_ABORTED" | "ERR_CLOSED" };

/** What the host of a client does. */
export type ClientOutput =
  /** Make the connections for snapshots and for updates. */
  | { readonly type: "open"; readonly join: number; readonly endpoints: SnapshotEndpoints }
  /** Subscribe to these, in this order. */
  | { readonly type: "subscribe"; readonly join: number; readonly topics: readonly Uint8Array[] }
  /** Ask for the snapshot. */
  | {
      readonly type: "ask";
      readonly join: number;
      readonly subtree: Uint8Array;
      /** Missing if the server is not ours. */
      readonly terms: SnapshotTerms | undefined;
    }
  /** So many portions more may be sent. */
  | { readonly type: "give-credit"; readonly join: number; readonly portions: number }
  /** Make the connection to the collector. */
  | { readonly type: "open-collector"; readonly join: number; readonly endpoint: string }
  /** Send an update, which is wanted for as long as the machine has it `isPending`. */
  | {
      readonly type: "send";
      readonly join: number;
      readonly socket: "snapshot" | "collector";
      readonly call: number;
      readonly uuid: Uint8Array;
      readonly update: UpdateRequest;
    }
  /** Close all connections of a join; if the server still sends the snapshot, tell it to stop. */
  | { readonly type: "discard"; readonly join: number; readonly isAmidSnapshot: boolean }
  /** The update has this number, and the map contains it. */
  | { readonly type: "ordered"; readonly call: number; readonly sequence: number }
  | { readonly type: "failed"; readonly call: number; readonly failure: UpdateFailure }
  /** The map is complete for the first time. */
  | { readonly type: "ready" }
  /** Its reader waits, and there is something for it. */
  | { readonly type: "changed"; readonly watcher: Watcher }
  | { readonly type: "status"; readonly event: SnapshotClientEvent };

/** Why a client left a server. */
export type LeaveReason =
  /** A connection broke. */
  | "lost"
  /** A connection could not be made. */
  | "failed"
  /** Nothing came over the connection for updates for too long. */
  | "silent"
  /** The join made no progress for `joinTimeoutMs`. */
  | "no-answer"
  /** Updates were lost. */
  | "gap"
  /** The server is not the active one of its pair. */
  | "passive"
  /** It is another server now, or another life of it. */
  | "changed"
  /** In the middle of a snapshot it said something that is none of the protocol: an item may be lost. */
  | "malformed"
  /** It refuses the snapshot. */
  | "refused"
  /** The map has more than `maxKeys` keys. */
  | "too-many-keys";

/** Status events of a client. */
export type SnapshotClientEvent =
  | (StatusEvent & { readonly type: "join-began"; readonly endpoint: string })
  /** All updates are taken, and filtered here. */
  | (StatusEvent & {
      readonly type: "subtree-widened";
      readonly endpoint: string;
      readonly reason: WidenReason;
    })
  /** The map is complete, as of `sequence`. */
  | (StatusEvent & {
      readonly type: "joined";
      readonly endpoint: string;
      readonly sequence: number;
      readonly keys: number;
      /** How long it took, in ms. */
      readonly ms: number;
    })
  | (StatusEvent & {
      readonly type: "server-left";
      readonly endpoint: string;
      readonly reason: LeaveReason;
      /** What went wrong, where it is known. */
      readonly detail?: string;
    })
  /** Updates are missing: the client joins anew. */
  | (StatusEvent & {
      readonly type: "gap-noticed";
      readonly endpoint: string;
      /** How many; `undefined` if that cannot be known. */
      readonly missing: number | undefined;
    })
  /** An update was sent again. */
  | (StatusEvent & { readonly type: "set-retried"; readonly call: number; readonly sent: number })
  | (StatusEvent & {
      readonly type: "set-failed";
      readonly call: number;
      readonly code: UpdateFailure["code"];
    })
  /** The collector of a server that is not ours cannot be reached: updates wait. */
  | (StatusEvent & {
      readonly type: "collector-failed";
      readonly endpoint: string;
      readonly reason: string | undefined;
    })
  /** A watcher was too far behind. */
  | (StatusEvent & { readonly type: "watcher-overflowed"; readonly key: string; readonly maxQueued: number })
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number })
  | MessageDropped;

/** Counters of a client. */
export interface SnapshotClientStats {
  /** Joins that were completed. */
  joins: number;
  /** Joins that were begun with another server than the one before. */
  moves: number;
  gaps: number;
  /** Items of snapshots. */
  items: number;
  /** Updates that came in order, also those that a snapshot contained already. */
  updates: number;
  /** Updates that came again. */
  duplicates: number;
  /** Calls of `set` and `delete`. */
  sets: number;
  /** Those that were acknowledged, and applied. */
  acknowledged: number;
  /** Those that the server refused. */
  refused: number;
  /** Those whose time was over. */
  timedOut: number;
  /** How often an update was sent again. */
  retried: number;
  /** Sends that a socket did not take. */
  sendsRefused: number;
  /** Watchers that were too far behind. */
  overflows: number;
  /** Malformed messages, and those that nobody asked for. */
  dropped: number;
}

/** Counters at their beginning. */
export function noClientStats(): SnapshotClientStats {
  return {
    joins: 0,
    moves: 0,
    gaps: 0,
    items: 0,
    updates: 0,
    duplicates: 0,
    sets: 0,
    acknowledged: 0,
    refused: 0,
    timedOut: 0,
    retried: 0,
    sendsRefused: 0,
    overflows: 0,
    dropped: 0,
  };
}
