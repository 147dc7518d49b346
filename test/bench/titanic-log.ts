import { fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { ClientDone } from "./titanic-client.js";

/** How many records to append, and how many of them share a sync. */
export interface LogJob {
  readonly count: number;
  readonly perSync: number;
}

/** About what a request of 11 bytes is with its id, service and checksum. */
const RECORD_BYTES = 64;

/** The least that durability costs: appends records to a file and syncs them, and does nothing else. */
export function startLog(folder: string): void {
  const file = openSync(join(folder, "log"), "a");
  process.on("message", ({ count, perSync }: LogJob) => {
    const batch = Buffer.alloc(RECORD_BYTES * perSync, "x");
    const latenciesMs: number[] = [];
    const startedAt = performance.now();
    for (let done = 0; done < count; done += perSync) {
      const beganAt = performance.now();
      writeSync(file, batch);
      fdatasyncSync(file);
      latenciesMs.push(performance.now() - beganAt);
    }
    process.send?.({ elapsedMs: performance.now() - startedAt, latenciesMs } satisfies ClientDone);
  });
  process.send?.({});
}
