import {
  type Frames,
  framesEqual,
  type Malformed,
  malformed,
  readUint32,
  smallFrame,
  textFrame,
  writeUint32,
} from "@seaworthy/core";
import { decodeProperties, encodeProperties, lineOf, type Property, wholeNumber } from "./properties.js";

/**
 * 12/CHP, the Clustered Hashmap Protocol. But for `ICANHAZ?` every message has five frames:
 *
 * | frame | RFC 12                                    | a command of ours                          |
 * |-------|-------------------------------------------|--------------------------------------------|
 * | 0     | key, at least one byte                    | empty                                      |
 * | 1     | sequence number, 8 bytes, network order   | a number                                   |
 * | 2     | UUID, 16 bytes, or empty                  | the same, of the update that is spoken of  |
 * | 3     | properties, `name=value` lines            | the same                                   |
 * | 4     | value; empty to delete the key            | the name of the command                    |
 *
 * Commands of ours go over the connection for snapshots only, between peers that have told each other that they are ours.
 */
export interface KeyValue {
  readonly type: "key-value";
  readonly key: Uint8Array;
  readonly sequence: number;
  /** 16 bytes, or none. */
  readonly uuid: Uint8Array;
  readonly properties: Uint8Array;
  /** Empty to delete the key. */
  readonly value: Uint8Array;
}

/** What one of ours says to another on the connection for snapshots. */
export interface Command {
  readonly type: "command";
  readonly name: CommandName;
  readonly number: number;
  readonly uuid: Uint8Array;
  readonly properties: Uint8Array;
}

/**
 * From the client, or the passive server, which follows the active one as a client does:
 *
 * - `MOAR`: `number` portions more may be sent to it, see `PORTION_BYTES`
 * - `GOTIT`: a follower has all updates up to `number`
 * - `PING`: a follower lives; `number` is any
 * - `KTHXBAI`: it wants nothing more
 *
 * From the server:
 *
 * - `KTHXBAI`: the snapshot is complete, as of `number`
 * - `OKTHX`: the update of this UUID is ordered, under `number`; to a follower, without one: what follows is the map as of `number`, and
 *   all updates behind it
 * - `SORRY`: it is refused, see {@link Refusal}; without a UUID the request for a snapshot
 * - `ITEMS`: `number` items of a snapshot, see `encodeItems`
 * - `KNOWN`: `number` updates that were ordered, for a follower, see `encodeKnown`
 * - `INSYNC`: the follower is waited for with each update after `number`
 * - `PONG`: the active lives; `number` is what `PING` said
 */
export type CommandName =
  | "MOAR"
  | "GOTIT"
  | "PING"
  | "PONG"
  | "KTHXBAI"
  | "OKTHX"
  | "SORRY"
  | "ITEMS"
  | "KNOWN"
  | "INSYNC";

/** Asks for the map, or a part of it. */
export interface SnapshotRequest {
  readonly type: "snapshot-request";
  readonly subtree: Uint8Array;
  /** Missing if it is not one of ours. */
  readonly terms: SnapshotTerms | undefined;
}

/** What one of ours asks for besides. */
export interface SnapshotTerms {
  /** So many portions may be sent until it says that more may be, see `PORTION_BYTES`. */
  readonly credit: number;
  /** How large a message with several items may be, in bytes; 0: each comes alone. */
  readonly packBytes: number;
  /** It is the passive server of the pair: wants all that is to come as well. */
  readonly follows: boolean;
}

/** Why something is refused. */
export type RefusalReason =
  /** This server is not the active one of its pair. */
  | "passive"
  /** The key's sequence is not the one expected; the command's number is what it is. */
  | "conflict"
  /** `maxKeys`, `maxBytes` or `maxUncommitted` is reached, or too many snapshots wait. */
  | "full"
  /** The key or the value is too large, or the properties are none; a follower: it is not waited for any more, or there is no pair. */
  | "invalid"
  /** The store does not take it. */
  | "store-failed";

