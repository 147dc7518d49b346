import type {
  RequestServerEvent,
  RequestServerInput,
  RequestServerOutput,
  RequestServerStats,
} from "@seaworthy/core";

/** What can happen to a server. A `ticket` numbers the requests that were given to a handler. */
export type LazyPirateServerInput = RequestServerInput;

/** Status events of a server. Its requests are never refused as `revoked`. */
export type LazyPirateServerEvent = RequestServerEvent;

/** What a server does. */
export type LazyPirateServerOutput = RequestServerOutput;

/** Counters of a server. */
export interface LazyPirateServerStats extends Omit<RequestServerStats, "revoked"> {}
