import { describe } from "vitest";
import { keepsPromises } from "./keeps-promises.js";
import { titanic } from "./titanic.js";

describe("titanic", () => keepsPromises(titanic, 2000));
