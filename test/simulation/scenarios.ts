import type { Scenario } from "@seaworthy/simulator";
import { lazyPirate } from "./lazy-pirate.js";

/** The scenarios by the names that `npm run simulate` takes. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  "lazy-pirate": lazyPirate,
};
