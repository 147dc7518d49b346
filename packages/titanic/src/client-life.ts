import { go, impossible, TransitionTable } from "@seaworthy/core";

/** States of one call of a client. */
export type CallState =
  | "new"
  /** It is being found out which service takes requests in. */
  | "finding"
  | "submitting"
  /** A pause: the server could not take it in. */
  | "submit-pausing"
  /** The server is asked for the reply. */
  | "asking"
  | "ask-pausing"
  /** The application records the reply. */
  | "recording"
  | "closing"
  | "close-pausing"
  | "done"
  | "failed";

/** What can happen to one call. */
export type CallEvent =
  | "begin-submit"
  | "begin-ask"
  | "begin-close"
  /** It is known which service takes requests in. */
  | "found"
  /** The request is taken in, and its reply is wanted. */
  | "taken-in"
  /** The reply came, and the application is to record it before the request is closed. */
  | "to-record"
  /** The reply came and is recorded: the request can be closed. */
  | "to-close"
  /** There is no reply yet, or what was asked could not be done: to be asked again after a pause. */
  | "again"
  | "pause-over"
  /** What the call was made for has been done. */
  | "answered"
  /** The reply came, but the request is not closed. */
  | "given-up"
  | "failed";

/** What the client does on a transition. */
export type CallAction =
  | "find"
  | "submit"
  | "ask"
  | "record"
  | "close"
  | "pause"
  | "settle"
  | "leave"
  | "fail";

const begun = impossible("a call begins once");
const notLooking = impossible("nothing is being found out for it");
const notSubmitting = impossible("no server is asked to take it in");
const noReply = impossible("no reply is asked for, or it has come");
const notPausing = impossible("only a pause can be over");
const nothingAsked = impossible("nothing is asked that could be answered");
const nothingToClose = impossible("only what has a reply is closed");
const nothingToLeave = impossible("no reply has come that must not be lost");
const unbegun = impossible("the call has not begun");
const failed = go("failed", "fail");
const done = go("done", "settle");
const left = go("done", "leave");

const notNew = { "begin-submit": begun, "begin-ask": begun, "begin-close": begun } as const;
const notReplied = { "to-record": noReply, "to-close": nothingToClose, "given-up": nothingToLeave } as const;

/**
 * The life of one call: `submit()` begins at "finding", `reply()` and `waitForReply()` at "asking", `close(id)` at
 * "closing", and `call()` goes all the way. Once a reply is recorded nothing fails any more: the request is closed,
 * or left to the server.
 */
export const callLife: TransitionTable<CallState, CallEvent, CallAction, "done" | "failed"> =
  new TransitionTable<CallState, CallEvent, CallAction, "done" | "failed">({
    name: "Titanic call",
    initial: "new",
    final: ["done", "failed"],
    events: [
      "begin-submit",
      "begin-ask",
      "begin-close",
      "found",
      "taken-in",
      "to-record",
      "to-close",
      "again",
      "pause-over",
      "answered",
      "given-up",
      "failed",
    ],
    states: {
      new: {
        "begin-submit": go("finding", "find"),
        "begin-ask": go("asking", "ask"),
        "begin-close": go("closing", "close"),
        found: unbegun,
        "taken-in": unbegun,
        "to-record": unbegun,
        "to-close": unbegun,
        again: unbegun,
        "pause-over": unbegun,
        answered: unbegun,
        "given-up": unbegun,
        failed: unbegun,
      },
      finding: {
        ...notNew,
        ...notReplied,
        found: go("submitting", "submit"),
        "taken-in": notSubmitting,
        again: nothingAsked,
        "pause-over": notPausing,
        answered: nothingAsked,
        failed,
      },
      submitting: {
        ...notNew,
        ...notReplied,
        found: notLooking,
        "taken-in": go("asking", "ask"),
        again: go("submit-pausing", "pause"),
        "pause-over": notPausing,
        answered: done,
        failed,
      },
      "submit-pausing": {
        ...notNew,
        ...notReplied,
        found: notLooking,
        "taken-in": notSubmitting,
        again: nothingAsked,
        "pause-over": go("finding", "find"),
        answered: nothingAsked,
        failed,
      },
      asking: {
        ...notNew,
        found: notLooking,
        "taken-in": notSubmitting,
        "to-record": go("recording", "record"),
        "to-close": go("closing", "close"),
        again: go("ask-pausing", "pause"),
        "pause-over": notPausing,
        answered: done,
        "given-up": nothingToLeave,
        failed,
      },
      "ask-pausing": {
        ...notNew,
        ...notReplied,
        found: notLooking,
        "taken-in": notSubmitting,
        again: nothingAsked,
        "pause-over": go("asking", "ask"),
        answered: nothingAsked,
        failed,
      },
      recording: {
        ...notNew,
        found: notLooking,
        "taken-in": notSubmitting,
        "to-record": noReply,
        "to-close": go("closing", "close"),
        again: nothingAsked,
        "pause-over": notPausing,
        answered: nothingAsked,
        "given-up": impossible("what is not recorded is not taken for saved"),
        failed,
      },
      closing: {
        ...notNew,
        found: notLooking,
        "taken-in": notSubmitting,
        "to-record": noReply,
        "to-close": impossible("it is being closed"),
        again: go("close-pausing", "pause"),
        "pause-over": notPausing,
        answered: done,
        "given-up": left,
        failed,
      },
      "close-pausing": {
        ...notNew,
        found: notLooking,
        "taken-in": notSubmitting,
        "to-record": noReply,
        "to-close": impossible("it is being closed"),
        again: nothingAsked,
        "pause-over": go("closing", "close"),
        answered: nothingAsked,
        "given-up": left,
        failed,
      },
    },
  });
