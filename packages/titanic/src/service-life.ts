import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";

/** What a server knows of the workers of a service. */
export type ServiceState = "unasked" | "asking" | "found" | "missed";

/** What can happen to that. */
export type ServiceEvent =
  /** There may be work for it. */
  | "wanted"
  /** The broker has a worker, or does not tell. */
  | "offered"
  /** The broker has none, or cannot be reached. */
  | "absent"
  /** The pause is over. */
  | "due"
  /** A request found no worker or no broker. */
  | "doubted";

/** What the server does on a transition. */
export type ServiceAction = "ask" | "dispatch" | "pause";

const notAsked = impossible("nobody has been asked");
const noPause = impossible("no pause has begun");
const asked = ignore("the broker is asked already");

/** Whether there are workers for a service, as far as a server knows. */
export const serviceLife: TransitionTable<ServiceState, ServiceEvent, ServiceAction> = new TransitionTable<
  ServiceState,
  ServiceEvent,
  ServiceAction
>({
  name: "Service of a Titanic server",
  initial: "unasked",
  final: [],
  events: ["wanted", "offered", "absent", "due", "doubted"],
  states: {
    unasked: {
      wanted: go("asking", "ask"),
      offered: notAsked,
      absent: notAsked,
      due: noPause,
      doubted: impossible("no request has been sent"),
    },
    asking: {
      wanted: asked,
      offered: go("found", "dispatch"),
      absent: go("missed", "pause"),
      due: noPause,
      doubted: asked,
    },
    found: {
      wanted: go("found", "dispatch"),
      offered: notAsked,
      absent: notAsked,
      due: noPause,
      doubted: go("asking", "ask"),
    },
    missed: {
      wanted: ignore("there is no worker for it; the pause ends soon enough"),
      offered: notAsked,
      absent: notAsked,
      due: go("asking", "ask"),
      doubted: ignore("that is known"),
    },
  },
});
