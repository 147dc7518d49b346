import {
  Backoff,
  byteLength,
  type DeadlineEntry,
  DeadlineQueue,
  Fifo,
  type Frames,
  type Machine,
  type Random,
  type Stalled,
  Workbench,
} from "@seaworthy/core";
import { Session } from "./session.js";
import { type SessionEvent, sessionLife } from "./session-life.js";
import type { WorkerRequest } from "./wire.js";
import type {
  SimplePirateWorkerEvent,
  SimplePirateWorkerInput,
  SimplePirateWorkerOutput,
  SimplePirateWorkerStats,
} from "./worker-messages.js";
import type { ResolvedWorkerOptions } from "./worker-options.js";

type RefusedReason = (SimplePirateWorkerEvent & { type: "request-refused" })["reason"];

/** The protocol of a Simple Pirate worker: keeps sessions with its queues, each of which acts like a REQ. */
export class SimplePirateWorkerMachine implements Machine<SimplePirateWorkerInput, SimplePirateWorkerOutput> {
  readonly stats: SimplePirateWorkerStats = {
    requests: 0,
    answered: 0,
    dropped: 0,
    failed: 0,
    repliesDropped: 0,
    refused: 0,
    sessionsLost: 0,
    malformed: 0,
  };
  readonly #options: ResolvedWorkerOptions;
  readonly #random: Random;
  /** How many sessions were opened with each queue. */
  readonly #queues = new Map<string, number>();
  readonly #sessions = new Set<Session>();
  readonly #byConnection = new Map<number, Session>();
  readonly #timers = new DeadlineQueue<Session>();
  readonly #bench = new Workbench();
  readonly #outputs = new Fifo<SimplePirateWorkerOutput>();
  #lastConnection = 0;
  #isClosing = false;
  #now = 0;

  /**
   * @param options - checked options, see `resolveWorkerOptions`
   * @param random - source of the jitter
   */
  constructor(options: ResolvedWorkerOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  /** Sessions, whether they stand or not. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Sessions that wait for a request. */
  get ready(): number {
    let count = 0;
    for (const { state } of this.#sessions) if (state === "ready") count += 1;
    return count;
  }

  /** Requests that the application has in hand. */
  get running(): number {
    return this.#bench.running;
  }

  /** Requests that wait for the application. */
  get waiting(): number {
    return this.#bench.waiting;
  }

  get deadline(): number | undefined {
    return this.#timers.deadline;
  }

  take(): SimplePirateWorkerOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: SimplePirateWorkerInput | Stalled, now: number): void {
    this.#now = now;
    switch (input.type) {
      case "received":
        return this.#received(input.connection, input.request);
      case "demand":
        return this.#demanded(input.count);
      case "withdraw":
        return this.#bench.withdraw(input.count, input.concurrency);
      case "reply":
        return this.#replied(input.ticket, input.body);
      case "drop":
        return this.#dropped(input.ticket, input.reason);
      case "up":
        return this.#stepConnection(input.connection, "connected");
      case "lost":
        return this.#stepConnection(input.connection, "connection-lost", input.reason);
      case "malformed":
        this.stats.malformed += 1;
        return this.#report({ type: "message-dropped", at: now, reason: input.reason });
      case "connect":
        if (!this.#isClosing && !this.#queues.has(input.endpoint)) this.#queues.set(input.endpoint, 0);
        return this.#grow();
      case "disconnect":
        return this.#disconnect(input.endpoint);
      case "close":
        return this.#close();
      case "stalled":
        return this.#report({ type: "process-stalled", at: now, ms: input.ms });
    }
  }

  tick(now: number): void {
    this.#now = now;
    for (let due = this.#timers.takeDue(now); due !== undefined; due = this.#timers.takeDue(now)) {
      if (due.state === "pausing") this.#step(due, "pause-over");
      else this.#step(due, "connection-lost", "it took too long");
    }
  }

  #demanded(count: number): void {
    this.#bench.demand(count);
    this.#grow();
    this.#run();
  }

  /** As many sessions with each queue as requests may run at a time. */
  #grow(): void {
    const target = Math.min(this.#bench.concurrency, this.#options.maxSessions);
    for (const [endpoint, count] of this.#queues) {
      for (let opened = count; opened < target; opened++) this.#begin(endpoint);
      this.#queues.set(endpoint, Math.max(count, target));
    }
  }

  #begin(endpoint: string): void {
    const { reconnectIntervalMs: initialMs, reconnectMaxIntervalMs: maxMs } = this.#options.socket;
    const backoff = new Backoff({ initialMs, maxMs }, this.#random, "SimplePirateWorker: socket");
    const session = new Session(endpoint, backoff);
    this.#sessions.add(session);
    this.#open(session);
  }

  #open(session: Session): void {
    session.connection = ++this.#lastConnection;
    session.held = 0;
    this.#byConnection.set(session.connection, session);
    this.#setTimer(session, this.#options.connectTimeoutMs);
    this.#outputs.push({ type: "open", connection: session.connection, endpoint: session.endpoint });
  }

