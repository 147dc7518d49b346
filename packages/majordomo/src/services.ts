import { FairQueue, frameKey, framesEqual } from "@seaworthy/core";
import { Service, type ServiceLimits } from "./service.js";
import type { ServiceRequest } from "./service-request.js";

/** Bounds of the services of a broker. */
export interface ServicesLimits extends ServiceLimits {
  readonly maxServices: number;
  readonly maxUnoffered: number;
  readonly maxUnofferedBytes: number;
}

/** The services that a broker knows: those with workers, and names that requests wait for. */
export class Services {
  readonly #limits: ServicesLimits;
  readonly #byKey = new Map<string, Service>();
  readonly #limbo: FairQueue<ServiceRequest>;
  /** How many have, or had a moment ago, a worker. */
  #offered = 0;
  #last: Service | undefined;

  constructor(limits: ServicesLimits) {
    this.#limits = limits;
    const { maxUnoffered: maxItems, maxUnofferedBytes: maxBytes } = limits;
    this.#limbo = new FairQueue({ maxItems, maxBytes });
  }

  /** Names in the books. */
  get size(): number {
    return this.#byKey.size;
  }

  all(): IterableIterator<Service> {
    return this.#byKey.values();
  }

  find(key: string): Service | undefined {
    return this.#byKey.get(key);
  }

  /** The same by name. Most often it is the one that was asked for last, which costs less to see than a key to make. */
  named(name: Uint8Array): Service | undefined {
    const last = this.#last;
    if (last !== undefined && framesEqual(last.frame, name)) return last;
    const service = this.#byKey.get(frameKey(name));
    this.#last = service;
    return service;
  }

  /** The service of this name, which gets an entry if it has none. {@link tidy} takes it out again. */
  require(name: Uint8Array): Service {
    const key = frameKey(name);
    let service = this.#byKey.get(key);
    if (service === undefined) {
      service = new Service(name, this.#limbo);
      this.#byKey.set(key, service);
    }
    return service;
  }

  /** Whether one more service may be offered. */
  hasRoomFor(name: Uint8Array): boolean {
    return this.#byKey.get(frameKey(name))?.isOffered === true || this.#offered < this.#limits.maxServices;
  }

  /** A worker has come for a service; returns what waits for it and has no room any more. */
  offer(service: Service, now: number): ServiceRequest[] {
    if (!service.isOffered) this.#offered += 1;
    return service.offer(this.#limits, now);
  }

  /** Forgets a service that has no workers and no requests. True if it had been offered. */
  tidy(service: Service): boolean {
    if (service.workers > 0 || service.running > 0 || service.waiting > 0) return false;
    if (this.#last === service) this.#last = undefined;
    if (!this.#byKey.delete(frameKey(service.frame)) || !service.isOffered) return false;
    this.#offered -= 1;
    return true;
  }
}
