import { frameText, keyFrame } from "@seaworthy/core";
import { owned } from "./owned.js";
import { decodeItemTerms, MAX_TTL_MS } from "./properties.js";
import type { KeyValue } from "./wire.js";

/** An entry of a client's map, or an update on its way there. It is replaced, never changed. */
export class MapEntry {
  /** The key as a `frameKey`. */
  readonly name: string;
  readonly sequence: number;
  /** Empty if it deletes the key. */
  readonly value: Uint8Array;
  /** The properties as they came. */
  readonly lines: Uint8Array;

  constructor(name: string, { sequence, value, properties }: KeyValue) {
    this.name = name;
    this.sequence = sequence;
    this.value = owned(value);
    this.lines = owned(properties);
  }

  get key(): Uint8Array {
    return keyFrame(this.name);
  }

  get keyText(): string {
    return frameText(this.key);
  }

  /** The user's own; of several with one name the first. */
  get properties(): Record<string, string> {
    return Object.fromEntries([...decodeItemTerms(this.lines).properties].reverse());
  }

  /** As it was given, in ms; `undefined` for none. The guide's server has a date in its place. */
  get ttlMs(): number | undefined {
    const { ttlMs } = decodeItemTerms(this.lines);
    return ttlMs > 0 && ttlMs <= MAX_TTL_MS ? ttlMs : undefined;
  }
}

/** A key got another entry, or lost it. */
export class MapChange {
  readonly name: string;
  /** Missing if the key was deleted. */
  readonly entry: MapEntry | undefined;
  /** Missing if the key was not there. */
  readonly previous: MapEntry | undefined;
  /** Number of the update; of a deletion that was found out by a join, that of the snapshot. */
  readonly sequence: number;

  constructor(name: string, entry: MapEntry | undefined, previous: MapEntry | undefined, sequence: number) {
    this.name = name;
    this.entry = entry;
    this.previous = previous;
    this.sequence = sequence;
  }

  get key(): Uint8Array {
    return keyFrame(this.name);
  }

  get keyText(): string {
    return frameText(this.key);
  }
}
