/** The side of a worker on the wire: see `wire.ts`. */
import { DELIMITER, delimiterIndex, type Frames, type Malformed, malformed } from "@seaworthy/core";
import { type BrokerNotice, decodeBrokerNotice, encodeNotice, type Notice } from "./notice.js";
import {
  ADDRESS_BYTES,
  commandFrame,
  headerVersion,
  MARK_DROPPED,
  MARK_HANDLER_FAILED,
  MARK_RETURNED,
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

/** What a broker says to a worker. */
export type BrokerCommand =
  | {
      readonly type: "request";
      /** Goes back with the reply. */
      readonly address: Uint8Array[];
      readonly body: Uint8Array[];
    }
  | {
      readonly type: "heartbeat";
      /** A broker of ours introduces itself. */
      readonly notice?: BrokerNotice;
      /** Nobody waits any more for the reply to the request with this address. */
      readonly cancelled?: Uint8Array;
    }
  | { readonly type: "disconnect" };

/** How a request ended at a worker. */
export type WorkerOutcome = "final" | "handler-failed" | "dropped" | "returned";

const MARKS = {
  "handler-failed": MARK_HANDLER_FAILED,
  dropped: MARK_DROPPED,
  returned: MARK_RETURNED,
} as const;

const HEARTBEAT: BrokerCommand = { type: "heartbeat" };
const DISCONNECT: BrokerCommand = { type: "disconnect" };

const COMMANDS = {
  "0.1": { reply: WORKER_REPLY_01, heartbeat: WORKER_HEARTBEAT_01, disconnect: WORKER_DISCONNECT_01 },
  "0.2": { reply: WORKER_FINAL_02, heartbeat: WORKER_HEARTBEAT_02, disconnect: WORKER_DISCONNECT_02 },
} as const;

function command(version: MdpVersion, byte: number, rest: Frames): Frames {
  return version === "0.1"
    ? [DELIMITER, WORKER_01, commandFrame(byte), ...rest]
    : [WORKER_02, commandFrame(byte), ...rest];
}

/** READY as a worker's DEALER sends it. The notice is a frame that other brokers do not look at. */
export function encodeReady(version: MdpVersion, service: Uint8Array, notice: Notice): Frames {
  return command(version, WORKER_READY, [service, encodeNotice(notice)]);
}

/** A heartbeat; with a notice only to brokers that have introduced themselves. */
export function encodeHeartbeat(version: MdpVersion, notice: Notice | undefined): Frames {
  return command(version, COMMANDS[version].heartbeat, notice === undefined ? [] : [encodeNotice(notice)]);
}

/** The worker goes. */
export function encodeDisconnect(version: MdpVersion): Frames {
  return command(version, COMMANDS[version].disconnect, []);
}

/** The last that a worker says of a request; anything but `final` only to brokers that have introduced themselves. */
export function encodeFinal(
  version: MdpVersion,
  address: Frames,
  body: Frames,
  outcome: WorkerOutcome = "final",
): Frames {
  return command(version, COMMANDS[version].reply, [...marked(address, outcome), DELIMITER, ...body]);
}

/** A part of a reply that is not the last (18/MDP). */
export function encodePartial(address: Frames, body: Frames): Frames {
  return command("0.2", WORKER_PARTIAL_02, [...address, DELIMITER, ...body]);
}

function marked(address: Frames, outcome: WorkerOutcome): Frames {
  if (outcome === "final") return address;
  const [frame] = address as [Uint8Array];
  const longer = new Uint8Array(frame.length + 1);
  longer.set(frame);
  longer[frame.length] = MARKS[outcome];
  return [longer];
}

/** What a worker's DEALER received. */
export function decodeFromBroker(frames: Uint8Array[]): BrokerCommand | Malformed {
  const at = frames[0]?.length === 0 ? 1 : 0;
  const header = frames[at];
  const version = header && headerVersion(header, "W");
  if (version === undefined) return malformed("no MDP worker header");
  const byte = frames[at + 1];
  if (byte?.length !== 1) return malformed("no MDP worker command");
  switch (byte[0]) {
    case WORKER_REQUEST:
      return decodeRequest(frames, at + 2);
    case COMMANDS[version].heartbeat:
      return decodeHeartbeat(frames[at + 2]);
    case COMMANDS[version].disconnect:
      return DISCONNECT;
    default:
      return malformed(`unknown worker command ${byte[0]}`);
  }
}

/** A broker that is not ours may send an envelope of several frames, although the RFCs say one. */
function decodeRequest(frames: Uint8Array[], start: number): BrokerCommand | Malformed {
  const end = delimiterIndex(frames, start);
  if (end === -1) return malformed("request without an empty frame after the address");
  if (end === start) return malformed("request without an address");
  if (end === frames.length - 1) return malformed("request without a body");
  return { type: "request", address: frames.slice(start, end), body: frames.slice(end + 1) };
}

function decodeHeartbeat(extra: Uint8Array | undefined): BrokerCommand {
  if (extra === undefined) return HEARTBEAT;
  // By its length, which no notice has: an address begins with random bytes, which may be those of a notice.
  if (extra.length === ADDRESS_BYTES) return { type: "heartbeat", cancelled: extra };
  const notice = decodeBrokerNotice(extra);
  return notice === undefined ? HEARTBEAT : { type: "heartbeat", notice };
}
