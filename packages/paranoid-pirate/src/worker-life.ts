import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";

/** States of a worker as its queue sees it. */
export type WorkerState = "ready" | "busy" | "missing" | "lost" | "leaving" | "gone";

/** What can happen to a worker at its queue. */
export type WorkerEvent =
  | "said-ready"
  | "heartbeat"
  | "reply"
  | "stray-reply"
  | "given-request"
  | "silent"
  | "said-leave"
  | "departed";

/** What the queue does on a transition. */
export type WorkerAction =
  | "deliver"
  | "answer"
  | "enlist"
  | "delist"
  | "give-on"
  | "give-back"
  | "restart"
  | "release";

const stillThere = ignore("it is known to be there");
const hasNoRequest = impossible("it has no request");
const notReady = impossible("requests are given to ready workers only");
const stray = ignore("the reply is counted and dropped; what it works on is another request");
const restarted = go("ready", "restart");

/**
 * The life of a worker as its queue sees it. Only READY and the reply to what it was given put a busy worker
 * back on the list: a heartbeat that crosses a request does not.
 */
export const workerLife: TransitionTable<WorkerState, WorkerEvent, WorkerAction, "gone"> =
  new TransitionTable<WorkerState, WorkerEvent, WorkerAction, "gone">({
    name: "Paranoid Pirate worker at the queue",
    initial: "ready",
    final: ["gone"],
    events: [
      "said-ready",
      "heartbeat",
      "reply",
      "stray-reply",
      "given-request",
      "silent",
      "said-leave",
      "departed",
    ],
    states: {
      // On the list.
      ready: {
        "said-ready": stillThere,
        heartbeat: stillThere,
        reply: hasNoRequest,
        "stray-reply": ignore("the reply is counted and dropped"),
        "given-request": go("busy", "deliver"),
        silent: go("missing", "delist"),
        "said-leave": go("gone", "release"),
        departed: go("gone", "delist"),
      },
      // Works on a request.
      busy: {
        "said-ready": restarted,
        heartbeat: stillThere,
        reply: go("ready", "answer"),
        "stray-reply": stray,
        "given-request": notReady,
        silent: go("lost", "give-on"),
        "said-leave": go("leaving"),
        departed: go("gone", "give-on"),
      },
      // Was ready, and has been silent for a while.
      missing: {
        "said-ready": go("ready", "enlist"),
        heartbeat: go("ready", "enlist"),
        reply: hasNoRequest,
        "stray-reply": go("ready", "enlist"),
        "given-request": notReady,
        silent: go("gone"),
        "said-leave": go("gone", "release"),
        departed: go("gone"),
      },
      // Was busy, and has been silent for a while: its request was given to another.
      lost: {
        "said-ready": restarted,
        heartbeat: ignore("it still works on what was given to another meanwhile"),
        reply: go("ready", "answer"),
        "stray-reply": stray,
        "given-request": notReady,
        silent: go("gone"),
        "said-leave": go("leaving"),
        departed: go("gone"),
      },
      // Works on its last request; to say LEAVE once more means that it gives it back.
      leaving: {
        "said-ready": restarted,
        heartbeat: stillThere,
        reply: go("gone", "answer"),
        "stray-reply": stray,
        "given-request": notReady,
        silent: go("gone", "give-on"),
        "said-leave": go("gone", "give-back"),
        departed: go("gone", "give-on"),
      },
    },
  });
