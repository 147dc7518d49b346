/**
 * Option tables: each option of a role is one row with its default and its bounds, so that a
 * mistake is reported by name when the role is constructed and not as odd behaviour an hour later.
 */

/** One row of an option table: checks a given value and supplies the default for a missing one. */
export interface OptionRule<T> {
  readonly fallback: T;
  /** Returns what is wrong with the value, or `undefined`; `kind` picks the error class. */
  check(value: unknown): { kind: "type" | "range"; expected: string } | undefined;
}

/** Bounds of a numeric option, both inclusive. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

/** The values that a table of rules yields. */
export type Resolved<S extends Record<string, OptionRule<unknown>>> = {
  -readonly [K in keyof S]: S[K] extends OptionRule<infer T> ? T : never;
};

/** What a caller may give for a table of rules: every option can be left out. */
export type Given<S extends Record<string, OptionRule<unknown>>> = {
  [K in keyof S]?: Resolved<S>[K] | undefined;
};

function describeBounds({ min, max }: Bounds): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max === undefined ? "" : ` of at most ${max}`;
}

function numeric(noun: string, fallback: number, bounds: Bounds, whole: boolean): OptionRule<number> {
  const expected = `${noun}${describeBounds(bounds)}`;
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = bounds;
  return {
    fallback,
    check(value) {
      if (typeof value !== "number" || Number.isNaN(value)) return { kind: "type", expected };
      if (!Number.isFinite(value) || value < min || value > max || (whole && !Number.isInteger(value))) {
        return { kind: "range", expected };
      }
      return undefined;
    },
  };
}

/** Longest duration accepted anywhere, in ms: a year. Longer ones are mistakes of unit. */
export const MAX_DURATION_MS: number = 366 * 24 * 3600 * 1000;

/** A duration in ms, finite; by default from 0 to a year. */
export function milliseconds(fallback: number, bounds: Bounds = {}): OptionRule<number> {
  return numeric("a number of milliseconds", fallback, { min: 0, max: MAX_DURATION_MS, ...bounds }, false);
}

/** A whole number; by default from 1 up. */
export function integer(fallback: number, bounds: Bounds = {}): OptionRule<number> {
  return numeric("a whole number", fallback, { min: 1, max: Number.MAX_SAFE_INTEGER, ...bounds }, true);
}

/** Any finite number within bounds. */
export function number(fallback: number, bounds: Bounds = {}): OptionRule<number> {
  return numeric("a finite number", fallback, bounds, false);
}

/** A share from 0 to 1. */
export function fraction(fallback: number): OptionRule<number> {
  return numeric("a number", fallback, { min: 0, max: 1 }, false);
}

/** True or false. */
export function flag(fallback: boolean): OptionRule<boolean> {
  return {
    fallback,
    check: (value) => (typeof value === "boolean" ? undefined : { kind: "type", expected: "true or false" }),
  };
}

/** One of the given strings. */
export function choice<const T extends string>(fallback: T, values: readonly T[]): OptionRule<T> {
  const expected = `one of ${values.map((value) => `"${value}"`).join(", ")}`;
  return {
    fallback,
    check(value) {
      if (typeof value !== "string") return { kind: "type", expected };
      return values.includes(value as T) ? undefined : { kind: "range", expected };
    },
  };
}

/** An object that has a table of its own and is checked there. */
export function nested<T extends object>(fallback: T): OptionRule<T> {
  return {
    fallback,
    check: (value) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? undefined
        : { kind: "type", expected: "an object" },
  };
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return typeof value === "bigint" ? `${value}n` : String(value);
}

/**
 * Checks one value against a rule.
 *
 * @throws TypeError if it is of the wrong type, RangeError if it is out of bounds; both name
 * `owner.name` and the value
 */
export function checkOption<T>(owner: string, name: string, rule: OptionRule<T>, value: unknown): T {
  const fault = rule.check(value);
  if (fault === undefined) return value as T;
  const message = `${owner}: option "${name}" must be ${fault.expected}, got ${show(value)}`;
  throw fault.kind === "type" ? new TypeError(message) : new RangeError(message);
}

/**
 * Checks a whole options object and fills in the defaults. `undefined` counts as left out.
 *
 * @throws TypeError for a value of the wrong type, an options argument that is no object, or an
 * option that does not exist; RangeError for a value out of bounds. The message names the owner,
 * the option and the value.
 */
export function resolveOptions<S extends Record<string, OptionRule<unknown>>>(
  owner: string,
  schema: S,
  given: object,
): Resolved<S> {
  if (typeof given !== "object" || given === null) {
    throw new TypeError(`${owner}: options must be an object, got ${show(given)}`);
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(schema, name)) {
      throw new TypeError(
        `${owner}: there is no option "${name}"; known are ${Object.keys(schema).join(", ")}`,
      );
    }
  }
  const resolved: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(schema)) {
    const value = (given as Record<string, unknown>)[name];
    resolved[name] = value === undefined ? rule.fallback : checkOption(owner, name, rule, value);
  }
  return resolved as Resolved<S>;
}
