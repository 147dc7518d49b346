import { mkdtempSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasGivenUp, isCutShort, isNoRoom, lmdbCause, readLmdbMeta } from "@seaworthy/core/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const failed = (code?: unknown): Error => Object.assign(new Error("no"), { code });

describe("an error", () => {
  it.each([28, 27, 122, 69, 112, -30792, "ENOSPC", "EFBIG", "EDQUOT"])(
    "with the code %s means that there is no room",
    (code) => {
      expect([isNoRoom(failed(code)), isCutShort(failed(code))]).toEqual([true, false]);
    },
  );

  it("with the code 5 may mean it", () => {
    expect([isNoRoom(failed(5)), isCutShort(failed(5))]).toEqual([false, true]);
  });

  it.each([failed(), failed("EACCES"), failed(-30796), undefined, null, "ENOSPC"])(
    "like %s does not",
    (error) => {
      expect([isNoRoom(error), isCutShort(error)]).toEqual([false, false]);
    },
  );
});

it("says that LMDB has given up by its text alone", () => {
  const errors = [new Error("MDB_PANIC: Update of meta page failed"), failed(-30795), "MDB_PANIC", undefined];
  const givesUp = (error: unknown): boolean =>
    hasGivenUp({ resetReadTxn: () => {} }, () => {
      throw error;
    });
  expect(errors.map(givesUp)).toEqual([true, false, false, false]);
});

it("LMDB has not given up if it can be read, and that is asked of the file and not of what is known", () => {
  const asked: string[] = [];
  const root = { resetReadTxn: () => void asked.push("reset") };
  expect(hasGivenUp(root, () => asked.push("look"))).toBe(false);
  expect(asked).toEqual(["reset", "look"]);
});

describe("lmdbCause", () => {
  it("is the reason that came later, if there is one", async () => {
    const reason = failed(28);
    const told = Object.assign(new Error("Commit failed"), { commitError: Promise.reject(reason) });
    expect(await lmdbCause(told)).toBe(reason);
  });

  it("is the error itself otherwise", async () => {
    const plain = failed();
    const empty = Object.assign(new Error("Commit failed"), { commitError: Promise.resolve() });
    expect(await Promise.all([plain, empty, undefined].map(lmdbCause))).toEqual([plain, empty, undefined]);
  });
});

describe("readLmdbMeta", () => {
  const PAGE_BYTES = 4096;
  let folder: string;
  let handle: FileHandle;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "seaworthy-lmdb-"));
    handle = await open(join(folder, "file"), "w+");
  });

  afterEach(async () => {
    await handle.close();
    rmSync(folder, { recursive: true });
  });

  /** A page as lmdb-js lays it out on a machine of 64 bits. */
  function page(lastPage: bigint, transaction: bigint): Buffer {
    const bytes = Buffer.alloc(PAGE_BYTES);
    bytes.writeUInt32LE(0xbeefc0de, 24);
    bytes.writeUInt32LE(PAGE_BYTES, 48);
    bytes.writeBigUInt64LE(lastPage, 144);
    bytes.writeBigUInt64LE(transaction, 152);
    return bytes;
  }

  it("reads the first two pages", async () => {
    await handle.writeFile(Buffer.concat([page(3n, 8n), page(2n ** 40n, 7n)]));
    expect(await readLmdbMeta(handle, 0)).toEqual({ pageSize: PAGE_BYTES, lastPage: 3, transaction: 8n });
    const second = await readLmdbMeta(handle, PAGE_BYTES);
    expect(second).toEqual({ pageSize: PAGE_BYTES, lastPage: 2 ** 40, transaction: 7n });
  });

  it("finds nothing in a page of another kind, or one that is cut off", async () => {
    await handle.writeFile(Buffer.concat([Buffer.alloc(PAGE_BYTES, 1), page(3n, 8n).subarray(0, 160)]));
    expect(await readLmdbMeta(handle, 0)).toBeUndefined();
    expect(await readLmdbMeta(handle, PAGE_BYTES)).toBeUndefined();
    expect(await readLmdbMeta(handle, 2 * PAGE_BYTES)).toBeUndefined();
  });
});
