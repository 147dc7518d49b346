import { go, impossible, TransitionTable } from "@seaworthy/core";

/** States of one request in the client. */
export type RequestState =
  /** An attempt is under way, and no broker has taken it yet. */
  | "waiting"
  /** An attempt is at a broker. */
  | "sent"
  /** Parts of a stream have been handed to the application. */
  | "streaming"
  | "backing-off"
  | "answered"
  | "failed";

/** What can happen to one request. */
export type RequestEvent =
  /** A connection has room for it. */
  | "taken"
  /** The socket's queue had no room after all. */
  | "not-taken"
  /** A part of a stream came that is not the last. */
  | "part"
  /** The last of a reply came. */
  | "final"
  /** A handler failed with it, or too many workers were lost with it. */
  | "rejected"
  /** No reply will come of this attempt: its time is over, its connection lost, the broker said no. */
  | "attempt-over"
  | "last-attempt-over"
  /** The broker is closing, and there is another one. */
  | "passed-on"
  | "pause-over"
  /** A stream that has begun cannot go on. */
  | "broken"
  /** The reply is larger than a limit allows. */
  | "overrun"
  | "aborted"
  | "closed";

/** What the client does on a transition. */
export type RequestAction = "send" | "retract" | "deliver" | "pause" | "offer" | "settle" | "fail";

const answered = go("answered", "settle");
const failed = go("failed", "fail");
const streaming = go("streaming", "deliver");
const notOffered = impossible("only a waiting request is offered to a connection");
const nothingHandedOver = impossible("only what was handed to a socket can come back");
const notPausing = impossible("only a pause can be over");
const noAttempt = impossible("no attempt is under way during a pause");
const nothingTaken = impossible("no broker has this attempt");
const notBegun = impossible("only a stream of which a part was handed over can break");
const notTriedAgain = impossible("a stream that has begun is not tried again: it breaks");

/**
 * The life of one request. A reply may come in any state: an earlier attempt's is as good as the latest's. A
 * stream is tried again only until its first part is handed over.
 */
export const requestLife: TransitionTable<RequestState, RequestEvent, RequestAction, "answered" | "failed"> =
  new TransitionTable<RequestState, RequestEvent, RequestAction, "answered" | "failed">({
    name: "Majordomo request",
    initial: "waiting",
    final: ["answered", "failed"],
    events: [
      "taken",
      "not-taken",
      "part",
      "final",
      "rejected",
      "attempt-over",
      "last-attempt-over",
      "passed-on",
      "pause-over",
      "broken",
      "overrun",
      "aborted",
      "closed",
    ],
    states: {
      waiting: {
        taken: go("sent", "send"),
        "not-taken": nothingHandedOver,
        part: streaming,
        final: answered,
        rejected: failed,
        "attempt-over": go("backing-off", "pause"),
        "last-attempt-over": failed,
        "passed-on": nothingTaken,
        "pause-over": notPausing,
        broken: notBegun,
        overrun: failed,
        aborted: failed,
        closed: failed,
      },
      sent: {
        taken: notOffered,
        "not-taken": go("waiting", "retract"),
        part: streaming,
        final: answered,
        rejected: failed,
        "attempt-over": go("backing-off", "pause"),
        "last-attempt-over": failed,
        "passed-on": go("waiting", "offer"),
        "pause-over": notPausing,
        broken: notBegun,
        overrun: failed,
        aborted: failed,
        closed: failed,
      },
      streaming: {
        taken: notOffered,
        "not-taken": nothingHandedOver,
        part: streaming,
        final: answered,
        rejected: failed,
        "attempt-over": notTriedAgain,
        "last-attempt-over": notTriedAgain,
        "passed-on": notTriedAgain,
        "pause-over": notPausing,
        broken: failed,
        overrun: failed,
        aborted: failed,
        closed: failed,
      },
      "backing-off": {
        taken: notOffered,
        "not-taken": nothingHandedOver,
        part: streaming,
        final: answered,
        rejected: failed,
        "attempt-over": noAttempt,
        "last-attempt-over": noAttempt,
        "passed-on": noAttempt,
        "pause-over": go("waiting", "offer"),
        broken: notBegun,
        overrun: failed,
        aborted: failed,
        closed: failed,
      },
    },
  });
