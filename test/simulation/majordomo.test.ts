import { describe } from "vitest";
import { keepsPromises } from "./keeps-promises.js";
import { majordomo } from "./majordomo.js";

describe("majordomo", () => keepsPromises(majordomo, 3000));
