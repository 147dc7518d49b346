import { type DeadlineEntry, DeadlineQueue } from "./deadline-queue.js";
import { Link, LinkedList } from "./linked-list.js";

/** What can wait in a {@link FairQueue}. */
export interface FairQueueItem {
  /** Whose it is: each lane gets its turn. */
  readonly lane: string;
  /** Its size. */
  readonly bytes: number;
}

/** Bounds of a {@link FairQueue}. */
export interface FairQueueLimits {
  /** Items that may wait, those that were put back not counted. */
  readonly maxItems: number;
  /** Size of all items that wait, in bytes. */
  readonly maxBytes: number;
  /** How long an item may wait, in ms. */
  readonly maxAgeMs: number;
}

class Entry<T> {
  readonly item: T;
  /** None for what was put back. */
  readonly lane: Lane<T> | undefined;
  readonly link: Link<Entry<T>> = new Link(this as Entry<T>);
  readonly timer: DeadlineEntry<Entry<T>>;

  constructor(item: T, lane: Lane<T> | undefined, ages: DeadlineQueue<Entry<T>>, dueAt: number) {
    this.item = item;
    this.lane = lane;
    this.timer = ages.add(this, dueAt);
  }
}

class Lane<T> {
  readonly name: string;
  readonly entries: LinkedList<Entry<T>> = new LinkedList();
  /** Its place among the lanes whose turn will come. */
  readonly turn: Link<Lane<T>> = new Link(this as Lane<T>);
  /** Its place among the lanes of the same length. */
  readonly rank: Link<Lane<T>> = new Link(this as Lane<T>);

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * A waiting line that nobody can fill at the cost of others: lanes are served in turn, and when there is
 * no room the longest lane gives way, so that who waits with little is neither refused nor kept waiting
 * by who floods. Each item waits for `maxAgeMs` at most. Every operation costs the same however many
 * wait, but for a logarithm.
 */
export class FairQueue<T extends FairQueueItem> {
  readonly #limits: FairQueueLimits;
  readonly #lanes = new Map<string, Lane<T>>();
  readonly #turns = new LinkedList<Lane<T>>();
  /** Lanes by how much waits in them. */
  readonly #byLength: LinkedList<Lane<T>>[] = [];
  #longest = 0;
  readonly #returned = new LinkedList<Entry<T>>();
  readonly #ages = new DeadlineQueue<Entry<T>>();
  #length = 0;
  #bytes = 0;

  constructor(limits: FairQueueLimits) {
    this.#limits = limits;
  }

  /** Items that wait. */
  get length(): number {
    return this.#length + this.#returned.length;
  }

  /** Size of the items that wait, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the next item has waited too long, or `undefined`. */
  get deadline(): number | undefined {
    return this.#ages.deadline;
  }

  /**
   * Puts an item at the end of its lane.
   *
   * @returns those that have no room, the newest of the longest lane; the item itself may be among them
   */
  add(item: T, now: number): T[] {
    const { maxBytes } = this.#limits;
    if (item.bytes > maxBytes) return [item];
    const gone: T[] = [];
    const own = this.#lanes.get(item.lane)?.entries.length ?? 0;
    while (!this.#hasRoomFor(item)) {
      // Whoever would not have fewer than the longest has no right to take its place. And of what was
      // put back nothing gives way: it has been on its way already.
      if (this.#longest <= own + 1) return [...gone, item];
      const longest = this.#byLength[this.#longest]?.last as Lane<T>;
      gone.push(this.#remove(longest.entries.last as Entry<T>));
    }
    const lane = this.#lane(item.lane);
    this.#enter(item, lane, lane.entries, now);
    this.#length += 1;
    this.#ranked(lane);
    return gone;
  }

  /** Puts back what was taken out, in front of all lanes. It always finds room, and its time begins anew. */
  putBack(item: T, now: number): void {
    this.#enter(item, undefined, this.#returned, now);
  }

  /** Takes out the next item: what was put back, or else the first of the lane whose turn it is. */
  shift(): T | undefined {
    const returned = this.#returned.first;
    if (returned !== undefined) return this.#remove(returned);
    const lane = this.#turns.first;
    if (lane === undefined) return undefined;
    this.#turns.append(lane.turn);
    return this.#remove(lane.entries.first as Entry<T>);
  }

  /** Takes out an item that has waited too long, the oldest first, or `undefined`. */
  takeOverdue(now: number): T | undefined {
    const entry = this.#ages.takeDue(now);
    return entry && this.#remove(entry);
  }

  /** Takes out all items of a lane, in order. */
  takeLane(name: string): T[] {
    const entries = [...(this.#lanes.get(name)?.entries ?? [])];
    for (const entry of this.#returned) if (entry.item.lane === name) entries.push(entry);
    return entries.map((entry) => this.#remove(entry));
  }

  /** Takes out an item that was {@link putBack}; false if it does not wait any more. */
  takeReturned(item: T): boolean {
    for (const entry of this.#returned) {
      if (entry.item !== item) continue;
      this.#remove(entry);
      return true;
    }
    return false;
  }

  #hasRoomFor({ bytes }: T): boolean {
    return this.#length < this.#limits.maxItems && this.#bytes + bytes <= this.#limits.maxBytes;
  }

  #lane(name: string): Lane<T> {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = new Lane(name);
      this.#lanes.set(name, lane);
      this.#turns.append(lane.turn);
    }
    return lane;
  }

  #enter(item: T, lane: Lane<T> | undefined, list: LinkedList<Entry<T>>, now: number): void {
    list.append(new Entry(item, lane, this.#ages, now + this.#limits.maxAgeMs).link);
    this.#bytes += item.bytes;
  }

  #remove({ item, lane, link, timer }: Entry<T>): T {
    link.unlink();
    this.#ages.cancel(timer);
    this.#bytes -= item.bytes;
    if (lane === undefined) return item;
    this.#length -= 1;
    this.#ranked(lane);
    if (lane.entries.length > 0) return item;
    lane.turn.unlink();
    this.#lanes.delete(lane.name);
    return item;
  }

  /** The length of a lane has changed by one. */
  #ranked(lane: Lane<T>): void {
    const { length } = lane.entries;
    lane.rank.unlink();
    if (length > 0) {
      let peers = this.#byLength[length];
      if (peers === undefined) {
        peers = new LinkedList();
        this.#byLength[length] = peers;
      }
      peers.append(lane.rank);
    }
    if (length > this.#longest) this.#longest = length;
    else while (this.#longest > 0 && (this.#byLength[this.#longest]?.length ?? 0) === 0) this.#longest -= 1;
  }
}
