import {
  choice,
  completeRequestServerOptions,
  type RequestServerOptions,
  type ResolvedRequestServerOptions,
  requestServerRules,
  resolveOptions,
} from "@seaworthy/core";

/** What a server speaks: see `FreelanceServer`. */
export type FreelanceProtocol = "flp" | "plain";

/** Options of a Freelance server. */
export interface FreelanceServerOptions extends RequestServerOptions {
  /**
   * `flp` for clients of strategy `tracked` and guide model 3; `plain` for `failover`, `shotgun`, and guide models 1 and
   * 2. Default `flp`.
   */
  protocol?: FreelanceProtocol | undefined;
}

/** Server options with every default filled in; `replyCache` is `undefined` when it is off. */
export interface ResolvedServerOptions extends ResolvedRequestServerOptions {
  readonly protocol: FreelanceProtocol;
}

const OWNER = "FreelanceServer";

const schema = {
  ...requestServerRules,
  protocol: choice<FreelanceProtocol>("flp", ["flp", "plain"]),
};

/**
 * Checks the options of a server and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveServerOptions(options: FreelanceServerOptions = {}): ResolvedServerOptions {
  return completeRequestServerOptions(OWNER, resolveOptions(OWNER, schema, options));
}
