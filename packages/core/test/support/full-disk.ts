import assert from "node:assert/strict";
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The descriptor that LMDB writes the first pages of a file through, and nothing else: with it, each write is synced. */
function descriptor(file: string): number {
  const found = readdirSync("/proc/self/fd").find((fd) => {
    try {
      const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "0";
      const isSynced = (Number.parseInt(flags, 8) & constants.O_DSYNC) === constants.O_DSYNC;
      return isSynced && readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false;
    }
  });
  assert.ok(found !== undefined, "LMDB has no such descriptor");
  return Number(found);
}

/** From now on LMDB finds the disk full when it writes the first pages of a file that it has open. On Linux only. */
export function fillDisk(file: string): void {
  const fd = descriptor(file);
  closeSync(fd);
  const others: number[] = [];
  let full = openSync("/dev/full", "w");
  for (; full !== fd; full = openSync("/dev/full", "w")) others.push(full);
  for (const other of others) closeSync(other);
}