/** What a {@link Command} `SORRY` says in its properties. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** `passive`: it may be different in so many ms; missing if it lives beside an active one. */
  readonly retryAfterMs: number | undefined;
  /** `full`: the option that sets the limit, and its value. */
  readonly option: string | undefined;
  readonly limit: number | undefined;
}

const ICANHAZ = textFrame("ICANHAZ?");
export const EMPTY: Uint8Array = new Uint8Array(0);
export const UUID_BYTES = 16;
const TWO_32 = 2 ** 32;

/** So long may a key be, in bytes: what the guide's programs take. */
export const MAX_KEY_BYTES = 255;

const COMMANDS = new Map<string, CommandName>(
  (["MOAR", "GOTIT", "PING", "PONG", "KTHXBAI", "OKTHX", "SORRY", "ITEMS", "KNOWN", "INSYNC"] as const).map(
    (name) => [name, name],
  ),
);
const COMMAND_FRAMES = new Map<CommandName, Uint8Array>(
  [...COMMANDS.values()].map((name) => [name, textFrame(name)]),
);

/** Size of a sequence number. */
export const NUMBER_BYTES = 8;

/** Writes a sequence number, most significant byte first. */
export function writeNumber(frame: Uint8Array, at: number, value: number): void {
  writeUint32(frame, at, value / TWO_32);
  writeUint32(frame, at + 4, value);
}

/** Reads a sequence number; `undefined` if it is none that a `number` holds exactly. */
export function readNumber(frame: Uint8Array, at: number): number | undefined {
  if (frame[at] !== 0 || (frame[at + 1] as number) >= 0x20) return undefined;
  return readUint32(frame, at) * TWO_32 + readUint32(frame, at + 4);
}

/** A sequence number as a frame. */
export function encodeNumber(value: number): Uint8Array {
  const frame = smallFrame(NUMBER_BYTES);
  writeNumber(frame, 0, value);
  return frame;
}

/** An item of a snapshot, or an update, in either direction. */
export function encodeKeyValue(
  key: Uint8Array,
  sequence: number,
  uuid: Uint8Array,
  properties: Uint8Array,
  value: Uint8Array,
): Frames {
  return [key, encodeNumber(sequence), uuid, properties, value];
}

/** A command of ours. */
export function encodeCommand(
  name: CommandName,
  number = 0,
  uuid: Uint8Array = EMPTY,
  properties: Uint8Array = EMPTY,
): Frames {
  return [EMPTY, encodeNumber(number), uuid, properties, COMMAND_FRAMES.get(name) as Uint8Array];
}

/** Reads what comes over a SUB: an update or a heartbeat. Which of the two it is, the machine knows. */
export function decodeUpdate(frames: Uint8Array[]): KeyValue | Malformed {
  const message = decodeMessage(frames);
  return message.type === "command" ? malformed("update without a key") : message;
}

/** Reads what comes over the connection for snapshots: an item or a command. A client reads it by `decodeAnswer`. */
export function decodeMessage(frames: Uint8Array[]): KeyValue | Command | Malformed {
  if (frames.length !== 5) return malformed(`message of ${frames.length} frames`);
  const [key, number, uuid, properties, value] = frames as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const sequence = number.length === NUMBER_BYTES ? readNumber(number, 0) : undefined;
  if (sequence === undefined) return malformed("sequence number that is none");
  if (uuid.length !== 0 && uuid.length !== UUID_BYTES) return malformed(`UUID of ${uuid.length} bytes`);
  if (key.length > 0) return { type: "key-value", key, sequence, uuid, properties, value };
  const name = value.length <= 8 ? COMMANDS.get(String.fromCharCode(...value)) : undefined;
  if (name === undefined) return malformed("message without a key");
  return { type: "command", name, number: sequence, uuid, properties };
}

