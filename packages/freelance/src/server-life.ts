import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";

/**
 * States of a server in the client's book:
 *
 * - `idle`: no connection is to be made yet (`failover`: it is not its turn)
 * - `connecting`: a connection is being made, or is made again
 * - `reachable`: the connection stands, and the server was asked for a sign of life (`tracked`)
 * - `alive`: it was heard, and takes requests
 * - `suspect`: it owes us a word; it takes no requests until it says one (`tracked`)
 * - `gone`: it was lost, or fell silent for too long; it is tried again
 * - `leaving`: it was taken out, and is kept for the replies that it owes
 * - `removed`: forgotten
 */
export type ServerState =
  | "idle"
  | "connecting"
  | "reachable"
  | "alive"
  | "suspect"
  | "gone"
  | "leaving"
  | "removed";

/** What can happen to a server. */
export type ServerEvent =
  /** It is its turn to be connected. */
  | "opened"
  /** The handshake is done. */
  | "up"
  /** It said something. */
  | "heard"
  /** Asked for a sign of life, or for a reply, it has not said a word in the time for it; or it takes nothing more. */
  | "doubted"
  /** It has been silent for too long, or its connection took too long to stand. */
  | "expired"
  /** The connection is gone, or could not be made. */
  | "down"
  /** A message to it was refused: no connection has its name. */
  | "refused"
  /** The application has entered it again. */
  | "added"
  /** The application has taken it out. */
  | "removed"
  /** It owes no reply any more. */
  | "drained";

/** What the client does on a transition. */
export type ServerAction = "open" | "greet" | "enlist" | "doubt" | "lose" | "renew" | "retire" | "forget";

const twice = ignore("a server that is entered twice is one server");
const notOpen = impossible("it has no connection");
const isOpen = impossible("it has a connection already");
const notLeaving = impossible("only who leaves is waited for");
const notUp = ignore("no request is with it");
const heardBefore = ignore("it was heard before the news of its connection");
const forget = go("removed", "forget");

const unconnected = {
  opened: go("connecting", "open"),
  up: notOpen,
  heard: notOpen,
  doubted: notOpen,
  expired: notOpen,
  down: notOpen,
  refused: notOpen,
  added: twice,
  removed: forget,
  drained: notLeaving,
} as const;

/** The life of one server, the same in all strategies. */
export const serverLife: TransitionTable<ServerState, ServerEvent, ServerAction, "removed"> =
  new TransitionTable<ServerState, ServerEvent, ServerAction, "removed">({
    name: "Freelance server",
    initial: "idle",
    final: ["removed"],
    events: ["opened", "up", "heard", "doubted", "expired", "down", "refused", "added", "removed", "drained"],
    states: {
      idle: unconnected,
      connecting: {
        opened: isOpen,
        up: go("reachable", "greet"),
        heard: go("alive", "enlist"),
        doubted: notUp,
        expired: go("gone", "renew"),
        down: go("gone", "lose"),
        refused: impossible("nothing is sent to it before it is reached"),
        added: twice,
        removed: forget,
        drained: notLeaving,
      },
      reachable: {
        opened: isOpen,
        up: heardBefore,
        heard: go("alive", "enlist"),
        doubted: notUp,
        expired: go("gone", "renew"),
        down: go("gone", "lose"),
        refused: ignore("its name comes a moment after the handshake"),
        added: twice,
        removed: forget,
        drained: notLeaving,
      },
      alive: {
        opened: isOpen,
        up: heardBefore,
        heard: ignore("it is alive already"),
        doubted: go("suspect", "doubt"),
        expired: go("gone", "renew"),
        down: go("gone", "lose"),
        refused: go("gone", "lose"),
        added: twice,
        removed: go("leaving", "retire"),
        drained: notLeaving,
      },
      suspect: {
        opened: isOpen,
        up: heardBefore,
        heard: go("alive", "enlist"),
        doubted: ignore("it is in doubt already"),
        expired: go("gone", "renew"),
        down: go("gone", "lose"),
        refused: go("gone", "lose"),
        added: twice,
        removed: go("leaving", "retire"),
        drained: notLeaving,
      },
      gone: unconnected,
      leaving: {
        opened: isOpen,
        up: ignore("it gets no more requests"),
        heard: ignore("it gets no more requests"),
        doubted: ignore("it gets no more requests"),
        expired: forget,
        down: forget,
        refused: forget,
        added: go("reachable", "greet"),
        removed: ignore("it is leaving already"),
        drained: forget,
      },
    },
  });
