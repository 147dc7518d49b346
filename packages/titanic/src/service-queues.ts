import {
  Backoff,
  type DeadlineEntry,
  DeadlineQueue,
  type Frames,
  frameKey,
  frameText,
  textFrame,
} from "@seaworthy/core";
import type { CallDesk } from "./call-desk.js";
import type { ResolvedServerOptions } from "./server-options.js";
import { type ServiceAction, type ServiceEvent, serviceLife } from "./service-life.js";
import { ServiceQueue } from "./service-queue.js";

/** 8/MMI: is there a worker for the service that the body names? */
const MMI_SERVICE = textFrame("mmi.service");
/** How long the broker has to answer that, in ms. */
const QUESTION_MS = 2500;

/** What {@link ServiceQueues} need. */
export interface ServiceQueuesSurroundings {
  readonly calls: CallDesk;
  now(): number;
  /** Its requests can be sent. */
  dispatch(queue: ServiceQueue): void;
  /** There is no worker for it, or there is one again. */
  told(queue: ServiceQueue, type: "service-missed" | "service-found"): void;
}

/** The services that requests wait for, and whether there are workers for them. */
export class ServiceQueues {
  readonly #options: ResolvedServerOptions;
  readonly #around: ServiceQueuesSurroundings;
  readonly #queues = new Map<string, ServiceQueue>();
  readonly #timers = new DeadlineQueue<ServiceQueue>();
  readonly #pauses: Backoff;
  #missed = 0;

  constructor(options: ResolvedServerOptions, random: () => number, around: ServiceQueuesSurroundings) {
    this.#options = options;
    this.#around = around;
    this.#pauses = new Backoff(options.absence, random, "TitanicServer: absence");
  }

  get size(): number {
    return this.#queues.size;
  }

  /** Services without a worker. */
  get missed(): number {
    return this.#missed;
  }

  get deadline(): number | undefined {
    return this.#timers.deadline;
  }

  /**
   * A request for a service is being taken in: that has a place until it is {@link tookIn}.
   *
   * @returns whether there was room
   */
  takesIn(service: Uint8Array): boolean {
    const queue = this.#enter(service);
    if (queue !== undefined) queue.takingIn += 1;
    return queue !== undefined;
  }

  /** The store has it, or not: if it has, that was noted before. */
  tookIn(service: Uint8Array): void {
    const queue = this.#queues.get(frameKey(service)) as ServiceQueue;
    queue.takingIn -= 1;
    this.settle(queue);
  }

  /** There may be work for a service. */
  note(service: Uint8Array): void {
    // Beyond the limit it waits in the store until others have no work any more.
    const queue = this.#enter(service);
    if (queue === undefined) return;
    queue.hasWork = true;
    queue.notedAt = this.#around.now();
    this.step(queue, "wanted");
  }

  /** The services that have work are these, as of `askedAt`: others have none, if nothing was heard of them since. */
  reconcile(services: readonly Uint8Array[], askedAt: number): void {
    const keys = new Set(services.map(frameKey));
    for (const queue of [...this.#queues.values()]) {
      if (keys.has(queue.key) || queue.notedAt >= askedAt) continue;
      queue.hasWork = false;
      queue.workAt = undefined;
      this.settle(queue);
    }
    for (const service of services) this.note(service);
  }

  /** How long a request that found no worker is to wait, in ms. */
  postpone(queue: ServiceQueue): number {
    const now = this.#around.now();
    if (now < queue.postponedUntil) return this.#pauses.delay(queue.postponed);
    queue.postponed += 1;
    const pauseMs = this.#pauses.delay(queue.postponed);
    queue.postponedUntil = now + pauseMs;
    return pauseMs;
  }

  step(queue: ServiceQueue, event: ServiceEvent): void {
    const transition = serviceLife.step(queue.state, event);
    if (transition === undefined) return;
    queue.state = transition.to;
    // Each transition has one.
    this.#act(queue, transition.action as ServiceAction);
  }

  tick(now: number): void {
    for (let queue = this.#timers.takeDue(now); queue !== undefined; queue = this.#timers.takeDue(now)) {
      this.#due(queue, now);
    }
  }

  /** Sets the timer of a service anew, or forgets it if nothing is left to do for it. */
  settle(queue: ServiceQueue): void {
    if (queue.isDone && queue.state !== "asking") return this.#forget(queue);
    const { deadline } = queue;
    if (deadline !== undefined) queue.timer = this.#setTimer(queue, deadline);
    else if (queue.timer !== undefined) this.#timers.cancel(queue.timer);
  }

  /** A service, which is new here if there is room. */
  #enter(service: Uint8Array): ServiceQueue | undefined {
    const key = frameKey(service);
    const known = this.#queues.get(key);
    if (known !== undefined || this.size >= this.#options.maxServices) return known;
    const queue = new ServiceQueue(service, key);
    this.#queues.set(key, queue);
    return queue;
  }

  #setTimer(queue: ServiceQueue, at: number): DeadlineEntry<ServiceQueue> {
    if (queue.timer === undefined) return this.#timers.add(queue, at);
    this.#timers.move(queue.timer, at);
    return queue.timer;
  }

  #forget(queue: ServiceQueue): void {
    if (queue.timer !== undefined) this.#timers.cancel(queue.timer);
    if (queue.absences > 0) this.#missed -= 1;
    this.#queues.delete(queue.key);
  }

  #due(queue: ServiceQueue, now: number): void {
    if (queue.askAt !== undefined && queue.askAt <= now) {
      queue.askAt = undefined;
      this.step(queue, "due");
    }
    if (queue.workAt !== undefined && queue.workAt <= now) {
      queue.workAt = undefined;
      queue.hasWork = true;
      this.step(queue, "wanted");
    }
    this.settle(queue);
  }

  #act(queue: ServiceQueue, action: ServiceAction): void {
    switch (action) {
      case "ask":
        return this.#ask(queue);
      case "pause":
        return this.#pause(queue);
      case "dispatch":
        if (queue.absences > 0) {
          queue.absences = 0;
          this.#missed -= 1;
          this.#around.told(queue, "service-found");
        }
        return this.#around.dispatch(queue);
    }
  }

  #ask(queue: ServiceQueue): void {
    if (!this.#options.asksForWorkers) return this.step(queue, "offered");
    this.#around.calls.begin(MMI_SERVICE, [queue.name], QUESTION_MS, {
      answered: (body) => this.#told(queue, isAbsent(body) ? "absent" : "offered"),
      failed: () => this.#told(queue, "absent"),
    });
  }

  #told(queue: ServiceQueue, event: "offered" | "absent"): void {
    this.step(queue, event);
    this.settle(queue);
  }

  #pause(queue: ServiceQueue): void {
    queue.absences += 1;
    queue.askAt = this.#around.now() + this.#pauses.delay(queue.absences);
    if (queue.absences > 1) return;
    this.#missed += 1;
    this.#around.told(queue, "service-missed");
  }
}

/** A broker that does not tell answers with another code; then the request itself will show. */
function isAbsent([status]: Frames): boolean {
  return status !== undefined && frameText(status) === "404";
}