  #setTimer(session: Session, ms: number): void {
    if (session.timer === undefined) session.timer = this.#timers.add(session, this.#now + ms);
    else this.#timers.move(session.timer, this.#now + ms);
  }

  #stopTimer({ timer }: Session): void {
    // Each has had one since it was opened first.
    this.#timers.cancel(timer as DeadlineEntry<Session>);
  }

  #disconnect(endpoint: string): void {
    if (!this.#queues.delete(endpoint)) return;
    for (const session of [...this.#sessions]) {
      if (session.endpoint === endpoint) this.#step(session, "leave");
    }
  }

  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#queues.clear();
    if (this.#sessions.size === 0) return void this.#outputs.push({ type: "closed" });
    this.#refuseWaiting();
    for (const session of [...this.#sessions]) this.#step(session, "leave");
  }

  /** The application will not ask for what still waits. */
  #refuseWaiting(): void {
    for (const item of this.#bench.close()) {
      const session = this.#byConnection.get(item.session) as Session;
      this.#refuse(session, "leaving");
      this.#release(session);
    }
  }

  #received(connection: number, request: WorkerRequest): void {
    const session = this.#byConnection.get(connection);
    if (session === undefined) return;
    this.stats.requests += 1;
    session.heard();
    const reason = this.#whyNot(session, request);
    if (reason === undefined) return this.#step(session, "request", request);
    this.#refuse(session, reason);
    // It has to be free for another request, in the eyes of the queue as well.
    if (session.state === "ready") this.#outputs.push({ type: "ready", connection });
  }

  #whyNot({ state }: Session, { body }: WorkerRequest): RefusedReason | undefined {
    if (state === "connecting" || state === "orphaned") return "not-ready";
    if (state === "finishing") return "leaving";
    if (byteLength(body) > this.#options.maxBodyBytes) return "body-too-large";
    // What a session may be given once is bounded by the sessions, and turned away it would be lost to the
    // queue; `maxHeld` is for what comes beyond that.
    const isFull = this.#bench.running + this.#bench.waiting >= this.#options.maxHeld;
    return state === "busy" && isFull ? "queue-full" : undefined;
  }

  #refuse({ endpoint }: Session, reason: RefusedReason): void {
    this.stats.refused += 1;
    this.#report({ type: "request-refused", at: this.#now, endpoint, reason });
  }

  #run(): void {
    for (let item = this.#bench.next(); item !== undefined; item = this.#bench.next()) {
      this.#outputs.push({ type: "run", ticket: item.ticket, body: item.body });
    }
  }

  #replied(ticket: number, body: Frames): void {
    const item = this.#bench.finish(ticket);
    if (item === undefined) return;
    if (item.state === "revoked") {
      this.stats.repliesDropped += 1;
      this.#report({ type: "reply-dropped", at: this.#now });
    } else {
      this.stats.answered += 1;
      this.#outputs.push({ type: "reply", connection: item.session, address: item.address, body });
    }
    this.#release(this.#byConnection.get(item.session));
  }

  #dropped(ticket: number, reason: string | undefined): void {
    const item = this.#bench.finish(ticket);
    if (item === undefined) return;
    if (reason === undefined) this.stats.dropped += 1;
    else {
      this.stats.failed += 1;
      this.#report({ type: "handler-failed", at: this.#now, message: reason });
    }
    const session = this.#byConnection.get(item.session);
    if (session?.state === "busy") this.#outputs.push({ type: "ready", connection: item.session });
    this.#release(session);
  }

  /** The application is done with one of its requests. */
  #release(session: Session | undefined): void {
    if (session === undefined) return;
    session.held -= 1;
    if (session.held === 0) this.#step(session, "done");
  }

  #stepConnection(connection: number, event: SessionEvent, reason?: string): void {
    const session = this.#byConnection.get(connection);
    if (session !== undefined) this.#step(session, event, reason);
  }

  #step(session: Session, event: SessionEvent, particulars?: WorkerRequest | string): void {
    const transition = sessionLife.step(session.state, event);
    if (transition === undefined) return;
    const { state: from } = session;
    session.state = transition.to;
    if (event === "connection-lost") this.#connectionLost(session, particulars as string | undefined);
    switch (transition.action) {
      case "say-ready":
        return this.#connected(session);
      case "work":
        return this.#work(session, particulars as WorkerRequest, from === "busy");
      case "abandon":
        return this.#abandon(session);
      case "pause":
        this.#byConnection.delete(session.connection);
        return this.#setTimer(session, session.nextPauseMs());
      case "reopen":
        return this.#open(session);
      case "close":
        return this.#end(session, from);
    }
  }

  #connected(session: Session): void {
    this.#stopTimer(session);
    session.connected(this.#now);
    this.#outputs.push({ type: "ready", connection: session.connection });
    this.#report({ type: "session-opened", at: this.#now, endpoint: session.endpoint });
  }

  #connectionLost(session: Session, reason: string | undefined): void {
    const { connection, endpoint } = session;
    const how = session.lost(this.#now) ? "disconnected" : "failed";
    this.stats.sessionsLost += 1;
    this.#outputs.push({ type: "discard", connection, lingers: false });
    const because = reason === undefined ? {} : { reason };
    this.#report({ type: "session-lost", at: this.#now, endpoint, how, ...because });
  }

  #work(session: Session, { address, body }: WorkerRequest, isBusy: boolean): void {
    session.held += 1;
    this.#bench.put(session.connection, address, body);
    if (isBusy) this.#report({ type: "request-held", at: this.#now, endpoint: session.endpoint });
    this.#run();
  }

  /** What the application has in hand of a lost connection goes on for nobody; what waits is forgotten. */
  #abandon(session: Session): void {
    const running = this.#bench.revoke(session.connection);
    for (const { ticket } of running) this.#outputs.push({ type: "revoke", ticket });
    session.held = running.length;
    if (session.state === "closed") this.#forget(session);
    else if (running.length === 0) this.#step(session, "done");
  }

  #end(session: Session, from: string): void {
    const hasSocket = from !== "pausing" && from !== "orphaned";
    const { connection } = session;
    if (hasSocket) this.#outputs.push({ type: "discard", connection, lingers: true });
    this.#forget(session);
  }

  #forget(session: Session): void {
    this.#stopTimer(session);
    this.#byConnection.delete(session.connection);
    this.#sessions.delete(session);
    if (this.#isClosing && this.#sessions.size === 0) this.#outputs.push({ type: "closed" });
  }

  #report(event: SimplePirateWorkerEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}
