import { frameKey, readableId } from "@seaworthy/core";
import type {
  GoneReason,
  MajordomoBrokerEvent,
  MajordomoBrokerOutput,
  WorkerInfo,
} from "./broker-messages.js";
import type { ResolvedBrokerOptions } from "./broker-options.js";
import type { PartKind, WorkerCommand, WorkerSaid } from "./broker-wire.js";
import { HeartbeatPace } from "./heartbeat-pace.js";
import { isReserved } from "./mmi.js";
import type { Notice } from "./notice.js";
import type { Service } from "./service.js";
import type { Holding, ServiceRequest } from "./service-request.js";
import type { Services } from "./services.js";
import { WorkerBooks } from "./worker-books.js";
import { type WorkerEvent, workerLife } from "./worker-life.js";
import { WorkerRecord } from "./worker-record.js";

/**
 * How long what a worker had waits when its connection has ended, in ms: until then, the ends of those that
 * have ended with it are read as well.
 */
const SETTLE_MS = 20;

/** Multiples of this, without their whole part, are spread evenly, however many there are. */
const GOLDEN_SHARE = (Math.sqrt(5) - 1) / 2;

/** Whom workers bring news to. */
export interface Employer {
  emit(output: MajordomoBrokerOutput): void;
  report(event: MajordomoBrokerEvent): void;
  /** A worker came with a part of the reply to what it was given, or with the last word on it. */
  replied(holding: Holding, kind: PartKind, body: Uint8Array[]): void;
  /** A worker that was given this is lost. */
  orphaned(holding: Holding): void;
  /** A worker that was taken for lost is there after all, and still has this. */
  recovered(holding: Holding): void;
  /** A service may have a worker with credit. */
  freed(service: Service): void;
  /** What has no room any more, now that its service has a line of its own. */
  crowdedOut(request: ServiceRequest): void;
  /** A reply that no request waits for. */
  unknownReply(): void;
}

/** The workers' side of a broker: who is there, who is alive, and what each was given. */
export class Workforce {
  expired = 0;
  expelled = 0;
  refused = 0;
  readonly #options: ResolvedBrokerOptions;
  readonly #services: Services;
  readonly #employer: Employer;
  readonly #books = new WorkerBooks();
  /** What lost workers had, until it is known who else is lost. */
  readonly #orphans: Holding[] = [];
  /** The same of workers whose connections have ended, for a moment, by number. */
  readonly #settling = new Map<number, Holding>();
  #settledAt: number | undefined;
  #lastNumber = 0;
  readonly #pace: HeartbeatPace;
  /** Workers of ours that are registered. */
  #ours = 0;
  /** Workers that have ever registered. */
  #joined = 0;
  #now = 0;

  constructor(options: ResolvedBrokerOptions, services: Services, employer: Employer) {
    this.#options = options;
    this.#pace = new HeartbeatPace(options.heartbeatMs, options.maxHeartbeatsPerSecond);
    this.#services = services;
    this.#employer = employer;
  }

  /** Registered workers. */
  get size(): number {
    return this.#books.size;
  }

