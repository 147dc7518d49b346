import { type Frames, frameKey, frameText, isAnonymous, readableId } from "@seaworthy/core";
import type { MajordomoBrokerEvent, ServiceInfo } from "@seaworthy/majordomo/machine";
import { type Message, readMessage } from "./majordomo-commands.js";
import { type Given, RequestLedger } from "./majordomo-request-ledger.js";
import { NOTICE_BYTES, type Ready, WorkerView } from "./majordomo-worker-view.js";
import { PACE_FACTOR } from "./majordomo-world.js";
import type { Witness } from "./tapped.js";

type ClientMessage = Message & { readonly role: "client" };
type WorkerMessage = Message & { readonly role: "worker" };
type StatusOf<T extends MajordomoBrokerEvent["type"]> = MajordomoBrokerEvent & { readonly type: T };

/** What a {@link BrokerWitness} measures its broker by. */
interface BrokerRules {
  readonly heartbeatMs: number;
  readonly peerHeartbeatMs: number;
  readonly liveness: number;
  readonly maxHeartbeatsPerSecond: number;
  readonly maxDeliveries: number;
  readonly maxCredit: number;
  now(): number;
  /** For how long since a time the broker may not have been able to speak or to judge silence. */
  hinderedMs(since: number, intervalMs: number): number;
  /** Whether a worker was there, able to speak, and within reach, since a time. */
  isFine(worker: string, since: number): boolean;
  services(): readonly ServiceInfo[];
}

/** A timer may be late by so much, in ms. */
const LATE_MS = 10;
const ADDRESS_BYTES = 16;
/** A worker that is to be heard more often says at once that it will be, in ms. */
const OBEDIENCE_MS = 200;
/** What a worker of ours adds to the address of what it has not begun and gives back. */
const MARK_RETURNED = 3;
/** Ends of workers after which what they had goes to others at once. */
const IMMEDIATE = new Set(["disconnected", "silent", "unexpected"]);

/**
 * Keeps books of its own of what goes through a broker's socket, and holds the broker against them: who is given what,
 * how often and when; who is told what, and who is not.
 */
export class BrokerWitness implements Witness {
  readonly #rules: BrokerRules;
  readonly #violated: (what: string) => void;
  readonly #workers = new Map<string, WorkerView>();
  readonly #requests: RequestLedger;
  /** What workers had whose connections have ended, by address. */
  readonly #leftBehind = new Map<string, Given>();
  /** What whoever is no worker yet said when it came. */
  readonly #greetings = new Map<string, Ready>();
  /** What is being handled: the part of a reply, from one that was given the request. */
  #speaking: Given | undefined;
  /** Who is to be told to go because of what is being handled. */
  #offender: string | undefined;
  /** The service that is being asked for (8/MMI). */
  #mmiName: string | undefined;
  #lastRank = 0;
  /** When a worker came or went last. */
  #changedAt = 0;

  constructor(name: string, rules: BrokerRules, violated: (what: string) => void) {
    this.#rules = rules;
    this.#violated = (what) => violated(`${name} ${what}`);
    this.#requests = new RequestLedger(rules, this.#violated);
  }

  received(frames: Frames): void {
    const id = readableId(frames[0] as Uint8Array);
    const message = readMessage(frames, 1);
    if (message === undefined) this.#violated("is sent what is no message of MDP");
    else if (message.role === "worker") this.#workerSaid(id, message);
    else {
      this.#requests.asked(frames[0] as Uint8Array, message);
      this.#mmiName =
        message.service === "mmi.service" ? frameText(message.body[0] as Uint8Array) : undefined;
    }
  }

