/**
 * Paranoid Pirate on the wire (6/PPP). Clients and queue speak the standard envelope (28/REQREP). A
 * worker's DEALER and the queue's ROUTER exchange:
 *
 * | command   | from             | frames                         |
 * |-----------|------------------|--------------------------------|
 * | READY     | worker           | `[0x01]`                       |
 * | HEARTBEAT | both             | `[0x02]`, or `[0x02][greeting]` |
 * | LEAVE     | both             | `[0x03]`                       |
 * | REQUEST   | queue            | `[address…][][body…]`          |
 * | REPLY     | worker           | `[address…][][body…]`          |
 *
 * The greeting and LEAVE are ours and go only to peers that are known to understand them: our workers are
 * known by how their routing id begins, which other queues take for any id; our queue is known by its
 * greeting, which it sends to our workers only. A greeting says how often its sender sends heartbeats, so
 * that both sides may keep intervals of their own. LEAVE from a worker: give me no more requests; from
 * the queue: you have none, go.
 *
 * | bytes of the greeting | meaning                                                |
 * |-----------------------|--------------------------------------------------------|
 * | 0–1                   | `SW`                                                   |
 * | 2                     | version, 1                                             |
 * | 3                     | 0                                                      |
 * | 4–7                   | heartbeat interval in ms, most significant byte first  |
 */
import {
  type Addresses,
  DELIMITER,
  delimiterIndex,
  type Frames,
  frameText,
  type Malformed,
  malformed,
} from "@seaworthy/core";

/** 6/PPP, READY. */
const READY_BYTE = 0x01;
/** 6/PPP, HEARTBEAT. */
const HEARTBEAT_BYTE = 0x02;
/** Ours. */
const LEAVE_BYTE = 0x03;

/** Shared: never write to them. */
const READY = new Uint8Array([READY_BYTE]);
const HEARTBEAT = new Uint8Array([HEARTBEAT_BYTE]);
const LEAVE = new Uint8Array([LEAVE_BYTE]);

const GREETING_BYTES = 8;
const MAGIC_0 = 0x53; // S
const MAGIC_1 = 0x57; // W
const VERSION = 1;
const INTERVAL_OFFSET = 4;
const MAX_UINT32 = 2 ** 32 - 1;

/** How the routing ids of our workers begin. */
const WORKER_ID_PREFIX = "SWPP1-";

/** Sign of life. With an interval it is a greeting. */
export interface HeartbeatCommand {
  readonly type: "heartbeat";
  /** How often the sender sends heartbeats, in ms, if it says so. */
  readonly intervalMs?: number;
}

/** What a worker says. */
export type WorkerCommand =
  | { readonly type: "ready" }
  | HeartbeatCommand
  | { readonly type: "leave" }
  | {
      readonly type: "reply";
      /** The request that it answers, or `undefined` if that was none of this queue's. */
      readonly number: number | undefined;
      readonly body: Uint8Array[];
    };

/** What a queue says. */
export type QueueCommand =
  | HeartbeatCommand
  | { readonly type: "leave" }
  | { readonly type: "request"; readonly address: Uint8Array[]; readonly body: Uint8Array[] };

const READY_COMMAND: WorkerCommand = { type: "ready" };
const HEARTBEAT_COMMAND: HeartbeatCommand = { type: "heartbeat" };
const LEAVE_COMMAND = { type: "leave" } as const;

/** A routing id for a connection of one of our workers. */
export function workerRoutingId(process: string, connection: number): string {
  return `${WORKER_ID_PREFIX}${process}-${connection}`;
}

/**
 * The process that a routing id of one of our workers names, or `undefined` if it is none of those. Its owner
 * understands our commands.
 */
export function workerProcess(routingId: Uint8Array): string | undefined {
  if (frameText(routingId.subarray(0, WORKER_ID_PREFIX.length)) !== WORKER_ID_PREFIX) return undefined;
  const text = frameText(routingId);
  return text.slice(0, text.lastIndexOf("-"));
}

/** READY as a worker's DEALER sends it. */
export function encodeReady(): Frames {
  return [READY];
}

/** A heartbeat, or a greeting. */
export function encodeHeartbeat({ intervalMs }: { intervalMs?: number | undefined }): Frames {
  return intervalMs === undefined ? [HEARTBEAT] : [HEARTBEAT, encodeGreeting(intervalMs)];
}

/** LEAVE, in either direction. */
export function encodeLeave(): Frames {
  return [LEAVE];
}

/** A request or a reply. */
export function encodeAddressed(address: Frames, body: Frames): Frames {
  return [...address, DELIMITER, ...body];
}

/** What the queue's ROUTER received from a worker, whose routing id is the first frame. */
export function decodeFromWorker(frames: Uint8Array[], addresses: Addresses): WorkerCommand | Malformed {
  if (frames.length < 4) return decodeControl(frames[1], frames[2], READY_COMMAND);
  const end = delimiterIndex(frames, 1);
  const fault = addressFault(frames, end, 1);
  if (fault !== undefined) return fault;
  const number = end === 2 ? addresses.decode(frames[1] as Uint8Array) : undefined;
  return { type: "reply", number, body: frames.slice(end + 1) };
}

/** What a worker's DEALER received. */
export function decodeFromQueue(frames: Uint8Array[]): QueueCommand | Malformed {
  if (frames.length < 3) return decodeControl(frames[0], frames[1], malformed("READY from a queue"));
  const end = delimiterIndex(frames);
  const fault = addressFault(frames, end, 0);
  return fault ?? { type: "request", address: frames.slice(0, end), body: frames.slice(end + 1) };
}

function addressFault(frames: Frames, end: number, start: number): Malformed | undefined {
  if (end === -1) return malformed("no empty frame after the address");
  if (end === start) return malformed("empty address");
  return end === frames.length - 1 ? malformed("no body") : undefined;
}

function decodeControl<Ready>(
  command: Uint8Array | undefined,
  extra: Uint8Array | undefined,
  ready: Ready,
): Ready | HeartbeatCommand | typeof LEAVE_COMMAND | Malformed {
  if (command?.length !== 1) return malformed("neither a command nor a request or reply");
  if (extra !== undefined) {
    return command[0] === HEARTBEAT_BYTE ? decodeGreeting(extra) : malformed("a frame too many");
  }
  switch (command[0]) {
    case READY_BYTE:
      return ready;
    case HEARTBEAT_BYTE:
      return HEARTBEAT_COMMAND;
    case LEAVE_BYTE:
      return LEAVE_COMMAND;
    default:
      return malformed(`unknown command ${command[0]}`);
  }
}

function encodeGreeting(intervalMs: number): Uint8Array {
  const frame = new Uint8Array(GREETING_BYTES);
  frame.set([MAGIC_0, MAGIC_1, VERSION]);
  // Rounded up: it must not promise more heartbeats than come.
  new DataView(frame.buffer).setUint32(INTERVAL_OFFSET, Math.min(Math.ceil(intervalMs), MAX_UINT32));
  return frame;
}

function decodeGreeting(frame: Uint8Array): HeartbeatCommand | Malformed {
  if (frame.length < GREETING_BYTES || frame[0] !== MAGIC_0 || frame[1] !== MAGIC_1 || frame[2] !== VERSION) {
    return malformed("unknown greeting");
  }
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const intervalMs = view.getUint32(INTERVAL_OFFSET);
  if (intervalMs === 0) return malformed("greeting with an interval of 0");
  return { type: "heartbeat", intervalMs };
}
