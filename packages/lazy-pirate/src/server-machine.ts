import { byteLength, Fifo, type Frames, type Machine, type Stalled } from "@seaworthy/core";
import { ReplyCache } from "./reply-cache.js";
import type {
  LazyPirateServerEvent,
  LazyPirateServerInput,
  LazyPirateServerOutput,
  LazyPirateServerStats,
  Outcome,
} from "./server-messages.js";
import type { ResolvedServerOptions } from "./server-options.js";
import type { Request } from "./wire.js";

/** A request on its way from the queue to its answer. */
interface Job {
  readonly ticket: number;
  readonly key: string | undefined;
  readonly body: Uint8Array[];
  /** The way back for the answer: that of the latest repeat, since earlier connections may be gone. */
  route: Frames;
}

/**
 * The protocol of a Lazy Pirate server: runs requests as handlers become free, answers each by the
 * way it came, and with the reply cache on runs no request id twice while it remembers it.
 */
export class LazyPirateServerMachine implements Machine<LazyPirateServerInput, LazyPirateServerOutput> {
  readonly stats: LazyPirateServerStats = {
    requests: 0,
    run: 0,
    answered: 0,
    failed: 0,
    dropped: 0,
    repeats: 0,
    refused: 0,
    malformed: 0,
    undeliverable: 0,
  };
  readonly #maxQueued: number;
  readonly #maxQueuedBytes: number;
  readonly #maxUnanswered: number;
  readonly #maxBodyBytes: number;
  readonly #cache: ReplyCache | undefined;
  readonly #queue = new Fifo<Job>();
  readonly #running = new Map<number, Job>();
  /** Jobs of our clients that wait or run, while there is a cache: a repeat joins its job. */
  readonly #inProgress = new Map<string, Job>();
  readonly #outputs = new Fifo<LazyPirateServerOutput>();
  #queuedBytes = 0;
  #demand = 0;
  #lastTicket = 0;
  #closing = false;

  /** @param options - checked options, see `resolveServerOptions` */
  constructor({ maxQueued, maxQueuedBytes, maxUnanswered, maxBodyBytes, replyCache }: ResolvedServerOptions) {
    this.#maxQueued = maxQueued;
    this.#maxQueuedBytes = maxQueuedBytes;
    this.#maxUnanswered = maxUnanswered;
    this.#maxBodyBytes = maxBodyBytes;
    this.#cache = replyCache && new ReplyCache(replyCache);
  }

  /** Requests that wait for a handler. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Requests that were given to the application and are not answered. */
  get running(): number {
    return this.#running.size;
  }

  /** Replies that the cache remembers. */
  get cached(): number {
    return this.#cache?.size ?? 0;
  }

  get deadline(): number | undefined {
    return this.#cache?.deadline;
  }

  take(): LazyPirateServerOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: LazyPirateServerInput | Stalled, now: number): void {
    switch (input.type) {
      case "request":
        return this.#request(input, now);
      case "malformed":
        this.stats.malformed += 1;
        return this.#report({ type: "message-dropped", at: now, reason: input.reason });
      case "demand":
        this.#demand += input.count;
        return this.#runNext();
      case "reply":
        return this.#finish(input.ticket, { type: "reply", body: input.body }, now);
      case "fail":
        return this.#finish(input.ticket, { type: "failure", message: input.message }, now);
      case "drop":
        if (this.#leave(input.ticket) === undefined) return;
        this.stats.dropped += 1;
        return this.#runNext();
      case "undeliverable":
        this.stats.undeliverable += 1;
        return this.#report({ type: "reply-undeliverable", at: now, reason: input.reason });
      case "close":
        return this.#close(now);
      case "stalled":
        // A server judges nobody by silence.
        return;
    }
  }

  tick(now: number): void {
    this.#cache?.expire(now);
  }

  #request({ route, key, body }: Request, now: number): void {
    this.stats.requests += 1;
    if (key !== undefined && this.#isRepeat(key, route, now)) return;
    if (this.#closing) return this.#refuse("closing", now);
    const bytes = byteLength(body);
    if (bytes > this.#maxBodyBytes) return this.#refuseBody(route, now);
    if (this.#queue.length >= this.#maxQueued || this.#queuedBytes + bytes > this.#maxQueuedBytes) {
      return this.#refuse("queue-full", now);
    }
    const job: Job = { ticket: ++this.#lastTicket, key, body, route };
    if (key !== undefined && this.#cache !== undefined) this.#inProgress.set(key, job);
    this.#queue.push(job);
    this.#queuedBytes += bytes;
    this.#runNext();
  }

  #isRepeat(key: string, route: Frames, now: number): boolean {
    const outcome = this.#cache?.get(key);
    const job = this.#inProgress.get(key);
    if (outcome === undefined && job === undefined) return false;
    this.stats.repeats += 1;
    if (job !== undefined) job.route = route;
    if (outcome !== undefined) this.#outputs.push({ type: "answer", route, outcome });
    this.#report({ type: outcome === undefined ? "repeat-joined" : "repeat-answered", at: now });
    return true;
  }

  #runNext(): void {
    while (this.#demand > 0 && this.#running.size < this.#maxUnanswered) {
      const job = this.#queue.shift();
      if (job === undefined) return;
      this.#queuedBytes -= byteLength(job.body);
      this.#demand -= 1;
      this.#running.set(job.ticket, job);
      this.stats.run += 1;
      this.#outputs.push({ type: "run", ticket: job.ticket, key: job.key, body: job.body });
    }
  }

  #finish(ticket: number, outcome: Outcome, now: number): void {
    const job = this.#leave(ticket);
    if (job === undefined) return;
    if (job.key !== undefined) this.#cache?.put(job.key, outcome, now);
    this.#outputs.push({ type: "answer", route: job.route, outcome });
    if (outcome.type === "reply") {
      this.stats.answered += 1;
    } else {
      this.stats.failed += 1;
      this.#report({ type: "handler-failed", at: now, message: outcome.message });
    }
    this.#runNext();
  }

  #leave(ticket: number): Job | undefined {
    const job = this.#running.get(ticket);
    if (job === undefined) return undefined;
    this.#running.delete(ticket);
    if (job.key !== undefined) this.#inProgress.delete(job.key);
    return job;
  }

  /** What still waits is refused: its clients will ask again, here or elsewhere. */
  #close(now: number): void {
    this.#closing = true;
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      if (job.key !== undefined) this.#inProgress.delete(job.key);
      this.#refuse("closing", now);
    }
  }

  /** Trying again cannot help, so a client that understands it is told. */
  #refuseBody(route: Frames, now: number): void {
    const message = `the request's body is larger than maxBodyBytes = ${this.#maxBodyBytes}`;
    this.#outputs.push({ type: "answer", route, outcome: { type: "failure", message } });
    this.#refuse("body-too-large", now);
  }

  #refuse(reason: (LazyPirateServerEvent & { type: "request-refused" })["reason"], now: number): void {
    this.stats.refused += 1;
    this.#report({ type: "request-refused", at: now, reason });
  }

  #report(event: LazyPirateServerEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}
