import {
  DELIMITER,
  Fifo,
  type Frames,
  frameKey,
  type Machine,
  type Random,
  type Stalled,
  textFrame,
  Workbench,
  type WorkItem,
} from "@seaworthy/core";
import type { BrokerSession } from "./broker-session.js";
import { BrokerSessions } from "./broker-sessions.js";
import { KeptParts } from "./kept-parts.js";
import type { BrokerNotice } from "./notice.js";
import type {
  MajordomoWorkerEvent,
  MajordomoWorkerInput,
  MajordomoWorkerOutput,
  MajordomoWorkerStats,
} from "./worker-messages.js";
import type { ResolvedWorkerOptions } from "./worker-options.js";
import type { BrokerCommand, WorkerOutcome } from "./worker-wire.js";

/** Longest message of a handler that threw, in characters, as a client gets it. */
const MAX_FAILURE_CHARACTERS = 1024;
const NO_BODY: Frames = [DELIMITER];

/**
 * The protocol of a Majordomo worker (7/MDP, 18/MDP): one session with each broker, over which it is given as
 * many requests at a time as the application runs, if the broker is ours, and otherwise one after the other.
 */
export class MajordomoWorkerMachine implements Machine<MajordomoWorkerInput, MajordomoWorkerOutput> {
  readonly #options: ResolvedWorkerOptions;
  readonly #bench = new Workbench();
  readonly #parts = new KeptParts();
  readonly #sessions: BrokerSessions;
  readonly #outputs = new Fifo<MajordomoWorkerOutput>();
  readonly #stats: Omit<MajordomoWorkerStats, "sessionsLost"> = {
    requests: 0,
    answered: 0,
    partials: 0,
    failed: 0,
    dropped: 0,
    returned: 0,
    cancelled: 0,
    repliesDropped: 0,
    refused: 0,
    malformed: 0,
  };
  #isClosing = false;
  #hasClosed = false;
  #now = 0;

  /**
   * @param options - checked options, see `resolveWorkerOptions`
   * @param random - source of the jitter
   */
  constructor(options: ResolvedWorkerOptions, random: Random) {
    this.#options = options;
    const bench = this.#bench;
    this.#sessions = new BrokerSessions(options, random, {
      // What is run for nobody any more takes hands all the same, also those that were withdrawn meanwhile.
      get credit() {
        return Math.max(0, bench.concurrency - bench.orphaned);
      },
      emit: (output) => this.#outputs.push(output),
      revoke: (connection, isLeave) => this.#revoke(connection, isLeave),
    });
  }

  get stats(): MajordomoWorkerStats {
    return { ...this.#stats, sessionsLost: this.#sessions.lost };
  }

  /** Requests that the application has at hand. */
  get running(): number {
    return this.#bench.running;
  }

  /** Requests that wait for the application. */
  get waiting(): number {
    return this.#bench.waiting;
  }

  /** Sessions with brokers, those that have no connection at present included. */
  get sessions(): number {
    return this.#sessions.size;
  }

  get deadline(): number | undefined {
    return this.#sessions.deadline;
  }

  /** Bytes of the reply to this request that are kept until the rest of it is there. */
  keptBytes(ticket: number): number {
    return this.#parts.bytes(ticket);
  }

  take(): MajordomoWorkerOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: MajordomoWorkerInput | Stalled, now: number): void {
    this.#now = now;
    this.#sessions.at(now);
    switch (input.type) {
      case "said":
        this.#said(this.#sessions.find(input.connection), input.command);
        break;
      case "reply":
        this.#finish(input.ticket, input.body);
        break;
      case "partial":
        this.#partial(input);
        break;
      case "drop":
        this.#finish(input.ticket, undefined, input.reason);
        break;
      case "demand":
        this.#bench.demand(input.count);
        break;
      case "withdraw":
        this.#bench.withdraw(input.count, input.concurrency);
        break;
      case "up":
      case "lost":
        this.#connectionChanged(input);
        break;
      case "malformed":
        this.#malformed(input);
        break;
      case "connect":
        if (!this.#isClosing) this.#sessions.add(input.endpoint);
        break;
      case "disconnect":
        this.#disconnect(input.endpoint);
        break;
      case "close":
        this.#close();
        break;
      case "time-is-up":
        this.#sessions.stepAll("time-is-up");
        break;
      case "stalled":
        this.#report({ type: "process-stalled", at: now, ms: input.ms });
        this.#sessions.stalled();
    }
    this.#settle();
  }

  tick(now: number): void {
    this.#now = now;
    this.#sessions.at(now);
    this.#sessions.tick();
    this.#settle();
  }

  /** Does what has become possible. */
  #settle(): void {
    for (let item = this.#bench.next(); item !== undefined; item = this.#bench.next()) {
      this.#outputs.push({ type: "run", ticket: item.ticket, body: item.body });
    }
    this.#sessions.settle();
    // Only now that the brokers know that nobody asks for requests any more.
    if (this.#bench.concurrency === 0) this.#giveBack((session) => session.isOurs);
    if (!this.#isClosing || this.#hasClosed || this.#sessions.size > 0) return;
    this.#hasClosed = true;
    this.#outputs.push({ type: "closed" });
  }

  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#sessions.stepAll("leave");
    // Not for the application any more. Brokers that are ours give them to others.
    for (const item of this.#bench.close()) this.#returned(item);
  }

  /** What was not begun others can have at once; a broker that is not ours could not be told. */
  #disconnect(endpoint: string): void {
    const left = this.#sessions.leave(endpoint);
    if (left?.isOurs) this.#giveBack((session) => session === left);
  }

  #giveBack(isMeant: (session: BrokerSession) => boolean): void {
    const taken = this.#bench.takeBack((connection) =>
      isMeant(this.#sessions.find(connection) as BrokerSession),
    );
    for (const item of taken) this.#returned(item);
  }

  #connectionChanged(input: MajordomoWorkerInput & { type: "up" | "lost" }): void {
    const session = this.#sessions.find(input.connection);
    if (session === undefined) return;
    if (input.type === "up") this.#sessions.step(session, "connected");
    else this.#sessions.step(session, "connection-lost", input.reason);
  }

  #malformed({ connection, reason }: MajordomoWorkerInput & { type: "malformed" }): void {
    this.#stats.malformed += 1;
    this.#report({ type: "message-dropped", at: this.#now, reason });
    this.#sessions.find(connection)?.heartbeat.heard(this.#now);
  }

  #said(session: BrokerSession | undefined, command: BrokerCommand): void {
    if (session === undefined) return;
    session.heard(this.#now);
    switch (command.type) {
      case "request":
        this.#recognise(session, undefined);
        return this.#requested(session, command.address, command.body);
      case "heartbeat":
        this.#recognise(session, command.notice);
        return command.cancelled && this.#cancelled(session, command.cancelled);
      case "disconnect":
        return this.#sessions.step(session, "dismissed");
    }
  }

  /** @param notice - what a broker of ours says of heartbeats */
  #recognise(session: BrokerSession, notice: BrokerNotice | undefined): void {
    const before = session.broker;
    session.recognise(notice);
    if (session.broker === before) return;
    const { endpoint, isOurs: ours, version: protocol } = session;
    this.#report({ type: "broker-recognised", at: this.#now, endpoint, ours, protocol });
  }

  #requested(session: BrokerSession, address: Frames, body: Uint8Array[]): void {
    this.#stats.requests += 1;
    if (!session.isServing) return this.#notServing(session, address);
    const held = this.#bench.running + this.#bench.waiting;
    if (session.held >= session.allowance && held >= this.#options.maxHeld) {
      this.#refuse("queue-full");
      return this.#giveUp(session, address, "dropped", NO_BODY);
    }
    const { ticket } = this.#bench.put(session.connection, address, body);
    session.held += 1;
    if (session.isOurs) session.tickets.set(frameKey(address[0] as Uint8Array), ticket);
    this.#sessions.step(session, "request");
  }

  /** Nobody runs it here. While there are words for that, a broker of ours is told, and gives it to another. */
  #notServing(session: BrokerSession, address: Frames): void {
    this.#refuse(session.isLeaving ? "leaving" : "not-ready");
    if (session.state === "draining" && session.isOurs) this.#giveUp(session, address, "returned", NO_BODY);
  }

  #refuse(reason: (MajordomoWorkerEvent & { type: "request-refused" })["reason"]): void {
    this.#stats.refused += 1;
    this.#report({ type: "request-refused", at: this.#now, reason });
  }

  /** The client of a request is known to have given up. */
  #cancelled(session: BrokerSession, address: Uint8Array): void {
    const ticket = session.tickets.get(frameKey(address));
    if (ticket === undefined) return;
    const item = this.#bench.cancel(ticket);
    if (item.state === "cancelled") return;
    this.#stats.cancelled += 1;
    this.#parts.forget(ticket);
    if (item.state === "running") this.#outputs.push({ type: "revoke", ticket, reason: "client-gone" });
    else this.#unanswered(session, item, "dropped", NO_BODY);
  }

  #partial({ ticket, part, body }: MajordomoWorkerInput & { type: "partial" }): void {
    const item = this.#bench.find(ticket);
    if (item?.state !== "running") return void this.#outputs.push({ type: "passed", part });
    this.#stats.partials += 1;
    const session = this.#sessionOf(item);
    if (session.version === "0.2" && !this.#parts.has(ticket)) {
      return this.#sessions.sayPartial(session, part, item.address, body);
    }
    this.#parts.keep(ticket, body);
    this.#outputs.push({ type: "passed", part });
  }

  #finish(ticket: number, body: Frames | undefined, failure?: string): void {
    const item = this.#bench.finish(ticket);
    if (item === undefined) return;
    if (failure !== undefined) this.#failed(failure);
    else if (body === undefined) this.#stats.dropped += 1;
    if (item.state === "running") return this.#answer(item, body, failure);
    if (body !== undefined) this.#dropReply(item.state === "cancelled" ? "client-gone" : "session-lost");
    // The credit that it took is free now.
    if (item.state === "cancelled") this.#unanswered(this.#sessionOf(item), item, "dropped", NO_BODY);
  }

  #answer(item: WorkItem, body: Frames | undefined, failure: string | undefined): void {
    const session = this.#sessionOf(item);
    if (body !== undefined) {
      this.#stats.answered += 1;
      this.#sessions.sayFinal(session, item.address, "final", this.#parts.complete(item.ticket, body));
      return this.#done(session, item);
    }
    this.#parts.forget(item.ticket);
    // A handler may have given up because the worker is closing: another is to have the request.
    if (this.#isClosing) return this.#returned(item);
    if (failure === undefined) return this.#unanswered(session, item, "dropped", NO_BODY);
    this.#unanswered(session, item, "handler-failed", [textFrame(failure.slice(0, MAX_FAILURE_CHARACTERS))]);
  }

  #failed(message: string): void {
    this.#stats.failed += 1;
    this.#report({ type: "handler-failed", at: this.#now, message });
  }

  #dropReply(reason: "session-lost" | "client-gone"): void {
    this.#stats.repliesDropped += 1;
    this.#report({ type: "reply-dropped", at: this.#now, reason });
  }

  /** Another is to have it: a broker that is ours gives it on at once. */
  #returned(item: WorkItem): void {
    this.#stats.returned += 1;
    this.#unanswered(this.#sessionOf(item), item, "returned", NO_BODY);
  }

  #unanswered(session: BrokerSession, item: WorkItem, outcome: WorkerOutcome, body: Frames): void {
    this.#giveUp(session, item.address, outcome, body);
    this.#done(session, item);
  }

  /** There is no reply, for which MDP has no word. */
  #giveUp(session: BrokerSession, address: Frames, outcome: WorkerOutcome, body: Frames): void {
    if (session.isOurs) this.#sessions.sayFinal(session, address, outcome, body);
    else session.isStuck = true;
  }

  /** The session has one request less. */
  #done(session: BrokerSession, { address }: WorkItem): void {
    session.held -= 1;
    session.tickets.delete(frameKey(address[0] as Uint8Array));
    if (session.held > 0) return;
    // One that is not ours may have been silent all the time that we worked, and is judged from now on.
    if (!session.isOurs) session.heartbeat.heard(this.#now);
    this.#sessions.step(session, session.isStuck ? "stuck" : "done");
  }

  /** Its session is over. Nobody waits for what runs on its behalf any more. */
  #revoke(connection: number, isLeave: boolean): void {
    for (const { ticket } of this.#bench.revoke(connection)) {
      if (isLeave) this.#stats.returned += 1;
      this.#parts.forget(ticket);
      this.#outputs.push({ type: "revoke", ticket, reason: "session-lost" });
    }
  }

  /** The session that a request came over, which is not revoked. */
  #sessionOf({ session }: WorkItem): BrokerSession {
    return this.#sessions.find(session) as BrokerSession;
  }

  #report(event: MajordomoWorkerEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}
