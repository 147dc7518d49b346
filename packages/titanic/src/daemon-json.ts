import { textFrame } from "@seaworthy/core";
import type { RequestDetails, RequestInfo } from "./store.js";
import { idText, parseId } from "./wire.js";

/** Bytes in JSON: as they are if they are text in UTF-8, so that nothing is lost either way. */
export type JsonBytes = string | { readonly base64: string };

/** A request in JSON, for scripts and on the control socket. Times are as `Date` writes them. */
export interface JsonRequest {
  readonly id: string;
  readonly service: JsonBytes;
  readonly state: RequestInfo["state"];
  readonly key: JsonBytes | null;
  readonly failures: number;
  readonly failure: string | null;
  readonly acceptedAt: string;
  readonly at: string;
}

/** The same with its bodies. */
export interface JsonDetails extends JsonRequest {
  readonly body: readonly JsonBytes[];
  readonly reply: readonly JsonBytes[] | null;
}

// A leading U+FEFF belongs to the text.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as text, or `undefined` if they are not UTF-8. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

export function bytesToJson(bytes: Uint8Array): JsonBytes {
  return utf8Text(bytes) ?? { base64: Buffer.from(bytes).toString("base64") };
}

export function bytesFromJson(json: JsonBytes): Uint8Array {
  return typeof json === "string" ? textFrame(json) : Uint8Array.from(Buffer.from(json.base64, "base64"));
}

export function requestToJson(request: RequestInfo): JsonRequest {
  const { id, service, state, key, failures, failure, acceptedAt, at } = request;
  return {
    id: idText(id),
    service: bytesToJson(service),
    state,
    key: key === undefined ? null : bytesToJson(key),
    failures,
    failure: failure ?? null,
    acceptedAt: timeText(acceptedAt),
    at: timeText(at),
  };
}

export function detailsToJson(request: RequestDetails): JsonDetails {
  const { body, reply } = request;
  return {
    ...requestToJson(request),
    body: body.map(bytesToJson),
    reply: reply === undefined ? null : reply.map(bytesToJson),
  };
}

export function requestFromJson(json: JsonRequest): RequestInfo {
  const { id, service, state, key, failures, failure, acceptedAt, at } = json;
  return {
    id: parseId(id) as Uint8Array,
    service: bytesFromJson(service),
    state,
    key: key === null ? undefined : bytesFromJson(key),
    failures,
    failure: failure ?? undefined,
    acceptedAt: Date.parse(acceptedAt),
    at: Date.parse(at),
  };
}

export function detailsFromJson(json: JsonDetails): RequestDetails {
  const { body, reply } = json;
  return {
    ...requestFromJson(json),
    body: body.map(bytesFromJson),
    reply: reply === null ? undefined : reply.map(bytesFromJson),
  };
}

/** A time of the wall clock, in ms since 1970, as text. */
export function timeText(at: number): string {
  return new Date(at).toISOString();
}