/** `ICANHAZ?`. Terms may be given to a server of ours only: any other would be put out of step by their frame. */
export function encodeSnapshotRequest(subtree: Uint8Array, terms?: SnapshotTerms): Frames {
  if (terms === undefined) return [ICANHAZ, subtree];
  const { credit, packBytes, follows } = terms;
  const lines: Property[] = [["sw-credit", `${credit}`]];
  if (packBytes > 0) lines.push(["sw-pack", `${packBytes}`]);
  if (follows) lines.push(["sw-follows", "1"]);
  return [ICANHAZ, subtree, encodeProperties(lines)];
}

/** Reads what a ROUTER gets, without the routing id. */
export function decodeServerMessage(frames: Uint8Array[]): SnapshotRequest | KeyValue | Command | Malformed {
  if (frames.length === 5) return decodeMessage(frames);
  const [command, subtree, terms] = frames;
  if (command === undefined || subtree === undefined || frames.length > 3 || !framesEqual(command, ICANHAZ))
    return malformed("neither ICANHAZ? nor an update");
  if (terms === undefined) return { type: "snapshot-request", subtree, terms: undefined };
  const properties = new Map(decodeProperties(terms));
  const credit = wholeNumber(properties.get("sw-credit"));
  if (credit === undefined || credit === 0) return malformed("ICANHAZ? without credit");
  const packBytes = wholeNumber(properties.get("sw-pack") ?? "0");
  if (packBytes === undefined) return malformed("ICANHAZ? with a size that is none");
  return {
    type: "snapshot-request",
    subtree,
    terms: { credit, packBytes, follows: properties.has("sw-follows") },
  };
}

/** `SORRY`. */
export function encodeRefusal(
  { reason, retryAfterMs, option, limit }: Partial<Refusal> & Pick<Refusal, "reason">,
  uuid: Uint8Array = EMPTY,
  sequence = 0,
): Frames {
  const lines: Property[] = [["sw-reason", reason]];
  if (retryAfterMs !== undefined) lines.push(["sw-retry", `${Math.ceil(retryAfterMs)}`]);
  if (option !== undefined) lines.push(["sw-option", option], ["sw-limit", `${limit}`]);
  return encodeCommand("SORRY", sequence, uuid, encodeProperties(lines));
}

const REASONS: ReadonlySet<string> = new Set<RefusalReason>([
  "passive",
  "conflict",
  "full",
  "invalid",
  "store-failed",
]);

/** Reads the properties of `SORRY`. */
export function decodeRefusal(properties: Uint8Array): Refusal | Malformed {
  const lines = decodeProperties(properties);
  const reason = lineOf(lines, "sw-reason") ?? "";
  if (!REASONS.has(reason)) return malformed("SORRY without a reason that is known");
  return {
    reason: reason as RefusalReason,
    retryAfterMs: wholeNumber(lineOf(lines, "sw-retry")),
    option: lineOf(lines, "sw-option"),
    limit: wholeNumber(lineOf(lines, "sw-limit")),
  };
}

/**
 * Whether an item of a server that is not ours is `KTHXBAI`, the end of the snapshot. The guide's server leaves the value empty,
 * where RFC 12 has the subtree; with anything else it is a key of that name.
 */
export function isForeignEnd({ key, uuid, properties, value }: KeyValue, subtree: Uint8Array): boolean {
  if (!framesEqual(key, KTHXBAI) || uuid.length > 0 || properties.length > 0) return false;
  return value.length === 0 || framesEqual(value, subtree);
}

const KTHXBAI = textFrame("KTHXBAI");

/** `KTHXBAI` for a client that is not ours. */
export function encodeForeignEnd(sequence: number, subtree: Uint8Array): Frames {
  return encodeKeyValue(KTHXBAI, sequence, EMPTY, EMPTY, subtree);
}

/** Whether a key would be taken for the end of the snapshot by a client that is not ours. */
export function looksLikeEnd(key: Uint8Array): boolean {
  return framesEqual(key, KTHXBAI);
}

/** Whether a key lies in a subtree: begins with its name. */
export function isUnder(key: Uint8Array, subtree: Uint8Array): boolean {
  if (key.length < subtree.length) return false;
  for (let index = 0; index < subtree.length; index++) if (key[index] !== subtree[index]) return false;
  return true;
}
