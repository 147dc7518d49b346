import { open } from "node:fs/promises";
import { readLmdbMeta, sizeOfFile } from "@seaworthy/core/node";

const ZEROS = new Uint8Array(1024 * 1024);

/**
 * Looks at a file, if it is there, before LMDB maps it into memory: a page that is missing would end the process. Zeros
 * take its place, which LMDB tells from a page. Nothing is wrong with a page that is missing and free.
 *
 * @throws Error if it is not one of LMDB
 */
export async function checkFile(path: string): Promise<void> {
  const size = await sizeOfFile(path);
  if (size === 0) return;
  // Another process may be writing to it: what is appended is never in the place of what that has written.
  const handle = await open(path, "a+");
  try {
    const first = await readLmdbMeta(handle, 0);
    if (first === undefined) throw new Error("it is no file of LMDB");
    const { pageSize } = first;
    const second = await readLmdbMeta(handle, pageSize);
    if (second === undefined) throw new Error("it is cut off or damaged");
    const pages = Math.max(first.lastPage, second.lastPage) + 1;
    for (let missing = pages * pageSize - size; missing > 0; missing -= ZEROS.length) {
      await handle.appendFile(ZEROS.subarray(0, missing));
    }
  } finally {
    await handle.close();
  }
}
