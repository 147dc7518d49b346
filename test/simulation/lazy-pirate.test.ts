import { describe } from "vitest";
import { keepsPromises } from "./keeps-promises.js";
import { lazyPirate } from "./lazy-pirate.js";

describe("lazy-pirate", () => keepsPromises(lazyPirate, 2000));
