import type { Frames, Random } from "@seaworthy/core";
import { BrokerSession } from "./broker-session.js";
import { type SessionEvent, type SessionState, sessionLife } from "./session-life.js";
import type { MajordomoWorkerEvent, MajordomoWorkerOutput, WorkerSpeech } from "./worker-messages.js";
import type { ResolvedWorkerOptions } from "./worker-options.js";
import type { WorkerOutcome } from "./worker-wire.js";

/** Whom the sessions of a worker are for. */
export interface SessionsOwner {
  /** Requests that the application can run at a time. */
  readonly credit: number;
  emit(output: MajordomoWorkerOutput): void;
  /** This connection is no more. `isLeave`: its broker was told, and gives what it still has here to others. */
  revoke(connection: number, isLeave: boolean): void;
}

/** A worker's sessions with its brokers: who has a connection, who was heard, what each is told. */
export class BrokerSessions {
  /** Sessions lost. */
  lost = 0;
  readonly #options: ResolvedWorkerOptions;
  readonly #random: Random;
  readonly #owner: SessionsOwner;
  readonly #all = new Set<BrokerSession>();
  readonly #byEndpoint = new Map<string, BrokerSession>();
  readonly #byConnection = new Map<number, BrokerSession>();
  #lastConnection = 0;
  #now = 0;

  constructor(options: ResolvedWorkerOptions, random: Random, owner: SessionsOwner) {
    this.#options = options;
    this.#random = random;
    this.#owner = owner;
  }

  get size(): number {
    return this.#all.size;
  }

  get deadline(): number | undefined {
    const isWanted = this.#owner.credit > 0;
    let earliest: number | undefined;
    for (const session of this.#all) {
      const deadline = session.deadline(isWanted);
      if (deadline !== undefined && (earliest === undefined || deadline < earliest)) earliest = deadline;
    }
    return earliest;
  }

  /** What is done from now on is done at this time. */
  at(now: number): void {
    this.#now = now;
  }

  /** The session that has this connection now, or `undefined`. */
  find(connection: number): BrokerSession | undefined {
    return this.#byConnection.get(connection);
  }

