import type { Frames, Malformed, MessageDropped, StatusEvent } from "@seaworthy/core";
import type { Entry } from "./entry.js";
import type { Items } from "./packs.js";
import type { Command, KeyValue, RefusalReason, SnapshotRequest } from "./wire.js";

/** What can happen to a server. */
export type ServerInput =
  /** Something came over the connection for snapshots. */
  | {
      readonly type: "message";
      readonly route: Uint8Array;
      readonly message: SnapshotRequest | KeyValue | Command | Malformed;
      /** After so many ms this server may become active; `undefined` if its peer lives. */
      readonly retryAfterMs: number | undefined;
      /** False: the pair is in doubt whether this server still is the active one. */
      readonly maySay: boolean;
    }
  /** An update came over the collector. */
  | { readonly type: "collected"; readonly message: KeyValue | Malformed }
  /** A client follows the heartbeats of a subtree, or the last one does so no more. */
  | { readonly type: "subscribed"; readonly subtree: Uint8Array }
  | { readonly type: "unsubscribed"; readonly subtree: Uint8Array }
  /** The last message of a part of a snapshot is about to be handed to ZeroMQ, and all before it were; or it was refused. */
  | { readonly type: "flushed"; readonly snapshot: number }
  /** A message was not sent. */
  | {
      readonly type: "refused";
      readonly frames: Frames;
      readonly reason: "peer-unknown" | "peer-full" | "queue-full";
    }
  /** The store has what it was given last, or could not take it. */
  | { readonly type: "stored" }
  | { readonly type: "store-failed"; readonly reason: string }
  /** Serve from now on; `life` names this time of serving. */
  | { readonly type: "activate"; readonly life: string }
  /** Serve no more. */
  | { readonly type: "deactivate" }
  /** The peer is active: follow it. */
  | { readonly type: "follow" }
  /** There is nobody to follow any more. */
  | { readonly type: "unfollow" }
  /** The connection to the peer stands, or is gone, or could not be made. */
  | { readonly type: "link-up" }
  | { readonly type: "link-down"; readonly reason: string }
  | { readonly type: "link-message"; readonly message: KeyValue | Items | Command | Malformed }
  | { readonly type: "close" };

/** What the host of a server does. */
export type ServerOutput =
  /**
   * Send to a client. With `flush`: tell when it is about to be handed to ZeroMQ, or was refused as `queue-full`, by `flushed` with this
   * number. With `end`: send it only while the snapshot of this number `mayEnd`.
   */
  | {
      readonly type: "send";
      readonly frames: Frames;
      readonly flush: number | undefined;
      readonly end: number | undefined;
    }
  /** Publish an update or a heartbeat. */
  | { readonly type: "publish"; readonly frames: Frames }
  /** Keep these updates, which are of this time; answered by `stored` or `store-failed`, before which nothing more is given. */
  | { readonly type: "store"; readonly updates: readonly Entry[]; readonly at: number }
  /** Keep this instead of all that was kept; answered in the same way. */
  | {
      readonly type: "store-all";
      readonly sequence: number;
      readonly entries: readonly Entry[];
      readonly known: readonly (readonly [uuid: string, sequence: number])[];
      readonly at: number;
    }
  /** Make a connection to the peer, in place of the one before. */
  | { readonly type: "open-link" }
  | { readonly type: "close-link" }
  | { readonly type: "link-send"; readonly frames: Frames }
  /** The map is the peer's, and will be: this server may take over. */
  | { readonly type: "caught-up" }
  /** The map could not be had from the peer. */
  | { readonly type: "follow-failed"; readonly reason: string }
  /** The connection to the peer is lost: if the peer lives, this server falls behind. */
  | { readonly type: "source-lost"; readonly since: number | undefined }
  /** This server may have fallen behind. */
  | { readonly type: "fell-behind" }
  | { readonly type: "status"; readonly event: SnapshotServerEvent };

/** An ordinary message to a client, or to the follower: with neither `flush` nor `end`. */
export function sendTo(route: Uint8Array, frames: Frames): ServerOutput {
  return { type: "send", frames: [route, ...frames], flush: undefined, end: undefined };
}

/** Why the active goes on without its follower. */
export type FollowerLossReason = "silent" | "left" | "gone" | "replaced" | "slow";

/** Status events of a server. */
export type SnapshotServerEvent =
  | MessageDropped
  /** A snapshot is sent: `entries` of the map, as of `sequence`. */
  | (StatusEvent & {
      readonly type: "snapshot-sent";
      readonly sequence: number;
      readonly entries: number;
      readonly ms: number;
    })
  /** A snapshot was not finished. */
  | (StatusEvent & {
      readonly type: "snapshot-abandoned";
      readonly entries: number;
      readonly reason: "client-gone" | "client-slow" | "not-active";
    })
  /** An update was not ordered. */
  | (StatusEvent & { readonly type: "update-refused"; readonly reason: RefusalReason })
  /** A key's time to live is over. */
  | (StatusEvent & { readonly type: "entry-expired"; readonly key: string })
  /** A subtree is not counted: its clients take the whole map, and filter it. */
  | (StatusEvent & { readonly type: "subtree-refused"; readonly subtree: string })
  /** The passive server of the pair has everything; each update waits for it from now on. */
  | (StatusEvent & { readonly type: "follower-joined"; readonly sequence: number })
  | (StatusEvent & { readonly type: "follower-lost"; readonly reason: FollowerLossReason })
  /** This server has the active's map; its own, up to `before`, is forgotten. */
  | (StatusEvent & {
      readonly type: "caught-up";
      readonly sequence: number;
      readonly entries: number;
      readonly before: number;
    })
  /** Updates that clients had published, and that the active was not seen to have: they are ordered now. */
  | (StatusEvent & { readonly type: "pending-ordered"; readonly updates: number })
  /** The store does not take updates: they are tried again, and new ones are refused. */
  | (StatusEvent & { readonly type: "store-failed"; readonly reason: string })
  /** It takes them again. */
  | (StatusEvent & { readonly type: "store-recovered" })
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number });

/** Counters of a server. */
export interface SnapshotServerCounters {
  /** Updates that were published, deletions of what had expired included. */
  published: number;
  /** Updates that came again, and were not ordered again. */
  duplicates: number;
  /** Updates that were refused. */
  refused: number;
  /** Entries whose time to live was over. */
  expired: number;
  /** Snapshots sent, and not finished. */
  snapshots: number;
  abandoned: number;
  /** Updates of clients that were kept, by a passive server, until the active would publish them. */
  pending: number;
  /** Malformed messages. */
  dropped: number;
  /** Messages that a client had no room for, or that was gone. */
  undeliverable: number;
}
