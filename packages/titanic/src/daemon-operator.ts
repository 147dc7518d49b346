import { request as httpRequest } from "node:http";
import type { StorePlace } from "./daemon-arguments.js";
import { controlPath, type Operated, pathFault, queryText } from "./daemon-control.js";
import { detailsFromJson, type JsonDetails, type JsonRequest, requestFromJson } from "./daemon-json.js";
import { hasStore, openingError, storeAt } from "./daemon-store.js";
import { resolveServerOptions } from "./server-options.js";
import type { TitanicStore } from "./store.js";
import { parseId } from "./wire.js";

/** A way to look into a store and to change what is in there. Ids are 32 hexadecimal digits. */
export interface Operator extends Operated {
  close(): Promise<void>;
}

/** How long a server may be silent until it is given up, in ms. */
const PATIENCE_MS = 60_000;

/**
 * Finds the way to a store: through the server that has the folder, or straight to folder or database.
 *
 * @throws (by rejecting) Error with a line for people if there is none
 */
export async function operate(place: StorePlace): Promise<Operator> {
  if (place.type === "postgres") return openStore(place);
  const path = controlPath(place.folder);
  if (pathFault(path) === undefined && (await isServed(path))) return new ServerOperator(path);
  if (!(await hasStore(place.folder))) throw new Error(`there is no store in ${place.folder}`);
  return openStore(place).catch((error: Error) => {
    if ((error.cause as { code?: unknown } | undefined)?.code !== "ERR_STORE_IN_USE") throw error;
    // Its server has no socket, or none yet, or none any more.
    const reason = pathFault(path) ?? `there is nobody at ${path}; it may be about to start or to stop`;
    throw new Error(`${error.message}; its server cannot be asked: ${reason}`);
  });
}

async function openStore(place: StorePlace): Promise<Operator> {
  const store = await storeAt(place);
  await store.open().catch((error) => {
    throw openingError(place, error);
  });
  return new StoreOperator(store);
}

/** Goes straight to a store. */
class StoreOperator implements Operator {
  readonly list: TitanicStore["list"];
  readonly #store: TitanicStore;

  constructor(store: TitanicStore) {
    this.#store = store;
    this.list = (query) => store.list(query);
  }

  show: Operator["show"] = (id) => this.#store.show(idBytes(id));
  requeue: Operator["requeue"] = (id) => this.#store.requeue(idBytes(id));
  drop: Operator["drop"] = (id) => this.#store.remove(idBytes(id), resolveServerOptions().keyRetentionMs);
  close: Operator["close"] = () => this.#store.close();
}

function idBytes(id: string): Uint8Array {
  return parseId(id) as Uint8Array;
}

/** Asks the server of a folder. */
class ServerOperator implements Operator {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  list: Operator["list"] = async (query) => {
    const found = (await ask(this.#path, "GET", `/requests?${queryText(query)}`)) as JsonRequest[];
    return found.map(requestFromJson);
  };
  show: Operator["show"] = async (id) => {
    const found = (await ask(this.#path, "GET", `/requests/${id}`)) as JsonDetails | null;
    return found === null ? undefined : detailsFromJson(found);
  };
  requeue: Operator["requeue"] = async (id) =>
    (await ask(this.#path, "POST", `/requests/${id}/requeue`)) as boolean;
  drop: Operator["drop"] = async (id) => (await ask(this.#path, "DELETE", `/requests/${id}`)) as boolean;
  close: Operator["close"] = async () => {};
}

/** Whether a server listens there. */
async function isServed(path: string): Promise<boolean> {
  try {
    await ask(path, "GET", "/requests?limit=1");
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTDIR") return false;
    throw error;
  }
}

function ask(socketPath: string, method: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path, timeout: PATIENCE_MS }, async (response) => {
      try {
        const value: unknown = JSON.parse(Buffer.concat(await response.toArray()).toString("utf8"));
        if (response.statusCode === 200) resolve(value);
        else reject(new Error(`the server says: ${(value as { message: string }).message}`));
      } catch (error) {
        reject(error);
      }
    });
    request.on("timeout", () => request.destroy(new Error("the server does not answer")));
    request.on("error", reject);
    request.end();
  });
}
