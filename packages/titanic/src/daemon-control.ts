import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { failureText } from "@seaworthy/core";
import { bytesFromJson, bytesToJson, detailsToJson, type JsonBytes, requestToJson } from "./daemon-json.js";
import type { TitanicServer } from "./server.js";
import { REQUEST_STATES } from "./server-arguments.js";
import type { RequestState, StoreQuery } from "./store.js";
import { idText, parseId } from "./wire.js";

/** What operators can ask of a server. */
export type Operated = Pick<TitanicServer, "list" | "show" | "requeue" | "drop">;

/** A socket on which a server answers `titanic ls` and the like. */
export interface Control {
  /** Ends all connections and removes the socket. */
  close(): Promise<void>;
}

/** Longest path of a socket: the system has so many bytes for it, and a zero at the end. */
const MAX_PATH_BYTES = process.platform === "linux" ? 107 : 103;
/** Requests that are listed in one answer. */
export const MAX_LIST = 1000;

/** Where the server of a folder has its socket. */
export function controlPath(folder: string): string {
  return join(folder, "control");
}

/** Why there can be no socket of this path, or `undefined`. */
export function pathFault(path: string): string | undefined {
  const length = Buffer.byteLength(path);
  if (length <= MAX_PATH_BYTES) return undefined;
  return `${path} is too long for a socket: ${length} bytes, and ${MAX_PATH_BYTES} is the most`;
}

/**
 * Serves operators on a socket that only the owner of the process can open. Whoever calls it has the folder to itself:
 * a socket that is there already is what a dead server has left.
 *
 * @throws (by rejecting) Error if there can be no such socket
 */
export async function openControl(path: string, server: Operated): Promise<Control> {
  const fault = pathFault(path);
  // The system would cut it off without a word.
  if (fault !== undefined) throw new Error(fault);
  await rm(path, { force: true });
  const http = createServer((request, response) => void respond(server, request, response));
  listenPrivately(() => http.listen(path));
  await once(http, "listening");
  http.on("error", () => undefined);
  return {
    async close() {
      const closed = once(http, "close");
      http.close();
      http.closeAllConnections();
      await closed;
    },
  };
}

/** A socket is made with the rights that the process gives to new files at that moment. */
function listenPrivately(listen: () => void): void {
  const before = process.umask(0o177);
  try {
    listen();
  } finally {
    process.umask(before);
  }
}

/** What is answered: nothing there, or a value as JSON. */
interface Answer {
  readonly status: number;
  readonly value: unknown;
}

async function respond(server: Operated, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, value } = await answer(server, request).catch((error) => ({
    status: 500,
    value: { message: failureText(error) },
  }));
  const text = JSON.stringify(value);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

async function answer(server: Operated, { method, url = "" }: IncomingMessage): Promise<Answer> {
  const { pathname, searchParams } = new URL(url, "http://control");
  const [, collection, id, action, ...more] = pathname.split("/");
  const asked = `${method} ${collection}${id === undefined ? "" : "/id"}${action === undefined ? "" : `/${action}`}`;
  if (more.length > 0 || (id !== undefined && parseId(id) === undefined)) return wrong(404, "not found");
  switch (asked) {
    case "GET requests":
      return list(server, searchParams);
    case "GET requests/id": {
      const found = await server.show(id as string);
      return { status: 200, value: found === undefined ? null : detailsToJson(found) };
    }
    case "POST requests/id/requeue":
      return { status: 200, value: await server.requeue(id as string) };
    case "DELETE requests/id":
      return { status: 200, value: await server.drop(id as string) };
    default:
      return wrong(404, "not found");
  }
}

async function list(server: Operated, asked: URLSearchParams): Promise<Answer> {
  const query = readQuery(asked);
  if (query === undefined) return wrong(400, "this cannot be listed");
  return { status: 200, value: (await server.list(query)).map(requestToJson) };
}

/** A query as the parameters of a URL. */
export function queryText({ state, service, after, limit }: StoreQuery): string {
  const text = new URLSearchParams({ limit: String(limit) });
  if (state !== undefined) text.set("state", state);
  if (service !== undefined) text.set("service", JSON.stringify(bytesToJson(service)));
  if (after !== undefined) text.set("after", idText(after));
  return String(text);
}

function readQuery(asked: URLSearchParams): StoreQuery | undefined {
  const [state, service, after] = ["state", "service", "after"].map((name) => asked.get(name) ?? undefined);
  const limit = Number(asked.get("limit"));
  const afterId = after === undefined ? undefined : parseId(after);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIST) return undefined;
  if (after !== undefined && afterId === undefined) return undefined;
  if (state !== undefined && !REQUEST_STATES.includes(state as RequestState)) return undefined;
  return {
    state: state as RequestState | undefined,
    service: service === undefined ? undefined : bytesFromJson(JSON.parse(service) as JsonBytes),
    after: afterId,
    limit,
  };
}

function wrong(status: number, message: string): Answer {
  return { status, value: { message } };
}
