import { type Given, integer, type OptionRule } from "@seaworthy/core";

/** Limits of the stores that keep a ledger. */
export const ledgerRules: {
  readonly maxRequests: OptionRule<number>;
  readonly maxKeys: OptionRule<number>;
} = {
  maxRequests: integer(10_000_000),
  maxKeys: integer(10_000_000),
};

/** Limits of the stores that keep a ledger. */
export interface LedgerOptions extends Given<typeof ledgerRules> {
  /** How many requests it holds at most: pending, done and dead. Default 10,000,000. */
  maxRequests?: number | undefined;
  /** How many keys it holds at most, those of requests that were removed among them. Default 10,000,000. */
  maxKeys?: number | undefined;
}
