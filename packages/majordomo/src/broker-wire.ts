/** The side of a broker on the wire: see `wire.ts`. Here the first frame is a peer's routing id. */
import {
  type Addresses,
  DELIMITER,
  delimiterIndex,
  type Frames,
  MAX_ENVELOPE_FRAMES,
  type Malformed,
  malformed,
} from "@seaworthy/core";
import { type BrokerNotice, decodeNotice, encodeBrokerNotice, type Notice } from "./notice.js";
import { headerKey, headerKind, headerTtlMs, routeHeader } from "./request-header.js";
import {
  ADDRESS_BYTES,
  CLIENT_01,
  CLIENT_02,
  CLIENT_FINAL_02,
  CLIENT_PARTIAL_02,
  CLIENT_REQUEST_02,
  commandFrame,
  headerVersion,
  MARK_DROPPED,
  MARK_HANDLER_FAILED,
  MARK_RETURNED,
  MAX_SERVICE_BYTES,
  type MdpVersion,
  WORKER_01,
  WORKER_02,
  WORKER_DISCONNECT_01,
  WORKER_DISCONNECT_02,
  WORKER_FINAL_02,
  WORKER_HEARTBEAT_01,
  WORKER_HEARTBEAT_02,
  WORKER_PARTIAL_02,
  WORKER_READY,
  WORKER_REPLY_01,
  WORKER_REQUEST,
} from "./wire.js";

/** A request as the broker reads it. */
export interface ClientRequest {
  readonly type: "request";
  readonly version: MdpVersion;
  /** The way back: all frames in front of the MDP header, the routing id first. */
  readonly route: Uint8Array[];
  /** What the request and its retries have in common, if the client is ours. */
  readonly key: string | undefined;
  /** How long it may wait for a worker, in ms, or 0 if the client did not say. */
  readonly ttlMs: number;
  readonly service: Uint8Array;
  readonly body: Uint8Array[];
}

/** A client of ours has given a request up. */
export interface ClientCancel {
  readonly type: "cancel";
  readonly key: string;
}

/** How far a worker is with a request. */
export type PartKind = "partial" | "final" | "handler-failed" | "dropped" | "returned";

/** What a worker says. */
export type WorkerCommand =
  | { readonly type: "ready"; readonly service: Uint8Array; readonly notice: Notice | undefined }
  | { readonly type: "heartbeat"; readonly notice: Notice | undefined }
  | { readonly type: "disconnect" }
  | {
      readonly type: "part";
      readonly kind: PartKind;
      /** The request that it answers, or `undefined` if that was none of this broker's. */
      readonly number: number | undefined;
      readonly body: Uint8Array[];
    };

/** A worker said something. */
export interface WorkerSaid {
  readonly type: "said";
  readonly worker: Uint8Array;
  readonly version: MdpVersion;
  readonly command: WorkerCommand;
}

/** What our workers say of a request besides a reply. */
const OUTCOMES = new Map<number, PartKind>([
  [MARK_HANDLER_FAILED, "handler-failed"],
  [MARK_DROPPED, "dropped"],
  [MARK_RETURNED, "returned"],
]);

/** Longest frame of an envelope, in bytes: as long as a routing id can be. Each is kept as long as its request. */
const MAX_ENVELOPE_FRAME_BYTES = 255;

const DISCONNECT: WorkerCommand = { type: "disconnect" };
const PLAIN_HEARTBEAT: WorkerCommand = { type: "heartbeat", notice: undefined };

/** What the broker's ROUTER received. */
export function decodeAtBroker(
  frames: Uint8Array[],
  addresses: Addresses,
): ClientRequest | ClientCancel | WorkerSaid | Malformed {
  const first = frames[1];
  if (first === undefined) return malformed("a message without content");
  if (headerVersion(first, "W") === "0.2") return decodeWorker(frames, 1, "0.2", addresses);
  const at = headerIndex(frames);
  if (at === -1) return malformed("neither an MDP header nor an empty frame in front of one");
  const header = frames[at];
  const client = header && headerVersion(header, "C");
  if (client !== undefined) return decodeClient(frames, at, client);
  if (header === undefined || headerVersion(header, "W") !== "0.1") return malformed("no MDP header");
  return at === 2
    ? decodeWorker(frames, 2, "0.1", addresses)
    : malformed("a worker's command in an envelope");
}

