import {
  byteLength,
  type DeskRequest,
  type Enveloped,
  Fifo,
  frameKey,
  LinkedList,
  type Machine,
  RequestDesk,
  readableId,
  type Stalled,
} from "@seaworthy/core";
import type {
  LossReason,
  SimplePirateQueueEvent,
  SimplePirateQueueInput,
  SimplePirateQueueOutput,
  SimplePirateQueueStats,
} from "./queue-messages.js";
import type { ResolvedQueueOptions } from "./queue-options.js";
import type { WorkerReply } from "./wire.js";
import { WorkerRecord } from "./worker-record.js";

/**
 * The protocol of a Simple Pirate queue: gives each request to the worker that has been ready for longest,
 * one at a time, and the reply to the client that asked. While no worker is ready, requests wait.
 */
export class SimplePirateQueueMachine implements Machine<SimplePirateQueueInput, SimplePirateQueueOutput> {
  readonly #maxWorkers: number;
  readonly #maxBodyBytes: number;
  readonly #desk: RequestDesk;
  readonly #workers = new Map<string, WorkerRecord>();
  /** In the order in which they became ready. While one is here, no request waits. */
  readonly #ready = new LinkedList<WorkerRecord>();
  /** In the order in which they were given their requests. */
  readonly #busy = new LinkedList<WorkerRecord>();
  readonly #outputs = new Fifo<SimplePirateQueueOutput>();
  readonly #counters = {
    dispatched: 0,
    returned: 0,
    answered: 0,
    lost: 0,
    repliesDropped: 0,
    undeliverable: 0,
    malformed: 0,
  };
  #now = 0;
  #isClosing = false;
  #isIdle = false;

  /** @param options - checked options, see `resolveQueueOptions` */
  constructor(options: ResolvedQueueOptions) {
    this.#maxWorkers = options.maxWorkers;
    this.#maxBodyBytes = options.maxBodyBytes;
    this.#desk = new RequestDesk(options, (event) => this.#report(event));
  }

  get stats(): SimplePirateQueueStats {
    return { requests: this.#desk.requests, dropped: this.#desk.dropped, ...this.#counters };
  }

  /** Requests that wait for a worker. */
  get waiting(): number {
    return this.#desk.waiting;
  }

  /** Workers that are known. */
  get workers(): number {
    return this.#workers.size;
  }

  /** Workers that wait for a request. */
  get ready(): number {
    return this.#ready.length;
  }

  /** Workers that have a request; some may have died of it. */
  get busy(): number {
    return this.#busy.length;
  }

  get deadline(): number | undefined {
    return this.#desk.deadline;
  }

  take(): SimplePirateQueueOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: SimplePirateQueueInput | Stalled, now: number): void {
    this.#now = now;
    this.#accept(input);
    if (!this.#isClosing || this.#isIdle || this.#busy.length > 0) return;
    this.#isIdle = true;
    this.#outputs.push({ type: "idle" });
  }

  tick(now: number): void {
    this.#desk.expire(now);
  }

  #accept(input: SimplePirateQueueInput | Stalled): void {
    const at = this.#now;
    switch (input.type) {
      case "enveloped":
        return this.#requested(input);
      case "reply":
        return this.#replied(input);
      case "ready":
        return this.#saidReady(input.worker);
      case "undelivered":
        return this.#undelivered(input);
      case "worker-departed":
        return this.#departed(input.worker);
      case "undeliverable":
        this.#counters.undeliverable += 1;
        return this.#report({ type: "reply-undeliverable", at, reason: input.reason });
      case "client-departed":
        return this.#desk.clientGone(input.client, at);
      case "malformed":
        this.#counters.malformed += 1;
        return this.#report({ type: "message-dropped", at, reason: input.reason });
      case "close":
        this.#isClosing = true;
        return this.#desk.close(at);
      case "stalled":
        return this.#report({ type: "process-stalled", at, ms: input.ms });
    }
  }

  #requested(envelope: Enveloped): void {
    const request = this.#desk.admit(envelope, this.#now);
    if (request === undefined) return;
    const worker = this.#ready.first;
    if (worker === undefined) this.#desk.wait(request, this.#now);
    else this.#dispatch(worker, request);
  }

  #dispatch(worker: WorkerRecord, request: DeskRequest): void {
    worker.request = request;
    request.deliveries += 1;
    this.#busy.append(worker.place);
    this.#counters.dispatched += 1;
    this.#outputs.push({ type: "dispatch", worker: worker.id, request });
  }

  #replied({ worker: id, number, body }: WorkerReply): void {
    const key = frameKey(id);
    const worker = this.#workers.get(key);
    const request = worker?.request;
    if (worker === undefined || request === undefined || request.number !== number) {
      this.#dropReply("unknown");
      // A REQ that has replied waits for a request, whatever its reply was to.
      if (worker === undefined) this.#join(id, key);
      return;
    }
    request.isOver = true;
    if (byteLength(body) > this.#maxBodyBytes) this.#dropReply("body-too-large");
    else {
      this.#counters.answered += 1;
      this.#outputs.push({ type: "answer", route: request.route, body });
    }
    this.#enlist(worker);
  }

  #saidReady(id: Uint8Array): void {
    const key = frameKey(id);
    const worker = this.#workers.get(key);
    if (worker === undefined) return this.#join(id, key);
    if (worker.request === undefined) return;
    this.#lose(worker, worker.request, "worker-ready");
    this.#enlist(worker);
  }

  #join(id: Uint8Array, key: string): void {
    if (this.#workers.size >= this.#maxWorkers) this.#makeRoom();
    const worker = new WorkerRecord(id, key);
    this.#workers.set(key, worker);
    this.#report({ type: "worker-joined", at: this.#now, worker: readableId(id) });
    this.#enlist(worker);
  }

  /** The worker waits for a request: for one that waits already, or at the end of the list. */
  #enlist(worker: WorkerRecord): void {
    worker.request = undefined;
    const request = this.#desk.next();
    if (request === undefined) this.#ready.append(worker.place);
    else this.#dispatch(worker, request);
  }

  /**
   * Nothing tells a worker that died of its request from a slow one; the longest at it is the likeliest to have.
   * If none is busy, the one that has been ready for longest may be dead, and the newcomer surely lives.
   */
  #makeRoom(): void {
    const worker = (this.#busy.first ?? this.#ready.first) as WorkerRecord;
    this.#strike(worker);
    this.#report({ type: "worker-forgotten", at: this.#now, worker: readableId(worker.id) });
    if (worker.request !== undefined) this.#lose(worker, worker.request, "worker-forgotten");
  }

  #departed(id: Uint8Array): void {
    const worker = this.#workers.get(frameKey(id));
    if (worker === undefined) return;
    this.#strike(worker);
    this.#report({ type: "worker-gone", at: this.#now, worker: readableId(id), reason: "departed" });
    if (worker.request !== undefined) this.#lose(worker, worker.request, "worker-departed");
  }

  #undelivered({ worker: id, number, reason }: SimplePirateQueueInput & { type: "undelivered" }): void {
    const worker = this.#workers.get(frameKey(id));
    const request = worker?.request;
    // One that has come back under its old routing id has nothing to do with what was sent before.
    if (worker === undefined || request === undefined || request.number !== number) return;
    this.#strike(worker);
    this.#report({ type: "worker-gone", at: this.#now, worker: readableId(id), reason });
    this.#counters.returned += 1;
    request.deliveries -= 1;
    const next = this.#ready.first;
    if (next === undefined) this.#desk.putBack(request, this.#now);
    else this.#dispatch(next, request);
  }

  #strike(worker: WorkerRecord): void {
    worker.place.unlink();
    this.#workers.delete(worker.key);
  }

  #lose(worker: WorkerRecord, request: DeskRequest, reason: LossReason): void {
    request.isOver = true;
    this.#counters.lost += 1;
    this.#report({ type: "request-lost", at: this.#now, worker: readableId(worker.id), reason });
  }

  #dropReply(reason: "unknown" | "body-too-large"): void {
    this.#counters.repliesDropped += 1;
    this.#report({ type: "reply-dropped", at: this.#now, reason });
  }

  #report(event: SimplePirateQueueEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}
