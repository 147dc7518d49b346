import {
  byteLength,
  type DeskRequest,
  type Enveloped,
  Fifo,
  type Machine,
  RequestDesk,
  readableId,
  type Stalled,
} from "@seaworthy/core";
import type {
  GoneReason,
  ParanoidPirateQueueEvent,
  ParanoidPirateQueueInput,
  ParanoidPirateQueueOutput,
  ParanoidPirateQueueStats,
} from "./queue-messages.js";
import type { ResolvedQueueOptions } from "./queue-options.js";
import type { WorkerCommand } from "./wire.js";
import { WorkerBooks } from "./worker-books.js";
import { type WorkerAction, type WorkerEvent, workerLife } from "./worker-life.js";
import type { WorkerRecord } from "./worker-record.js";

/** The rest of what is known when a worker's state changes. */
interface Particulars {
  readonly body?: Uint8Array[];
  readonly reason?: GoneReason;
  readonly request?: DeskRequest;
}

const NO_PARTICULARS: Particulars = {};
const NOBODY: ReadonlySet<string> = new Set();

/**
 * The protocol of a Paranoid Pirate queue (6/PPP): gives requests to the worker that has been ready for
 * longest and is surely alive, knows what each works on, and gives the request of a dead one to another.
 */
export class ParanoidPirateQueueMachine
  implements Machine<ParanoidPirateQueueInput, ParanoidPirateQueueOutput>
{
  readonly #options: ResolvedQueueOptions;
  readonly #desk: RequestDesk;
  readonly #workers: WorkerBooks;
  readonly #outputs = new Fifo<ParanoidPirateQueueOutput>();
  readonly #counters = {
    delivered: 0,
    answered: 0,
    redelivered: 0,
    givenUp: 0,
    repliesDropped: 0,
    undeliverable: 0,
    malformed: 0,
    expired: 0,
  };
  #running = 0;
  #isClosing = false;
  #isIdle = false;
  #now = 0;

  /** @param options - checked options, see `resolveQueueOptions` */
  constructor(options: ResolvedQueueOptions) {
    this.#options = options;
    this.#workers = new WorkerBooks(options);
    this.#desk = new RequestDesk(options, (event) => this.#report(event));
  }

  get stats(): ParanoidPirateQueueStats {
    return { requests: this.#desk.requests, dropped: this.#desk.dropped, ...this.#counters };
  }

  /** Requests that wait for a worker. */
  get waiting(): number {
    return this.#desk.waiting;
  }

  /** Requests that workers have at hand, those that were given to another meanwhile not counted. */
  get running(): number {
    return this.#running;
  }

  /** Workers in the books. */
  get workers(): number {
    return this.#workers.size;
  }

  /** Workers that wait for a request. */
  get ready(): number {
    return this.#workers.ready;
  }

  get deadline(): number | undefined {
    const { deadline: oldest } = this.#desk;
    const { deadline: heartbeat } = this.#workers;
    if (oldest === undefined || heartbeat === undefined) return oldest ?? heartbeat;
    return Math.min(oldest, heartbeat);
  }

  take(): ParanoidPirateQueueOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: ParanoidPirateQueueInput | Stalled, now: number): void {
    this.#now = now;
    this.#accept(input, now);
    this.#tellWhenIdle();
  }

  #accept(input: ParanoidPirateQueueInput | Stalled, now: number): void {
    switch (input.type) {
      case "enveloped":
        return this.#requested(input);
      case "said":
        return this.#said(input.worker, input.id, input.command);
      case "malformed":
        return this.#malformed("worker" in input ? input.worker : undefined, input.reason);
      case "unreachable":
        return this.#unreachable(input);
      case "worker-departed":
        return this.#departed(this.#workers.find(input.worker), "departed");
      case "client-departed":
        this.#desk.clientGone(input.client, now);
        return this.#serve();
      case "undeliverable":
        this.#counters.undeliverable += 1;
        return this.#report({ type: "reply-undeliverable", at: now, reason: input.reason });
      case "close":
        this.#isClosing = true;
        return this.#desk.close(now);
      case "stalled":
        // What workers have said meanwhile was read, but what they could say to a process that did not
        // read may still be on its way.
        this.#workers.stalled(now);
        return this.#report({ type: "process-stalled", at: now, ms: input.ms });
    }
  }

  tick(now: number): void {
    this.#now = now;
    this.#desk.expire(now);
    this.#serve();
    const occupied: WorkerRecord[] = [];
    for (let due = this.#workers.takeDue(now); due !== undefined; due = this.#workers.takeDue(now)) {
      if (due.request === undefined) this.#look(due);
      else occupied.push(due);
    }
    // Last, so that what a dead worker had is not given to another that has died with it.
    for (const worker of occupied) this.#look(worker);
    this.#tellWhenIdle();
  }

  #tellWhenIdle(): void {
    if (!this.#isClosing || this.#isIdle || this.#running > 0) return;
    this.#isIdle = true;
    this.#outputs.push({ type: "idle" });
  }

  #requested(envelope: Enveloped): void {
    const request = this.#desk.admit(envelope, this.#now);
    if (request === undefined) return;
    const next = this.#desk.waiting > 0 ? undefined : this.#workers.next(this.#now, NOBODY);
    if (next !== undefined) return this.#step(next, "given-request", { request });
    this.#desk.wait(request, this.#now);
    this.#serve();
  }

  /** Gives what waits to those that are ready. */
  #serve(): void {
    let passedOver = NOBODY;
    while (this.#desk.waiting > 0) {
      const worker = this.#workers.next(this.#now, passedOver);
      if (worker === undefined) return;
      // What is given back needs a worker as well: there is never more of it than there are workers.
      const maxLeft = this.#workers.size - this.#running;
      const request = this.#desk.next((waiting) => this.#mayHave(worker, waiting), maxLeft);
      if (request === undefined) passedOver = new Set([...passedOver, worker.party]);
      else this.#step(worker, "given-request", { request });
    }
  }

  /** Who fails fast is free at all times: it would get what it gave back again and again, until it is given up. */
  #mayHave({ party }: WorkerRecord, { givenBackBy }: DeskRequest): boolean {
    return !givenBackBy.includes(party) || !this.#workers.hasOthers(givenBackBy);
  }

  #said(key: string, id: Uint8Array, command: WorkerCommand): void {
    const worker = this.#workers.find(key);
    if (worker === undefined) return this.#strangerSaid(id, command);
    worker.heartbeat.heard(this.#now);
    this.#obey(worker, command);
    if (this.#workers.trust(worker)) this.#serve();
  }

  #obey(worker: WorkerRecord, command: WorkerCommand): void {
    switch (command.type) {
      case "reply":
        if (worker.request === undefined || command.number !== worker.request.number) {
          this.#dropReply("unknown");
          return this.#step(worker, "stray-reply");
        }
        return this.#step(worker, "reply", { body: command.body });
      case "heartbeat":
        if (command.intervalMs !== undefined) this.#expectInterval(worker, command.intervalMs);
        return this.#step(worker, "heartbeat");
      case "ready":
        this.#step(worker, "said-ready");
        return this.#greet(worker);
      case "leave":
        return this.#step(worker, "said-leave");
    }
  }

  /** READY makes a worker; nothing else does, since nobody knows whether its sender is free. */
  #strangerSaid(id: Uint8Array, command: WorkerCommand): void {
    if (command.type === "leave") return void this.#outputs.push({ type: "release", worker: id });
    if (command.type === "reply") return this.#dropReply("unknown");
    if (command.type === "heartbeat") return;
    if (!this.#workers.hasRoom) {
      return this.#report({ type: "worker-refused", at: this.#now, worker: readableId(id) });
    }
    const worker = this.#workers.enter(id, this.#now);
    this.#report({ type: "worker-joined", at: this.#now, worker: readableId(id) });
    this.#greet(worker);
    this.#enlist(worker);
  }

  /** Now, not in an interval: it is to know ours before it judges us by its own. */
  #greet(worker: WorkerRecord): void {
    if (worker.isOurs) this.#sendHeartbeat(worker);
  }

  #expectInterval(worker: WorkerRecord, intervalMs: number): void {
    worker.heartbeat.expectInterval(intervalMs);
    this.#workers.watch(worker);
  }

  #malformed(key: string | undefined, reason: string): void {
    this.#counters.malformed += 1;
    this.#report({ type: "message-dropped", at: this.#now, reason });
    const worker = key === undefined ? undefined : this.#workers.find(key);
    if (worker === undefined) return;
    worker.heartbeat.heard(this.#now);
    if (this.#workers.trust(worker)) this.#serve();
  }

  #unreachable({ worker: key, reason, number }: ParanoidPirateQueueInput & { type: "unreachable" }): void {
    const worker = this.#workers.find(key);
    if (worker === undefined) return;
    // What never got there does not count as given.
    if (number !== undefined && worker.request?.number === number && !worker.isRelieved) {
      worker.request.deliveries -= 1;
    }
    this.#departed(worker, reason);
  }

  #departed(worker: WorkerRecord | undefined, reason: GoneReason): void {
    if (worker === undefined) return;
    this.#workers.doubtSiblings(worker);
    this.#step(worker, "departed", { reason });
  }

  /** Looks after the heartbeat of a worker whose time has come. */
  #look(worker: WorkerRecord): void {
    if (this.#now >= worker.silentAt) this.#step(worker, "silent", { reason: "silent" });
    if (worker.state === "gone") return;
    if (worker.heartbeat.isDue(this.#now)) this.#sendHeartbeat(worker);
    this.#workers.watch(worker);
  }

  #sendHeartbeat(worker: WorkerRecord): void {
    worker.heartbeat.sent(this.#now);
    const intervalMs = worker.isOurs ? this.#options.heartbeatMs : undefined;
    this.#outputs.push({ type: "heartbeat", worker: worker.id, intervalMs });
  }

  #step(worker: WorkerRecord, event: WorkerEvent, particulars: Particulars = NO_PARTICULARS): void {
    const transition = workerLife.step(worker.state, event);
    if (transition === undefined) return;
    const wasPresumedDead = worker.isPresumedDead;
    worker.state = transition.to;
    if (event === "silent" && transition.to !== "gone") this.#expired(worker);
    if (wasPresumedDead && transition.to === "ready") this.#returned(worker);
    if (transition.to === "gone") this.#strike(worker, particulars.reason);
    this.#act(worker, transition.action, particulars);
    // What waits for another than those that gave it back may wait for nobody now.
    if (transition.to === "gone") this.#serve();
  }

  #act(worker: WorkerRecord, action: WorkerAction | undefined, particulars: Particulars): void {
    switch (action) {
      case "deliver":
        return this.#deliver(worker, particulars.request as DeskRequest);
      case "answer":
        return this.#answer(worker, particulars.body as Uint8Array[]);
      case "enlist":
        return this.#enlist(worker);
      case "delist":
        return worker.place.unlink();
      case "give-on":
        return this.#giveOn(worker);
      case "give-back":
        this.#giveOn(worker);
        return this.#release(worker);
      case "restart":
        this.#givenBack(worker);
        this.#giveOn(worker);
        worker.request = undefined;
        return this.#enlist(worker);
      case "release":
        return this.#release(worker);
    }
  }

  #deliver(worker: WorkerRecord, request: DeskRequest): void {
    worker.place.unlink();
    worker.request = request;
    worker.isRelieved = false;
    request.deliveries += 1;
    this.#running += 1;
    this.#counters.delivered += 1;
    worker.heartbeat.sent(this.#now);
    this.#outputs.push({ type: "deliver", worker: worker.id, request });
  }

  #answer(worker: WorkerRecord, body: Uint8Array[]): void {
    const request = worker.request as DeskRequest;
    if (!worker.isRelieved) this.#running -= 1;
    worker.request = undefined;
    if (request.isOver) this.#dropReply("late");
    else this.#passOn(request, body, worker.isRelieved);
    if (worker.state === "gone") this.#release(worker);
    else this.#enlist(worker);
  }

  /** The reply of a worker that was given up is as good as any, if it is the first. */
  #passOn(request: DeskRequest, body: Uint8Array[], mayWait: boolean): void {
    request.isOver = true;
    if (mayWait) this.#desk.withdraw(request);
    if (byteLength(body) > this.#options.maxBodyBytes) return this.#dropReply("body-too-large");
    this.#counters.answered += 1;
    this.#outputs.push({ type: "answer", route: request.route, body });
  }

  #givenBack(worker: WorkerRecord): void {
    const request = worker.request as DeskRequest;
    request.givenBackBy = [...request.givenBackBy, worker.party];
  }

  /** Its request goes to another, in front of all that wait. */
  #giveOn(worker: WorkerRecord): void {
    const { request } = worker;
    if (request === undefined || worker.isRelieved) return;
    worker.isRelieved = true;
    this.#running -= 1;
    if (request.isOver) return;
    const { deliveries } = request;
    if (deliveries >= this.#options.maxDeliveries) {
      request.isOver = true;
      this.#counters.givenUp += 1;
      return this.#report({ type: "request-given-up", at: this.#now, deliveries });
    }
    if (!this.#desk.putBack(request, this.#now)) return;
    this.#counters.redelivered += 1;
    this.#report({ type: "request-redelivered", at: this.#now, deliveries });
    this.#serve();
  }

  #enlist(worker: WorkerRecord): void {
    this.#workers.enlist(worker);
    this.#serve();
  }

  #expired(worker: WorkerRecord): void {
    this.#counters.expired += 1;
    this.#report({ type: "worker-expired", at: this.#now, worker: readableId(worker.id) });
  }

  #returned(worker: WorkerRecord): void {
    this.#report({ type: "worker-returned", at: this.#now, worker: readableId(worker.id) });
  }

  #release(worker: WorkerRecord): void {
    this.#report({ type: "worker-left", at: this.#now, worker: readableId(worker.id) });
    if (worker.isOurs) this.#outputs.push({ type: "release", worker: worker.id });
  }

  /** Strikes a worker from the books. */
  #strike(worker: WorkerRecord, reason: GoneReason | undefined): void {
    this.#workers.strike(worker);
    if (reason === undefined) return;
    this.#report({ type: "worker-gone", at: this.#now, worker: readableId(worker.id), reason });
  }

  #dropReply(reason: "late" | "unknown" | "body-too-large"): void {
    this.#counters.repliesDropped += 1;
    this.#report({ type: "reply-dropped", at: this.#now, reason });
  }

  #report(event: ParanoidPirateQueueEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}