/**
 * Where the header of a client or of a worker of 0.1 is: behind the first empty frame. 0.2 has none, and its header
 * comes first, or right behind the hops of devices between the client and the broker.
 */
function headerIndex(frames: Frames): number {
  const end = Math.min(frames.length, 1 + MAX_ENVELOPE_FRAMES + 1);
  for (let at = 1; at < end; at++) {
    const frame = frames[at] as Uint8Array;
    if (frame.length === 0) return at + 1;
    if (headerVersion(frame, "C") === "0.2") return at;
  }
  return -1;
}

function decodeWorker(
  frames: Uint8Array[],
  at: number,
  version: MdpVersion,
  addresses: Addresses,
): WorkerSaid | Malformed {
  const command = decodeCommand(frames, at + 1, version, addresses);
  if (command.type === "malformed") return command;
  return { type: "said", worker: frames[0] as Uint8Array, version, command };
}

function decodeClient(
  frames: Uint8Array[],
  at: number,
  version: MdpVersion,
): ClientRequest | ClientCancel | Malformed {
  let next = at + 1;
  if (version === "0.2") {
    const command = frames[next++];
    if (command?.length !== 1) return malformed("no MDP client command");
    if (command[0] !== CLIENT_REQUEST_02) return malformed(`unexpected client command ${command[0]}`);
  }
  const service = frames[next++];
  const fault = serviceFault(service);
  if (fault !== undefined) return malformed(fault);
  const route = frames.slice(0, at);
  for (const frame of route) {
    if (frame.length > MAX_ENVELOPE_FRAME_BYTES) return malformed("too long a frame in an envelope");
  }
  const header = routeHeader(route);
  if (header !== undefined) {
    const kind = headerKind(header);
    if (kind === "cancel") return { type: "cancel", key: headerKey(header) };
    if (kind !== "message") return malformed("request of an unknown kind");
  }
  if (frames.length === next) return malformed("request without a body");
  return {
    type: "request",
    version,
    route,
    key: header && headerKey(header),
    ttlMs: header === undefined ? 0 : headerTtlMs(header),
    service: service as Uint8Array,
    body: frames.slice(next),
  };
}

function serviceFault(service: Uint8Array | undefined): string | undefined {
  if (service === undefined || service.length === 0) return "no name of a service";
  return service.length > MAX_SERVICE_BYTES ? "too long a name of a service" : undefined;
}

function decodeCommand(
  frames: Uint8Array[],
  at: number,
  version: MdpVersion,
  addresses: Addresses,
): WorkerCommand | Malformed {
  const command = frames[at];
  if (command?.length !== 1) return malformed("no MDP worker command");
  const byte = command[0];
  if (byte === WORKER_READY) return decodeReady(frames[at + 1], frames[at + 2]);
  const is01 = version === "0.1";
  if (byte === (is01 ? WORKER_REPLY_01 : WORKER_FINAL_02))
    return decodePart(frames, at + 1, "final", addresses);
  if (byte === WORKER_PARTIAL_02 && !is01) return decodePart(frames, at + 1, "partial", addresses);
  if (byte === (is01 ? WORKER_HEARTBEAT_01 : WORKER_HEARTBEAT_02)) return decodeHeartbeat(frames[at + 1]);
  if (byte === (is01 ? WORKER_DISCONNECT_01 : WORKER_DISCONNECT_02)) return DISCONNECT;
  return malformed(`unknown worker command ${byte}`);
}

function decodeReady(
  service: Uint8Array | undefined,
  extra: Uint8Array | undefined,
): WorkerCommand | Malformed {
  const fault = serviceFault(service);
  if (fault !== undefined) return malformed(fault);
  return { type: "ready", service: service as Uint8Array, notice: extra && decodeNotice(extra) };
}

function decodeHeartbeat(extra: Uint8Array | undefined): WorkerCommand {
  return extra === undefined ? PLAIN_HEARTBEAT : { type: "heartbeat", notice: decodeNotice(extra) };
}

