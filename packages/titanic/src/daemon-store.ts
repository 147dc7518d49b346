import { readdir } from "node:fs/promises";
import { failureText } from "@seaworthy/core";
import type { StoreLimits, StorePlace } from "./daemon-arguments.js";
import type { TitanicStore } from "./store.js";

/** What the LmdbStore calls its file. */
const DATA_NAME = "requests.lmdb";

/**
 * The store at a place, not opened yet.
 *
 * @throws (by rejecting) Error if what it needs is not installed
 */
export async function storeAt(place: StorePlace, limits: StoreLimits = {}): Promise<TitanicStore> {
  // One of them is not needed, and `pg` need not be there.
  if (place.type === "lmdb") {
    const { LmdbStore } = await import("./lmdb.js");
    return new LmdbStore(place.folder, limits);
  }
  try {
    await import("pg");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new Error("--postgres needs the package pg, which is not installed: npm install pg");
  }
  const { PostgresStore } = await import("./postgres.js");
  return new PostgresStore({ ...limits, connectionString: place.url });
}

/** A place for people, without a password. */
export function placeText(place: StorePlace): string {
  if (place.type === "lmdb") return place.folder;
  const { host, pathname } = new URL(place.url);
  return `postgres://${host}${pathname}`;
}

/** What is said of a store that cannot be opened. */
export function openingError(place: StorePlace, error: unknown): Error {
  return new Error(`cannot open the store in ${placeText(place)}: ${failureText(error)}`, { cause: error });
}

/** Whether a folder has a store in it: to look into one must not make it. */
export async function hasStore(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).includes(DATA_NAME);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw error;
  }
}