  handled(): void {
    this.#speaking = undefined;
    this.#requests.handled();
    if (this.#offender !== undefined) this.#violated(`does not send ${this.#offender} away`);
    this.#offender = undefined;
    this.#assertBusy();
  }

  sent(frames: Frames): void {
    const id = readableId(frames[0] as Uint8Array);
    const message = readMessage(frames, 1) as Message;
    if (message.role === "client") this.#answered(frames[0] as Uint8Array, message);
    else this.#toldWorker(id, message);
  }

  /** It has never got there. */
  refused(frames: Frames): void {
    const message = readMessage(frames, 1) as Message;
    if (message.role === "client") this.#requests.refused(frames[0] as Uint8Array, message);
    if (message.role === "client" || message.command !== "request") return;
    const worker = this.#workers.get(readableId(frames[0] as Uint8Array));
    const address = frameKey(message.rest[0] as Uint8Array);
    // The first message that is refused ends the worker, and others may have been on their way.
    const given = worker?.held.get(address) ?? this.#leftBehind.get(address);
    if (given !== undefined) this.#requests.unsent(given);
  }

  refusalHandled(): void {
    this.#requests.handled();
  }

  departed(routingId: Uint8Array): void {
    if (isAnonymous(routingId)) this.#requests.gone(frameKey(routingId));
  }

  /** What the broker says of itself: whom it knows, and whom it takes for lost. */
  told(event: MajordomoBrokerEvent): void {
    switch (event.type) {
      case "worker-joined":
        return this.#joined(event);
      case "worker-expired":
        return this.#expired(event);
      case "request-dropped":
        if (event.reason === "client-gone") this.#requests.droppedForsaken();
        return;
      case "worker-returned": {
        const worker = this.#workers.get(event.worker) as WorkerView;
        worker.isMissing = false;
        this.#requests.recovered(worker.held.values());
        return this.#rank(worker);
      }
      case "worker-gone": {
        const worker = this.#workers.get(event.worker) as WorkerView;
        this.#workers.delete(event.worker);
        this.#changedAt = this.#rules.now();
        const isSettling = !IMMEDIATE.has(event.reason);
        if (isSettling) for (const [address, given] of worker.held) this.#leftBehind.set(address, given);
        return this.#requests.lost(worker.held.values(), isSettling);
      }
    }
  }

  /** The workers that it knows, other than those that are missing: the names of their sockets. */
  get present(): Set<string> {
    const present = [...this.#workers.values()].filter(({ isMissing }) => !isMissing);
    return new Set(present.map(({ socket }) => socket));
  }

  /** The broker has closed. */
  closed(): void {
    for (const { name, isDismissed } of this.#workers.values())
      if (!isDismissed) this.#violated(`closes, and ${name} was not told`);
  }

  /** Looks for what should have happened by now. */
  inspect(): void {
    const now = this.#rules.now();
    for (const worker of this.#workers.values()) {
      const { name, isDismissed, isMissing, sentAt, heardAt, intervalMs, promisedMs } = worker;
      if (isDismissed) continue;
      if (this.#isOverdue(sentAt, promisedMs, 0))
        this.#violated(`has said nothing to ${name} for ${now - sentAt} ms`);
      const patience = this.#rules.liveness * (isMissing ? 2 : 1);
      if (this.#isOverdue(heardAt, patience * intervalMs, intervalMs))
        this.#violated(`still counts on ${name}, which was silent for ${now - heardAt} ms`);
      if (worker.isOurs) this.#assertPace(worker);
    }
    this.#assertBusy();
  }

  /** When workers have become fewer, they are told so in time, and those that are well and hear it keep to it. */
  #assertPace({ name, socket, promisedMs, promisedAt, isDisobedient, askedAt }: WorkerView): void {
    if (promisedMs > this.#longestMs && this.#isOverdue(Math.max(promisedAt, this.#changedAt), promisedMs, 0))
      this.#violated(`lets ${name} keep to ${promisedMs} ms, although there are few workers by now`);
    const isLate = this.#rules.now() > askedAt + OBEDIENCE_MS && this.#rules.isFine(socket, askedAt);
    if (isDisobedient && isLate)
      this.#violated(`has not heard that ${name} keeps to the interval that it was asked for`);
  }

  /** The interval at which workers of ours send as many heartbeats as they may. */
  get #neededMs(): number {
    const ours = [...this.#workers.values()].filter(({ isOurs }) => isOurs).length;
    return (1000 * ours) / this.#rules.maxHeartbeatsPerSecond;
  }

  /** The longest interval that the broker may keep to at present. Announced ones are whole numbers. */
  get #longestMs(): number {
    return Math.max(this.#rules.heartbeatMs, Math.ceil(PACE_FACTOR * this.#neededMs));
  }

  #isOverdue(since: number, allowedMs: number, graceMs: number): boolean {
    const lateMs = this.#rules.now() - since - allowedMs - LATE_MS;
    return lateMs > 0 && lateMs > this.#rules.hinderedMs(since, graceMs);
  }

  /** Nothing waits while a worker could have it. */
  #assertBusy(): void {
    for (const { name, waiting } of this.#rules.services()) {
      if (waiting === 0) continue;
      for (const worker of this.#workers.values())
        if (worker.service === name && this.#isEligible(worker))
          this.#violated(`lets ${waiting} requests for ${name} wait, although ${worker.name} has credit`);
    }
  }

  #isEligible(worker: WorkerView): boolean {
    return worker.hasCredit && !worker.isMissing && !worker.isDismissed && !this.#isDoubtful(worker);
  }

  /** It has been silent almost for its liveness: it is passed over until it is heard. */
  #isDoubtful({ heardAt, intervalMs }: WorkerView): boolean {
    return this.#rules.now() >= heardAt + Math.max(1, this.#rules.liveness - 1) * intervalMs;
  }

  #rank(worker: WorkerView): void {
    worker.firstRank = worker.lastRank = ++this.#lastRank;
  }

  #joined({ worker: name, service }: StatusOf<"worker-joined">): void {
    const ready = this.#greetings.get(name);
    this.#greetings.delete(name);
    if (ready === undefined || ready.service !== service || this.#workers.has(name))
      return this.#violated(`registers ${name}, which has not said READY for ${service}`);
    const worker = new WorkerView(name, ready, this.#rules);
    this.#workers.set(name, worker);
    this.#changedAt = this.#rules.now();
    this.#rank(worker);
  }

  #expired({ worker: name }: StatusOf<"worker-expired">): void {
    const worker = this.#workers.get(name) as WorkerView;
    worker.isMissing = true;
    this.#requests.lost(worker.held.values(), false);
    if (this.#rules.isFine(worker.socket, worker.heardAt))
      this.#violated(`takes ${name} for dead, which was well, and silent since ${worker.heardAt}`);
  }

  #workerSaid(id: string, { command, rest }: WorkerMessage): void {
    const worker = this.#workers.get(id);
    if (worker === undefined) {
      if (command === "ready")
        this.#greetings.set(id, { service: frameText(rest[0] as Uint8Array), extra: rest[1] as Uint8Array });
      else if (command !== "disconnect") this.#offender = id;
      return;
    }
    // If it was passed over, it is now at the end of the list; if nobody has looked, where it was.
    if (this.#isDoubtful(worker)) worker.lastRank = ++this.#lastRank;
    worker.heardAt = this.#rules.now();
    if (command === "ready") this.#offender = id;
    else if (command === "disconnect") this.#tookLeave(worker);
    else if (command === "heartbeat") this.#heed(worker, rest[0]);
    else this.#replied(worker, command === "final", rest);
  }

  #tookLeave(worker: WorkerView): void {
    worker.isDismissed = true;
    if (!worker.isOurs || worker.isMissing) return;
    for (const given of worker.held.values()) this.#requests.returned(given);
  }

  #heed(worker: WorkerView, notice: Uint8Array | undefined): void {
    if (notice === undefined) return;
    const hadCredit = worker.hasCredit;
    worker.heed(notice);
    if (worker.hasCredit !== hadCredit) this.#rank(worker);
  }

  #replied(worker: WorkerView, isLast: boolean, rest: Frames): void {
    // An outcome other than a reply has a byte more.
    const frame = rest[0] as Uint8Array;
    const address = frameKey(frame.subarray(0, ADDRESS_BYTES));
    const given = worker.held.get(address);
    if (given === undefined) {
      this.#offender = worker.name;
      return;
    }
    this.#speaking = given;
    const hadCredit = worker.hasCredit;
    if (isLast) worker.held.delete(address);
    else given.parts += 1;
    if (frame[ADDRESS_BYTES] === MARK_RETURNED) this.#requests.returned(given);
    if (!hadCredit && worker.hasCredit) this.#rank(worker);
  }

