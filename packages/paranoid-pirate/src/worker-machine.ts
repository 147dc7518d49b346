import { Fifo, type Frames, type Machine, type Random, type Stalled, Workbench } from "@seaworthy/core";
import type { Session } from "./session.js";
import { type SessionEvent, sessionLife } from "./session-life.js";
import { Sessions } from "./sessions.js";
import type { QueueCommand } from "./wire.js";
import type {
  ParanoidPirateWorkerEvent,
  ParanoidPirateWorkerInput,
  ParanoidPirateWorkerOutput,
  ParanoidPirateWorkerStats,
  WorkerSpeech,
} from "./worker-messages.js";
import type { ResolvedWorkerOptions } from "./worker-options.js";

/**
 * The protocol of a Paranoid Pirate worker (6/PPP): as many sessions with each queue as the application runs
 * requests at a time, each with heartbeats of its own, and each opened again when its queue is lost.
 */
export class ParanoidPirateWorkerMachine
  implements Machine<ParanoidPirateWorkerInput, ParanoidPirateWorkerOutput>
{
  readonly stats: ParanoidPirateWorkerStats = {
    requests: 0,
    answered: 0,
    givenBack: 0,
    repliesDropped: 0,
    refused: 0,
    sessionsLost: 0,
    malformed: 0,
  };
  readonly #options: ResolvedWorkerOptions;
  readonly #bench = new Workbench();
  readonly #sessions: Sessions;
  readonly #outputs = new Fifo<ParanoidPirateWorkerOutput>();
  #isClosing = false;
  #now = 0;

  /**
   * @param options - checked options, see `resolveWorkerOptions`
   * @param random - source of the jitter
   */
  constructor(options: ResolvedWorkerOptions, random: Random) {
    this.#options = options;
    this.#sessions = new Sessions(options, random);
  }

  /** Requests that the application has at hand. */
  get running(): number {
    return this.#bench.running;
  }

  /** Requests that wait for the application. */
  get waiting(): number {
    return this.#bench.waiting;
  }

  /** Sessions, those that have no connection at present included. */
  get sessions(): number {
    return this.#sessions.size;
  }

  get deadline(): number | undefined {
    return this.#sessions.deadline;
  }

  take(): ParanoidPirateWorkerOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: ParanoidPirateWorkerInput | Stalled, now: number): void {
    this.#now = now;
    switch (input.type) {
      case "said":
        return this.#said(this.#sessions.find(input.connection), input.command);
      case "reply":
        return this.#finish(input.ticket, input.body);
      case "drop":
        return this.#finish(input.ticket, undefined, input.reason);
      case "demand":
        this.#bench.demand(input.count);
        this.#grow();
        return this.#work();
      case "withdraw":
        return this.#bench.withdraw(input.count, input.concurrency);
      case "malformed":
        this.stats.malformed += 1;
        this.#report({ type: "message-dropped", at: now, reason: input.reason });
        this.#sessions.find(input.connection)?.heartbeat.heard(now);
        return;
      case "connect":
        this.#sessions.addQueue(input.endpoint);
        return this.#grow();
      case "disconnect":
        for (const session of this.#sessions.removeQueue(input.endpoint)) this.#step(session, "leave");
        return;
      case "close":
        return this.#close();
      case "stalled":
        return this.#stalled(input.ms);
      case "up":
      case "lost":
        return this.#connectionChanged(input);
    }
  }

  tick(now: number): void {
    this.#now = now;
    for (let due = this.#sessions.takeDue(now); due !== undefined; due = this.#sessions.takeDue(now)) {
      this.#look(due);
    }
  }

  /** Opens sessions until there are as many with each queue as requests can be run at a time. */
  #grow(): void {
    if (this.#isClosing) return;
    for (const session of this.#sessions.grow(this.#bench.concurrency, this.#now)) this.#open(session);
  }

  #open(session: Session): void {
    const { connection, endpoint } = session;
    this.#outputs.push({ type: "open", connection, endpoint });
    this.#sessions.watch(session);
  }

  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.#sessions.size === 0) return void this.#outputs.push({ type: "closed" });
    for (const session of this.#sessions.all()) this.#step(session, "leave");
    for (const { session } of this.#bench.close()) {
      this.stats.givenBack += 1;
      // It is there as long as it holds a request.
      this.#done(this.#sessions.find(session) as Session, "dropped");
    }
  }

  #connectionChanged(input: ParanoidPirateWorkerInput & { type: "up" | "lost" }): void {
    const session = this.#sessions.find(input.connection);
    if (session === undefined || session.state === "orphaned" || session.state === "pausing") return;
    if (input.type === "up") this.#step(session, "connected");
    else this.#step(session, "connection-lost", input.reason);
  }

  #said(session: Session | undefined, command: QueueCommand): void {
    // What a socket had read before it was discarded.
    if (session === undefined || session.state === "orphaned" || session.state === "pausing") return;
    session.heartbeat.heard(this.#now);
    session.backoff.reset();
    switch (command.type) {
      case "request":
        return this.#requested(session, command.address, command.body);
      case "leave":
        return this.#step(session, "released");
      case "heartbeat":
        if (command.intervalMs !== undefined) return this.#greeted(session, command.intervalMs);
        if (session.queue !== "unknown") return;
        session.queue = "foreign";
        return this.#settled(session);
    }
  }

  #greeted(session: Session, intervalMs: number): void {
    session.heartbeat.expectInterval(intervalMs);
    this.#sessions.watch(session);
    if (session.queue === "ours") return;
    session.queue = "ours";
    // Now, not in an interval: the queue is to know ours before it judges us by its own.
    if (session.isUp) this.#sayHeartbeat(session);
    if (session.state === "leaving") this.#say(session, { type: "leave" });
  }

  #requested(session: Session, address: Frames, body: Uint8Array[]): void {
    this.stats.requests += 1;
    if (session.queue === "unknown") session.queue = "foreign";
    if (!session.isUp) return this.#refuse("not-ready");
    if (this.#isClosing) {
      this.stats.givenBack += 1;
      this.#step(session, "request");
      session.held += 1;
      return this.#done(session, "dropped");
    }
    // What a session may be given once is bounded by the sessions; `maxHeld` is for what comes beyond that.
    const held = this.#bench.running + this.#bench.waiting;
    if (session.held > 0 && held >= this.#options.maxHeld) return this.#refuse("queue-full");
    this.#bench.put(session.connection, address, body);
    session.held += 1;
    this.#step(session, "request");
  }

  #refuse(reason: "not-ready" | "queue-full"): void {
    this.stats.refused += 1;
    this.#report({ type: "request-refused", at: this.#now, reason });
  }

  /** Hands the application what it has asked for. */
  #work(): void {
    for (let item = this.#bench.next(); item !== undefined; item = this.#bench.next()) {
      this.#outputs.push({ type: "run", ticket: item.ticket, body: item.body });
    }
  }

  #finish(ticket: number, body: Frames | undefined, failure?: string): void {
    const item = this.#bench.finish(ticket);
    if (item === undefined) return;
    if (failure !== undefined) this.#report({ type: "handler-failed", at: this.#now, message: failure });
    const session = this.#sessions.find(item.session);
    if (item.state === "revoked" || session === undefined) {
      if (body !== undefined) this.#dropReply();
    } else if (body === undefined) this.stats.givenBack += 1;
    else {
      this.stats.answered += 1;
      this.#say(session, { type: "reply", address: item.address, body });
    }
    if (session !== undefined) this.#done(session, body === undefined ? "dropped" : "replied");
    this.#work();
  }

  #dropReply(): void {
    this.stats.repliesDropped += 1;
    this.#report({ type: "reply-dropped", at: this.#now });
  }

  /** The session has one request less. */
  #done(session: Session, how: "replied" | "dropped"): void {
    session.held -= 1;
    if (session.held > 0) return;
    // It may have been silent all the time that we worked, and is judged from now on.
    if (session.isUp) session.heartbeat.heard(this.#now);
    this.#step(session, how);
  }

  #stalled(ms: number): void {
    this.#report({ type: "process-stalled", at: this.#now, ms });
    // No READY, although the queue may have given us up: it would cross a request that is on its way, and
    // free us for another. The heartbeat that is due brings us back.
    for (const { heartbeat } of this.#sessions.all()) heartbeat.stalled(this.#now);
  }

  #look(session: Session): void {
    if (session.state === "pausing") {
      if (this.#now >= session.resumeAt) this.#step(session, "pause-over");
    } else if (session.judgesSilence && session.heartbeat.isExpired(this.#now)) {
      this.#step(session, "silent");
    } else if (session.isUp && session.heartbeat.isDue(this.#now)) this.#sayHeartbeat(session);
    this.#sessions.watch(session);
  }

  #step(session: Session, event: SessionEvent, reason?: string): void {
    const { state: from } = session;
    const transition = sessionLife.step(from, event);
    if (transition === undefined) return;
    session.state = transition.to;
    switch (transition.action) {
      case "open":
        this.#sessions.reconnect(session, this.#now);
        this.#open(session);
        break;
      case "say-ready":
        if (event === "connected")
          this.#report({ type: "session-opened", at: this.#now, endpoint: session.endpoint });
        this.#sayReady(session);
        break;
      case "say-leave":
        if (session.queue === "ours") this.#say(session, { type: "leave" });
        break;
      case "work":
        this.#work();
        break;
      case "abandon":
        this.#lost(session, event, reason);
        this.#abandon(session);
        break;
      case "retry":
        this.#retry(session, from, event, reason);
        break;
      case "close":
        // Without its connection nothing can leave, and the socket would linger for all its time.
        this.#discard(session, event !== "connection-lost");
        break;
    }
    this.#settled(session);
  }

  #settled(session: Session): void {
    // Who takes its leave before the queue's first word waits for that: it may be ours, and have sent a request.
    if (session.state === "leaving" && session.queue === "foreign") return this.#step(session, "released");
    if (session.state === "orphaned" && session.held === 0) return this.#step(session, "dropped");
    if (session.state !== "closed") return this.#sessions.watch(session);
    this.#sessions.remove(session);
    this.#report({ type: "session-closed", at: this.#now, endpoint: session.endpoint });
    if (this.#isClosing && this.#sessions.size === 0) this.#outputs.push({ type: "closed" });
  }

  /** The queue is lost, while there is work for it: nobody waits for its result any more. */
  #abandon(session: Session): void {
    this.#discard(session, false);
    const running = this.#bench.revoke(session.connection);
    session.held = running.length;
    for (const { ticket } of running) this.#outputs.push({ type: "revoke", ticket });
  }

  #retry(session: Session, from: Session["state"], event: SessionEvent, reason: string | undefined): void {
    const pauseMs = session.backoff.next();
    session.resumeAt = this.#now + pauseMs;
    // Of an orphan everybody knows that it is lost.
    if (from === "orphaned") return;
    this.#lost(session, event, reason, { from, pauseMs });
    this.#discard(session, false);
  }

  #lost(
    session: Session,
    event: SessionEvent,
    reason: string | undefined,
    retry?: { from: Session["state"]; pauseMs: number },
  ): void {
    this.stats.sessionsLost += 1;
    const how = retry?.from === "connecting" ? "failed" : event === "silent" ? "silent" : "disconnected";
    this.#report({
      type: "session-lost",
      at: this.#now,
      endpoint: session.endpoint,
      how,
      ...(reason === undefined ? {} : { reason }),
      ...(retry === undefined ? {} : { pauseMs: retry.pauseMs }),
    });
  }

  #discard({ connection }: Session, lingers: boolean): void {
    this.#outputs.push({ type: "discard", connection, lingers });
  }

  #sayReady(session: Session): void {
    session.heartbeat.heard(this.#now);
    this.#say(session, { type: "ready" });
    // A queue that had forgotten us is to hear our interval anew.
    if (session.queue === "ours") this.#sayHeartbeat(session);
  }

  #sayHeartbeat(session: Session): void {
    const intervalMs = session.queue === "ours" ? this.#options.heartbeatMs : undefined;
    this.#say(session, { type: "heartbeat", intervalMs });
  }

  #say(session: Session, speech: WorkerSpeech): void {
    session.heartbeat.sent(this.#now);
    this.#outputs.push({ type: "say", connection: session.connection, speech });
  }

  #report(event: ParanoidPirateWorkerEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}
