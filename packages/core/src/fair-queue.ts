import { type DeadlineEntry, DeadlineQueue } from "./deadline-queue.js";
import { Link, LinkedList } from "./linked-list.js";

/** What can wait in a {@link FairQueue}. */
export interface FairQueueItem {
  /** Whose it is: each lane gets its turn. */
  readonly lane: string;
  /** Its size. */
  readonly bytes: number;
  /** Where it waits: for the queue, which keeps it here since a `Map` of all that waits costs several times as much. */
  place?: object | undefined;
}

/** Bounds of a {@link FairQueue}. */
export interface FairQueueLimits {
  /** Items that may wait, those that were put back not counted. */
  readonly maxItems: number;
  /** Size of all items that wait, in bytes. */
  readonly maxBytes: number;
  /** How long an item may wait, in ms. Default: for ever, and whoever puts it in looks after its time. */
  readonly maxAgeMs?: number;
}

class Entry<T extends FairQueueItem> {
  readonly item: T;
  /** None for what was put back. */
  readonly lane: Lane<T> | undefined;
  readonly queue: FairQueue<T>;
  readonly link: Link<Entry<T>> = new Link(this as Entry<T>);
  /** None where items may wait for ever. */
  timer: DeadlineEntry<Entry<T>> | undefined;

  constructor(item: T, lane: Lane<T> | undefined, queue: FairQueue<T>) {
    this.item = item;
    this.lane = lane;
    this.queue = queue;
  }
}

class Lane<T extends FairQueueItem> {
  readonly name: string;
  readonly entries: LinkedList<Entry<T>> = new LinkedList();
  bytes = 0;
  /** Its place among the lanes whose turn will come. */
  readonly turn: Link<Lane<T>> = new Link(this as Lane<T>);
  readonly lengthRank: DeadlineEntry<Lane<T>>;
  readonly bytesRank: DeadlineEntry<Lane<T>>;

  constructor(name: string, byLength: DeadlineQueue<Lane<T>>, byBytes: DeadlineQueue<Lane<T>>) {
    this.name = name;
    this.lengthRank = byLength.add(this, 0);
    this.bytesRank = byBytes.add(this, 0);
  }
}

/**
 * A waiting line that nobody can fill at the cost of others: lanes are served in turn, and when there is
 * no room the lane that has most of what is short, places or bytes, gives way. So who waits with little is
 * neither refused nor kept waiting by who floods. Each item waits for `maxAgeMs` at most. Operations cost a
 * logarithm of what waits. An item waits in one queue at a time, once.
 */
export class FairQueue<T extends FairQueueItem> {
  readonly #limits: FairQueueLimits;
  readonly #lanes = new Map<string, Lane<T>>();
  readonly #turns = new LinkedList<Lane<T>>();
  /** Lanes by how many items wait in them, and by their size; negative, since heaps begin with the least. */
  readonly #byLength = new DeadlineQueue<Lane<T>>();
  readonly #byBytes = new DeadlineQueue<Lane<T>>();
  readonly #returned = new LinkedList<Entry<T>>();
  readonly #returnedOf = new Map<string, Set<Entry<T>>>();
  readonly #ages = new DeadlineQueue<Entry<T>>();
  #length = 0;
  #bytes = 0;
  #returnedBytes = 0;

  constructor(limits: FairQueueLimits) {
    this.#limits = limits;
  }

  /** Items that wait. */
  get length(): number {
    return this.#length + this.#returned.length;
  }

  /** Size of the items that wait, in bytes. */
  get bytes(): number {
    return this.#bytes + this.#returnedBytes;
  }

  /** When the next item has waited too long, or `undefined`. */
  get deadline(): number | undefined {
    return this.#ages.deadline;
  }

