import { type Frames, framesEqual, textFrame } from "@seaworthy/core";
import {
  decodeProperties,
  encodeProperties,
  lineOf,
  type Property,
  startsWith,
  wholeNumber,
} from "./properties.js";
import { EMPTY, encodeKeyValue, type KeyValue, MAX_KEY_BYTES } from "./wire.js";

/** Where the heartbeats for clients of others are found, and how updates of a subtree's own are told from keys: no text begins so. */
export const HUGZ: Uint8Array = textFrame("HUGZ");
const BEAT = textFrame("\0HUGZ");

/**
 * The topic of a subtree's heartbeats: `\0HUGZ`, two bytes with the length of the subtree's name, and its name. Without the length one
 * subtree's topic would be the beginning of another's.
 */
export function beatTopic(subtree: Uint8Array): Uint8Array {
  const topic = new Uint8Array(BEAT.length + 2 + subtree.length);
  topic.set(BEAT);
  topic[BEAT.length] = subtree.length >>> 8;
  topic[BEAT.length + 1] = subtree.length;
  topic.set(subtree, BEAT.length + 2);
  return topic;
}

/** The subtree whose heartbeats are found there; `undefined` if the topic is something else. */
export function subtreeOfBeat(topic: Uint8Array): Uint8Array | undefined {
  if (topic.length < BEAT.length + 2 || !BEAT.every((byte, index) => topic[index] === byte)) return undefined;
  const length = ((topic[BEAT.length] as number) << 8) | (topic[BEAT.length + 1] as number);
  if (length > MAX_KEY_BYTES || topic.length !== BEAT.length + 2 + length) return undefined;
  return topic.subarray(BEAT.length + 2);
}

/** What a server of ours says with each heartbeat. */
export interface Beat {
  /** Names this time of serving: another number, and the map may have another history. */
  readonly life: string;
  /** False: it is the passive one of its pair, and the numbers say nothing. */
  readonly isActive: boolean;
  /** How often it says so, in ms. */
  readonly heartbeatMs: number;
  /** Number of the last update that was published. */
  readonly sequence: number;
  /** How many updates the subtree has had, up to that one; `undefined` if the server counts too many others already. */
  readonly count: number | undefined;
}

/**
 * A heartbeat of ours, on `HUGZ` or a subtree's topic. Its sequence number is zero, as RFC 12 has it: nobody takes it for an update.
 */
export function encodeBeat(
  topic: Uint8Array,
  { life, isActive, heartbeatMs, sequence, count }: Beat,
): Frames {
  const lines: Property[] = [
    ["sw-life", life],
    ["sw-active", isActive ? "1" : "0"],
    ["sw-beat", `${heartbeatMs}`],
    ["sw-at", `${sequence}`],
  ];
  if (count !== undefined) lines.push(["sw-count", `${count}`]);
  return encodeKeyValue(topic, 0, EMPTY, encodeProperties(lines), EMPTY);
}

/** Reads the properties of a heartbeat; `undefined` if it is not one of ours. */
export function decodeBeat(properties: Uint8Array): Beat | undefined {
  if (!startsWith(properties, "sw-life=")) return undefined;
  const lines = decodeProperties(properties);
  const life = lineOf(lines, "sw-life");
  const heartbeatMs = wholeNumber(lineOf(lines, "sw-beat"));
  const sequence = wholeNumber(lineOf(lines, "sw-at"));
  if (life === undefined || heartbeatMs === undefined || heartbeatMs === 0 || sequence === undefined)
    return undefined;
  const isActive = lineOf(lines, "sw-active") === "1";
  return { life, isActive, heartbeatMs, sequence, count: wholeNumber(lineOf(lines, "sw-count")) };
}

/**
 * Whether a message on `HUGZ` is the heartbeat of a server that is not ours, and not an update of a key of that name: it has no
 * UUID, no properties and no value. A key of that name, deleted without a UUID, looks the same.
 */
export function isForeignBeat({ key, uuid, properties, value }: KeyValue): boolean {
  return looksLikeBeat(key, uuid, properties, value);
}

/** Whether an update would be taken for a heartbeat: see {@link isForeignBeat}. */
export function looksLikeBeat(
  key: Uint8Array,
  uuid: Uint8Array,
  properties: Uint8Array,
  value: Uint8Array,
): boolean {
  if (value.length > 0 || uuid.length > 0 || properties.length > 0) return false;
  return framesEqual(key, HUGZ);
}
