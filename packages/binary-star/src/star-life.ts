import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";
import type { PublishedState } from "./wire.js";

/** States of one node. `starting` and `promoting` claim an epoch; `catching-up` has the active peer's state transferred. */
export type StarState =
  | "primary"
  | "backup"
  | "starting"
  | "catching-up"
  | "passive"
  | "promoting"
  | "active"
  | "left";

/** States as the peer is told them; one that has left says nothing more. */
export const PUBLISHED: Readonly<Record<StarState, PublishedState | undefined>> = {
  primary: "primary",
  backup: "backup",
  starting: "primary",
  "catching-up": "passive",
  passive: "passive",
  promoting: "passive",
  active: "active",
  left: undefined,
};

/**
 * What can happen to a node. An active peer is `above` if its epoch is higher than ours, or, where one of the two is not known,
 * if it is the primary or this node stood still; a passive one if it is the primary.
 */
export type StarEvent =
  | "peer-primary"
  | "peer-backup"
  | "peer-active-above"
  | "peer-active-below"
  | "peer-passive-above"
  | "peer-passive-below"
  /** The primary is passive, and has been for as long as it may be silent: it cannot become active. */
  | "peer-passive-stuck"
  /** The peer is not active, but knows of an epoch above the one that we are active in. */
  | "overtaken"
  /** A client asked, and the peer is dead. */
  | "vote-counted"
  /** A client asked, and the peer lives, or has not had its time to be heard. */
  | "vote-refused"
  | "granted"
  | "denied"
  | "caught-up"
  /** The application may have missed some of the active peer's state. */
  | "fell-behind"
  /** The lease is over, or the application could not become active. */
  | "unseated"
  | "closed";

/** What the node does on a transition. */
export type StarAction =
  /** Ask for an epoch above all that are known. */
  | "claim"
  | "activate"
  /** The epoch was not granted. */
  | "stay"
  /** Another is active: have its state transferred. */
  | "follow"
  /** As `follow`, after having been active oneself. */
  | "yield"
  /** Two are active, and this one stays so. */
  | "keep"
  /** Become active anew, in an epoch above the one that the peer knows of. */
  | "reassert"
  /** The state has been transferred. */
  | "settle"
  /** There is nobody left to catch up with: begin anew. */
  | "wait"
  | "step-down"
  | "leave";

const leave = go("left", "leave");
const follow = go("catching-up", "follow");
const isPrimary = impossible("this node is the primary, so its peer is the backup");
const isBackup = impossible("this node is the backup, so its peer is the primary");
const noClaim = impossible("no claim is under way");
const claiming = ignore("a claim is under way already");
const noTransfer = impossible("no state is being transferred");
const notFollowing = ignore("it does not follow an active peer");
const notActive = impossible("only an active node can lose its place");
const peerLives = ignore("the peer lives: this client may only have lost its way to it");
const takesOver = ignore("the peer takes over as soon as it hears that this node waits");

/** The life of one of the two nodes. */
export const starLife: TransitionTable<StarState, StarEvent, StarAction, "left"> = new TransitionTable<
  StarState,
  StarEvent,
  StarAction,
  "left"
