import { byteLength, type Frames, memoryOf } from "./frames.js";
import { Fifo, type Machine, type Stalled } from "./machine.js";
import { ReplyCache } from "./reply-cache.js";
import type {
  Outcome,
  RequestServerEvent,
  RequestServerInput,
  RequestServerOutput,
  RequestServerRun,
  RequestServerStats,
} from "./request-server-messages.js";
import type { ResolvedRequestServerOptions } from "./request-server-options.js";

type RefusedReason = (RequestServerEvent & { type: "request-refused" })["reason"];

/** A request on its way from the queue to its answer. */
interface Job extends Pick<RequestServerRun, "ticket" | "key" | "kind" | "tag" | "body"> {
  /** The way back for the answer: that of the latest repeat, since earlier connections may be gone. */
  route: Frames;
  /** Of the body and of the way back, since both wait; very many frames count as well. */
  bytes: number;
  /** It runs, and nobody is to hear how it ends. */
  isRevoked: boolean;
}

/**
 * The protocol of a server: runs requests as handlers become free, answers each by the way it came, and with
 * the reply cache on runs no request id twice while it remembers it.
 */
export class RequestServerMachine implements Machine<RequestServerInput, RequestServerOutput> {
  readonly stats: RequestServerStats = {
    requests: 0,
    run: 0,
    answered: 0,
    failed: 0,
    dropped: 0,
    revoked: 0,
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
  readonly #outputs = new Fifo<RequestServerOutput>();
  #queuedBytes = 0;
  #demand = 0;
  #lastTicket = 0;
  #closing = false;

  /** @param options - checked options, see `resolveRequestServerOptions` */
  constructor({
    maxQueued,
    maxQueuedBytes,
    maxUnanswered,
    maxBodyBytes,
    replyCache,
  }: ResolvedRequestServerOptions) {
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

  take(): RequestServerOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: RequestServerInput | Stalled, now: number): void {
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
        return this.#drop(input.ticket);
      case "undeliverable":
        this.stats.undeliverable += 1;
        return this.#report({ type: "reply-undeliverable", at: now, reason: input.reason });
      case "revoke":
        return this.#revoke(input.reason, now);
      case "forget":
        return this.#cache?.forget(input.key);
      case "close":
        this.#closing = true;
        return this.#refuseWaiting("closing", now);
      case "stalled":
        // A server judges nobody by silence.
        return;
    }
  }

  tick(now: number): void {
    this.#cache?.expire(now);
  }

  #request({ route, key, kind, tag = 0, body }: RequestServerInput & { type: "request" }, now: number): void {
    this.stats.requests += 1;
    if (key !== undefined && this.#isRepeat(key, route, now)) return;
    if (this.#closing) return this.#refuse("closing", now);
    if (byteLength(body) > this.#maxBodyBytes) return this.#refuseBody(route, now);
    const bytes = memoryOf(route) + memoryOf(body);
    if (this.#queue.length >= this.#maxQueued || this.#queuedBytes + bytes > this.#maxQueuedBytes) {
      return this.#refuse("queue-full", now);
    }
    const job: Job = { ticket: ++this.#lastTicket, key, kind, tag, route, body, bytes, isRevoked: false };
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
    if (job !== undefined) this.#redirect(job, route);
    if (outcome !== undefined) this.#outputs.push({ type: "answer", route, outcome });
    this.#report({ type: outcome === undefined ? "repeat-joined" : "repeat-answered", at: now });
    return true;
  }

  #redirect(job: Job, route: Frames): void {
    if (!this.#running.has(job.ticket)) {
      const grown = memoryOf(route) - memoryOf(job.route);
      if (this.#queuedBytes + grown > this.#maxQueuedBytes) return;
      job.bytes += grown;
      this.#queuedBytes += grown;
    }
    job.route = route;
  }

  #runNext(): void {
    while (this.#demand > 0 && this.#running.size < this.#maxUnanswered) {
      const job = this.#queue.shift();
      if (job === undefined) return;
      this.#queuedBytes -= job.bytes;
      this.#demand -= 1;
      this.#running.set(job.ticket, job);
      this.stats.run += 1;
      const { ticket, key, kind, tag, route, body } = job;
      this.#outputs.push({ type: "run", ticket, key, kind, tag, route, body });
    }
  }

  #finish(ticket: number, outcome: Outcome, now: number): void {
    const job = this.#leave(ticket);
    if (job === undefined) return;
    if (!job.isRevoked) this.#answer(job, outcome, now);
    this.#runNext();
  }

  #answer({ key, route }: Job, outcome: Outcome, now: number): void {
    if (key !== undefined) this.#cache?.put(key, outcome, now);
    this.#outputs.push({ type: "answer", route, outcome });
    if (outcome.type === "reply") {
      this.stats.answered += 1;
    } else {
      this.stats.failed += 1;
      this.#report({ type: "handler-failed", at: now, message: outcome.message });
    }
  }

  #drop(ticket: number): void {
    const job = this.#leave(ticket);
    if (job === undefined) return;
    if (!job.isRevoked) this.stats.dropped += 1;
    this.#runNext();
  }

  #leave(ticket: number): Job | undefined {
    const job = this.#running.get(ticket);
    if (job === undefined) return undefined;
    this.#running.delete(ticket);
    // The key of a revoked one may be that of a repeat by now, which is a request of its own.
    if (job.isRevoked) this.stats.revoked += 1;
    else if (job.key !== undefined) this.#inProgress.delete(job.key);
    return job;
  }

  #revoke(reason: RefusedReason, now: number): void {
    this.#refuseWaiting(reason, now);
    for (const job of this.#running.values()) job.isRevoked = true;
    this.#inProgress.clear();
    this.#cache?.clear();
  }

  /** What still waits is refused: its clients will ask again, here or elsewhere. */
  #refuseWaiting(reason: RefusedReason, now: number): void {
    this.#queuedBytes = 0;
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      if (job.key !== undefined) this.#inProgress.delete(job.key);
      this.#refuse(reason, now);
    }
  }

  /** Trying again cannot help, so a client that understands it is told. */
  #refuseBody(route: Frames, now: number): void {
    const message = `the request's body is larger than maxBodyBytes = ${this.#maxBodyBytes}`;
    this.#outputs.push({ type: "answer", route, outcome: { type: "failure", message } });
    this.#refuse("body-too-large", now);
  }

  #refuse(reason: RefusedReason, now: number): void {
    this.stats.refused += 1;
    this.#report({ type: "request-refused", at: now, reason });
  }

  #report(event: RequestServerEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}
