import { describe, expect, it } from "vitest";
import type { StreamParts } from "../src/stream-parts.js";
import { StreamReader } from "../src/stream-reader.js";

const CALL = 7;
const done = { value: undefined, done: true };
const part = (value: string) => ({ value, done: false });

/** A reader, what it did to its request, and the parts that its role gives it. */
function open() {
  const did: string[] = [];
  let parts: StreamParts<string> | undefined;
  const reader = new StreamReader<string>({
    begin(given) {
      did.push("begin");
      parts = given;
      return CALL;
    },
    read: (call, read) => did.push(`read ${read} of ${call}`),
    cancel: (call) => did.push(`cancel ${call}`),
  });
  return { reader, did, role: () => parts as StreamParts<string> };
}

describe("the reader of a stream", () => {
  it("makes the request when the first part is asked for, and tells of what was read", async () => {
    const { reader, did, role } = open();
    expect(did).toEqual([]);
    const first = reader.next();
    expect(did).toEqual(["begin"]);
    role().push("a");
    role().push("b");
    expect(await first).toEqual(part("a"));
    expect(did).toEqual(["begin", "read a of 7"]);
    role().end();
    expect([await reader.next(), await reader.next()]).toEqual([part("b"), done]);
    expect(did).toEqual(["begin", "read a of 7", "read b of 7"]);
  });

  it("gives parts to several who wait, in order; one of them is told of the error, the rest of the end", async () => {
    const { reader, role } = open();
    const waiting = [1, 2, 3, 4].map(() => reader.next());
    role().push("a");
    role().push("b");
    role().end(new Error("broken"));
    expect(await Promise.allSettled(waiting)).toEqual([
      { status: "fulfilled", value: part("a") },
      { status: "fulfilled", value: part("b") },
      { status: "rejected", reason: new Error("broken") },
      { status: "fulfilled", value: done },
    ]);
    expect(await reader.next()).toEqual(done);
  });

  it("yields what came before an error, but nothing more once it was aborted", async () => {
    const broken = open();
    void broken.reader.next();
    for (const text of ["a", "b"]) broken.role().push(text);
    broken.role().end(new Error("broken"));
    expect(await broken.reader.next()).toEqual(part("b"));
    await expect(broken.reader.next()).rejects.toThrow("broken");
    const aborted = open();
    void aborted.reader.next();
    for (const text of ["a", "b"]) aborted.role().push(text);
    aborted.role().abort(new Error("aborted"));
    await expect(aborted.reader.next()).rejects.toThrow("aborted");
  });

  it("fault: return() does not wait behind a next() that waits, and ends it", async () => {
    const { reader, did, role } = open();
    const waiting = [reader.next(), reader.next()];
    expect(await reader.return()).toEqual(done);
    expect(did).toEqual(["begin", "cancel 7"]);
    expect(await Promise.all(waiting)).toEqual([done, done]);
    // What the role says of a request that is being cancelled is not for the reader.
    role().push("late");
    role().end(new Error("aborted"));
    expect(await reader.next()).toEqual(done);
    expect(await reader.return()).toEqual(done);
    expect(did).toEqual(["begin", "cancel 7"]);
  });

  it("cancels nothing that is over, and drops what nobody has read of it", async () => {
    const { reader, did, role } = open();
    void reader.next();
    for (const text of ["a", "b"]) role().push(text);
    role().end(new Error("broken"));
    await reader.return();
    expect(await reader.next()).toEqual(done);
    expect(did).toEqual(["begin", "read a of 7"]);
  });

  it("that is ended before it began makes no request", async () => {
    const { reader, did } = open();
    await reader.return();
    expect(await reader.next()).toEqual(done);
    expect(did).toEqual([]);
  });

  it("is ended by throw(), by `await using` and by a loop that is left", async () => {
    const thrown = open();
    void thrown.reader.next();
    await expect(thrown.reader.throw(new Error("enough"))).rejects.toThrow("enough");
    const disposed = open();
    void disposed.reader.next();
    await disposed.reader[Symbol.asyncDispose]();
    const looped = open();
    const loop = (async () => {
      for await (const text of looped.reader) return text;
      return undefined;
    })();
    looped.role().push("a");
    expect(await loop).toBe("a");
    for (const { did } of [thrown, disposed, looped]) expect(did.at(-1)).toBe("cancel 7");
  });

  it("rejects if the request cannot be made, and is over then", async () => {
    const reader = new StreamReader<string>({
      begin() {
        throw new RangeError("no such service");
      },
      read() {},
      cancel() {
        throw new Error("there is nothing to cancel");
      },
    });
    await expect(reader.next()).rejects.toThrow(RangeError);
    expect(await reader.next()).toEqual(done);
    expect(await reader.return()).toEqual(done);
  });
});
