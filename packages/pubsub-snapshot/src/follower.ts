import { byteLength, type Frames, keyFrame } from "@seaworthy/core";
import type { Entry } from "./entry.js";
import type { KnownUpdates } from "./known-updates.js";
import { MapCursor } from "./map-cursor.js";
import { encodeKnown, type Item, ItemPack, type Known, portionsOf } from "./packs.js";
import { timeLeft, withLines } from "./properties.js";
import type { ServerMap } from "./server-map.js";
import type { UpdateLog } from "./update-log.js";
import { EMPTY, encodeCommand, encodeKeyValue, type SnapshotTerms } from "./wire.js";

/** What an active server has of itself for its follower. */
export interface FollowerSource {
  readonly map: ServerMap;
  readonly log: UpdateLog;
  readonly known: KnownUpdates;
}

/** Known updates in one message, which is a portion. */
const KNOWN_BATCH = 600;
/** Entries that may be looked at in one go. */
const SLICE = 2000;

/**
 * The passive server of a pair, as its active sees it: gets the map, and every update behind it, in one stream. It is waited for with each update from when it
 * has said that it has all before.
 */
export class Follower {
  readonly route: Uint8Array;
  /** When something came from it last. */
  heardAt: number;
  /** Since when updates wait for it, and it has acknowledged none. */
  owesSince: number = Number.POSITIVE_INFINITY;
  /** Updates wait for it. */
  isSynced = false;
  /** It has all updates up to this one. */
  acknowledged = 0;
  /** It was sent all updates up to this one. */
  sent: number;
  /** There is more to send though nothing happens. */
  isDue = false;
  readonly #source: FollowerSource;
  readonly #send: (frames: Frames) => void;
  readonly #cursor: MapCursor;
  readonly #pack: ItemPack;
  /** Portions that it takes. */
  #credit: number;
  /** It was sent all of the map. */
  #isThrough = false;
  #known: Known[] | undefined;
  #hasEnd = false;

  constructor(
    route: Uint8Array,
    { credit, packBytes }: SnapshotTerms,
    source: FollowerSource,
    send: (frames: Frames) => void,
    now: number,
  ) {
    this.route = route;
    this.heardAt = now;
    this.#credit = credit;
    this.#source = source;
    this.#send = send;
    this.#cursor = new MapCursor(source.map, EMPTY);
    this.#pack = new ItemPack(packBytes);
    this.sent = this.#cursor.sequence;
    this.#send(encodeCommand("OKTHX", this.sent));
  }

  /** Forgets what it holds of the map. */
  leave(): void {
    this.#source.map.readers.delete(this.#cursor);
  }

  /** It takes so many portions more. */
  credit(portions: number, now: number): void {
    this.#credit += portions;
    this.pump(now);
  }

  /**
   * It has all updates up to this one.
   *
   * @returns whether updates wait for it from now on
   */
  gotIt(number: number, now: number): boolean {
    const before = this.acknowledged;
    this.acknowledged = Math.max(before, Math.min(number, this.sent));
    if (this.acknowledged > before) this.owesSince = Number.POSITIVE_INFINITY;
    const isNew = this.#hasEnd && !this.isSynced;
    if (isNew) {
      this.isSynced = true;
      this.#send(encodeCommand("INSYNC", this.#source.log.published));
    }
    this.#owe(now);
    return isNew;
  }

  /** The process stood still: what it said meanwhile may not have been read. */
  stalled(now: number): void {
    this.heardAt = now;
    this.owesSince = Number.POSITIVE_INFINITY;
    this.#owe(now);
  }

  pong(number: number): void {
    this.#send(encodeCommand("PONG", number));
  }

  /** Sends as much as it takes: updates before all else, so that none of them has to be kept for long. */
  pump(now: number): void {
    this.isDue = false;
    const { log } = this.#source;
    while (this.#credit > 0 && this.sent < log.head) {
      this.sent += 1;
      const { key, sequence, uuid, properties, value } = itemOf(log.at(this.sent) as Entry, now);
      this.#spend(encodeKeyValue(key, sequence, uuid, properties, value));
    }
    if (!this.#hasEnd) this.#pumpItems(now);
    this.#owe(now);
  }

  #owe(now: number): void {
    if (this.isSynced && this.acknowledged < this.#source.log.head)
      this.owesSince = Math.min(this.owesSince, now);
  }

  #pumpItems(now: number): void {
    let looks = SLICE;
    const look = (): boolean => looks-- > 0;
    while (this.#credit > 0) {
      const message = this.#isThrough ? this.#nextKnown() : this.#nextItems(look, now);
      if (message === "pause") {
        this.isDue = true;
        return;
      }
      if (message !== undefined) this.#spend(message);
      else if (this.#known !== undefined) return this.#end();
    }
  }

  /** @returns `undefined` if there are no more */
  #nextItems(look: () => boolean, now: number): Frames | "pause" | undefined {
    for (;;) {
      const entry = this.#cursor.next(look);
      if (entry === "pause") return entry;
      if (entry === undefined) {
        this.#isThrough = true;
        return this.#pack.close();
      }
      const full = this.#pack.add(itemOf(entry, now));
      if (full !== undefined) return full;
    }
  }

  /** @returns `undefined` if there are no more */
  #nextKnown(): Frames | undefined {
    this.#known ??= Array.from(this.#source.known.entries(), ([name, sequence]) => [
      keyFrame(name),
      sequence,
    ]);
    const batch = this.#known.splice(0, KNOWN_BATCH);
    return batch.length > 0 ? encodeKnown(batch) : undefined;
  }

  #end(): void {
    this.#send(encodeCommand("KTHXBAI", this.#cursor.sequence));
    this.#hasEnd = true;
    this.leave();
  }

  #spend(frames: Frames): void {
    this.#credit -= portionsOf(byteLength(frames));
    this.#send(frames);
  }
}

/** An entry for a server that has a clock of its own. */
function itemOf({ key, sequence, uuid, properties, value, expiresAt }: Entry, now: number): Item {
  const terms = expiresAt === undefined ? properties : withLines(properties, [timeLeft(expiresAt - now)]);
  return { key, sequence, uuid, properties: terms, value };
}