  /**
   * Puts an item at the end of its lane. Where it takes the place of others, these are the newest of lanes
   * that keep at least as much as its own lane then has, or have more than an equal share of the bytes. What
   * was put back never gives way.
   *
   * @returns those that have no room: the ones that gave way, or else the item itself
   */
  add(item: T, now: number): T[] {
    const own = this.#lanes.get(item.lane);
    if (!this.#canFreePlace(own) || !this.#canFreeBytes(item, own)) return [item];
    const gone: T[] = [];
    while (this.#excess(item) > 0) gone.push(this.#giveWay(this.#byBytes));
    if (this.#isFull()) gone.push(this.#giveWay(this.#byLength));
    this.#append(item, now);
    return gone;
  }

  /** Puts back what was taken out, in front of all lanes. It always finds room, and its time begins anew. */
  putBack(item: T, now: number): void {
    const entry = this.#enter(item, undefined, now);
    this.#returned.append(entry.link);
    this.#returnedBytes += item.bytes;
    const siblings = this.#returnedOf.get(item.lane);
    if (siblings === undefined) this.#returnedOf.set(item.lane, new Set([entry]));
    else siblings.add(entry);
  }

  /**
   * Takes out the next item: what was put back, or else the first of the lane whose turn it is.
   *
   * @param mayTake - which of those that were put back are meant. Default: all
   * @param maxLeft - as long as so many are left that are not, nothing is taken out of a lane either
   */
  shift(mayTake?: (item: T) => boolean, maxLeft?: number): T | undefined {
    const returned = this.#firstReturned(mayTake);
    if (returned !== undefined) return this.#remove(returned);
    if (maxLeft !== undefined && this.#returned.length >= maxLeft) return undefined;
    const lane = this.#turns.first;
    if (lane === undefined) return undefined;
    this.#turns.append(lane.turn);
    return this.#remove(lane.entries.first as Entry<T>);
  }

  /** Nearly always there is none, and no search is begun. */
  #firstReturned(mayTake: ((item: T) => boolean) | undefined): Entry<T> | undefined {
    const { first } = this.#returned;
    if (first === undefined || mayTake === undefined) return first;
    for (const returned of this.#returned) if (mayTake(returned.item)) return returned;
    return undefined;
  }

  /** Takes out an item that has waited too long, the oldest first, or `undefined`. */
  takeOverdue(now: number): T | undefined {
    const entry = this.#ages.takeDue(now);
    return entry && this.#remove(entry);
  }

  /** Takes out all items of a lane, in the order in which they would have been served. */
  takeLane(name: string): T[] {
    const entries = [...(this.#returnedOf.get(name) ?? []), ...(this.#lanes.get(name)?.entries ?? [])];
    return entries.map((entry) => this.#remove(entry));
  }

  /** Takes out this item; false if it does not wait. */
  take(item: T): boolean {
    const entry = this.#find(item);
    if (entry !== undefined) this.#remove(entry);
    return entry !== undefined;
  }

  #find({ place }: T): Entry<T> | undefined {
    const entry = place as Entry<T> | undefined;
    return entry?.queue === this ? entry : undefined;
  }

  #isFull(): boolean {
    return this.#length >= this.#limits.maxItems;
  }

  /** Bytes that are missing to let an item in. */
  #excess({ bytes }: T): number {
    return this.bytes + bytes - this.#limits.maxBytes;
  }

  /** Whoever would not have fewer than the longest has no right to take its place. */
  #canFreePlace(own: Lane<T> | undefined): boolean {
    if (!this.#isFull()) return true;
    return this.#most(this.#byLength) > (own?.entries.length ?? 0) + 1;
  }

  /** Decides before anything is dropped: an item that is refused must not have cost others theirs. */
  #canFreeBytes(item: T, own: Lane<T> | undefined): boolean {
    const excess = this.#excess(item);
    if (excess <= 0) return true;
    const claim = (own?.bytes ?? 0) + item.bytes;
    const lanes = this.#lanes.size + (own === undefined ? 1 : 0);
    // While all but this lane have no more than an equal share, and it neither, all of them have room.
    if (claim * lanes <= this.#limits.maxBytes - this.#returnedBytes) return true;
    return this.#most(this.#byBytes) - excess >= claim;
  }

  /** How much the first of a ranking has. */
  #most(ranking: DeadlineQueue<Lane<T>>): number {
    return -(ranking.deadline ?? 0);
  }

  #giveWay(ranking: DeadlineQueue<Lane<T>>): T {
    return this.#remove((ranking.first as Lane<T>).entries.last as Entry<T>);
  }

  #append(item: T, now: number): void {
    let lane = this.#lanes.get(item.lane);
    if (lane === undefined) {
      lane = new Lane(item.lane, this.#byLength, this.#byBytes);
      this.#lanes.set(item.lane, lane);
      this.#turns.append(lane.turn);
    }
    lane.entries.append(this.#enter(item, lane, now).link);
    this.#count(lane, 1, item.bytes);
  }

  #enter(item: T, lane: Lane<T> | undefined, now: number): Entry<T> {
    const entry = new Entry(item, lane, this);
    const { maxAgeMs } = this.#limits;
    if (maxAgeMs !== undefined) entry.timer = this.#ages.add(entry, now + maxAgeMs);
    item.place = entry;
    return entry;
  }

  #remove(entry: Entry<T>): T {
    const { item, lane, link, timer } = entry;
    link.unlink();
    if (timer !== undefined) this.#ages.cancel(timer);
    item.place = undefined;
    if (lane === undefined) this.#forgetReturned(entry);
    else this.#count(lane, -1, -item.bytes);
    return item;
  }

  #forgetReturned(entry: Entry<T>): void {
    const { bytes, lane } = entry.item;
    this.#returnedBytes -= bytes;
    const siblings = this.#returnedOf.get(lane);
    siblings?.delete(entry);
    if (siblings?.size === 0) this.#returnedOf.delete(lane);
  }

  /** A lane has become longer or shorter. */
  #count(lane: Lane<T>, items: number, bytes: number): void {
    this.#length += items;
    this.#bytes += bytes;
    lane.bytes += bytes;
    if (lane.entries.length > 0) {
      this.#byLength.move(lane.lengthRank, -lane.entries.length);
      this.#byBytes.move(lane.bytesRank, -lane.bytes);
      return;
    }
    this.#byLength.cancel(lane.lengthRank);
    this.#byBytes.cancel(lane.bytesRank);
    lane.turn.unlink();
    this.#lanes.delete(lane.name);
  }
}