  get deadline(): number | undefined {
    const { deadline } = this.#books;
    if (deadline === undefined || this.#settledAt === undefined) return deadline ?? this.#settledAt;
    return Math.min(deadline, this.#settledAt);
  }

  /** A worker said something. */
  said({ worker: id, version, command }: WorkerSaid, now: number): void {
    this.#now = now;
    const worker = this.#books.withId(id);
    if (worker === undefined) this.#strangerSaid(id, version, command);
    else {
      worker.heartbeat.heard(now);
      worker.version = version;
      this.#knownSaid(worker, command);
    }
    this.#giveOn();
  }

  /**
   * The connection of a worker has ended, or takes no more; false if no worker is known by this key. What never got
   * there does not count as given: of many deliveries that are refused, each is told by itself.
   */
  lost(key: string, reason: GoneReason, undelivered: number | undefined, now: number): boolean {
    this.#now = now;
    const worker = this.#books.find(key);
    if (worker !== undefined) this.#step(worker, "departed", reason);
    const holding = undelivered === undefined ? undefined : this.#settling.get(undelivered);
    if (holding !== undefined && holding.request.holding === holding) holding.request.deliveries -= 1;
    return worker !== undefined;
  }

  tick(now: number): void {
    this.#now = now;
    for (let due = this.#books.takeDue(now); due !== undefined; due = this.#books.takeDue(now)) {
      this.#look(due);
    }
    if (this.#settledAt !== undefined && now >= this.#settledAt) this.#settle();
    // Only now, so that what a dead worker had is not given to another that has died with it.
    this.#giveOn();
  }

  /** Our own process stood still. What workers could say to a process that did not read may still be on its way. */
  stalled(now: number): void {
    this.#books.stalled(now);
  }

  /** Gives a request to the worker of its service that was used least recently; false if none has credit. */
  give(request: ServiceRequest, now: number): boolean {
    const { service } = request;
    const worker = service.nextWorker(now);
    if (worker === undefined) return false;
    request.deliveries += 1;
    const number = ++this.#lastNumber;
    const holding: Holding = { number, request, delivery: request.deliveries, worker, parts: 0 };
    request.holding = holding;
    service.running += 1;
    worker.held.set(number, holding);
    service.enlist(worker);
    worker.heartbeat.sent(now);
    const { id, version } = worker;
    this.#employer.emit({ type: "deliver", worker: id, version, number, body: request.body });
    this.#hurry(worker, now);
    return true;
  }

  /** A delivery that was not begun does not count, but nothing goes from worker to worker for ever. */
  uncount({ request, parts }: Holding): void {
    if (parts > 0 || request.returns >= this.#options.maxDeliveries) return;
    request.returns += 1;
    request.deliveries -= 1;
  }

  /** What the worker with this key was given under this number, and has not finished. */
  holding(worker: string, number: number): Holding | undefined {
    return this.#books.find(worker)?.held.get(number);
  }

  /** Nobody waits for a reply any more. A worker that is not ours cannot be told. */
  cancel({ worker, number }: Holding, now: number): void {
    if (!worker.isOurs || worker.state === "gone") return;
    worker.heartbeat.sent(now);
    const { id, version } = worker;
    this.#employer.emit({ type: "cancel", worker: id, version, number });
    this.#hurry(worker, now);
  }

  /** Tells all workers to go. */
  dismiss(): void {
    for (const { id: worker, version } of this.#books.all()) {
      this.#employer.emit({ type: "disconnect", worker, version });
    }
  }

  infos(now: number): WorkerInfo[] {
    return Array.from(this.#books.all(), (worker) => infoOf(worker, now));
  }

  /** The same by the keys of their services. */
  infosByService(now: number): Map<string, WorkerInfo[]> {
    const byService = new Map<string, WorkerInfo[]>();
    for (const worker of this.#books.all()) {
      const key = frameKey(worker.service.frame);
      const infos = byService.get(key);
      if (infos === undefined) byService.set(key, [infoOf(worker, now)]);
      else infos.push(infoOf(worker, now));
    }
    return byService;
  }

  #strangerSaid(id: Uint8Array, version: WorkerSaid["version"], command: WorkerCommand): void {
    if (command.type === "ready") return this.#register(id, version, command);
    if (command.type === "disconnect") return;
    if (command.type === "part") this.#employer.unknownReply();
    // Valid, but READY comes first (7/MDP, Opening and Closing a Connection): this is a worker that knows a
    // former life of this broker, or one that was forgotten.
    this.expelled += 1;
    this.#employer.emit({ type: "disconnect", worker: id, version });
  }

  #register(id: Uint8Array, version: WorkerSaid["version"], ready: WorkerCommand & { type: "ready" }): void {
    const obstacle = this.#obstacle(ready.service);
    if (obstacle !== undefined) return this.#refuse(id, version, ready.service, obstacle);
    const service = this.#services.require(ready.service);
    const isNew = !service.isOffered;
    const crowdedOut = this.#services.offer(service, this.#now);
    service.workers += 1;
    const spread = (GOLDEN_SHARE * ++this.#joined) % 1;
    const worker = new WorkerRecord(id, service, version, ready.notice, this.#options, spread, this.#now);
    this.#books.enter(worker);
    if (worker.isOurs) this.#pace.keepFor(++this.#ours);
    if (isNew) this.#employer.report({ type: "service-added", at: this.#now, service: service.name });
    this.#employer.report({
      type: "worker-joined",
      at: this.#now,
      worker: worker.name,
      service: service.name,
      protocol: version,
      credit: worker.credit,
    });
    for (const request of crowdedOut) this.#employer.crowdedOut(request);
    // Now, not in an interval: it is to know our interval before it judges us by its own.
    if (worker.isOurs) this.#sendHeartbeat(worker);
    this.#enlist(worker);
  }

  #obstacle(service: Uint8Array): "maxWorkers" | "maxServices" | "reserved-name" | undefined {
    if (isReserved(service)) return "reserved-name";
    if (this.#books.size >= this.#options.maxWorkers) return "maxWorkers";
    return this.#services.hasRoomFor(service) ? undefined : "maxServices";
  }

  #refuse(
    id: Uint8Array,
    version: WorkerSaid["version"],
    service: Uint8Array,
    reason: "maxWorkers" | "maxServices" | "reserved-name",
  ): void {
    this.refused += 1;
    this.#employer.emit({ type: "disconnect", worker: id, version });
    this.#employer.report({
      type: "worker-refused",
      at: this.#now,
      worker: readableId(id),
      service: readableId(service),
      reason,
    });
  }

