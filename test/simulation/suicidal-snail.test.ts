import { describe } from "vitest";
import { keepsPromises } from "./keeps-promises.js";
import { suicidalSnail } from "./suicidal-snail.js";

describe("suicidal-snail", () => keepsPromises(suicidalSnail, 2000));