  #answered(client: Uint8Array, message: ClientMessage): void {
    if (message.service === "mmi.service") this.#toldOfService(frameText(message.body[0] as Uint8Array));
    if (message.service.startsWith("mmi.")) return;
    const isReply = this.#requests.answered(client, message);
    if (isReply && this.#speaking === undefined)
      this.#violated("passes on a reply that comes from no worker that was given the request");
  }

  #toldOfService(status: string): void {
    const offers = ({ service, isMissing }: WorkerView): boolean => service === this.#mmiName && !isMissing;
    const isServed = [...this.#workers.values()].some(offers);
    if (status !== (isServed ? "200" : "404")) this.#violated(`says ${status} of ${this.#mmiName}`);
  }

  #toldWorker(id: string, { command, rest }: WorkerMessage): void {
    const worker = this.#workers.get(id);
    if (command === "disconnect" && this.#offender === id) this.#offender = undefined;
    if (worker === undefined) {
      this.#greetings.delete(id);
      if (command !== "disconnect") this.#violated(`says ${command} to ${id}, which is no worker`);
      return;
    }
    if (worker.isDismissed) this.#violated(`says ${command} to ${id} after DISCONNECT`);
    worker.sentAt = this.#rules.now();
    if (command === "disconnect") worker.isDismissed = true;
    else if (command === "request") this.#gives(worker, rest);
    else if (rest[0]?.length === NOTICE_BYTES) this.#introduces(worker, rest[0]);
  }

  #introduces(worker: WorkerView, notice: Uint8Array): void {
    if (!worker.isOurs)
      this.#violated(`introduces itself to ${worker.name}, which would not know what that means`);
    const fault = worker.introduced(notice, this.#neededMs, this.#longestMs, this.#rules.now());
    if (fault !== undefined) this.#violated(`tells ${worker.name} ${fault}`);
  }

  #gives(worker: WorkerView, rest: Frames): void {
    const { name, credit, held } = worker;
    if (worker.isOurs && !worker.isIntroduced) this.#violated(`gives ${name} a request without a greeting`);
    if (worker.isMissing || this.#isDoubtful(worker))
      this.#violated(`gives ${name} a request, which was silent since ${worker.heardAt}`);
    if (!worker.hasCredit) this.#violated(`gives ${name} a request beyond its ${held.size} of ${credit}`);
    for (const other of this.#workers.values()) {
      if (other === worker || other.service !== worker.service || !this.#isEligible(other)) continue;
      if (other.lastRank < worker.firstRank)
        this.#violated(`gives ${name} a request, although ${other.name} was used less recently`);
    }
    const given = this.#requests.given(worker.service, rest[2] as Uint8Array);
    held.set(frameKey(rest[0] as Uint8Array), given);
    this.#rank(worker);
  }
}