>({
  name: "Binary Star node",
  // A backup begins in `backup`, to which the table leads as well.
  initial: "primary",
  final: ["left"],
  events: [
    "peer-primary",
    "peer-backup",
    "peer-active-above",
    "peer-active-below",
    "peer-passive-above",
    "peer-passive-below",
    "peer-passive-stuck",
    "overtaken",
    "vote-counted",
    "vote-refused",
    "granted",
    "denied",
    "caught-up",
    "fell-behind",
    "unseated",
    "closed",
  ],
  states: {
    primary: {
      "peer-primary": isPrimary,
      "peer-backup": go("starting", "claim"),
      "peer-active-above": follow,
      "peer-active-below": follow,
      "peer-passive-above": isPrimary,
      "peer-passive-below": takesOver,
      "peer-passive-stuck": isPrimary,
      overtaken: notActive,
      "vote-counted": go("starting", "claim"),
      "vote-refused": peerLives,
      granted: noClaim,
      denied: noClaim,
      "caught-up": noTransfer,
      "fell-behind": notFollowing,
      unseated: notActive,
      closed: leave,
    },
    backup: {
      "peer-primary": ignore("the waiting primary becomes active as soon as it hears a waiting backup"),
      "peer-backup": isBackup,
      "peer-active-above": follow,
      "peer-active-below": follow,
      "peer-passive-above": takesOver,
      "peer-passive-below": isBackup,
      "peer-passive-stuck": takesOver,
      overtaken: notActive,
      "vote-counted": ignore("a lone backup never serves: it cannot know what the primary did before"),
      "vote-refused": peerLives,
      granted: noClaim,
      denied: noClaim,
      "caught-up": noTransfer,
      "fell-behind": notFollowing,
      unseated: notActive,
      closed: leave,
    },
    starting: {
      "peer-primary": isPrimary,
      "peer-backup": claiming,
      "peer-active-above": follow,
      "peer-active-below": follow,
      "peer-passive-above": isPrimary,
      "peer-passive-below": claiming,
      "peer-passive-stuck": isPrimary,
      overtaken: notActive,
      "vote-counted": claiming,
      "vote-refused": claiming,
      granted: go("active", "activate"),
      denied: go("primary", "stay"),
      "caught-up": noTransfer,
      "fell-behind": notFollowing,
      unseated: notActive,
      closed: leave,
    },
    "catching-up": {
      "peer-primary": go("backup", "wait"),
      "peer-backup": go("primary", "wait"),
      "peer-active-above": ignore("its state is being transferred"),
      "peer-active-below": ignore("its state is being transferred"),
      "peer-passive-above": ignore("the primary takes over"),
      "peer-passive-below": go("primary", "wait"),
      "peer-passive-stuck": ignore("what the primary knows has not all been transferred"),
      overtaken: notActive,
      "vote-counted": ignore("what the dead peer knew has not all been transferred"),
      "vote-refused": peerLives,
      granted: noClaim,
      denied: noClaim,
      "caught-up": go("passive", "settle"),
      "fell-behind": ignore("its state is being transferred"),
      unseated: notActive,
      closed: leave,
    },
    passive: {
      "peer-primary": go("promoting", "claim"),
      "peer-backup": go("promoting", "claim"),
      "peer-active-above": ignore("the pair is as it should be"),
      "peer-active-below": ignore("the pair is as it should be"),
      "peer-passive-above": ignore("of two that are passive the primary takes over"),
      "peer-passive-below": go("promoting", "claim"),
      "peer-passive-stuck": go("promoting", "claim"),
      overtaken: notActive,
      "vote-counted": go("promoting", "claim"),
      "vote-refused": peerLives,
      granted: noClaim,
      denied: noClaim,
      "caught-up": noTransfer,
      "fell-behind": follow,
      unseated: notActive,
      closed: leave,
    },
    promoting: {
      "peer-primary": claiming,
      "peer-backup": claiming,
      "peer-active-above": follow,
      "peer-active-below": follow,
      "peer-passive-above": claiming,
      "peer-passive-below": claiming,
      "peer-passive-stuck": claiming,
      overtaken: notActive,
      "vote-counted": claiming,
      "vote-refused": claiming,
      granted: go("active", "activate"),
      denied: go("passive", "stay"),
      "caught-up": noTransfer,
      "fell-behind": follow,
      unseated: notActive,
      closed: leave,
    },
    active: {
      "peer-primary": ignore("it follows as soon as it hears this one"),
      "peer-backup": ignore("it follows as soon as it hears this one"),
      "peer-active-above": go("catching-up", "yield"),
      "peer-active-below": go("active", "keep"),
      "peer-passive-above": ignore("the pair is as it should be"),
      "peer-passive-below": ignore("the pair is as it should be"),
      "peer-passive-stuck": ignore("the pair is as it should be"),
      overtaken: go("promoting", "reassert"),
      "vote-counted": ignore("requests are answered"),
      "vote-refused": ignore("requests are answered"),
      granted: noClaim,
      denied: noClaim,
      "caught-up": noTransfer,
      "fell-behind": notFollowing,
      unseated: go("passive", "step-down"),
      closed: leave,
    },
  },
});
