import { frameKey, textFrame } from "@seaworthy/core";
import type { ServiceInfo, WorkerInfo } from "./broker-messages.js";

/** How old a listing may be, in ms: whoever asks again and again is not to keep the broker from its work. */
const MAX_AGE_MS = 250;

const NONE = textFrame("[]");

/** What listings are of. */
export interface ListingSource {
  /** Services that workers offer. */
  services(): readonly ServiceInfo[];
  /** Workers, by the keys of their services. All of them are looked at, so that is done once for all services. */
  workers(): ReadonlyMap<string, readonly WorkerInfo[]>;
}

/** The texts of `mmi.services` and `mmi.workers`. All who ask within a moment are sent the same frame. */
export class Listings {
  readonly #source: ListingSource;
  readonly #frames = new Map<string, Uint8Array>();
  #workers: ReadonlyMap<string, readonly WorkerInfo[]> | undefined;
  #freshUntil = Number.NEGATIVE_INFINITY;

  constructor(source: ListingSource) {
    this.#source = source;
  }

  /** What is listed from now on is as of this time, or a moment before. */
  at(now: number): void {
    if (now < this.#freshUntil) return;
    this.#freshUntil = now + MAX_AGE_MS;
    this.#frames.clear();
    this.#workers = undefined;
  }

  /** All services that workers offer, as JSON. */
  services(): Uint8Array {
    return this.#frame("", () => this.#source.services());
  }

  /** All workers, or those of one service, as JSON. */
  workers(service: Uint8Array): Uint8Array {
    this.#workers ??= this.#source.workers();
    const workers = this.#workers;
    const key = frameKey(service);
    if (key === "") return this.#frame("*", () => [...workers.values()].flat());
    const offering = workers.get(key);
    return offering === undefined ? NONE : this.#frame(`*${key}`, () => offering);
  }

  #frame(name: string, list: () => readonly object[]): Uint8Array {
    let frame = this.#frames.get(name);
    if (frame === undefined) {
      frame = textFrame(JSON.stringify(list()));
      this.#frames.set(name, frame);
    }
    return frame;
  }
}
