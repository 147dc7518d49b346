import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { EpochFile } from "../src/epoch-file.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "epoch-file-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("a file that is not there knows of no epoch, and is not made by looking", () => {
  expect(new EpochFile(join(folder, "epoch")).epoch).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
});

it("what was saved is there after a restart, and nothing else is left in the folder", async () => {
  const path = join(folder, "epoch");
  const file = new EpochFile(path);
  await file.save(41);
  await file.save(2 ** 52);
  expect(new EpochFile(path).epoch).toBe(2 ** 52);
  expect(readFileSync(path, "utf8")).toBe("4503599627370496\n");
  expect(readdirSync(folder)).toEqual(["epoch"]);
});

it("what was saved survives a loss of power: the folder is synced, too, once the file has its name, also behind a link", async () => {
  mkdirSync(join(folder, "real"));
  const real = join(folder, "real", "epoch");
  const path = join(folder, "link");
  writeFileSync(real, "3\n");
  symlinkSync(real, path);
  const handle = await open(folder, "r");
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const synced: unknown[] = [];
  const { sync } = prototype;
  const spy = vi.spyOn(prototype, "sync").mockImplementation(async function (this: FileHandle) {
    await sync.call(this);
    synced.push([(await this.stat()).ino, readFileSync(real, "utf8")]);
  });
  try {
    await new EpochFile(path).save(5);
  } finally {
    spy.mockRestore();
  }
  expect(synced).toEqual([[statSync(join(folder, "real")).ino, "5\n"]]);
});

it.each([
  "",
  "\n",
  "x",
  "-1\n",
  "1.5\n",
  "7\n\n",
  " 7\n",
  "7 8\n",
  "1e3\n",
  "0x10\n",
  "4503599627370497\n",
  "99999999999999999\n",
  "\u0000\u0000\u0000",
])("a file that holds something else is an error, not an epoch of 0: %j", (text) => {
  const path = join(folder, "epoch");
  writeFileSync(path, text);
  expect(() => new EpochFile(path)).toThrow(`the file ${path} holds no epoch`);
});

it("an editor's number without a line feed is read", () => {
  const path = join(folder, "epoch");
  writeFileSync(path, "12");
  expect(new EpochFile(path).epoch).toBe(12);
});

it("what cannot be read is an error", () => {
  expect(() => new EpochFile(folder)).toThrow("EISDIR");
});

it("a folder that is missing: nothing is known, and nothing can be kept", async () => {
  const file = new EpochFile(join(folder, "missing", "epoch"));
  expect(file.epoch).toBe(0);
  await expect(file.save(1)).rejects.toThrow("ENOENT");
});
