/**
 * What a `TitanicStore` promises, as tests that any store can run, under any test runner:
 *
 * ```ts
 * for (const { name, run } of storeCases(harness)) it(name, run);
 * ```
 *
 * @module
 */
import { claimCases } from "./compliance-claims.js";
import { concurrencyCases } from "./compliance-concurrency.js";
import { durabilityCases } from "./compliance-durability.js";
import { keyCases } from "./compliance-keys.js";
import { leaseCases } from "./compliance-leases.js";
import { lifeCases } from "./compliance-life.js";
import { listingCases } from "./compliance-listing.js";
import { outcomeCases } from "./compliance-outcomes.js";
import { requestCases } from "./compliance-requests.js";
import { bind, type CaseDefinition, type StoreCase, type StoreHarness } from "./compliance-support.js";

export type { ComplianceLimits, StoreCase, StoreGround, StoreHarness } from "./compliance-support.js";

const DEFINITIONS: readonly CaseDefinition[] = [
  ...lifeCases,
  ...requestCases,
  ...keyCases,
  ...claimCases,
  ...leaseCases,
  ...outcomeCases,
  ...listingCases,
  ...concurrencyCases,
  ...durabilityCases,
];

function applies({ needs }: CaseDefinition, harness: StoreHarness): boolean {
  if (needs === undefined) return true;
  return needs === "shared" || needs === "durable" ? harness[needs] : harness.limits.includes(needs);
}

/** The tests for a store: those for what only some stores can do only if it says that it can. */
export function storeCases(harness: StoreHarness): readonly StoreCase[] {
  return DEFINITIONS.filter((definition) => applies(definition, harness)).map((definition) =>
    bind(definition, harness),
  );
}
