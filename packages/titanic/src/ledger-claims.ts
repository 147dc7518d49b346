import { frameKey } from "@seaworthy/core";
import type { Ground } from "./ledger-ground.js";
import { bodyKey, END, keyNumber, metaKey, numberKey, PLACE_LENGTH } from "./ledger-layout.js";
import type { Leases, QueueState } from "./ledger-leases.js";
import { isCorrupt } from "./ledger-reader.js";
import { corrupt, type Meta, type Records } from "./ledger-records.js";
import type { Claim, Claims } from "./store.js";

/** What somebody wants of one queue, and for how long. */
export interface Wish {
  /** Key of the queue. */
  readonly queue: string;
  readonly limit: number;
  readonly maxBytes: number;
  readonly leaseMs: number;
  readonly holder: object | undefined;
  /** On the monotonic clock. */
  readonly now: number;
  /** On the ledger's timeline. */
  readonly time: number;
}

/** A request that is in a queue and cannot be given out. */
export interface Unreadable {
  readonly queue: string;
  readonly place: string;
  /** As the queue has it. */
  readonly id: Uint8Array;
  readonly reason: string;
}

/** What claims need of the ledger. */
export interface ClaimDesk {
  readonly ground: Ground;
  readonly records: Records;
  readonly leases: Leases;
  nextToken(): number;
  /** Has it put aside: nobody is given it until then. */
  putAside(unreadable: Unreadable): void;
}

/** Reads so many entries more than it wants at least, since some may be leased. */
const SPARE_ENTRIES = 8;

/** One claim: gives out what has come back to the queue, then what was never given out. */
export class Claiming {
  readonly #desk: ClaimDesk;
  readonly #wish: Wish;
  readonly #queue: QueueState;
  readonly #claims: Claim[] = [];
  #bytes = 0;
  #isFull = false;

  constructor(desk: ClaimDesk, wish: Wish) {
    this.#desk = desk;
    this.#wish = wish;
    this.#queue = desk.leases.open(wish.queue, wish.now);
  }

  run(): Claims {
    this.#isFull = this.#wish.limit <= 0;
    this.#takeReturned();
    this.#takeFresh();
    return { claims: this.#claims, moreInMs: this.#isFull ? 0 : this.#moreInMs() };
  }

  #takeReturned(): void {
    const { ground } = this.#desk;
    const { returned } = this.#queue;
    for (let place = returned.first; place !== undefined && !this.#isFull; place = returned.first) {
      const id = ground.get(this.#wish.queue + place);
      if (id !== undefined) this.#consider(place, id);
      if (!this.#hasStopped) returned.takeDue(Number.POSITIVE_INFINITY);
    }
  }

  #takeFresh(): void {
    const { queue, time, limit } = this.#wish;
    const end = queue + numberKey(time + 1);
    while (!this.#isFull) {
      const wanted = limit - this.#claims.length + SPARE_ENTRIES;
      const entries = this.#desk.ground.range(queue + this.#queue.from, end, wanted);
      for (const { key, value } of entries) {
        const place = key.slice(-PLACE_LENGTH);
        if (this.#isFull) return;
        this.#consider(place, value);
        if (this.#hasStopped) return;
        this.#queue.from = behind(place);
      }
      if (entries.length < wanted) return;
    }
  }

  /** The last one that was considered did not fit any more, and stays where it is. */
  #hasStopped = false;

  #consider(place: string, id: Uint8Array): void {
    const { leases } = this.#desk;
    const key = frameKey(id);
    if (!leases.isFree(key)) return;
    try {
      this.#take(place, key);
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      const { queue, holder } = this.#wish;
      const base = { id: key, token: 0, queue, place, holder };
      leases.grant({ ...base, hasLapsed: false, isEnding: false, until: undefined }, undefined);
      this.#desk.putAside({ queue, place, id, reason: error.message });
    }
  }

  #take(place: string, key: string): void {
    const { ground, records, leases } = this.#desk;
    const { queue, now, leaseMs, holder, limit, maxBytes } = this.#wish;
    const number = place.slice(8);
    const meta = records.readMeta(ground.get(metaKey(number)), number);
    checkPlace(meta, place, key);
    if (this.#claims.length > 0 && this.#bytes + meta.bodyBytes > maxBytes) {
      this.#isFull = true;
      this.#hasStopped = true;
      return;
    }
    const body = records.readFrames(ground.get(bodyKey(number)), "the body of a request");
    const token = this.#desk.nextToken();
    const lease = {
      id: key,
      token,
      queue,
      place,
      holder,
      hasLapsed: false,
      isEnding: false,
      until: undefined,
    };
    leases.grant(lease, now + leaseMs);
    this.#claims.push({ id: meta.id, token, body, failures: meta.failures });
    this.#bytes += meta.bodyBytes;
    this.#isFull = this.#claims.length >= limit;
  }

  #moreInMs(): number | undefined {
    const { queue, now, time } = this.#wish;
    const [next] = this.#desk.ground.range(queue + numberKey(time + 1), queue + END, 1);
    const lapse = this.#queue.leases.deadline;
    if (next === undefined) {
      if (lapse === undefined) this.#desk.leases.close(queue);
      return lapse === undefined ? undefined : lapse - now;
    }
    const due = keyNumber(next.key, queue.length) - time;
    return lapse === undefined ? due : Math.min(due, lapse - now);
  }
}

function checkPlace(meta: Meta, place: string, id: string): void {
  if (meta.state === "pending" && numberKey(meta.at) === place.slice(0, 8) && frameKey(meta.id) === id)
    return;
  throw corrupt("a request");
}

/** The first place that is behind this one. */
function behind(place: string): string {
  return place.slice(0, 8) + numberKey(keyNumber(place, 8) + 1);
}
