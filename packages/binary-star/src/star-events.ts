import type { StarEvent, StarState } from "./star-life.js";
import type { ClaimReason } from "./star-messages.js";
import type { PublishedState, StarRole } from "./wire.js";

/** Why a node claims, where it does. */
export const CLAIM_REASONS: Readonly<Partial<Record<StarEvent, ClaimReason>>> = {
  "peer-primary": "peer-waiting",
  "peer-backup": "peer-waiting",
  "vote-counted": "peer-dead",
  "peer-passive-below": "both-passive",
  "peer-passive-stuck": "both-passive",
  overtaken: "overtaken",
};

/** What a node is to be compared with its peer by. */
export interface Standing {
  readonly role: StarRole;
  readonly state: StarState;
  /** That it is active in, or the highest that it knows of. */
  readonly epoch: number;
  /** It has stood still for as long as its peer waits, which may have taken over meanwhile. */
  readonly isDoubtful: boolean;
}

/**
 * What it is to a node that its peer published this state, and this epoch if it is one of ours.
 *
 * @param isStuck - it has published the same state for as long as it may be silent
 */
export function peerEvent(
  node: Standing,
  peerState: PublishedState,
  peerEpoch: number | undefined,
  isStuck: boolean,
): StarEvent {
  const isPeerPrimary = node.role === "backup";
  if (peerState === "active") {
    return isAbove(node, peerEpoch) ? "peer-active-above" : "peer-active-below";
  }
  if (node.state === "active" && (peerEpoch ?? 0) > node.epoch) return "overtaken";
  if (peerState === "passive") {
    if (!isPeerPrimary) return "peer-passive-below";
    return isStuck ? "peer-passive-stuck" : "peer-passive-above";
  }
  return peerState === "primary" ? "peer-primary" : "peer-backup";
}

/** Of two that are active the one stays whose epoch is the higher. */
function isAbove(node: Standing, peerEpoch: number | undefined): boolean {
  const isPeerPrimary = node.role === "backup";
  // A peer that is not ours took over from this one, if this one stood still, and ends itself if it hears that this one stays.
  if (peerEpoch === undefined) return isPeerPrimary || node.isDoubtful;
  return peerEpoch === node.epoch ? isPeerPrimary : peerEpoch > node.epoch;
}
