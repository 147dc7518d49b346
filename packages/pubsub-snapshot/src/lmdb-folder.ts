import { type FileHandle, mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Layout of the two pages that an LMDB file begins with, as lmdb-js writes them: offsets in bytes. */
const META = { magic: 24, pageSize: 48, lastPage: 144, bytes: 152 } as const;
const MAGIC = 0xbeefc0de;

const ZEROS = new Uint8Array(1024 * 1024);

/** Makes a folder, and those above it, and has them survive a loss of power. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first !== undefined) await syncFolder(dirname(first));
}

/** Has the names in a folder survive a loss of power. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows has no such thing.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}

/**
 * Looks at a file, if it is there, before LMDB maps it into memory: a page that is missing would end the process. Zeros
 * take its place, which LMDB tells from a page. Nothing is wrong with a page that is missing and free.
 *
 * @throws Error if it is not one of LMDB
 */
export async function checkFile(path: string): Promise<void> {
  const size = await sizeOf(path);
  if (size === 0) return;
  // Another process may be writing to it: what is appended is never in the place of what that has written.
  const handle = await open(path, "a+");
  try {
    const first = await readMeta(handle, 0);
    if (first === undefined) throw new Error("it is no file of LMDB");
    const pageSize = first.readUInt32LE(META.pageSize);
    const second = await readMeta(handle, pageSize);
    if (second === undefined) throw new Error("it is cut off or damaged");
    const last = Math.max(...[first, second].map((meta) => Number(meta.readBigUInt64LE(META.lastPage))));
    for (let missing = (last + 1) * pageSize - size; missing > 0; missing -= ZEROS.length) {
      await handle.appendFile(ZEROS.subarray(0, missing));
    }
  } finally {
    await handle.close();
  }
}

/** @returns 0 if there is no such file */
async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  return found?.size ?? 0;
}

/** One of the first two pages; `undefined` if it is not one. */
async function readMeta(handle: FileHandle, position: number): Promise<Buffer | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(META.bytes), 0, META.bytes, position);
  return bytesRead === META.bytes && buffer.readUInt32LE(META.magic) === MAGIC ? buffer : undefined;
}
