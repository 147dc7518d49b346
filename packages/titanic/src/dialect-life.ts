import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";

/** What a client knows of the services that a broker has for it. */
export type DialectState =
  | "unknown"
  /** The broker is asked for `titanic.submit`. */
  | "looking"
  /** There is none; it is asked for `titanic.request`. */
  | "looking-further"
  /** A pause: a server that is starting, or whose broker is back, offers the one some time before the other. */
  | "doubting"
  /** The broker is asked for `titanic.submit` once more. */
  | "looking-again"
  /** A pause: there is neither, or no broker. */
  | "resting"
  | "seaworthy"
  | "rfc9"
  /** The broker does not tell which services it has. */
  | "untold";

/** What can happen to that. */
export type DialectEvent =
  /** A request waits to be taken in. */
  | "wanted"
  | "yes"
  | "no"
  /** There is none, but not long ago there was. */
  | "gone"
  /** It does not tell. */
  | "silent"
  /** There is no broker, or one that does tell did not in time. */
  | "failed"
  | "pause-over"
  /** A pause is over, and nobody waits any more. */
  | "unwanted"
  /** What was learned was learned long ago. */
  | "stale"
  /** Another broker may be there now. */
  | "changed"
  /** It has answered, but another broker may be there now. */
  | "outdated"
  /** A request that was sent by what was learned found nobody. */
  | "missed";

/** What the client does on a transition. */
export type DialectAction = "ask-submit" | "ask-request" | "doubt" | "rest" | "tell";

const noQuestion = impossible("the broker is not asked");
const noPause = impossible("no pause has begun");
const waits = ignore("it waits for what is being found out");
const notOld = impossible("only what is known can be old");
const nothingLearned = ignore("nothing is known that could be wrong");
const afresh = go("looking", "ask-submit");
const told = go("seaworthy", "tell");
const untold = go("untold", "tell");
const resting = go("resting", "rest");
const forgotten = go("unknown");

const noAnswer = {
  yes: noQuestion,
  no: noQuestion,
  gone: noQuestion,
  silent: noQuestion,
  failed: noQuestion,
  outdated: noQuestion,
} as const;
const asked = {
  wanted: waits,
  gone: impossible("only a doubt asks whether it is"),
  "pause-over": noPause,
  unwanted: noPause,
  stale: notOld,
  changed: ignore("the answer is still to come, and then it is outdated"),
  outdated: afresh,
  missed: nothingLearned,
} as const;
const known = {
  ...noAnswer,
  "pause-over": noPause,
  unwanted: noPause,
  changed: forgotten,
  missed: forgotten,
} as const;

/** Which services take requests in, as far as a client knows. */
export const dialectLife: TransitionTable<DialectState, DialectEvent, DialectAction> = new TransitionTable<
  DialectState,
  DialectEvent,
  DialectAction
>({
  name: "Titanic dialect",
  initial: "unknown",
  final: [],
  events: [
    "wanted",
    "yes",
    "no",
    "gone",
    "silent",
    "failed",
    "pause-over",
    "unwanted",
    "stale",
    "changed",
    "outdated",
    "missed",
  ],
  states: {
    unknown: {
      ...noAnswer,
      wanted: go("looking", "ask-submit"),
      "pause-over": noPause,
      unwanted: noPause,
      stale: notOld,
      changed: nothingLearned,
      missed: nothingLearned,
    },
    looking: {
      ...asked,
      yes: told,
      no: go("looking-further", "ask-request"),
      silent: untold,
      failed: resting,
    },
    "looking-further": {
      ...asked,
      yes: go("doubting", "doubt"),
      no: resting,
      silent: untold,
      failed: resting,
    },
    doubting: {
      ...noAnswer,
      wanted: waits,
      "pause-over": go("looking-again", "ask-submit"),
      unwanted: forgotten,
      stale: notOld,
      changed: afresh,
      missed: nothingLearned,
    },
    "looking-again": {
      ...asked,
      yes: told,
      no: go("rfc9", "tell"),
      gone: go("doubting", "doubt"),
      silent: untold,
      failed: resting,
    },
    resting: {
      ...noAnswer,
      wanted: waits,
      "pause-over": go("looking", "ask-submit"),
      unwanted: forgotten,
      stale: notOld,
      changed: afresh,
      missed: nothingLearned,
    },
    seaworthy: {
      ...known,
      wanted: told,
      stale: impossible("a server of ours is believed until it is missed"),
    },
    rfc9: { ...known, wanted: go("rfc9", "tell"), stale: go("looking-again", "ask-submit") },
    untold: { ...known, wanted: untold, stale: go("looking", "ask-submit") },
  },
});
