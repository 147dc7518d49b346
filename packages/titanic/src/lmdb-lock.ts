import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import lockfile from "proper-lockfile";
import { lmdbError } from "./lmdb-errors.js";
import { StoreError } from "./store-errors.js";

/** A lock whose owner gave no sign of life for so long is void, in ms. */
const STALE_MS = 5000;
/** How often the owner gives one, in ms. */
const SIGN_MS = 1000;
/** A lock that is held for so long has an owner that lives, in ms. */
export const HELD_MS: number = STALE_MS + 2 * SIGN_MS;
/** How often somebody who waits looks, in ms. */
const LOOK_MS = 200;

const LOCK_NAME = "in-use.lock";

/** The right to use a folder, which one process has at a time. */
export interface FolderLock {
  /** Why it is had no more: it could not be kept. That another has it is not said by that. */
  readonly lost: StoreError | undefined;
  release(): Promise<void>;
}

/**
 * Waits for the lock of a folder, and takes it.
 *
 * @param lost - is called when it could not be kept: it, or the folder, is gone, no sign of life could be written for long,
 * or another has taken it since this process stood still
 * @param ending - ends the wait
 * @throws StoreError ERR_STORE_IN_USE if another has it, and still after `waitMs`
 */
export async function lockFolder(
  folder: string,
  waitMs: number,
  lost: () => void,
  ending?: AbortSignal,
): Promise<FolderLock> {
  const lockPath = join(folder, LOCK_NAME);
  const giveUpAt = performance.now() + waitMs;
  let why: StoreError | undefined;
  for (;;) {
    try {
      const release = await lockfile.lock(folder, {
        lockfilePath: lockPath,
        stale: STALE_MS,
        update: SIGN_MS,
        onCompromised: (cause) => {
          why = lmdbError(`lost the lock of ${folder}`, cause);
          lost();
        },
      });
      return {
        get lost() {
          return why;
        },
        // A lock that was lost may be another's.
        release: () => release().catch(() => {}),
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ELOCKED")
        throw lmdbError(`cannot lock ${folder}`, error);
      if (performance.now() >= giveUpAt) throw await inUse(folder, lockPath);
    }
    await delay(LOOK_MS, undefined, { signal: ending });
  }
}

async function inUse(folder: string, lockPath: string): Promise<StoreError> {
  const sign = await stat(lockPath)
    .then(({ mtimeMs }) => mtimeMs)
    .catch(() => undefined);
  const age = sign === undefined ? "a moment" : `${Math.max(0, (Date.now() - sign) / 1000).toFixed(1)} s`;
  return new StoreError(
    "ERR_STORE_IN_USE",
    `the store in ${folder} is in use by another process, which gave a sign of life ${age} ago`,
  );
}
