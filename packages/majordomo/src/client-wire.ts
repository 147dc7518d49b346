/** The side of a client on the wire: see `wire.ts`. */
import { DELIMITER, delimiterIndex, type Frames, type Malformed, malformed } from "@seaworthy/core";
import { decodeRequestHeader, type RequestHeader } from "./request-header.js";
import {
  CLIENT_01,
  CLIENT_02,
  CLIENT_FINAL_02,
  CLIENT_PARTIAL_02,
  CLIENT_REQUEST_02,
  commandFrame,
  headerVersion,
  type MdpVersion,
} from "./wire.js";

/** A reply, or a part of one, as a client reads it. */
export interface ReplyPart {
  readonly type: "reply";
  /** What a broker of ours says of it, if the request had a header. */
  readonly header: RequestHeader | undefined;
  readonly service: Uint8Array;
  /** False for the PARTIALs of 0.2: more is to come. */
  readonly isFinal: boolean;
  readonly body: Uint8Array[];
}

/** A request as a client's DEALER sends it; with a header only to brokers that are known to send it back. */
export function encodeRequest(
  version: MdpVersion,
  service: Uint8Array,
  header: Uint8Array | undefined,
  body: Frames,
): Frames {
  if (version === "0.1") {
    return header === undefined
      ? [DELIMITER, CLIENT_01, service, ...body]
      : [header, DELIMITER, CLIENT_01, service, ...body];
  }
  const command = commandFrame(CLIENT_REQUEST_02);
  return header === undefined
    ? [CLIENT_02, command, service, ...body]
    : [header, DELIMITER, CLIENT_02, command, service, ...body];
}

/** What a client's DEALER received. */
export function decodeReply(frames: Uint8Array[]): ReplyPart | Malformed {
  const first = frames[0];
  const isBare = first !== undefined && headerVersion(first, "C") === "0.2";
  const end = isBare ? -1 : delimiterIndex(frames);
  if (!isBare && end === -1) return malformed("neither an MDP header nor an empty frame in front of one");
  const protocol = frames[end + 1];
  const version = protocol && headerVersion(protocol, "C");
  if (version === undefined) return malformed("no MDP client header");
  if (end > 1) return malformed("an envelope of more than one frame");
  const header = end === 1 ? decodeRequestHeader(frames[0] as Uint8Array) : undefined;
  if (end === 1 && header === undefined) return malformed("an envelope that is no request header");
  return version === "0.1" ? decodeBody(frames, header, end + 2, true) : decode02(frames, header, end + 2);
}

function decode02(
  frames: Uint8Array[],
  header: RequestHeader | undefined,
  at: number,
): ReplyPart | Malformed {
  const command = frames[at];
  if (command?.length !== 1) return malformed("no MDP client command");
  if (command[0] === CLIENT_FINAL_02) return decodeBody(frames, header, at + 1, true);
  if (command[0] === CLIENT_PARTIAL_02) return decodeBody(frames, header, at + 1, false);
  return malformed(`unknown client command ${command[0]}`);
}

function decodeBody(
  frames: Uint8Array[],
  header: RequestHeader | undefined,
  at: number,
  isFinal: boolean,
): ReplyPart | Malformed {
  const service = frames[at];
  if (service === undefined) return malformed("reply without the name of a service");
  if (frames.length === at + 1) return malformed("reply without a body");
  return { type: "reply", header, service, isFinal, body: frames.slice(at + 1) };
}
