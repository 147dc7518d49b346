import {
  checkOption,
  choice,
  flag,
  fraction,
  integer,
  milliseconds,
  nested,
  number,
  type OptionRule,
  resolveOptions,
} from "@seaworthy/core";
import { describe, expect, it } from "vitest";

const YEAR_MS = 366 * 24 * 3600 * 1000;

const schema = {
  timeoutMs: milliseconds(2500),
  maxTries: integer(3),
  ratio: fraction(0.5),
  temperature: number(20, { min: -40 }),
  mode: choice("fast", ["fast", "safe"]),
  verbose: flag(false),
  inner: nested({}),
};

const cases: [string, OptionRule<unknown>, unknown, typeof TypeError | typeof RangeError, string][] = [
  ["milliseconds", milliseconds(1), "5", TypeError, `a number of milliseconds from 0 to ${YEAR_MS}, got "5"`],
  [
    "milliseconds",
    milliseconds(1),
    Number.NaN,
    TypeError,
    `a number of milliseconds from 0 to ${YEAR_MS}, got NaN`,
  ],
  ["milliseconds", milliseconds(1), -1, RangeError, `a number of milliseconds from 0 to ${YEAR_MS}, got -1`],
  [
    "milliseconds",
    milliseconds(1),
    Infinity,
    RangeError,
    `a number of milliseconds from 0 to ${YEAR_MS}, got Infinity`,
  ],
  [
    "milliseconds",
    milliseconds(1, { min: 1, max: 9 }),
    9.5,
    RangeError,
    "a number of milliseconds from 1 to 9, got 9.5",
  ],
  ["integer", integer(1), true, TypeError, `a whole number from 1 to ${Number.MAX_SAFE_INTEGER}, got true`],
  ["integer", integer(1), 1n, TypeError, `a whole number from 1 to ${Number.MAX_SAFE_INTEGER}, got 1n`],
  ["integer", integer(1), 0, RangeError, `a whole number from 1 to ${Number.MAX_SAFE_INTEGER}, got 0`],
  ["integer", integer(1, { max: 9 }), 2.5, RangeError, "a whole number from 1 to 9, got 2.5"],
  ["integer", integer(1, { max: 9 }), 10, RangeError, "a whole number from 1 to 9, got 10"],
  ["number", number(1), null, TypeError, "a finite number, got null"],
  ["number", number(1), -Infinity, RangeError, "a finite number, got -Infinity"],
  ["number", number(1, { min: 2 }), 1, RangeError, "a finite number of at least 2, got 1"],
  ["number", number(1, { max: 2 }), 3, RangeError, "a finite number of at most 2, got 3"],
  ["fraction", fraction(0), Symbol("s"), TypeError, "a number from 0 to 1, got Symbol(s)"],
  ["fraction", fraction(0), 1.01, RangeError, "a number from 0 to 1, got 1.01"],
  ["flag", flag(true), 1, TypeError, "true or false, got 1"],
  ["choice", choice("a", ["a", "b"]), 7, TypeError, 'one of "a", "b", got 7'],
  ["choice", choice("a", ["a", "b"]), "c", RangeError, 'one of "a", "b", got "c"'],
  ["nested", nested({}), [], TypeError, "an object, got an array"],
  ["nested", nested({}), null, TypeError, "an object, got null"],
  ["nested", nested({}), "x", TypeError, 'an object, got "x"'],
  ["flag", flag(true), {}, TypeError, "true or false, got an object"],
];

describe("option rules", () => {
  it.each(cases)(
    "%s: names owner, option, what is allowed and the value (%#)",
    (_, rule, value, type, rest) => {
      let thrown: unknown;
      try {
        checkOption("Client", "speed", rule, value);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(type);
      expect((thrown as Error).message).toBe(`Client: option "speed" must be ${rest}`);
    },
  );

  it("take both ends of their bounds", () => {
    expect(checkOption("C", "o", milliseconds(1), 0)).toBe(0);
    expect(checkOption("C", "o", milliseconds(1), YEAR_MS)).toBe(YEAR_MS);
    expect(checkOption("C", "o", milliseconds(1), 0.25)).toBe(0.25);
    expect(checkOption("C", "o", integer(2), 1)).toBe(1);
    expect(checkOption("C", "o", fraction(0), 1)).toBe(1);
    expect(checkOption("C", "o", number(0), -1e300)).toBe(-1e300);
    expect(checkOption("C", "o", choice("a", ["a", "b"]), "b")).toBe("b");
    expect(checkOption("C", "o", flag(true), false)).toBe(false);
  });
});

describe("resolveOptions", () => {
  const defaults = {
    timeoutMs: 2500,
    maxTries: 3,
    ratio: 0.5,
    temperature: 20,
    mode: "fast",
    verbose: false,
    inner: {},
  };

  it("fills in every default, and takes undefined as left out", () => {
    expect(resolveOptions("Client", schema, {})).toEqual(defaults);
    expect(resolveOptions("Client", schema, { timeoutMs: undefined, mode: undefined })).toEqual(defaults);
  });

  it("keeps what is given", () => {
    const inner = { deep: 1 };
    const resolved = resolveOptions("Client", schema, { timeoutMs: 1, mode: "safe", verbose: true, inner });
    expect(resolved).toEqual({ ...defaults, timeoutMs: 1, mode: "safe", verbose: true, inner });
    expect(resolved.inner).toBe(inner);
  });

  it("refuses an option that does not exist and says which do", () => {
    expect(() => resolveOptions("Client", { a: flag(true), b: flag(true) }, { timeout: 5 })).toThrow(
      new TypeError('Client: there is no option "timeout"; known are a, b'),
    );
    expect(() => resolveOptions("Client", schema, { toString: 1 })).toThrow('no option "toString"');
  });

  it("refuses options that are no object", () => {
    expect(() => resolveOptions("Client", schema, null as unknown as object)).toThrow(
      new TypeError("Client: options must be an object, got null"),
    );
    expect(() => resolveOptions("Client", schema, 5 as unknown as object)).toThrow("got 5");
  });

  it("checks every option of the table", () => {
    for (const name of Object.keys(schema)) {
      expect(() => resolveOptions("Client", schema, { [name]: Symbol("wrong") })).toThrow(
        `Client: option "${name}" must be`,
      );
    }
  });
});