  /** A broker to work for. */
  add(endpoint: string): void {
    if (this.#byEndpoint.has(endpoint)) return;
    const session = new BrokerSession(endpoint, this.#options, this.#random, this.#now);
    this.#byEndpoint.set(endpoint, session);
    this.#all.add(session);
  }

  /**
   * A broker to work for no more.
   *
   * @returns the session that is left, or `undefined`
   */
  leave(endpoint: string): BrokerSession | undefined {
    const session = this.#byEndpoint.get(endpoint);
    if (session === undefined) return undefined;
    this.#byEndpoint.delete(endpoint);
    this.step(session, "leave");
    return session;
  }

  /** Something happens to all sessions. */
  stepAll(event: "leave" | "time-is-up"): void {
    for (const session of this.#all) this.step(session, event);
  }

  /** Our own process stood still. */
  stalled(): void {
    for (const { heartbeat } of this.#all) heartbeat.stalled(this.#now);
  }

  /** Looks after those whose time has come. */
  tick(): void {
    for (const session of this.#all) {
      const deadline = session.deadline(this.#owner.credit > 0) ?? Number.POSITIVE_INFINITY;
      if (deadline > this.#now) continue;
      if (session.state === "waiting") this.step(session, "due");
      else if (session.judgesSilence && session.heartbeat.isExpired(this.#now)) this.step(session, "silent");
      else this.#sayHeartbeat(session, false);
    }
  }

  /**
   * Opens sessions that the application has become ready for, and tells brokers what it can take by now, and which
   * shorter interval it keeps.
   */
  settle(): void {
    const { credit } = this.#owner;
    for (const session of this.#all) {
      if (session.state === "waiting") {
        if (credit > 0 && session.hasNoPause) this.step(session, "due");
      } else if (session.isServing && session.isOurs && (session.credit !== credit || session.isTooSlow)) {
        session.credit = credit;
        this.#sayHeartbeat(session, true);
      }
    }
  }

  /** Part of a reply. */
  sayPartial(session: BrokerSession, part: number, address: Frames, body: Frames): void {
    this.#say(session, { type: "partial", part, address, body });
  }

  /** The last of a request. */
  sayFinal(session: BrokerSession, address: Frames, outcome: WorkerOutcome, body: Frames): void {
    this.#say(session, { type: "final", version: session.version, outcome, address, body });
  }

  step(session: BrokerSession, event: SessionEvent, reason?: string): void {
    const { state: from } = session;
    const transition = sessionLife.step(from, event);
    if (transition === undefined) return;
    session.state = transition.to;
    switch (transition.action) {
      case "open":
        this.#open(session);
        break;
      case "say-ready":
        this.#sayReady(session);
        break;
      case "retry":
        this.#lose(session, howLost(from, event), reason, session.lost(event === "dismissed", this.#now));
        break;
      case "renew":
        this.#sayDisconnect(session);
        session.renewed();
        this.#discard(session, true);
        this.#report({ type: "session-renewed", at: this.#now, endpoint: session.endpoint });
        break;
      case "want-no-more":
        session.credit = 0;
        if (session.isOurs) this.#sayHeartbeat(session, true);
        break;
      case "take-leave":
        this.#takeLeave(session, event);
        break;
      case "hang-up":
        this.#discard(session, true);
        break;
      case "abandon":
        this.#lose(session, howLost(from, event), reason, undefined);
        break;
      case "close":
        this.#discard(session, false);
    }
    // Taking leave may have gone all the way.
    if (session.state !== "closed" || !this.#all.delete(session)) return;
    this.#report({ type: "session-closed", at: this.#now, endpoint: session.endpoint });
  }

  /** A broker that is not ours says no more, and nobody waits for it when the time is up. */
  #takeLeave(session: BrokerSession, event: SessionEvent): void {
    this.#sayDisconnect(session);
    session.parting();
    this.#owner.revoke(session.connection, true);
    if (!session.isOurs || event === "time-is-up") this.step(session, "released");
  }

  #open(session: BrokerSession): void {
    session.connecting(++this.#lastConnection, this.#now);
    const { connection, endpoint } = session;
    this.#byConnection.set(connection, session);
    this.#owner.emit({ type: "open", connection, endpoint });
  }

  #lose(
    session: BrokerSession,
    how: (MajordomoWorkerEvent & { type: "session-lost" })["how"],
    reason: string | undefined,
    pauseMs: number | undefined,
  ): void {
    this.lost += 1;
    const { endpoint } = session;
    this.#report({
      type: "session-lost",
      at: this.#now,
      endpoint,
      how,
      ...(reason === undefined ? {} : { reason }),
      ...(pauseMs === undefined ? {} : { pauseMs }),
    });
    this.#discard(session, false);
  }

  /** @param isLeave - its broker was told, and that is to leave first */
  #discard({ connection }: BrokerSession, isLeave: boolean): void {
    this.#byConnection.delete(connection);
    this.#owner.emit({ type: "discard", connection, lingers: isLeave });
    this.#owner.revoke(connection, isLeave);
  }

  #sayReady(session: BrokerSession): void {
    session.opened(this.#now);
    session.credit = this.#owner.credit;
    const { heartbeatMs } = this.#options;
    const { version, credit, endpoint } = session;
    this.#say(session, { type: "ready", version, notice: { heartbeatMs, credit } });
    this.#report({ type: "session-opened", at: this.#now, endpoint });
  }

  #sayHeartbeat(session: BrokerSession, withNotice: boolean): void {
    const { version, credit, heartbeat, intervalMs: heartbeatMs } = session;
    const isNew = heartbeatMs !== heartbeat.intervalMs;
    const notice = withNotice || isNew ? { heartbeatMs, credit } : undefined;
    this.#say(session, { type: "heartbeat", version, notice });
    if (isNew) heartbeat.announced(heartbeatMs, this.#random(), this.#now);
  }

  #sayDisconnect(session: BrokerSession): void {
    this.#say(session, { type: "disconnect", version: session.version });
  }

  #say(session: BrokerSession, speech: WorkerSpeech): void {
    session.heartbeat.sent(this.#now);
    this.#owner.emit({ type: "say", connection: session.connection, speech });
  }

  #report(event: MajordomoWorkerEvent): void {
    this.#owner.emit({ type: "status", event });
  }
}

function howLost(
  from: SessionState,
  event: SessionEvent,
): (MajordomoWorkerEvent & { type: "session-lost" })["how"] {
  if (event === "dismissed") return "dismissed";
  if (from === "connecting") return "failed";
  return event === "silent" ? "silent" : "disconnected";
}
