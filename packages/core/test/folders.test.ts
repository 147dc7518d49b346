import { copyFileSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identityOfFile, makeFolder, sizeOfFile, syncFolder } from "@seaworthy/core/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "seaworthy-folders-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

describe("makeFolder", () => {
  it("makes a folder and those above it, and leaves one that is there as it is", async () => {
    const inner = join(folder, "a/b/c");
    await makeFolder(inner);
    expect(statSync(inner).isDirectory()).toBe(true);
    writeFileSync(join(inner, "file"), "x");
    await makeFolder(inner);
    expect(await sizeOfFile(join(inner, "file"))).toBe(1);
  });

  it("rejects where there is a file", async () => {
    const path = join(folder, "file");
    writeFileSync(path, "");
    await expect(makeFolder(path)).rejects.toMatchObject({ code: "EEXIST" });
    await expect(makeFolder(join(path, "below"))).rejects.toMatchObject({ code: "ENOTDIR" });
  });
});

it("syncFolder rejects where there is no folder", async () => {
  await syncFolder(folder);
  await expect(syncFolder(join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" });
});

it("sizeOfFile is 0 where there is no file, and rejects where nobody can tell", async () => {
  const path = join(folder, "file");
  expect(await sizeOfFile(path)).toBe(0);
  writeFileSync(path, "12345");
  expect(await sizeOfFile(path)).toBe(5);
  await expect(sizeOfFile(join(path, "below"))).rejects.toMatchObject({ code: "ENOTDIR" });
});

it("identityOfFile is that of the file and not of its name, and that of no file is undefined", () => {
  const [path, other] = [join(folder, "file"), join(folder, "other")];
  expect(identityOfFile(path)).toBeUndefined();
  writeFileSync(path, "x");
  const identity = identityOfFile(path);
  expect(identity).toBeTypeOf("string");
  renameSync(path, other);
  copyFileSync(other, path);
  expect([identityOfFile(path) === identity, identityOfFile(other)]).toEqual([false, identity]);
});
