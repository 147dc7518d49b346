import {
  completeRequestServerOptions,
  type RequestServerOptions,
  type ResolvedRequestServerOptions,
  requestServerRules,
  resolveOptions,
} from "@seaworthy/core";
import {
  completeStarOptions,
  type ResolvedStarOptions,
  type StarOptions,
  starRules,
} from "./star-options.js";

/** Options of a server of which the pair's other node has the like, as far as its machines go. */
export interface StarServerOptions extends StarOptions, RequestServerOptions {}

/** Options of a server with every default filled in. */
export interface ResolvedStarServerOptions {
  readonly star: ResolvedStarOptions;
  readonly server: ResolvedRequestServerOptions;
}

/**
 * Checks the options of a server and fills in the defaults.
 *
 * @param owner - the name that error messages begin with
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveStarServerOptions(
  owner: string,
  options: StarServerOptions,
): ResolvedStarServerOptions {
  const given = resolveOptions(owner, { ...starRules, ...requestServerRules }, options);
  const { role, heartbeatMs, liveness, claimTimeoutMs, peerSocket, ...rest } = given;
  return {
    star: completeStarOptions(owner, { role, heartbeatMs, liveness, claimTimeoutMs, peerSocket }, options),
    server: completeRequestServerOptions(owner, rest),
  };
}
