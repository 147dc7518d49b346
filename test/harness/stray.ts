import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

/**
 * Sees to it that no process group started here outlives this process: on a normal exit they are
 * killed at once, and when this process is itself killed, by the reaper beside it.
 */
const groups = new Set<number>();
let reaper: ChildProcess | undefined;

function tellReaper(line: string): void {
  if (reaper === undefined) {
    const script = join(import.meta.dirname, "reaper.mjs");
    // In a session of its own: Ctrl-C in the terminal must not reach it before its work is done.
    reaper = spawn(process.execPath, [script], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    reaper.unref();
    (reaper.stdin as unknown as { unref?(): void } | null)?.unref?.();
    process.once("exit", killAllGroups);
  }
  reaper.stdin?.write(line);
}

/** Puts a process group under watch. */
export function watchGroup(pid: number): void {
  groups.add(pid);
  tellReaper(`+${pid}\n`);
}

/** The group has ended. */
export function unwatchGroup(pid: number): void {
  if (groups.delete(pid)) tellReaper(`-${pid}\n`);
}

/** Sends a signal to a whole group; false if there is none any more. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** Kills every group under watch, stopped ones too. */
export function killAllGroups(): void {
  for (const pid of groups) signalGroup(pid, "SIGKILL");
}
