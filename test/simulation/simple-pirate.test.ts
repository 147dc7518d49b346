import { describe } from "vitest";
import { keepsPromises } from "./keeps-promises.js";
import { simplePirate } from "./simple-pirate.js";

describe("simple-pirate", () => keepsPromises(simplePirate, 2000));
