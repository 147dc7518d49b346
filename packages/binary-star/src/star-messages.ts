import type { Malformed, MessageDropped, StatusEvent } from "@seaworthy/core";
import type { PeerState, PublishedState, StarRecord, StarRole } from "./wire.js";

/** What can happen to a node of the pair. */
export type BinaryStarInput =
  /** The node has its peer's address: it speaks from now on, and judges its peer. */
  | { readonly type: "start" }
  | PeerState
  | Malformed
  /** The peer reads records, or does not any more. */
  | { readonly type: "peer-reads-records"; readonly reads: boolean }
  /** A client asked for the service. */
  | { readonly type: "vote" }
  /** Whether its request is answered: the node is serving now, and its application takes requests. */
  | { readonly type: "voted"; readonly isAccepted: boolean }
  /** A claim was granted: the epoch is this node's, for `leaseMs` from when it was asked for, or for as long as it likes. */
  | {
      readonly type: "granted";
      readonly claim: number;
      readonly epoch: number;
      readonly leaseMs: number | undefined;
    }
  | { readonly type: "denied"; readonly claim: number; readonly reason: string }
  /** The arbiter renewed the lease, counted from when that was asked for. */
  | { readonly type: "renewed"; readonly claim: number; readonly leaseMs: number }
  /** The arbiter gives the lease to another. */
  | { readonly type: "lease-lost"; readonly claim: number }
  /** The arbiter did not answer, or cannot be reached. */
  | { readonly type: "renewal-failed"; readonly claim: number; readonly reason: string }
  /** The application has become active in this epoch, or could not. */
  | { readonly type: "activated"; readonly epoch: number }
  | { readonly type: "activation-failed"; readonly epoch: number; readonly reason: string }
  /** The transfer of this number is done, or did not work. */
  | { readonly type: "caught-up"; readonly transfer: number }
  | { readonly type: "transfer-failed"; readonly transfer: number; readonly reason: string }
  /**
   * The application has lost the way by which it follows the active peer. If that is heard again before this node takes over, half an interval of
   * heartbeats later or in a higher epoch, the node is behind, and has the state transferred anew. `since` says since when it is lost, in ms on
   * the node's clock; without it, now.
   */
  | { readonly type: "source-lost"; readonly since?: number | undefined }
  /** The application may have missed some of the active peer's state: it is to be transferred anew before the node may take over. */
  | { readonly type: "fell-behind" }
  /** An epoch that the node was to remember could not be written down. */
  | { readonly type: "not-remembered"; readonly epoch: number; readonly reason: string }
  /** The node leaves: an active one hands over to its peer. */
  | { readonly type: "close" };

/** What the host of a node does. */
export type BinaryStarOutput =
  /** Tell the peer. */
  | { readonly type: "publish"; readonly state: PublishedState; readonly record: StarRecord | undefined }
  /** Ask for an epoch of at least this; answered by `granted` or `denied`. */
  | { readonly type: "claim"; readonly claim: number; readonly epoch: number }
  /** Give back what this claim was or may yet be granted. */
  | { readonly type: "release"; readonly claim: number }
  /** Ask for more time; answered by `renewed`, `lease-lost` or `renewal-failed`. */
  | { readonly type: "renew"; readonly claim: number }
  /** Keep this epoch in mind beyond the end of the process. */
  | { readonly type: "remember"; readonly epoch: number }
  /** The application is to serve, in this epoch; answered by `activated` or `activation-failed`. */
  | { readonly type: "activate"; readonly epoch: number }
  /** The application is to serve no more. */
  | { readonly type: "deactivate"; readonly epoch: number; readonly reason: DeactivationReason }
  /** The application is to have the active peer's state; answered by `caught-up` or `transfer-failed`. */
  | { readonly type: "transfer"; readonly transfer: number }
  | { readonly type: "stop-transfer"; readonly transfer: number }
  | { readonly type: "status"; readonly event: BinaryStarEvent };

/** Why an active node stopped being so. */
export type DeactivationReason = "yielded" | "overtaken" | "lease-lost" | "activation-failed" | "closed";

/** Why a node claimed an epoch. */
export type ClaimReason =
  | "peer-waiting"
  | "peer-dead"
  /** Both were passive, and this is the primary, or the primary could not become active. */
  | "both-passive"
  /** The peer knows of a higher epoch than the one that this node was active in. */
  | "overtaken";

/** Status events of a node. */
export type BinaryStarEvent =
  /** It serves, in this epoch, which no earlier one is equal to or above. */
  | (StatusEvent & {
      readonly type: "became-active";
      readonly epoch: number;
      readonly because: ClaimReason;
    })
  /** It serves no more. */
  | (StatusEvent & {
      readonly type: "stopped-serving";
      readonly epoch: number;
      readonly reason: DeactivationReason;
    })
  /** The peer is active, and this node has its state: it can take over. */
  | (StatusEvent & { readonly type: "became-passive" })
  /** It publishes another state. */
  | (StatusEvent & {
      readonly type: "state-changed";
      readonly from: PublishedState;
      readonly to: PublishedState;
    })
  /** The peer was heard for the first time, or again. */
  | (StatusEvent & { readonly type: "peer-heard"; readonly state: PublishedState })
  /** The peer publishes another state. */
  | (StatusEvent & {
      readonly type: "peer-changed";
      readonly from: PublishedState;
      readonly to: PublishedState;
    })
  /** The peer was silent for too long. */
  | (StatusEvent & { readonly type: "peer-expired"; readonly silentMs: number })
  /** Both were active: the other side of a split has been heard. This node stays active, or makes way. */
  | (StatusEvent & {
      readonly type: "split-brain-resolved";
      readonly stays: boolean;
      readonly epoch: number;
      readonly peerEpoch: number | undefined;
    })
  /** Both were passive: this node claims. */
  | (StatusEvent & { readonly type: "double-passive-resolved" })
  | (StatusEvent & { readonly type: "claim-denied"; readonly reason: string })
  /** The epoch could not be written down; a later life of this node may not know of it. Tried again with each heartbeat, and told once. */
  | (StatusEvent & { readonly type: "epoch-not-kept"; readonly epoch: number; readonly reason: string })
  /** The lease could not be renewed; it is tried again until it is over. */
  | (StatusEvent & { readonly type: "renewal-failed"; readonly reason: string })
  | (StatusEvent & { readonly type: "activation-failed"; readonly epoch: number; readonly reason: string })
  | (StatusEvent & { readonly type: "transfer-failed"; readonly reason: string })
  /** The peer says that it has the same role as this node, and is passed over. */
  | (StatusEvent & { readonly type: "roles-clashed"; readonly role: StarRole })
  /** A client asked a node that is not serving: it is not active, or not yet, or not for sure. */
  | (StatusEvent & { readonly type: "request-rejected"; readonly state: PublishedState })
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number })
  | MessageDropped;

/** Counters of a node. */
export interface BinaryStarStats {
  /** Times it became active. */
  activations: number;
  /** Times that the peer was silent for too long. */
  peerExpired: number;
  /** States of the peer that were read. */
  heard: number;
  /** Requests, or votes, that came while it was serving, and while it was not. */
  accepted: number;
  rejected: number;
  /** Two that were active, and two that were passive, resolved. */
  splitBrains: number;
  doublePassives: number;
  /** Claims that were denied, or not answered in time. */
  claimsDenied: number;
  /** Peer states that could not be read, or came from a node with the same role. */
  malformed: number;
}
