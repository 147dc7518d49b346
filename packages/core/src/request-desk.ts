import { FairQueue, type FairQueueItem } from "./fair-queue.js";
import { byteLength, type Enveloped, type Frames, frameKey, keptFrame, memoryOf } from "./frames.js";
import { requestIdKey } from "./request-id.js";
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
  /** Of the body and of the way back, since both wait; very many frames count as well. */
  readonly bytes: number;
  /** When it came, in ms. */
  readonly receivedAt: number;
  /** How often it has been given to a worker. */
  deliveries: number;
  /** Workers that had it and said that they will not answer it. */
  givenBackBy: readonly string[];
  /** Answered, or not to be answered any more. */
  isOver: boolean;
}

/**
 * Why a request was not given to a worker: `too-old` after `maxWaitingMs`; `repeated` if it is the retry of a
 * request of our client that waits still, so that the reply to that one answers both.
 */
export type DropReason = "queue-full" | "repeated" | "body-too-large" | "too-old" | "client-gone" | "closing";

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

const NOBODY: readonly string[] = [];

/** The side of a queue that faces the clients: takes requests in, and keeps them until a worker is free. */
export class RequestDesk {
  /** Requests that came. */
  requests = 0;
  /** Requests that were not given to a worker. */
  dropped = 0;
  readonly #maxBodyBytes: number;
  readonly #waiting: FairQueue<DeskRequest>;
  /** Requests that wait and have an id, by client and id. */
  readonly #identified = new Map<string, DeskRequest>();
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
    const request: DeskRequest = {
      lane: frameKey(route[0] as Uint8Array),
      number: this.requests,
      route: route.map(keptFrame),
      body: body.map(keptFrame),
      bytes: memoryOf(route) + memoryOf(body),
      receivedAt: now,
      deliveries: 0,
      givenBackBy: NOBODY,
      isOver: false,
      place: undefined,
    };
    if (this.#isClosed) this.#drop(request, "closing", now);
    else if (byteLength(body) > this.#maxBodyBytes) this.#drop(request, "body-too-large", now);
    else return request;
    return undefined;
  }

  /**
   * No worker is free. A retry of what waits already does not wait as well: under load, clients that ask
   * again would else make the line longer, and longer lines make them ask again.
   */
  wait(request: DeskRequest, now: number): void {
    if (!this.#isFirst(request)) return this.#drop(request, "repeated", now);
    for (const gone of this.#waiting.add(request, now)) this.#drop(this.#left(gone), "queue-full", now);
  }

  /** The worker that had it has gone: it is the next that is served. False if it was dropped instead. */
  putBack(request: DeskRequest, now: number): boolean {
    if (this.#isClosed) {
      this.#drop(request, "closing", now);
      return false;
    }
    this.#dropCopy(request, now);
    this.#waiting.putBack(request, now);
    return true;
  }

  /**
   * The next in turn, or `undefined`.
   *
   * @param mayTake - which of those that were put back are meant. Default: all
   * @param maxLeft - as long as so many are left that are not, there is no next
   */
  next(mayTake?: (request: DeskRequest) => boolean, maxLeft?: number): DeskRequest | undefined {
    const request = this.#waiting.shift(mayTake, maxLeft);
    return request && this.#left(request);
  }

  /** What was put back need not be served any more. */
  withdraw(request: DeskRequest): void {
    if (this.#waiting.take(request)) this.#left(request);
  }

  /** A client's connection is gone: nobody is left to answer. */
  clientGone(lane: string, now: number): void {
    for (const request of this.#waiting.takeLane(lane)) {
      this.#drop(this.#left(request), "client-gone", now);
    }
  }

  /** Drops what has waited too long. */
  expire(now: number): void {
    for (let old = this.#waiting.takeOverdue(now); old !== undefined; old = this.#waiting.takeOverdue(now)) {
      this.#drop(this.#left(old), "too-old", now);
    }
  }

  /** Takes nothing in any more; what waits is dropped. */
  close(now: number): void {
    this.#isClosed = true;
    for (let next = this.next(); next !== undefined; next = this.next()) this.#drop(next, "closing", now);
  }

  /** Takes note of a request that is to wait; false if a copy of it waits already. */
  #isFirst(request: DeskRequest): boolean {
    const key = identity(request);
    if (key === undefined) return true;
    if (this.#identified.has(key)) return false;
    this.#identified.set(key, request);
    return true;
  }

  /** A retry that waits by now makes way: a late reply to the original is to find it, and it has waited for longer. */
  #dropCopy(request: DeskRequest, now: number): void {
    const key = identity(request);
    if (key === undefined) return;
    const copy = this.#identified.get(key);
    if (copy !== undefined && this.#waiting.take(copy)) this.#drop(copy, "repeated", now);
    this.#identified.set(key, request);
  }

  /** It waits no more. */
  #left(request: DeskRequest): DeskRequest {
    const key = identity(request);
    if (key !== undefined) this.#identified.delete(key);
    return request;
  }

  #drop(request: DeskRequest, reason: DropReason, now: number): void {
    request.isOver = true;
    this.dropped += 1;
    this.#report({ type: "request-dropped", at: now, reason, waitedMs: now - request.receivedAt });
  }
}

/** What a request and its retries over the same connection have in common, if its client is ours. */
function identity({ lane, route }: DeskRequest): string | undefined {
  const key = requestIdKey(route);
  return key && `${key}${lane}`;
}
