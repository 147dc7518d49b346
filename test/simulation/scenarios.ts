import type { Scenario } from "@seaworthy/simulator";
import { lazyPirate } from "./lazy-pirate.js";
import { majordomo } from "./majordomo.js";
import { paranoidPirate } from "./paranoid-pirate.js";
import { simplePirate } from "./simple-pirate.js";
import { titanic } from "./titanic.js";

/** The scenarios by the names that `npm run simulate` takes. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  "lazy-pirate": lazyPirate,
  majordomo,
  "paranoid-pirate": paranoidPirate,
  "simple-pirate": simplePirate,
  titanic,
};
