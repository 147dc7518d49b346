import { go, ignore, TransitionTable } from "@seaworthy/core";

/** States of a worker as its broker sees it. */
export type WorkerState = "present" | "missing" | "gone";

/** What can happen to a worker at its broker. */
export type WorkerEvent = "heard" | "silent" | "disconnected" | "departed" | "unexpected";

/** What the broker does on a transition. */
export type WorkerAction = "give-on" | "give-back" | "welcome" | "expel";

/**
 * The life of a worker as its broker sees it. Silence does not end it at once: for one liveness more its replies
 * are as good as any, although what it had has been given to others. After that it must have noticed that
 * the broker says nothing, and registers anew.
 */
export const workerLife: TransitionTable<WorkerState, WorkerEvent, WorkerAction, "gone"> =
  new TransitionTable<WorkerState, WorkerEvent, WorkerAction, "gone">({
    name: "Majordomo worker at the broker",
    initial: "present",
    final: ["gone"],
    events: ["heard", "silent", "disconnected", "departed", "unexpected"],
    states: {
      // Given requests as long as it has credit.
      present: {
        heard: ignore("it is known to be there"),
        silent: go("missing", "give-on"),
        disconnected: go("gone", "give-back"),
        departed: go("gone", "give-on"),
        unexpected: go("gone", "expel"),
      },
      // Given nothing; what it had was given to others.
      missing: {
        heard: go("present", "welcome"),
        silent: go("gone"),
        disconnected: go("gone"),
        departed: go("gone"),
        unexpected: go("gone", "expel"),
      },
    },
  });