  #knownSaid(worker: WorkerRecord, command: WorkerCommand): void {
    switch (command.type) {
      case "ready":
        return this.#step(worker, "unexpected", "unexpected");
      case "disconnect":
        return this.#tookLeave(worker);
      case "heartbeat":
        if (command.notice !== undefined) this.#heed(worker, command.notice);
        break;
      case "part":
        if (!this.#replied(worker, command)) return;
    }
    this.#step(worker, "heard");
    if (worker.isLate) this.#enlist(worker);
  }

  /** Ours wait for an answer, so that what was sent to them until now does not come to a closed connection. */
  #tookLeave(worker: WorkerRecord): void {
    this.#step(worker, "disconnected", "disconnected");
    const { id, version, isOurs } = worker;
    if (isOurs) this.#employer.emit({ type: "disconnect", worker: id, version });
  }

  #heed(worker: WorkerRecord, notice: Notice): void {
    const hadCredit = worker.hasCredit;
    worker.heed(notice);
    this.#books.watch(worker);
    if (worker.hasCredit !== hadCredit) this.#enlist(worker);
  }

  /** False if the worker has no such request: it is told to go. */
  #replied(worker: WorkerRecord, { number, kind, body }: WorkerCommand & { type: "part" }): boolean {
    const holding = number === undefined ? undefined : worker.held.get(number);
    if (holding === undefined) {
      this.#employer.unknownReply();
      this.#step(worker, "unexpected", "unexpected");
      return false;
    }
    const hadCredit = worker.hasCredit;
    if (kind !== "partial") worker.held.delete(holding.number);
    this.#employer.replied(holding, kind, body);
    // It comes back to the list when it has credit again, and keeps its place if it had some all the time.
    if (!hadCredit && worker.state === "present") this.#enlist(worker);
    return true;
  }

  #enlist(worker: WorkerRecord): void {
    worker.service.enlist(worker);
    this.#employer.freed(worker.service);
  }

  /** Looks after the heartbeat of a worker whose time has come. */
  #look(worker: WorkerRecord): void {
    if (this.#now >= worker.silentAt) this.#step(worker, "silent", "silent");
    if (worker.state === "gone") return;
    if (this.#now >= worker.beatAt) this.#sendHeartbeat(worker);
    this.#books.watch(worker);
  }

  /**
   * If workers have become fewer, who was told something is told that as well, since to who is busy no heartbeat is ever
   * due. It comes second: a heartbeat that cannot be sent would make the delivery count that cannot be sent either.
   */
  #hurry(worker: WorkerRecord, now: number): void {
    if (!worker.isSlowerThan(this.#pace.intervalMs)) return;
    this.#now = now;
    this.#sendHeartbeat(worker);
    this.#books.watch(worker);
  }

  #sendHeartbeat(worker: WorkerRecord): void {
    const { id, version } = worker;
    const notice = worker.beat(this.#pace.intervalMs, this.#now);
    this.#employer.emit({ type: "heartbeat", worker: id, version, notice });
  }

  #step(worker: WorkerRecord, event: WorkerEvent, reason?: GoneReason): void {
    const { state, service } = worker;
    const transition = workerLife.step(state, event);
    if (transition === undefined) return;
    worker.state = transition.to;
    switch (transition.action) {
      case "welcome":
        service.missing -= 1;
        this.#tell("worker-returned", worker);
        for (const holding of worker.held.values()) this.#employer.recovered(holding);
        return this.#enlist(worker);
      case "give-back":
        this.#release(worker, worker.isOurs);
        break;
      case "give-on":
        // A connection seldom ends alone: where a host dies or a network is cut, what one worker had would go to the
        // next whose end has not been read yet, and so on until it had been given often enough.
        if (event === "departed") this.#settledAt ??= this.#now + SETTLE_MS;
        this.#release(worker, false, event === "departed");
        break;
      case "expel":
        this.expelled += 1;
        this.#employer.emit({ type: "disconnect", worker: worker.id, version: worker.version });
        this.#release(worker, false);
        break;
    }
    if (transition.to === "gone") {
      if (state === "missing") service.missing -= 1;
      return this.#strike(worker, reason as GoneReason);
    }
    service.missing += 1;
    this.expired += 1;
    this.#tell("worker-expired", worker);
  }

  #tell(type: "worker-returned" | "worker-expired", worker: WorkerRecord): void {
    this.#employer.report({ type, at: this.#now, worker: worker.name, service: worker.service.name });
  }

  /** Its requests go to others. What one of ours leaves and has not begun to answer does not count as given. */
  #release(worker: WorkerRecord, isUncounted: boolean, settles = false): void {
    worker.place.unlink();
    for (const holding of worker.held.values()) {
      if (holding.request.holding !== holding) continue;
      if (isUncounted) this.uncount(holding);
      if (settles) this.#settling.set(holding.number, holding);
      else this.#orphans.push(holding);
    }
  }

  #strike(worker: WorkerRecord, reason: GoneReason): void {
    this.#books.strike(worker);
    if (worker.isOurs) this.#pace.keepFor(--this.#ours);
    const { service } = worker;
    service.workers -= 1;
    const event = { type: "worker-gone", at: this.#now, worker: worker.name, reason } as const;
    this.#employer.report({ ...event, service: service.name });
    this.#employer.freed(service);
  }

  #settle(): void {
    this.#settledAt = undefined;
    // One by one: as arguments of one call, very many of them would overflow the stack.
    for (const holding of this.#settling.values()) this.#orphans.push(holding);
    this.#settling.clear();
  }

  #giveOn(): void {
    if (this.#orphans.length === 0) return;
    const orphans = this.#orphans.splice(0).filter((holding) => holding.request.holding === holding);
    for (const holding of orphans) this.#employer.orphaned(holding);
    for (const { request } of orphans) this.#employer.freed(request.service);
  }
}

function infoOf(worker: WorkerRecord, now: number): WorkerInfo {
  return {
    id: worker.name,
    service: worker.service.name,
    protocol: worker.version,
    credit: worker.credit,
    running: worker.held.size,
    isOurs: worker.isOurs,
    isMissing: worker.state === "missing",
    silentMs: now - worker.heartbeat.heardAt,
  };
}