function decodePart(
  frames: Uint8Array[],
  at: number,
  kind: "partial" | "final",
  addresses: Addresses,
): WorkerCommand | Malformed {
  const end = delimiterIndex(frames, at);
  if (end === -1) return malformed("no empty frame after the address");
  if (end === at) return malformed("no address");
  if (end === frames.length - 1) return malformed("reply without a body");
  const body = frames.slice(end + 1);
  const address = frames[at] as Uint8Array;
  // Of several frames it is none that was made here.
  if (end > at + 1) return { type: "part", kind, number: undefined, body };
  if (address.length !== ADDRESS_BYTES + 1) {
    return { type: "part", kind, number: addresses.decode(address), body };
  }
  const mark = address[ADDRESS_BYTES];
  const outcome = mark === undefined ? undefined : OUTCOMES.get(mark);
  if (outcome === undefined) return malformed("unknown outcome of a request");
  const number = addresses.decode(address.subarray(0, ADDRESS_BYTES));
  return { type: "part", kind: outcome, number, body };
}

function toWorker(version: MdpVersion, byte01: number, byte02: number, rest: Frames): Frames {
  return version === "0.1"
    ? [DELIMITER, WORKER_01, commandFrame(byte01), ...rest]
    : [WORKER_02, commandFrame(byte02), ...rest];
}

const REQUEST_FRAME = commandFrame(WORKER_REQUEST);

/** A request on its way to a worker. */
export function encodeToWorker(version: MdpVersion, address: Uint8Array, body: Frames): Frames {
  if (version === "0.1") return [DELIMITER, WORKER_01, REQUEST_FRAME, address, DELIMITER, ...body];
  return [WORKER_02, REQUEST_FRAME, address, DELIMITER, ...body];
}

/** A heartbeat; to our workers maybe with the broker's notice, or with the address of a request that was given up. */
export function encodeBrokerHeartbeat(
  version: MdpVersion,
  extra: BrokerNotice | Uint8Array | undefined,
): Frames {
  const more = extra === undefined ? [] : [extra instanceof Uint8Array ? extra : encodeBrokerNotice(extra)];
  return toWorker(version, WORKER_HEARTBEAT_01, WORKER_HEARTBEAT_02, more);
}

/** The worker is to close its connection, and may come again on another. */
export function encodeBrokerDisconnect(version: MdpVersion): Frames {
  return toWorker(version, WORKER_DISCONNECT_01, WORKER_DISCONNECT_02, []);
}

/** A reply, or a part of one, on its way to a client. */
export function encodeToClient(
  version: MdpVersion,
  route: Frames,
  service: Uint8Array,
  body: Frames,
  isFinal: boolean,
): Frames {
  if (version === "0.1") return [...route, CLIENT_01, service, ...body];
  const command = commandFrame(isFinal ? CLIENT_FINAL_02 : CLIENT_PARTIAL_02);
  if (route.length === 3 && body.length === 1) {
    const [id, header, end] = route as [Uint8Array, Uint8Array, Uint8Array];
    return [id, header, end, CLIENT_02, command, service, body[0] as Uint8Array];
  }
  return [...route, CLIENT_02, command, service, ...body];
}

/** Where the protocol's header would be in a message to a worker. */
const workerHeaderIndex = (frames: Frames): number => (frames[1]?.length === 0 ? 2 : 1);

/**
 * Whether this message of the broker was for a worker, and not for a client. A client's envelope comes back as it was,
 * and may hold anything but a header where {@link decodeAtBroker} takes one for a worker's.
 */
export function isForWorker(frames: Frames): boolean {
  const at = workerHeaderIndex(frames);
  const header = frames[at];
  return header !== undefined && headerVersion(header, "W") === (at === 1 ? "0.2" : "0.1");
}

/** The request that this message to a worker was to deliver, or `undefined` if it is another message. */
export function deliveredNumber(frames: Frames, addresses: Addresses): number | undefined {
  if (!isForWorker(frames)) return undefined;
  const at = workerHeaderIndex(frames);
  const address = frames[at + 2];
  return frames[at + 1]?.[0] === WORKER_REQUEST && address !== undefined
    ? addresses.decode(address)
    : undefined;
}
