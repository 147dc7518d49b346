import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";

/** States of one request in the client. Attempts run in `sent` alone: to wait for a server takes none. */
export type RequestState = "waiting" | "sent" | "backing-off" | "answered" | "failed";

/** What can happen to one request. */
export type RequestEvent =
  /** A server can be asked. */
  | "offered"
  | "reply"
  | "failure-reply"
  | "timed-out"
  | "exhausted"
  /** The server is not active. */
  | "refused"
  | "last-refused"
  /** The connection broke, or was left for another server. */
  | "connection-lost"
  | "last-connection-lost"
  /** The socket's queue was full. */
  | "not-taken"
  | "pause-over"
  /** The time of the whole request is over. */
  | "out-of-time"
  | "aborted"
  | "closed";

/** What the client does on a transition. */
export type RequestAction = "send" | "retract" | "requeue" | "pause" | "offer" | "settle" | "fail";

const answered = go("answered", "settle");
const failed = go("failed", "fail");
const requeue = go("waiting", "requeue");
const notOffered = impossible("only a waiting request is offered to a server");
const noAttempt = impossible("an attempt runs only while a request is sent");
const notPausing = impossible("only a pause can be over");
const nothingHandedOver = impossible("only what was handed to a socket can come back");
const attemptOver = ignore("the attempt that the server speaks of is over");
const notSent = ignore("it was not on that connection");

/** The life of one request. A reply may come in any state: an earlier attempt's is as good as the latest's. */
export const requestLife: TransitionTable<RequestState, RequestEvent, RequestAction, "answered" | "failed"> =
  new TransitionTable<RequestState, RequestEvent, RequestAction, "answered" | "failed">({
    name: "Binary Star request",
    initial: "waiting",
    final: ["answered", "failed"],
    events: [
      "offered",
      "reply",
      "failure-reply",
      "timed-out",
      "exhausted",
      "refused",
      "last-refused",
      "connection-lost",
      "last-connection-lost",
      "not-taken",
      "pause-over",
      "out-of-time",
      "aborted",
      "closed",
    ],
    states: {
      waiting: {
        offered: go("sent", "send"),
        reply: answered,
        "failure-reply": failed,
        "timed-out": noAttempt,
        exhausted: noAttempt,
        refused: attemptOver,
        "last-refused": attemptOver,
        "connection-lost": notSent,
        "last-connection-lost": notSent,
        "not-taken": nothingHandedOver,
        "pause-over": notPausing,
        "out-of-time": failed,
        aborted: failed,
        closed: failed,
      },
      sent: {
        offered: notOffered,
        reply: answered,
        "failure-reply": failed,
        "timed-out": go("backing-off", "pause"),
        exhausted: failed,
        refused: requeue,
        "last-refused": failed,
        "connection-lost": requeue,
        "last-connection-lost": failed,
        "not-taken": go("backing-off", "retract"),
        "pause-over": notPausing,
        "out-of-time": failed,
        aborted: failed,
        closed: failed,
      },
      "backing-off": {
        offered: notOffered,
        reply: answered,
        "failure-reply": failed,
        "timed-out": noAttempt,
        exhausted: noAttempt,
        refused: attemptOver,
        "last-refused": attemptOver,
        "connection-lost": notSent,
        "last-connection-lost": notSent,
        "not-taken": nothingHandedOver,
        "pause-over": go("waiting", "offer"),
        "out-of-time": failed,
        aborted: failed,
        closed: failed,
      },
    },
  });
