import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";

/** States of one request in the client. */
export type RequestState = "waiting" | "sent" | "backing-off" | "answered" | "failed";

/** What can happen to one request. */
export type RequestEvent =
  | "connected"
  | "reply"
  | "failure-reply"
  | "timed-out"
  | "exhausted"
  | "connection-lost"
  | "last-connection-lost"
  | "not-taken"
  | "pause-over"
  | "not-connected"
  | "aborted"
  | "closed";

/** What the client does on a transition. */
export type RequestAction = "send" | "retract" | "pause" | "offer" | "settle" | "fail";

const answered = go("answered", "settle");
const failed = go("failed", "fail");
const retry = go("backing-off", "pause");
const notOffered = impossible("only a waiting request is offered to a connection");
const notPausing = impossible("only a pause can be over");
const noAttempt = impossible("no attempt is under way during a pause");
const notSent = ignore("this attempt was not on the lost connection");
const nothingHandedOver = impossible("only what was handed to a socket can come back");
const onlyAtFirst = impossible("judged once, when the request is made");

/** The life of one request. A reply may come in any state: an earlier attempt's is as good as the latest's. */
export const requestLife: TransitionTable<RequestState, RequestEvent, RequestAction, "answered" | "failed"> =
  new TransitionTable<RequestState, RequestEvent, RequestAction, "answered" | "failed">({
    name: "Lazy Pirate request",
    initial: "waiting",
    final: ["answered", "failed"],
    events: [
      "connected",
      "reply",
      "failure-reply",
      "timed-out",
      "exhausted",
      "connection-lost",
      "last-connection-lost",
      "not-taken",
      "pause-over",
      "not-connected",
      "aborted",
      "closed",
    ],
    states: {
      waiting: {
        connected: go("sent", "send"),
        reply: answered,
        "failure-reply": failed,
        "timed-out": retry,
        exhausted: failed,
        "connection-lost": notSent,
        "last-connection-lost": notSent,
        "not-taken": nothingHandedOver,
        "pause-over": notPausing,
        "not-connected": failed,
        aborted: failed,
        closed: failed,
      },
      sent: {
        connected: notOffered,
        reply: answered,
        "failure-reply": failed,
        "timed-out": retry,
        exhausted: failed,
        "connection-lost": retry,
        "last-connection-lost": failed,
        "not-taken": go("waiting", "retract"),
        "pause-over": notPausing,
        "not-connected": onlyAtFirst,
        aborted: failed,
        closed: failed,
      },
      "backing-off": {
        connected: notOffered,
        reply: answered,
        "failure-reply": failed,
        "timed-out": noAttempt,
        exhausted: noAttempt,
        "connection-lost": notSent,
        "last-connection-lost": notSent,
        "not-taken": nothingHandedOver,
        "pause-over": go("waiting", "offer"),
        "not-connected": onlyAtFirst,
        aborted: failed,
        closed: failed,
      },
    },
  });
