import { describe, expect, it } from "vitest";
import { PostgresStore, StoreError } from "../src/postgres.js";
import { isUnreachable, storeError } from "../src/postgres-errors.js";

describe("options of PostgresStore", () => {
  it.each([
    [{ schema: "no-hyphens" }, RangeError, 'PostgresStore: option "schema" must be up to 50 small letters'],
    [{ schema: "a".repeat(51) }, RangeError, 'option "schema"'],
    [{ schema: 'x"; DROP TABLE requests' }, RangeError, 'option "schema"'],
    [{ port: 65_536 }, RangeError, 'PostgresStore: option "port" must be a whole number from 1 to 65535'],
    [{ host: 5 }, TypeError, 'option "host" must be a string, got 5'],
    [{ connectionString: new URL("postgres://x") }, TypeError, 'option "connectionString"'],
    [{ password: 1 }, TypeError, 'option "password" must be a string or a function'],
    [{ ssl: "yes" }, TypeError, 'option "ssl" must be true, false or an object'],
    [{ maxRequests: 0 }, RangeError, 'option "maxRequests"'],
    [{ maxKeys: 1.5 }, RangeError, 'option "maxKeys"'],
    [{ maxConnections: 0 }, RangeError, 'option "maxConnections"'],
    [{ connectTimeoutMs: 0 }, RangeError, 'option "connectTimeoutMs"'],
    [{ statementTimeoutMs: -1 }, RangeError, 'option "statementTimeoutMs"'],
    [{ url: "postgres://x" }, TypeError, 'PostgresStore: there is no option "url"'],
  ])("refuses %o", (options, error, message) => {
    const make = (): unknown => new PostgresStore(options as object);
    expect(make).toThrow(error);
    expect(make).toThrow(message);
  });

  it("takes a password as a function, and TLS settings as an object", () => {
    expect(() => new PostgresStore({ password: () => "secret", ssl: { servername: "x" } })).not.toThrow();
  });
});

describe("what PostgreSQL's errors become", () => {
  it.each([
    ["53100", "ERR_STORE_FULL", true],
    ["53300", "ERR_STORE_UNAVAILABLE", true],
    ["57P01", "ERR_STORE_UNAVAILABLE", true],
    ["57014", "ERR_STORE_UNAVAILABLE", true],
    ["25006", "ERR_STORE_UNAVAILABLE", true],
    ["42501", "ERR_STORE_UNAVAILABLE", true],
    ["42P01", "ERR_STORE_FOREIGN", false],
    ["3F000", "ERR_STORE_FOREIGN", false],
    ["XX001", "ERR_STORE_CORRUPT", false],
    ["ECONNREFUSED", "ERR_STORE_UNAVAILABLE", true],
  ])("%s: %s", (code, expected, retryable) => {
    const cause = Object.assign(new Error("why"), { code });
    expect(storeError(cause)).toMatchObject({ code: expected, retryable, cause });
    expect(storeError(cause).message).toContain("why");
  });

  it("leaves errors of the store as they are", () => {
    const error = new StoreError("ERR_STORE_CLOSED", "closed");
    expect(storeError(error)).toBe(error);
  });

  it("names every address of a host that was tried", () => {
    const refused = [new Error("refused by ::1"), new Error("refused by 127.0.0.1")];
    expect(storeError(new AggregateError(refused)).message).toContain("refused by ::1; refused by 127.0.0.1");
  });

  it.each([
    ["ECONNRESET", true],
    ["57P01", true],
    ["53300", true],
    ["57014", false],
    ["40P01", false],
    ["53100", false],
    ["42P01", false],
  ])("%s: others would fare no better: %s", (code, expected) => {
    expect(isUnreachable(storeError(Object.assign(new Error("why"), { code })))).toBe(expected);
  });
});
