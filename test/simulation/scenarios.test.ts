import { describe } from "vitest";
import { keepsPromises } from "./keeps-promises.js";
import { scenarios } from "./scenarios.js";

// Majordomo has a file of its own, so that it runs at the same time as the others.
const pirates = Object.entries(scenarios).filter(([name]) => name !== "majordomo");

describe.each(pirates)("%s", (_name, scenario) => keepsPromises(scenario, 2000));
