import { FairQueue, frameText, LinkedList } from "@seaworthy/core";
import type { ServiceRequest } from "./service-request.js";
import type { WorkerRecord } from "./worker-record.js";

/** Bounds of what waits for one service. */
export interface ServiceLimits {
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
}

/**
 * A service by name: its workers, and what waits for them. What waits for a name that no worker has offered yet
 * waits in a line that all such names share, so that nobody can fill the memory with invented ones.
 */
export class Service {
  readonly name: string;
  readonly frame: Uint8Array;
  /** Requests that its workers have, those that were given to another meanwhile not counted. */
  running = 0;
  /** Registered workers. */
  workers = 0;
  /** Those of them that have been silent for too long. */
  missing = 0;
  /** Workers with credit, the one that was used least recently in front. */
  readonly #prompt = new LinkedList<WorkerRecord>();
  /** Those that have credit, too, but may be dead: they are given nothing until they are heard. */
  readonly #late = new LinkedList<WorkerRecord>();
  #line: FairQueue<ServiceRequest> | undefined;
  readonly #limbo: FairQueue<ServiceRequest>;
  /** What of the shared line is for this service, in order. */
  readonly #inLimbo = new Set<ServiceRequest>();

  /** @param limbo - the line that names without workers share */
  constructor(frame: Uint8Array, limbo: FairQueue<ServiceRequest>) {
    this.frame = frame;
    this.name = frameText(frame);
    this.#limbo = limbo;
  }

  /** Requests that wait for a worker. */
  get waiting(): number {
    return this.#inLimbo.size + (this.#line?.length ?? 0);
  }

  /** Workers with credit. */
  get free(): number {
    return this.#prompt.length + this.#late.length;
  }

  /** It has a worker that is there, as far as is known. */
  get isServed(): boolean {
    return this.workers > this.missing;
  }

  /** It has, or had a moment ago, a worker: it has a line of its own. */
  get isOffered(): boolean {
    return this.#line !== undefined;
  }

  /**
   * Its first worker has come: what waits gets a line of its own.
   *
   * @returns what has no room in it
   */
  offer(limits: ServiceLimits, now: number): ServiceRequest[] {
    if (this.#line !== undefined) return [];
    const { maxWaiting: maxItems, maxWaitingBytes: maxBytes } = limits;
    const line = new FairQueue<ServiceRequest>({ maxItems, maxBytes });
    this.#line = line;
    const waiting = [...this.#inLimbo];
    for (const request of waiting) this.#limbo.take(request);
    this.#inLimbo.clear();
    return waiting.flatMap((request) => line.add(request, now));
  }

  /**
   * A request is to wait.
   *
   * @returns those that have no room: others that gave way, maybe of other services, or else the request itself
   */
  wait(request: ServiceRequest, now: number): ServiceRequest[] {
    if (this.#line !== undefined) return this.#line.add(request, now);
    const gone = this.#limbo.add(request, now);
    if (gone[0] !== request) this.#inLimbo.add(request);
    for (const other of gone) other.service.#inLimbo.delete(other);
    return gone;
  }

  /** The worker that had it is lost: it is the next that is served. */
  putBack(request: ServiceRequest, now: number): void {
    this.#line?.putBack(request, now);
  }

  /** Takes the next request in turn out of the line, or `undefined`. */
  shift(): ServiceRequest | undefined {
    return this.#line?.shift();
  }

  /** Takes out this request; false if it does not wait. */
  take(request: ServiceRequest): boolean {
    if (this.#inLimbo.delete(request)) return this.#limbo.take(request);
    return this.#line?.take(request) ?? false;
  }

  /** Puts a worker with credit at the end of the list, and takes one without off it. */
  enlist(worker: WorkerRecord): void {
    worker.isLate = false;
    if (worker.state === "present" && worker.hasCredit) this.#prompt.append(worker.place);
    else worker.place.unlink();
  }

  /**
   * The worker with credit that was used least recently, or `undefined`. Whoever has been silent almost for its
   * liveness is passed over until it is heard: one crash must not use up the deliveries of a request.
   */
  nextWorker(now: number): WorkerRecord | undefined {
    for (let worker = this.#prompt.first; worker !== undefined; worker = this.#prompt.first) {
      if (now < worker.doubtfulAt) return worker;
      worker.isLate = true;
      this.#late.append(worker.place);
    }
    return undefined;
  }
}
