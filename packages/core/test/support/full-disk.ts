import assert from "node:assert/strict";
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * A descriptor that LMDB writes to a file through. It has two: the first pages go through one with which each write is
 * synced, and all others through one that is synced for each commit.
 */
function descriptor(file: string, isSynced: boolean): number {
  const found = readdirSync("/proc/self/fd").find((fd) => {
    try {
      const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "0";
      const has = (flag: number): boolean => (Number.parseInt(flags, 8) & flag) === flag;
      const isThat =
        has(constants.O_DSYNC) === isSynced && (has(constants.O_RDWR) || has(constants.O_WRONLY));
      return isThat && readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false;
    }
  });
  assert.ok(found !== undefined, "LMDB has no such descriptor");
  return Number(found);
}

/** From now on the descriptor is one of another file. */
function replace(fd: number, path: string): void {
  closeSync(fd);
  const others: number[] = [];
  let other = openSync(path, "r+");
  for (; other !== fd; other = openSync(path, "r+")) others.push(other);
  for (const each of others) closeSync(each);
}

/** From now on LMDB finds the disk full when it writes the first pages of a file that it has open. On Linux only. */
export function fillDisk(file: string): void {
  replace(descriptor(file, true), "/dev/full");
}

/**
 * From now on what LMDB writes to a file that it has open is taken, but not the first pages, and no sync of it succeeds. On
 * Linux only. What is written is lost.
 *
 * @returns ends that
 */
export function failSync(file: string): () => void {
  const fd = descriptor(file, false);
  // Takes all bytes, and has no sync.
  replace(fd, "/dev/null");
  return () => replace(fd, file);
}
