/**
 * The Majordomo protocol on the wire: MDP 0.1 (7/MDP) and MDP 0.2 (18/MDP). Clients and workers speak to one
 * socket of the broker, and each frame of theirs is shown as their own socket sends and receives it.
 *
 * | command           | 0.1                                       | 0.2                                    |
 * |-------------------|-------------------------------------------|----------------------------------------|
 * | client REQUEST    | `[][MDPC01][service][body…]`              | `[MDPC02][0x01][service][body…]`       |
 * | client PARTIAL    | none                                      | `[MDPC02][0x02][service][body…]`       |
 * | client REPLY      | `[][MDPC01][service][body…]`              | none                                   |
 * | client FINAL      | none                                      | `[MDPC02][0x03][service][body…]`       |
 * | worker READY      | `[][MDPW01][0x01][service]`               | `[MDPW02][0x01][service]`              |
 * | worker REQUEST    | `[][MDPW01][0x02][address][][body…]`      | `[MDPW02][0x02][address][][body…]`     |
 * | worker PARTIAL    | none                                      | `[MDPW02][0x03][address][][body…]`     |
 * | worker REPLY      | `[][MDPW01][0x03][address][][body…]`      | none                                   |
 * | worker FINAL      | none                                      | `[MDPW02][0x04][address][][body…]`     |
 * | worker HEARTBEAT  | `[][MDPW01][0x04]`                        | `[MDPW02][0x05]`                       |
 * | worker DISCONNECT | `[][MDPW01][0x05]`                        | `[MDPW02][0x06]`                       |
 *
 * Ours besides, which no other program is sent unless it does not look there:
 *
 * - a client's command may have an envelope in front, `[frame…][]`, as REQ sockets and devices make it, and in
 *   0.2 hops of devices, `[frame…]`; it comes back with the reply. That of our clients is one frame, the request
 *   header.
 * - READY has the worker's notice as one frame more. A broker that knows what it means answers with a
 *   HEARTBEAT that has its own; the worker's later HEARTBEATs may then have one, too, to change its credit.
 * - a HEARTBEAT from such a broker with an address, of 16 bytes, as its frame more: nobody waits for that reply.
 * - DISCONNECT from such a worker is answered with DISCONNECT: it has been read, and nothing more comes.
 * - a REPLY or FINAL to such a broker whose address has one byte more: 1 if the handler threw, the body being
 *   its message, 2 if the application dropped the request, 3 if the worker has not begun it and gives it back.
 */
import { textFrame } from "@seaworthy/core";

/** A version of the protocol: 7/MDP or 18/MDP. */
export type MdpVersion = "0.1" | "0.2";

/** Shared: never write to them. */
export const CLIENT_01: Uint8Array = textFrame("MDPC01");
export const CLIENT_02: Uint8Array = textFrame("MDPC02");
export const WORKER_01: Uint8Array = textFrame("MDPW01");
export const WORKER_02: Uint8Array = textFrame("MDPW02");

/** Client commands of 18/MDP. */
export const CLIENT_REQUEST_02 = 0x01;
export const CLIENT_PARTIAL_02 = 0x02;
export const CLIENT_FINAL_02 = 0x03;

/** Worker commands that both versions number alike. */
export const WORKER_READY = 0x01;
export const WORKER_REQUEST = 0x02;
/** 7/MDP. */
export const WORKER_REPLY_01 = 0x03;
export const WORKER_HEARTBEAT_01 = 0x04;
export const WORKER_DISCONNECT_01 = 0x05;
/** 18/MDP. */
export const WORKER_PARTIAL_02 = 0x03;
export const WORKER_FINAL_02 = 0x04;
export const WORKER_HEARTBEAT_02 = 0x05;
export const WORKER_DISCONNECT_02 = 0x06;

/** The length of an address that a broker of ours makes. */
export const ADDRESS_BYTES = 16;

/** The byte that our workers add to an address. */
export const MARK_HANDLER_FAILED = 0x01;
export const MARK_DROPPED = 0x02;
export const MARK_RETURNED = 0x03;

/** Longest name of a service, in bytes. The RFCs set none; a name is kept for as long as its service. */
export const MAX_SERVICE_BYTES = 255;

/** Names that are the broker's own (8/MMI). */
export const MMI_PREFIX = "mmi.";
/** 8/MMI: is there a worker for the service that the body names? */
export const MMI_SERVICE = "mmi.service";
/** Ours: the broker introduces itself, which one that is not ours answers with 501 (8/MMI). */
export const MMI_SEAWORTHY = "mmi.seaworthy";
/** Ours: what services there are. */
export const MMI_SERVICES = "mmi.services";
/** Ours: what workers there are. */
export const MMI_WORKERS = "mmi.workers";

const COMMANDS = Array.from({ length: 7 }, (_, byte) => new Uint8Array([byte]));

/** The frame of a command: shared, never write to it. */
export function commandFrame(command: number): Uint8Array {
  return COMMANDS[command] as Uint8Array;
}

/** The frame that a notice stands in front of or follows; see the table above. */
export function headerVersion(frame: Uint8Array, role: "C" | "W"): MdpVersion | undefined {
  if (frame.length !== 6 || frame[3] !== role.charCodeAt(0)) return undefined;
  // M, D, P, the role, 0, and the digit of the version.
  if (frame[0] !== 0x4d || frame[1] !== 0x44 || frame[2] !== 0x50 || frame[4] !== 0x30) return undefined;
  if (frame[5] === 0x31) return "0.1";
  return frame[5] === 0x32 ? "0.2" : undefined;
}
