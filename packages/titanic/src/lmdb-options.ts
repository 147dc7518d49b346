import { milliseconds, resolveOptions } from "@seaworthy/core";
import type { LedgerLimits } from "./ledger-ground.js";
import { type LedgerOptions, ledgerRules } from "./ledger-options.js";

/** Options of an `LmdbStore`. */
export interface LmdbStoreOptions extends LedgerOptions {
  /**
   * How long `open` waits for another process to let go of the folder, in ms. One that was killed cannot do so, and
   * counts as gone 5 s after its last sign of life. Default 8000.
   */
  lockWaitMs?: number | undefined;
}

const rules = { ...ledgerRules, lockWaitMs: milliseconds(8000) };

/** Options with every default filled in. */
export interface ResolvedLmdbOptions extends LedgerLimits {
  readonly lockWaitMs: number;
}

/**
 * Checks the options of a store and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveLmdbOptions(options: LmdbStoreOptions): ResolvedLmdbOptions {
  return resolveOptions("LmdbStore", rules, options);
}
