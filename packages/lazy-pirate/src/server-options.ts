import {
  type RequestServerOptions,
  type ResolvedRequestServerOptions,
  resolveRequestServerOptions,
} from "@seaworthy/core";

/** Options of a Lazy Pirate server. */
export interface LazyPirateServerOptions extends RequestServerOptions {}

/** Server options with every default filled in; `replyCache` is `undefined` when it is off. */
export interface ResolvedServerOptions extends ResolvedRequestServerOptions {}

/**
 * Checks the options of a server and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveServerOptions(options: LazyPirateServerOptions = {}): ResolvedServerOptions {
  return resolveRequestServerOptions("LazyPirateServer", options);
}
