import type { FairQueueItem, FairQueueLimits } from "@seaworthy/core";

/** What waits in a test: numbered, so that no two are alike. */
export interface Parcel extends FairQueueItem {
  readonly number: number;
}

interface Place {
  readonly parcel: Parcel;
  readonly due: number;
  readonly order: number;
}

interface ModelLane {
  readonly name: string;
  places: Place[];
  /** When it last became longer or shorter: of equal lanes the one that has stood still for longest gives way. */
  changed: number;
}

const sizeOf = (places: readonly Place[]): number =>
  places.reduce((sum, { parcel }) => sum + parcel.bytes, 0);

/** A fair queue by brute force: arrays that are searched from end to end. */
export class FairQueueModel {
  returned: Place[] = [];
  /** In the order of their turns. */
  lanes: ModelLane[] = [];
  readonly #limits: FairQueueLimits;
  #order = 0;

  constructor(limits: FairQueueLimits) {
    this.#limits = limits;
  }

  get all(): Place[] {
    return [...this.returned, ...this.lanes.flatMap(({ places }) => places)];
  }

  get length(): number {
    return this.all.length;
  }

  get bytes(): number {
    return sizeOf(this.all);
  }

  get deadline(): number | undefined {
    const first = Math.min(...this.all.map(({ due }) => due));
    return first === Number.POSITIVE_INFINITY ? undefined : first;
  }

  lengthOf(name: string): number {
    return this.#lane(name)?.places.length ?? 0;
  }

  bytesOf(name: string): number {
    return sizeOf(this.#lane(name)?.places ?? []);
  }

  add(parcel: Parcel, now: number): Parcel[] {
    const { maxItems, maxBytes } = this.#limits;
    const count = (): number => this.length - this.returned.length;
    const missing = (): number => this.bytes + parcel.bytes - maxBytes;
    const claim = this.bytesOf(parcel.lane) + parcel.bytes;
    const lanes = this.lanes.length + (this.lengthOf(parcel.lane) === 0 ? 1 : 0);
    const hasPlace = count() < maxItems || this.#longest() - 1 >= this.lengthOf(parcel.lane) + 1;
    const isShare = claim <= (maxBytes - sizeOf(this.returned)) / lanes;
    const hasBytes = missing() <= 0 || isShare || this.#fattest() - missing() >= claim;
    if (!hasPlace || !hasBytes) return [parcel];
    const gone: Parcel[] = [];
    while (missing() > 0) gone.push(this.#newestOf((lane) => sizeOf(lane.places)));
    while (count() >= maxItems) gone.push(this.#newestOf((lane) => lane.places.length));
    let lane = this.#lane(parcel.lane);
    if (lane === undefined) {
      lane = { name: parcel.lane, places: [], changed: 0 };
      this.lanes.push(lane);
    }
    lane.places.push(this.#place(parcel, now));
    lane.changed = ++this.#order;
    return gone;
  }

  putBack(parcel: Parcel, now: number): void {
    this.returned.push(this.#place(parcel, now));
  }

  shift(): Parcel | undefined {
    const [first] = this.returned;
    if (first !== undefined) return this.#take(first);
    const lane = this.lanes.shift();
    if (lane === undefined) return undefined;
    this.lanes.push(lane);
    return this.#take(lane.places[0] as Place);
  }

  takeOverdue(now: number): Parcel | undefined {
    const oldest = this.all.sort((a, b) => a.due - b.due || a.order - b.order)[0];
    return oldest === undefined || oldest.due > now ? undefined : this.#take(oldest);
  }

  takeLane(name: string): Parcel[] {
    return this.all.filter(({ parcel }) => parcel.lane === name).map((place) => this.#take(place));
  }

  take(parcel: Parcel): boolean {
    const place = this.all.find((other) => other.parcel === parcel);
    if (place !== undefined) this.#take(place);
    return place !== undefined;
  }

  #lane(name: string): ModelLane | undefined {
    return this.lanes.find((lane) => lane.name === name);
  }

  #longest(): number {
    return Math.max(0, ...this.lanes.map(({ places }) => places.length));
  }

  #fattest(): number {
    return Math.max(0, ...this.lanes.map(({ places }) => sizeOf(places)));
  }

  #newestOf(amount: (lane: ModelLane) => number): Parcel {
    const lanes = [...this.lanes].sort((a, b) => amount(b) - amount(a) || a.changed - b.changed);
    return this.#take((lanes[0] as ModelLane).places.at(-1) as Place);
  }

  #place(parcel: Parcel, now: number): Place {
    const { maxAgeMs = Number.POSITIVE_INFINITY } = this.#limits;
    return { parcel, due: now + maxAgeMs, order: ++this.#order };
  }

  #take(place: Place): Parcel {
    this.returned = this.returned.filter((other) => other !== place);
    for (const lane of this.lanes) {
      if (!lane.places.includes(place)) continue;
      lane.places = lane.places.filter((other) => other !== place);
      lane.changed = ++this.#order;
    }
    this.lanes = this.lanes.filter(({ places }) => places.length > 0);
    return place.parcel;
  }
}
