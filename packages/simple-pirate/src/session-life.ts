import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";

/** States of one of a worker's sessions with a queue. */
export type SessionState = "connecting" | "ready" | "busy" | "orphaned" | "finishing" | "pausing" | "closed";

/** What can happen to a session. */
export type SessionEvent = "connected" | "connection-lost" | "request" | "done" | "pause-over" | "leave";

/** What the worker does on a transition. */
export type SessionAction = "say-ready" | "work" | "abandon" | "pause" | "reopen" | "close";

const noConnection = impossible("there is no connection");
const noWork = impossible("there is no request at hand");
const notPausing = impossible("only a pause can be over");
const once = impossible("a socket connects once");
const overAlready = ignore("its connection is over already");
const pause = go("pausing", "pause");
const close = go("closed", "close");

/**
 * The life of one of a worker's sessions with a queue. It acts like a REQ: a request, its reply, and
 * the next. Each connection is a socket of its own, so that no reply goes to a queue that did not ask.
 */
export const sessionLife: TransitionTable<SessionState, SessionEvent, SessionAction, "closed"> =
  new TransitionTable<SessionState, SessionEvent, SessionAction, "closed">({
    name: "Simple Pirate session of a worker",
    initial: "connecting",
    final: ["closed"],
    events: ["connected", "connection-lost", "request", "done", "pause-over", "leave"],
    states: {
      connecting: {
        connected: go("ready", "say-ready"),
        "connection-lost": pause,
        request: ignore("nobody has said READY: it is refused"),
        done: noWork,
        "pause-over": notPausing,
        leave: close,
      },
      ready: {
        connected: once,
        "connection-lost": pause,
        request: go("busy", "work"),
        done: noWork,
        "pause-over": notPausing,
        leave: close,
      },
      busy: {
        connected: once,
        "connection-lost": go("orphaned", "abandon"),
        // Our queue never does this. It waits for its turn.
        request: go("busy", "work"),
        done: go("ready"),
        "pause-over": notPausing,
        leave: go("finishing"),
      },
      // The queue is lost while the application still works: it must not be given more meanwhile.
      orphaned: {
        connected: overAlready,
        "connection-lost": overAlready,
        request: ignore("its connection is over: it is refused"),
        done: pause,
        "pause-over": notPausing,
        leave: close,
      },
      // Told to leave while the application still works.
      finishing: {
        connected: once,
        "connection-lost": go("closed", "abandon"),
        request: ignore("it takes no more: it is refused"),
        done: close,
        "pause-over": notPausing,
        leave: ignore("it leaves already"),
      },
      pausing: {
        connected: noConnection,
        "connection-lost": noConnection,
        request: noConnection,
        done: noWork,
        "pause-over": go("connecting", "reopen"),
        leave: close,
      },
    },
  });
