import type { Scenario } from "@seaworthy/simulator";
import { binaryStar } from "./binary-star.js";
import { sightsSeen, tableCoverage } from "./binary-star-coverage.js";
import { freelance } from "./freelance.js";
import { tablesSeen } from "./freelance-coverage.js";
import { lazyPirate } from "./lazy-pirate.js";
import { majordomo } from "./majordomo.js";
import { paranoidPirate } from "./paranoid-pirate.js";
import { pubsubSnapshot } from "./pubsub-snapshot.js";
import { pubsubSnapshotCoverage } from "./pubsub-snapshot-coverage.js";
import { simplePirate } from "./simple-pirate.js";
import { suicidalSnail } from "./suicidal-snail.js";
import { titanic } from "./titanic.js";

/** The scenarios by the names that `npm run simulate` takes. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  "binary-star": binaryStar,
  freelance,
  "lazy-pirate": lazyPirate,
  majordomo,
  "paranoid-pirate": paranoidPirate,
  "pubsub-snapshot": pubsubSnapshot,
  "simple-pirate": simplePirate,
  "suicidal-snail": suicidalSnail,
  titanic,
};

/** What there is to say of a scenario after many seeds, besides that all went well. */
export const summaries: Readonly<Record<string, () => object>> = {
  "binary-star": () => ({ ...tableCoverage(), ...sightsSeen() }),
  freelance: tablesSeen,
  "pubsub-snapshot": pubsubSnapshotCoverage,
};
