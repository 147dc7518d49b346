import { type Frames, keyFrame } from "@seaworthy/core";
import type { Entry } from "./entry.js";
import type { KnownUpdates } from "./known-updates.js";
import { MapCursor } from "./map-cursor.js";
import { timeLeft, withLines } from "./properties.js";
import type { ServerMap } from "./server-map.js";
import type { UpdateLog } from "./update-log.js";
import { EMPTY, encodeCommand, encodeKeyValue, encodeKnown, type Known } from "./wire.js";

/** What an active server has of itself for its follower. */
export interface FollowerSource {
  readonly map: ServerMap;
  readonly log: UpdateLog;
  readonly known: KnownUpdates;
}

/** Known updates in one message. */
const KNOWN_BATCH = 1000;
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
  #credit: number;
  #known: Known[] | undefined;
  #hasEnd = false;

  constructor(
    route: Uint8Array,
    credit: number,
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
    this.sent = this.#cursor.sequence;
    this.#send(encodeCommand("OKTHX", this.sent));
  }

  /** Forgets what it holds of the map. */
  leave(): void {
    this.#source.map.readers.delete(this.#cursor);
  }

  /** It takes so many messages more. */
  credit(messages: number, now: number): void {
    this.#credit += messages;
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
    for (; this.#credit > 0 && this.sent < log.head; this.#credit -= 1) {
      this.sent += 1;
      this.#sendEntry(log.at(this.sent) as Entry, now);
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
    for (; this.#credit > 0; this.#credit -= 1) {
      const entry = this.#known === undefined ? this.#cursor.next(() => looks-- > 0) : undefined;
      if (entry === "pause") {
        this.isDue = true;
        return;
      }
      if (entry !== undefined) this.#sendEntry(entry, now);
      else if (!this.#sendKnown()) {
        this.#send(encodeCommand("KTHXBAI", this.#cursor.sequence));
        this.#hasEnd = true;
        this.leave();
        return;
      }
    }
  }

  /** @returns false if there are no more */
  #sendKnown(): boolean {
    this.#known ??= Array.from(this.#source.known.entries(), ([name, sequence]) => [
      keyFrame(name),
      sequence,
    ]);
    const batch = this.#known.splice(0, KNOWN_BATCH);
    if (batch.length > 0) this.#send(encodeKnown(batch));
    return batch.length > 0;
  }

  #sendEntry({ key, sequence, uuid, properties, value, expiresAt }: Entry, now: number): void {
    const terms = expiresAt === undefined ? properties : withLines(properties, [timeLeft(expiresAt - now)]);
    this.#send(encodeKeyValue(key, sequence, uuid, terms, value));
  }
}
