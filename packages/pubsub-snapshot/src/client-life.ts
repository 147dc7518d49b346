import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";

/** States of a client. From `connecting` to `live` it is in a join: it has connections to one server. */
export type ClientState =
  /** There are no servers. */
  | "idle"
  | "connecting"
  /** Subscribed, and waits for the heartbeat that proves it. */
  | "subscribing"
  /** Has asked for the snapshot. */
  | "asking"
  /** The snapshot is on its way. */
  | "receiving"
  /** The map is complete, and kept so. */
  | "live"
  /** The next join begins after a pause. */
  | "pausing"
  | "closed";

/** What can happen to a client. */
export type ClientEvent =
  /** There is a server more. */
  | "added"
  /** Both connections stand. */
  | "up"
  /** Updates of the subtree alone would not show what is lost: all are to be taken. */
  | "widened"
  /** A heartbeat came behind the subscription. */
  | "proven"
  /** The first item of the snapshot. */
  | "answered"
  | "completed"
  /** The join is over, and the next begins at once. */
  | "left"
  /** The join is over, and the next begins after a pause. */
  | "failed"
  | "pause-over"
  | "closed";

/** What the client does on a transition. */
export type ClientAction =
  /** Connect to the server whose turn it is. */
  | "open"
  /** Connect to the same server once more, and take all updates. */
  | "reopen"
  | "subscribe"
  | "ask"
  /** Put the new map in the place of the old one. */
  | "replace"
  | "pause"
  /** End all that goes on. */
  | "end";

const open = go("connecting", "open");
const pause = go("pausing", "pause");
const close = go("closed", "end");
const replace = go("live", "replace");
const itsTurnComes = ignore("its turn comes");
const noJoin = impossible("there is no join");
const standAlready = impossible("they stand already, and each connects once");
const notSubscribed = impossible("nothing is subscribed to");
const notAsked = impossible("what was not asked for is dropped before");
const proven = impossible("it is proven already");
const notPausing = impossible("there is no pause");

/** The life of a client, join by join. */
export const clientLife: TransitionTable<ClientState, ClientEvent, ClientAction, "closed"> =
  new TransitionTable<ClientState, ClientEvent, ClientAction, "closed">({
    name: "Client of a shared map",
    initial: "idle",
    final: ["closed"],
    events: [
      "added",
      "up",
      "widened",
      "proven",
      "answered",
      "completed",
      "left",
      "failed",
      "pause-over",
      "closed",
    ],
    states: {
      idle: {
        added: open,
        up: noJoin,
        widened: noJoin,
        proven: noJoin,
        answered: noJoin,
        completed: noJoin,
        left: noJoin,
        failed: noJoin,
        "pause-over": notPausing,
        closed: close,
      },
      connecting: {
        added: itsTurnComes,
        up: go("subscribing", "subscribe"),
        widened: notSubscribed,
        proven: notSubscribed,
        answered: notAsked,
        completed: notAsked,
        left: open,
        failed: pause,
        "pause-over": notPausing,
        closed: close,
      },
      subscribing: {
        added: itsTurnComes,
        up: standAlready,
        widened: go("connecting", "reopen"),
        proven: go("asking", "ask"),
        answered: notAsked,
        completed: notAsked,
        left: open,
        failed: pause,
        "pause-over": notPausing,
        closed: close,
      },
      asking: {
        added: itsTurnComes,
        up: standAlready,
        widened: proven,
        proven,
        answered: go("receiving"),
        completed: replace,
        left: open,
        failed: pause,
        "pause-over": notPausing,
        closed: close,
      },
      receiving: {
        added: itsTurnComes,
        up: standAlready,
        widened: proven,
        proven,
        answered: ignore("it is not the first item"),
        completed: replace,
        left: open,
        failed: pause,
        "pause-over": notPausing,
        closed: close,
      },
      live: {
        added: itsTurnComes,
        up: standAlready,
        widened: proven,
        proven,
        answered: notAsked,
        completed: notAsked,
        left: open,
        failed: pause,
        "pause-over": notPausing,
        closed: close,
      },
      pausing: {
        added: itsTurnComes,
        up: noJoin,
        widened: noJoin,
        proven: noJoin,
        answered: noJoin,
        completed: noJoin,
        left: noJoin,
        failed: noJoin,
        "pause-over": open,
        closed: close,
      },
    },
  });
