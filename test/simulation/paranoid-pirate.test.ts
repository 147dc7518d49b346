import { describe } from "vitest";
import { keepsPromises } from "./keeps-promises.js";
import { paranoidPirate } from "./paranoid-pirate.js";

describe("paranoid-pirate", () => keepsPromises(paranoidPirate, 2000));
