import { go, impossible, TransitionTable } from "@seaworthy/core";

/** States of one request in the client. */
export type CallState = "waiting" | "sent" | "backing-off" | "answered" | "failed";

/** What can happen to one request. */
export type CallEvent =
  | "placed"
  | "hedge-due"
  | "refused"
  | "reply"
  | "failure-reply"
  | "timed-out"
  | "exhausted"
  | "server-lost"
  | "last-server-lost"
  | "pause-over"
  | "not-connected"
  | "aborted"
  | "closed";

/** What the client does on a transition. */
export type CallAction = "send" | "hedge" | "wait" | "pause" | "offer" | "settle" | "fail";

const answered = go("answered", "settle");
const failed = go("failed", "fail");
const notOffered = impossible("only a waiting request is offered to servers");
const notHedged = impossible("only a request that a server has is hedged");
const nothingRefused = impossible("only what was sent can be refused");
const notPausing = impossible("only a pause can be over");
const noAttempt = impossible("no attempt is under way during a pause");
const noServer = impossible("no server has it that could be lost");
const onlyAtFirst = impossible("judged once, when the request is made");

/**
 * The life of one request, the same in all strategies: they differ in which servers an attempt is sent to. A
 * reply may come in any state: an earlier attempt's is as good as the latest's. A server is lost to a request
 * only when no other server has it.
 */
export const callLife: TransitionTable<CallState, CallEvent, CallAction, "answered" | "failed"> =
  new TransitionTable<CallState, CallEvent, CallAction, "answered" | "failed">({
    name: "Freelance request",
    initial: "waiting",
    final: ["answered", "failed"],
    events: [
      "placed",
      "hedge-due",
      "refused",
      "reply",
      "failure-reply",
      "timed-out",
      "exhausted",
      "server-lost",
      "last-server-lost",
      "pause-over",
      "not-connected",
      "aborted",
      "closed",
    ],
    states: {
      waiting: {
        placed: go("sent", "send"),
        "hedge-due": notHedged,
        refused: nothingRefused,
        reply: answered,
        "failure-reply": failed,
        "timed-out": go("backing-off", "pause"),
        exhausted: failed,
        "server-lost": noServer,
        "last-server-lost": noServer,
        "pause-over": notPausing,
        "not-connected": failed,
        aborted: failed,
        closed: failed,
      },
      sent: {
        placed: notOffered,
        "hedge-due": go("sent", "hedge"),
        refused: go("waiting", "wait"),
        reply: answered,
        "failure-reply": failed,
        "timed-out": go("backing-off", "pause"),
        exhausted: failed,
        "server-lost": go("waiting", "offer"),
        "last-server-lost": failed,
        "pause-over": notPausing,
        "not-connected": onlyAtFirst,
        aborted: failed,
        closed: failed,
      },
      "backing-off": {
        placed: notOffered,
        "hedge-due": notHedged,
        refused: nothingRefused,
        reply: answered,
        "failure-reply": failed,
        "timed-out": noAttempt,
        exhausted: noAttempt,
        "server-lost": noServer,
        "last-server-lost": noServer,
        "pause-over": go("waiting", "offer"),
        "not-connected": onlyAtFirst,
        aborted: failed,
        closed: failed,
      },
    },
  });
