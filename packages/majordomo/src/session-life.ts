import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";

/** States of a worker's session with a broker. */
export type SessionState = "waiting" | "connecting" | "idle" | "busy" | "draining" | "parting" | "closed";

/** What can happen to a session. */
export type SessionEvent =
  | "due"
  | "connected"
  | "connection-lost"
  | "silent"
  | "dismissed"
  | "request"
  | "done"
  | "stuck"
  | "leave"
  | "released"
  | "time-is-up";

/** What the worker does on a transition. */
export type SessionAction =
  | "open"
  | "say-ready"
  | "retry"
  | "renew"
  | "want-no-more"
  | "take-leave"
  | "hang-up"
  | "abandon"
  | "close";

const noConnection = impossible("there is no connection");
const noWork = impossible("there is no request at hand");
const isOpen = impossible("there is a connection");
const once = impossible("a socket connects once");
const notClosing = impossible("closing has ended it, or made it drain");
const leavesAlready = ignore("it is leaving already");
const retry = go("waiting", "retry");
const leave = go("parting", "take-leave");
const hangUp = go("closed", "hang-up");
const close = go("closed", "close");
const notParting = impossible("it has not taken its leave");
const abandon = go("closed", "abandon");

/** The life of a worker's session with a broker. Each connection is a new socket. */
export const sessionLife: TransitionTable<SessionState, SessionEvent, SessionAction, "closed"> =
  new TransitionTable<SessionState, SessionEvent, SessionAction, "closed">({
    name: "Majordomo session of a worker",
    initial: "waiting",
    final: ["closed"],
    events: [
      "due",
      "connected",
      "connection-lost",
      "silent",
      "dismissed",
      "request",
      "done",
      "stuck",
      "leave",
      "released",
      "time-is-up",
    ],
    states: {
      // For the application to ask for requests, for the end of a pause, or for work on lost requests to end.
      waiting: {
        due: go("connecting", "open"),
        connected: noConnection,
        "connection-lost": noConnection,
        silent: noConnection,
        dismissed: noConnection,
        request: noConnection,
        done: noWork,
        stuck: noWork,
        leave: go("closed"),
        released: notParting,
        "time-is-up": notClosing,
      },
      connecting: {
        due: isOpen,
        connected: go("idle", "say-ready"),
        "connection-lost": retry,
        silent: retry,
        dismissed: retry,
        request: ignore("nobody has said READY: it is counted and dropped"),
        done: noWork,
        stuck: noWork,
        leave: close,
        released: notParting,
        "time-is-up": notClosing,
      },
      idle: {
        due: isOpen,
        connected: once,
        "connection-lost": retry,
        silent: retry,
        dismissed: retry,
        request: go("busy"),
        done: noWork,
        stuck: noWork,
        leave,
        released: notParting,
        "time-is-up": notClosing,
      },
      busy: {
        due: isOpen,
        connected: once,
        "connection-lost": retry,
        silent: retry,
        dismissed: retry,
        request: go("busy"),
        done: go("idle"),
        stuck: go("waiting", "renew"),
        leave: go("draining", "want-no-more"),
        released: notParting,
        "time-is-up": notClosing,
      },
      draining: {
        due: isOpen,
        connected: once,
        "connection-lost": abandon,
        silent: abandon,
        dismissed: abandon,
        request: ignore("it crossed our leave, and goes back to the broker"),
        done: leave,
        stuck: leave,
        leave: leavesAlready,
        released: notParting,
        "time-is-up": leave,
      },
      // It has said DISCONNECT. A broker of ours answers with the same when it has read that: what it sent before
      // then has found an open connection, and goes to another worker at no cost.
      parting: {
        due: isOpen,
        connected: once,
        "connection-lost": close,
        silent: hangUp,
        // It has read all that was said, or wants none of it: a socket that lingers would only wait for itself.
        dismissed: close,
        request: ignore("it crossed our leave, and the broker gives it to another"),
        done: noWork,
        stuck: noWork,
        leave: leavesAlready,
        released: hangUp,
        "time-is-up": hangUp,
      },
    },
  });
