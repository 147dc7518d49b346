import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";

/** States of a client's choice of server. It has a connection in those from `connecting` to `doubting`. */
export type ServerChoiceState =
  /** There are no endpoints. */
  | "idle"
  | "connecting"
  /** Requests are sent. */
  | "connected"
  /** The server is not active, but can become so: it is asked again in a moment. */
  | "deferring"
  /** The server was silent for a whole attempt: it is left when the pair has settled, unless it answers. */
  | "doubting"
  /** The connection is gone; the other server gets its turn when the pair has settled. */
  | "settling"
  /** None of the servers could serve: the next round begins after a pause. */
  | "pausing"
  | "closed";

/** What can happen to the choice. */
export type ServerChoiceEvent =
  /** There is an endpoint more. */
  | "added"
  /** The endpoint in use was taken out, and others are left. */
  | "removed"
  /** The last endpoint was taken out. */
  | "emptied"
  | "up"
  | "answered"
  /** The server refused a request, and may become active soon. */
  | "deferred"
  /** The connection is gone or could not be made, and the pair needs its time. */
  | "lost"
  /** Not a word came in a whole attempt, and the pair needs its time. */
  | "silent"
  /** The server is not to be waited for: it has refused for good, or none has answered since the pair had its time. */
  | "unavailable"
  /** As `unavailable`, of the last server of a round. */
  | "round-over"
  | "wait-over"
  | "closed";

/** What the client does on a transition; all but `serve` and `defer` give up the connection, unless they keep it in doubt. */
export type ServerChoiceAction =
  /** Connect to the server whose turn it is. */
  | "open"
  /** Send what waits. */
  | "serve"
  | "defer"
  /** Give the pair its time. */
  | "settle"
  /** As `settle`, with the connection kept. */
  | "doubt"
  | "pause"
  /** Be without a connection, the time that runs goes on. */
  | "drop"
  /** Wait for endpoints. */
  | "rest";

const open = go("connecting", "open");
const settle = go("settling", "settle");
const pause = go("pausing", "pause");
const serve = go("connected", "serve");
const defer = go("deferring", "defer");
const rest = go("idle", "rest");
const close = go("closed", "rest");
const itsTurnComes = ignore("its turn comes");
const standsAlready = ignore("the connection stands already");
const noEndpoint = impossible("there is no endpoint");
const noConnection = impossible("there is no connection");
const notAsked = impossible("nothing is sent before the connection stands");
const notTimed = impossible("no time runs while a server serves");

/** Which server the client talks to. */
export const serverChoiceLife: TransitionTable<
  ServerChoiceState,
  ServerChoiceEvent,
  ServerChoiceAction,
  "closed"
> = new TransitionTable<ServerChoiceState, ServerChoiceEvent, ServerChoiceAction, "closed">({
  name: "Binary Star choice of server",
  initial: "idle",
  final: ["closed"],
  events: [
    "added",
    "removed",
    "emptied",
    "up",
    "answered",
    "deferred",
    "lost",
    "silent",
    "unavailable",
    "round-over",
    "wait-over",
    "closed",
  ],
  states: {
    idle: {
      added: open,
      removed: noEndpoint,
      emptied: noEndpoint,
      up: noConnection,
      answered: noConnection,
      deferred: noConnection,
      lost: noConnection,
      silent: noConnection,
      unavailable: noConnection,
      "round-over": noConnection,
      "wait-over": impossible("no time runs without an endpoint"),
      closed: close,
    },
    connecting: {
      added: itsTurnComes,
      removed: open,
      emptied: rest,
      up: serve,
      answered: notAsked,
      deferred: notAsked,
      lost: settle,
      silent: notAsked,
      unavailable: open,
      "round-over": pause,
      "wait-over": impossible("a connection that takes too long is lost"),
      closed: close,
    },
    connected: {
      added: itsTurnComes,
      removed: open,
      emptied: rest,
      up: standsAlready,
      answered: ignore("it serves"),
      deferred: defer,
      lost: settle,
      silent: go("doubting", "doubt"),
      unavailable: open,
      "round-over": pause,
      "wait-over": notTimed,
      closed: close,
    },
    deferring: {
      added: itsTurnComes,
      removed: open,
      emptied: rest,
      up: standsAlready,
      answered: serve,
      deferred: ignore("it is asked again already"),
      lost: settle,
      silent: impossible("whoever refuses is not silent"),
      unavailable: open,
      "round-over": pause,
      "wait-over": serve,
      closed: close,
    },
    doubting: {
      added: itsTurnComes,
      removed: open,
      emptied: rest,
      up: standsAlready,
      answered: serve,
      deferred: defer,
      lost: go("settling", "drop"),
      silent: ignore("it is in doubt already"),
      unavailable: open,
      "round-over": impossible("its turn was counted when it fell silent"),
      "wait-over": open,
      closed: close,
    },
    settling: {
      added: itsTurnComes,
      removed: noConnection,
      emptied: rest,
      up: noConnection,
      answered: noConnection,
      deferred: noConnection,
      lost: noConnection,
      silent: noConnection,
      unavailable: noConnection,
      "round-over": noConnection,
      "wait-over": open,
      closed: close,
    },
    pausing: {
      added: itsTurnComes,
      removed: noConnection,
      emptied: rest,
      up: noConnection,
      answered: noConnection,
      deferred: noConnection,
      lost: noConnection,
      silent: noConnection,
      unavailable: noConnection,
      "round-over": noConnection,
      "wait-over": open,
      closed: close,
    },
  },
});
