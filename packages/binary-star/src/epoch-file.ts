import { readFileSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "@seaworthy/core/node";
import writeFileAtomic from "write-file-atomic";
import type { EpochStore } from "./epochs.js";
import { MAX_EPOCH } from "./wire.js";

/** Keeps the highest epoch that a node knows in a file, as a decimal number and a line feed. */
export class EpochFile implements EpochStore {
  readonly #path: string;
  /** What the file holds at the beginning; 0 if there is none. */
  readonly epoch: number;

  /** @throws Error if the file cannot be read, or holds something else */
  constructor(path: string) {
    this.#path = path;
    this.epoch = readEpoch(path);
  }

  /** Writes the file anew, synced, under another name first. */
  async save(epoch: number): Promise<void> {
    await writeFileAtomic(this.#path, `${epoch}\n`);
    // That it has its name now is written down by its folder.
    await syncFolder(dirname(await realpath(this.#path)));
  }
}

function readEpoch(path: string): number {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
  const epoch = Number(text.trim());
  if (!/^\d{1,16}\n?$/.test(text) || epoch > MAX_EPOCH)
    throw new Error(`the file ${path} holds no epoch, which is a decimal number up to 2^52`);
  return epoch;
}
