import { describe, expect, it } from "vitest";
import { storeError } from "../src/postgres-errors.js";
import { Lane, type LaneOptions } from "../src/postgres-lane.js";

interface Statement {
  readonly items: readonly string[];
  succeed(): void;
  fail(error: unknown): void;
}

/** A lane whose statements end when the test says so. */
function scripted(options: Partial<LaneOptions<string, string>> = {}) {
  const statements: Statement[] = [];
  const lane = new Lane<string, string>({
    run: (items) =>
      new Promise((resolve, reject) => {
        statements.push({
          items,
          succeed: () => resolve(items.map((item) => item.toUpperCase())),
          fail: reject,
        });
      }),
    ...options,
  });
  const submit = (...items: string[]): Promise<string>[] => items.map((item) => lane.submit(item));
  return { lane, statements, submit, items: () => statements.map((statement) => statement.items) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("Lane", () => {
  it("puts what is asked for in one turn into one statement, and gives each its own result", async () => {
    const { submit, statements, items } = scripted();
    const results = submit("a", "b");
    await turn();
    expect(items()).toEqual([["a", "b"]]);
    statements[0]?.succeed();
    expect(await Promise.all(results)).toEqual(["A", "B"]);
  });

  it("keeps what comes while a statement is under way for the next one", async () => {
    const { submit, statements, items } = scripted();
    submit("a");
    await turn();
    submit("b");
    await turn();
    submit("c");
    await turn();
    expect(items()).toEqual([["a"]]);
    statements[0]?.succeed();
    await turn();
    expect(items()).toEqual([["a"], ["b", "c"]]);
  });

  it("has several statements under way if it may", async () => {
    const { submit, statements, items } = scripted({ maxUnderWay: 2 });
    for (const item of ["a", "b", "c"]) {
      submit(item);
      await turn();
    }
    expect(items()).toEqual([["a"], ["b"]]);
    statements[1]?.succeed();
    await turn();
    expect(items()).toEqual([["a"], ["b"], ["c"]]);
  });

  it("divides much among the statements that may be under way", async () => {
    const { submit, statements } = scripted({ maxUnderWay: 2 });
    submit(...Array.from({ length: 301 }, (_, index) => `item ${index}`));
    await turn();
    expect(statements.map(({ items }) => items.length)).toEqual([151, 150]);
  });

  it("bounds a statement by number", async () => {
    const { submit, statements, items } = scripted({ maxItems: 2 });
    submit("a", "b", "c");
    await turn();
    statements[0]?.succeed();
    await turn();
    expect(items()).toEqual([["a", "b"], ["c"]]);
  });

  it("bounds a statement by size, and sends what is too large alone", async () => {
    const mib = 1024 * 1024;
    const sizes: Readonly<Record<string, number>> = { a: 5 * mib, b: 3 * mib, c: 1, d: 9 * mib, e: 1 };
    const { submit, statements, items } = scripted({ size: (item) => sizes[item] ?? 0 });
    submit("a", "b", "c", "d", "e");
    for (let index = 0; index < 4; index++) {
      await turn();
      statements[index]?.succeed();
    }
    expect(items()).toEqual([["a", "b"], ["c"], ["d"], ["e"]]);
  });

  it("fails all of a statement that fails, and goes on with the next", async () => {
    const { submit, statements } = scripted();
    const failed = Promise.allSettled(submit("a", "b"));
    await turn();
    const [waited] = submit("c");
    const error = storeError(Object.assign(new Error("canceled"), { code: "57014" }));
    statements[0]?.fail(error);
    expect((await failed).map((result) => result.status === "rejected" && result.reason)).toEqual([
      error,
      error,
    ]);
    await turn();
    statements[1]?.succeed();
    expect(await waited).toBe("C");
  });

  it("fails what waits, too, if the database cannot be reached", async () => {
    const { submit, statements, items } = scripted();
    const failed = Promise.allSettled([...submit("a"), turn().then(() => submit("b")[0])]);
    await turn();
    await turn();
    statements[0]?.fail(storeError(Object.assign(new Error("refused"), { code: "ECONNREFUSED" })));
    expect((await failed).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    submit("c");
    await turn();
    expect(items()).toEqual([["a"], ["c"]]);
  });

  it("is idle when nothing waits and nothing is under way", async () => {
    const { lane, submit, statements } = scripted({ maxItems: 1 });
    await lane.idle();
    submit("a", "b");
    let isIdle = false;
    const idle = lane.idle().then(() => {
      isIdle = true;
    });
    for (let index = 0; index < 2; index++) {
      await turn();
      expect(isIdle).toBe(false);
      statements[index]?.succeed();
    }
    await idle;
  });
});
