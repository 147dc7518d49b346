import type {
  Frames,
  RequestServerEvent,
  RequestServerInput,
  RequestServerOutput,
  RequestServerStats,
} from "@seaworthy/core";
import type { Ping } from "./wire.js";

/** What can happen to a server. */
export type FreelanceServerInput = Exclude<RequestServerInput, { type: "revoke" }> | Ping;

/** Status events of a server. */
export type FreelanceServerEvent = RequestServerEvent;

/** What a server does. */
export type FreelanceServerOutput = RequestServerOutput | { readonly type: "pong"; readonly route: Frames };

/** Counters of a server. */
export interface FreelanceServerStats extends Omit<RequestServerStats, "revoked"> {
  /** PINGs answered. */
  pings: number;
}
