import { expect, test } from "vitest";
import { documented, errorIn, members, named, rowOf, settingIn, table, wordsIn } from "./tables.js";

/** Tests that the tables under these headings have every option of the code, with its default; `besides` have tests of their own. */
export function testOptions(
  page: string,
  tables: Readonly<Record<string, object>>,
  besides: readonly string[] = [],
): void {
  test.each(Object.entries(tables))(
    "%s has every option, with the default that the code has",
    (heading, all) => {
      const rows = table(page, heading).filter((row) => !besides.includes(named([row])[0] ?? ""));
      const actual = Object.fromEntries(Object.entries(all).filter(([option]) => !besides.includes(option)));
      expect(documented(rows, actual)).toStrictEqual(actual);
    },
  );
}

/** Tests numbers that the row of an option has for the settings of its socket. */
export function testSettings(
  page: string,
  rows: readonly (readonly [heading: string, option: string, setting: string, actual: number | undefined])[],
): void {
  test.each(rows)("%s, %s: %s is what the code has", (heading, option, setting, actual) => {
    expect(settingIn(rowOf(page, heading, option)[1], setting)).toBe(actual);
  });
}

/** Tests that the table under a heading has all of these names, and no other. */
export function testNames(
  page: string,
  rows: readonly (readonly [what: string, heading: string, actual: object])[],
): void {
  test.each(rows)("%s is on the page, and no other", (_what, heading, actual) => {
    expect(members(table(page, heading)).sort()).toEqual(Object.keys(actual).sort());
  });
}

/** Tests that the row of an event has all its reasons. */
export function testReasons(
  page: string,
  rows: readonly (readonly [heading: string, event: string, actual: object])[],
): void {
  test.each(rows)("every reason is on the page: %s %s", (heading, event, actual) => {
    expect(wordsIn(rowOf(page, heading, event))).toEqual(expect.arrayContaining(Object.keys(actual)));
  });
}

/** Tests that the table under a heading has what a role counts. */
export function testStatistics(
  page: string,
  rows: readonly (readonly [heading: string, create: () => AsyncDisposable & { stats(): object }])[],
): void {
  test.each(rows)("every number of stats() is on the page, and no other: %s", async (heading, create) => {
    await using role = create();
    expect(named(table(page, heading)).sort()).toEqual(Object.keys(role.stats()).sort());
  });
}

/** Tests what the table of errors says of each of these. */
export function testErrors(
  page: string,
  errors: readonly (Error & { readonly code: string; readonly retryable: boolean })[],
): void {
  test.each(errors)("whether an error may be retried is as the page says: $code", (error) => {
    const { code, retryable } = error;
    const { name } = error.constructor;
    expect(errorIn(page, code)).toEqual({ code, name, retryable });
    // What was aborted goes by the platform's name.
    expect([name, "AbortError"]).toContain(error.name);
  });
}
