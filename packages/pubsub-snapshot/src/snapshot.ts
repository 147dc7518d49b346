import { byteLength, type Frames, frameKey } from "@seaworthy/core";
import { MapCursor } from "./map-cursor.js";
import { countItems, ItemPack, portionsOf } from "./packs.js";
import type { ServerMap } from "./server-map.js";
import {
  decodeMessage,
  EMPTY,
  encodeCommand,
  encodeForeignEnd,
  looksLikeEnd,
  type SnapshotTerms,
} from "./wire.js";

/** Sends to the client: see the output `send`. */
export type SendMessage = (frames: Frames, flush: number | undefined, end: number | undefined) => void;

/** So many messages are given to ZeroMQ at a time: those that it refuses are kept, and sent again. */
const BATCH = 128;
/** Pause after a client had no room, in ms. */
const ROOM_PAUSE_MS = 10;
/** By then it is known whether the last message had room, in ms. */
const LAST_WORD_MS = 5;

/** A part of the map on its way to one client. */
export class Snapshot {
  /** Names it among others. */
  readonly number: number;
  readonly route: Uint8Array;
  /** The client's routing id as a `frameKey`. */
  readonly name: string;
  readonly subtree: Uint8Array;
  readonly beganAt: number;
  /** The client is ours, and says how much it takes. */
  readonly isOurs: boolean;
  /** Portions that the client takes. */
  credit: number;
  /** When the client took something, or something was found for it. */
  heardAt: number;
  /** Entries sent, those that were refused not counted. */
  entries = 0;
  /** What the client has asked for meanwhile, and gets afterwards. */
  following: Snapshot | undefined = undefined;
  #cursor: MapCursor | undefined;
  readonly #pack: ItemPack;
  #isThrough = false;
  /** The last message that was sent waits for those before it to leave: `flushed` will tell. */
  #isFlushing = false;
  /** That message is the end. */
  #hasEnd = false;
  /** The end has left, if it is not refused in the last moment. */
  #isOver = false;
  /** When there is something to do though nothing happens. */
  #wakeAt = Number.POSITIVE_INFINITY;
  #pausesUntil = Number.NEGATIVE_INFINITY;
  /** Messages that the client had no room for. */
  readonly #refused: Frames[] = [];
  #batch = 0;
  #refusedOfBatch = 0;

  constructor(
    number: number,
    route: Uint8Array,
    subtree: Uint8Array,
    terms: SnapshotTerms | undefined,
    now: number,
  ) {
    this.number = number;
    this.route = route;
    this.name = frameKey(route);
    this.subtree = subtree;
    this.isOurs = terms !== undefined;
    this.credit = terms?.credit ?? Number.POSITIVE_INFINITY;
    this.#pack = new ItemPack(terms?.packBytes ?? 0);
    this.heardAt = now;
    this.beganAt = now;
  }

  get hasBegun(): boolean {
    return this.#cursor !== undefined;
  }

  /** Number of the last update that it contains. */
  get sequence(): number {
    return (this.#cursor as MapCursor).sequence;
  }

  get mayEnd(): boolean {
    return this.#refused.length === 0;
  }

  /** When there is something to do though nothing happens. */
  get dueAt(): number {
    return this.#isFlushing ? Number.POSITIVE_INFINITY : this.#wakeAt;
  }

  /** When the client has taken nothing for so many ms. */
  slowAt(timeoutMs: number): number {
    return this.#isOver ? Number.POSITIVE_INFINITY : this.heardAt + timeoutMs;
  }

  /** It is the map as it is now. */
  begin(map: ServerMap, now: number): void {
    this.#cursor = new MapCursor(map, this.subtree);
    this.heardAt = now;
  }

  /** Forgets what it holds of the map. */
  leave(map: ServerMap): void {
    if (this.#cursor !== undefined) map.readers.delete(this.#cursor);
  }

  /**
   * Sends as much as the client takes.
   *
   * @param slice - entries that may be looked at
   * @returns whether all of it is with the client
   */
  pump(slice: number, send: SendMessage, now: number): boolean {
    if (this.#isFlushing) return false;
    if (this.#isOver) return now >= this.#wakeAt;
    if (now < this.#pausesUntil) return false;
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.#batch = 0;
    this.#refusedOfBatch = 0;
    let looks = slice;
    const look = (): boolean => looks-- > 0;
    while (this.credit > 0 && !this.#isFlushing) {
      const next = this.#refused.pop() ?? this.#next(look, now);
      if (next === undefined) this.#sendEnd(send);
      else if (next === "pause") {
        this.#wakeAt = now;
        this.heardAt = now;
        return false;
      } else this.#sendItem(next, send);
    }
    return false;
  }

  /** What was sent is about to leave, or was refused. */
  flushed(now: number): void {
    this.#isFlushing = false;
    // What becomes of the last message of the batch is not known yet.
    if (this.#batch - 1 > this.#refusedOfBatch) this.heardAt = now;
    if (!this.#hasEnd) return;
    this.#hasEnd = false;
    if (!this.mayEnd) return;
    this.#isOver = true;
    this.#wakeAt = now + LAST_WORD_MS;
  }

  /**
   * The client had no room for a message.
   *
   * @returns false if it does not belong to the snapshot
   */
  takeBack(frames: Frames, now: number): boolean {
    const message = frames.slice(1);
    const isEnd = this.#isEnd(message);
    if (!isEnd && countItems(message) === 0) return false;
    if (isEnd) {
      this.#hasEnd = false;
      this.#isOver = false;
    } else {
      this.#refused.push(message);
      this.#refusedOfBatch += 1;
      this.credit += portionsOf(byteLength(message));
      this.entries -= countItems(message);
    }
    this.#pausesUntil = now + ROOM_PAUSE_MS;
    this.#wakeAt = this.#pausesUntil;
    return true;
  }

  #isEnd(message: Frames): boolean {
    const read = decodeMessage([...message]);
    if (this.isOurs) return read.type === "command" && read.name === "KTHXBAI";
    return read.type === "key-value" && looksLikeEnd(read.key);
  }

  #next(look: () => boolean, now: number): Frames | "pause" | undefined {
    if (this.#isThrough) return undefined;
    for (;;) {
      const entry = (this.#cursor as MapCursor).next(look);
      if (entry === "pause") return entry;
      if (entry === undefined) {
        this.#isThrough = true;
        this.heardAt = now;
        return this.#pack.close();
      }
      // A client of others would take it for the end.
      if (!this.isOurs && looksLikeEnd(entry.key)) continue;
      const { key, sequence, properties, value } = entry;
      const full = this.#pack.add({ key, sequence, uuid: EMPTY, properties, value });
      if (full !== undefined) return full;
    }
  }

  #sendItem(frames: Frames, send: SendMessage): void {
    this.credit -= portionsOf(byteLength(frames));
    this.#batch += 1;
    this.entries += countItems(frames);
    this.#isFlushing = this.#batch === BATCH;
    send(frames, this.#isFlushing ? this.number : undefined, undefined);
  }

  /** All entries have been sent: first they have to leave, and then the end. */
  #sendEnd(send: SendMessage): void {
    this.#batch += 1;
    this.#hasEnd = true;
    this.#isFlushing = true;
    const end = this.isOurs
      ? encodeCommand("KTHXBAI", this.sequence)
      : encodeForeignEnd(this.sequence, this.subtree);
    send(end, this.number, this.number);
  }
}
