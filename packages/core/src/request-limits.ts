import { integer, milliseconds, type OptionRule, resolveOptions } from "./options.js";

/** What one request may set for itself. */
export interface RequestLimits {
  /** How long one attempt may take, in ms. Default: the client's. */
  timeoutMs?: number | undefined;
  /** How often it is tried at most. Default: the client's. */
  attempts?: number | undefined;
  /** Gives the request up: it rejects with `ERR_ABORTED`. What was sent may still be run. */
  signal?: AbortSignal | undefined;
}

/** How long one attempt may take, in ms, and how often a request is tried at most. */
export interface AttemptLimits {
  readonly timeoutMs: number;
  readonly attempts: number;
}

/** Rules of the options that a client and each of its requests have: the defaults are the guide's. */
export const attemptRules: { timeoutMs: OptionRule<number>; attempts: OptionRule<number> } = {
  timeoutMs: milliseconds(2500, { min: 1 }),
  attempts: integer(3),
};

const signalRule: OptionRule<AbortSignal | undefined> = {
  fallback: undefined,
  check: (value) => (value instanceof AbortSignal ? undefined : { kind: "type", expected: "an AbortSignal" }),
};

const limitsSchema = { ...attemptRules, signal: signalRule };

/**
 * The limits of one request: its own, or else the client's.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveRequestLimits(
  owner: string,
  client: AttemptLimits,
  limits: RequestLimits,
): AttemptLimits {
  const given = resolveOptions(owner, limitsSchema, limits);
  return {
    timeoutMs: limits.timeoutMs === undefined ? client.timeoutMs : given.timeoutMs,
    attempts: limits.attempts === undefined ? client.attempts : given.attempts,
  };
}
