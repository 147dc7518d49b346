import type { DeadlineEntry } from "@seaworthy/core";

/** An entry of a server's map, or an update on its way there. It is replaced, never changed, but for what is marked here. */
export class Entry {
  readonly key: Uint8Array;
  /** The key as a `frameKey`. */
  readonly name: string;
  readonly sequence: number;
  /** 16 bytes, or none. */
  readonly uuid: Uint8Array;
  /** The user's lines and the time to live. */
  readonly properties: Uint8Array;
  /** Empty if it deletes the key. */
  readonly value: Uint8Array;
  /** When its time to live is over, in ms on the role's clock. */
  readonly expiresAt: number | undefined;
  /** Changes: its place in the order in which keys came into the map, from 1; 0 while it is on its way. */
  ordinal = 0;
  /** Changes: where it waits for the end of its time. */
  timer: DeadlineEntry<Entry> | undefined = undefined;
  /** Changes: who is to be told that it is ordered. */
  askers: Uint8Array[] | undefined = undefined;

  constructor(
    key: Uint8Array,
    name: string,
    sequence: number,
    uuid: Uint8Array,
    properties: Uint8Array,
    value: Uint8Array,
    expiresAt: number | undefined,
  ) {
    this.key = key;
    this.name = name;
    this.sequence = sequence;
    this.uuid = uuid;
    this.properties = properties;
    this.value = value;
    this.expiresAt = expiresAt;
  }

  get isDelete(): boolean {
    return this.value.length === 0;
  }

  /** Size in memory, in bytes, as limits count it. */
  get bytes(): number {
    return this.key.length + this.properties.length + this.value.length;
  }
}
