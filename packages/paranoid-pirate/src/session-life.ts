import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";

/** States of one of a worker's sessions with a queue. */
export type SessionState =
  | "connecting"
  | "ready"
  | "busy"
  | "orphaned"
  | "pausing"
  | "finishing"
  | "leaving"
  | "closed";

/** What can happen to a session. */
export type SessionEvent =
  | "connected"
  | "connection-lost"
  | "silent"
  | "pause-over"
  | "request"
  | "replied"
  | "dropped"
  | "leave"
  | "released";

/** What the worker does on a transition. */
export type SessionAction = "open" | "say-ready" | "say-leave" | "work" | "abandon" | "retry" | "close";

const noConnection = impossible("there is no connection");
const noWork = impossible("there is no request at hand");
const notPausing = impossible("only a pause can be over");
const once = impossible("a socket connects once");
const notJudged = impossible("silence is not judged while there is work");
const unasked = ignore("nobody asked to leave");
const leavesAlready = ignore("it is leaving already");
const retry = go("pausing", "retry");
const close = go("closed", "close");

/** The life of one of a worker's sessions. Each connection is a new socket, as 6/PPP asks. */
export const sessionLife: TransitionTable<SessionState, SessionEvent, SessionAction, "closed"> =
  new TransitionTable<SessionState, SessionEvent, SessionAction, "closed">({
    name: "Paranoid Pirate session of a worker",
    initial: "connecting",
    final: ["closed"],
    events: [
      "connected",
      "connection-lost",
      "silent",
      "pause-over",
      "request",
      "replied",
      "dropped",
      "leave",
      "released",
    ],
    states: {
      connecting: {
        connected: go("ready", "say-ready"),
        "connection-lost": retry,
        silent: retry,
        "pause-over": notPausing,
        request: ignore("nobody has said READY: it is counted and dropped"),
        replied: noWork,
        dropped: noWork,
        leave: close,
        released: unasked,
      },
      ready: {
        connected: once,
        "connection-lost": retry,
        silent: retry,
        "pause-over": notPausing,
        request: go("busy", "work"),
        replied: noWork,
        dropped: noWork,
        leave: go("leaving", "say-leave"),
        released: unasked,
      },
      busy: {
        connected: once,
        "connection-lost": go("orphaned", "abandon"),
        silent: notJudged,
        "pause-over": notPausing,
        request: go("busy", "work"),
        replied: go("ready"),
        dropped: go("ready", "say-ready"),
        leave: go("finishing", "say-leave"),
        released: unasked,
      },
      // The queue is lost while the application still works: it must not be given more meanwhile.
      orphaned: {
        connected: noConnection,
        "connection-lost": noConnection,
        silent: noConnection,
        "pause-over": notPausing,
        request: noConnection,
        replied: retry,
        dropped: retry,
        leave: go("closed"),
        released: noConnection,
      },
      pausing: {
        connected: noConnection,
        "connection-lost": noConnection,
        silent: noConnection,
        "pause-over": go("connecting", "open"),
        request: noConnection,
        replied: noWork,
        dropped: noWork,
        leave: go("closed"),
        released: noConnection,
      },
      // The queue knows that this request is the last.
      finishing: {
        connected: once,
        "connection-lost": go("closed", "abandon"),
        silent: notJudged,
        "pause-over": notPausing,
        request: go("finishing", "work"),
        replied: go("leaving"),
        dropped: go("leaving", "say-leave"),
        leave: leavesAlready,
        released: go("closed", "abandon"),
      },
      // Until the queue has heard of it, a request may be on its way.
      leaving: {
        connected: once,
        "connection-lost": close,
        silent: close,
        "pause-over": notPausing,
        request: go("finishing", "work"),
        replied: noWork,
        dropped: noWork,
        leave: leavesAlready,
        released: close,
      },
    },
  });
