import { FairQueue, type FairQueueItem } from "./fair-queue.js";
import { byteLength, type Enveloped, type Frames, frameKey } from "./frames.js";
import type { StatusEvent } from "./status.js";

/** A request that a queue has taken in, on its way to a worker. */
export interface DeskRequest extends FairQueueItem {
  /** Key of the client's connection: each has its turn. */
  readonly lane: string;
  /** Numbers the requests of this queue, from 1. */
  readonly number: number;
  /** The way back for the reply. */
  readonly route: Frames;
  readonly body: Frames;
  /** Of the body and of the way back: both wait. */
  readonly bytes: number;
  /** When it came, in ms. */
  readonly receivedAt: number;
  /** How often it has been given to a worker. */
  deliveries: number;
  /** Answered, or not to be answered any more. */
  isOver: boolean;
}

/** Why a request was not given to a worker: `too-old` after `maxWaitingMs`. */
export type DropReason = "queue-full" | "body-too-large" | "too-old" | "client-gone" | "closing";

/** A request was not given to a worker; its client may ask again. */
export interface RequestDropped extends StatusEvent {
  readonly type: "request-dropped";
  readonly reason: DropReason;
  /** How long it had been here, in ms. */
  readonly waitedMs: number;
}

/** Bounds of a {@link RequestDesk}. */
export interface RequestDeskLimits {
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  readonly maxWaitingMs: number;
  readonly maxBodyBytes: number;
}

/** The side of a queue that faces the clients: takes requests in, and keeps them until a worker is free. */
export class RequestDesk {
  /** Requests that came. */
  requests = 0;
  /** Requests that were not given to a worker. */
  dropped = 0;
  readonly #maxBodyBytes: number;
  readonly #waiting: FairQueue<DeskRequest>;
  readonly #report: (event: RequestDropped) => void;
  #isClosed = false;

  constructor(limits: RequestDeskLimits, report: (event: RequestDropped) => void) {
    const { maxWaiting: maxItems, maxWaitingBytes: maxBytes, maxWaitingMs: maxAgeMs } = limits;
    this.#maxBodyBytes = limits.maxBodyBytes;
    this.#waiting = new FairQueue({ maxItems, maxBytes, maxAgeMs });
    this.#report = report;
  }

  /** Requests that wait for a worker. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** When a request has waited too long, or `undefined`. */
  get deadline(): number | undefined {
    return this.#waiting.deadline;
  }

  /** Takes a request in, or drops it. It does not wait yet: a worker may be free. */
  admit({ route, body }: Pick<Enveloped, "route" | "body">, now: number): DeskRequest | undefined {
    this.requests += 1;
    const bodyBytes = byteLength(body);
    const request: DeskRequest = {
      lane: frameKey(route[0] as Uint8Array),
      number: this.requests,
      route,
      body,
      bytes: bodyBytes + byteLength(route),
      receivedAt: now,
      deliveries: 0,
      isOver: false,
    };
    if (this.#isClosed) this.#drop(request, "closing", now);
    else if (bodyBytes > this.#maxBodyBytes) this.#drop(request, "body-too-large", now);
    else return request;
    return undefined;
  }

  /** No worker is free. */
  wait(request: DeskRequest, now: number): void {
    for (const gone of this.#waiting.add(request, now)) this.#drop(gone, "queue-full", now);
  }

  /** The worker that had it has gone: it is the next that is served. False if it was dropped instead. */
  putBack(request: DeskRequest, now: number): boolean {
    if (this.#isClosed) this.#drop(request, "closing", now);
    else this.#waiting.putBack(request, now);
    return !this.#isClosed;
  }

  /** The next in turn, or `undefined`. */
  next(): DeskRequest | undefined {
    return this.#waiting.shift();
  }

  /** What was put back need not be served any more. */
  withdraw(request: DeskRequest): void {
    this.#waiting.takeReturned(request);
  }

  /** A client's connection is gone: nobody is left to answer. */
  clientGone(lane: string, now: number): void {
    for (const request of this.#waiting.takeLane(lane)) this.#drop(request, "client-gone", now);
  }

  /** Drops what has waited too long. */
  expire(now: number): void {
    for (let old = this.#waiting.takeOverdue(now); old !== undefined; old = this.#waiting.takeOverdue(now)) {
      this.#drop(old, "too-old", now);
    }
  }

  /** Takes nothing in any more; what waits is dropped. */
  close(now: number): void {
    this.#isClosed = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#drop(next, "closing", now);
    }
  }

  #drop(request: DeskRequest, reason: DropReason, now: number): void {
    request.isOver = true;
    this.dropped += 1;
    this.#report({ type: "request-dropped", at: now, reason, waitedMs: now - request.receivedAt });
  }
}
