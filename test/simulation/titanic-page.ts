import type { Question } from "./majordomo-content.js";
import type { Session } from "./titanic-session.js";
import type { Order } from "./titanic-world.js";

/** What is known of one request in a store, from what the store and the servers were seen to say. */
export interface Page {
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly order: Order;
  readonly question: Question;
  readonly key: string | undefined;
  /** Its receipt is safe. */
  isStored: boolean;
  /** A client was told 200. */
  isAccepted: boolean;
  state: "pending" | "done" | "dead";
  /** When its reply was safe. */
  doneAt: number;
  /** Attempts that the store counts. */
  failures: number;
  /** Attempts that were seen to fail, and count. */
  seen: number;
  /** A server has asked to remove it. */
  isBeingRemoved: boolean;
  isRemoved: boolean;
  /** When a client was told that it is closed. */
  closedAt: number;
  /** The other servers of its store are told of its removal; those whose word is lost as well. */
  isTold: boolean;
  /** The servers that know that it is removed: they have said that it is closed, or heard the store's word. */
  readonly knownBy: Set<Session>;
  lease: { readonly token: number; readonly session: Session; until: number } | undefined;
}
