import { type Frames, frameKey, readUint32 } from "@seaworthy/core";
import type { Message } from "./majordomo-commands.js";
import { readQuestion } from "./majordomo-content.js";

type ClientMessage = Message & { readonly role: "client" };

/** A request at a broker, from when it comes until it is answered or given up. */
interface Entry {
  readonly key: string;
  /** Its content, by which it is known at a worker. */
  readonly content: string;
  readonly service: string;
  /** Its client is ours, and may ask again over another connection. */
  readonly isOurs: boolean;
  latest: Attempt;
  deliveries: number;
  /** Deliveries that did not count. */
  returns: number;
  /** The delivery that counts. */
  current: Given | undefined;
  /** When the connection of the worker that had it ended, if no other has got it since. */
  lostAt: number;
  wasGiven: boolean;
  /** Its client is gone, and may ask again. */
  isForsaken: boolean;
  isOver: boolean;
}

/** How a request came last. */
interface Attempt {
  readonly attempt: number;
  readonly peer: string;
}

/** What a ledger measures by. */
interface LedgerRules {
  readonly maxDeliveries: number;
  now(): number;
}

/** A request at a worker. */
export interface Given {
  /** None if it cannot be told which of two requests with the same content it is. */
  readonly entry: Entry | undefined;
  readonly delivery: number;
  parts: number;
}

/** Where the request header of our clients has what it has in common with its retries. */
const KEY_START = 4;
const KEY_END = 20;
const KIND_OFFSET = 3;
const ATTEMPT_OFFSET = 24;
const KIND_MESSAGE = 0;
const KIND_CANCEL = 1;
const KIND_GIVEN_UP = 5;

/** What a worker had whose connection has ended may stay for so long where it is, in ms. */
const SETTLING_MS = 25;
const NEVER = Number.NEGATIVE_INFINITY;

/**
 * The requests that a broker has at hand, as a witness sees them come, go to workers, and end. Requests of our clients
 * are told by their header; those without one by the way that they came.
 */
export class RequestLedger {
  readonly #rules: LedgerRules;
  readonly #violated: (what: string) => void;
  readonly #open = new Map<string, Entry>();
  readonly #byContent = new Map<string, Set<Entry>>();
  /** Contents of requests of our clients that came without a header: several attempts look alike. */
  readonly #ambiguous = new Set<string>();

  /** A client has just gone: what is dropped now is known. */
  #isDeparting = false;
  /** A part of its reply has just found nobody. */
  #torn: Entry | undefined;

  constructor(rules: LedgerRules, violated: (what: string) => void) {
    this.#rules = rules;
    this.#violated = violated;
  }

  /** A client asked, or asked again, or has given up. */
  asked(client: Uint8Array, message: ClientMessage): void {
    const { envelope, service, body } = message;
    if (service.startsWith("mmi.")) return;
    const header = requestHeader(envelope);
    const key = keyOf(client, envelope);
    const entry = this.#open.get(key);
    if (header?.[KIND_OFFSET] === KIND_CANCEL) return entry && this.#close(entry);
    const frame = body[0] as Uint8Array;
    const content = frameKey(frame);
    if (header === undefined && readQuestion(frame).attempt === 0) this.#ambiguous.add(content);
    const attempt = header === undefined ? 0 : readUint32(header, ATTEMPT_OFFSET);
    const latest = { peer: frameKey(client), attempt };
    // A retry joins what is at hand. Without a header there is no retry over the same connection.
    if (entry === undefined || header === undefined)
      this.#enter(newEntry(key, content, service, header !== undefined, latest));
    else if (attempt >= entry.latest.attempt) Object.assign(entry, { latest, isForsaken: false });
  }

  /** A client was told something of its request; true if that is a reply, or a part of one. */
  answered(client: Uint8Array, { envelope, isLast }: ClientMessage): boolean {
    const entry = this.#open.get(keyOf(client, envelope));
    if (entry === undefined) this.#violated("answers what nobody waits for");
    const header = requestHeader(envelope);
    if (entry !== undefined && header?.[KIND_OFFSET] === KIND_GIVEN_UP) this.#givesUp(entry);
    if (entry !== undefined && isLast) this.#close(entry);
    return header === undefined || header[KIND_OFFSET] === KIND_MESSAGE;
  }

  /**
   * The connection of a client is gone. What a worker of its request has may be kept for a retry; whether it still is,
   * cannot be told once the broker has dropped such a one.
   */
  gone(peer: string): void {
    this.#isDeparting = true;
    for (const entry of [...this.#open.values()]) {
      if (entry.latest.peer !== peer) continue;
      const { isOurs, wasGiven, content } = entry;
      if (!isOurs || !(wasGiven || this.#ambiguous.has(content))) this.#close(entry);
      else if (entry.current === undefined) this.#ambiguous.add(content);
      else entry.isForsaken = true;
    }
  }

  /** What was said to a client has not left. */
  refused(client: Uint8Array, message: ClientMessage): void {
    if (!message.isLast) this.#torn = this.#open.get(keyOf(client, message.envelope));
  }

  /** The broker has dropped a request since its client is gone. */
  droppedForsaken(): void {
    if (this.#isDeparting) return;
    if (this.#torn !== undefined) return this.#close(this.#torn);
    for (const { isForsaken, content } of this.#open.values()) if (isForsaken) this.#ambiguous.add(content);
  }

  /** What was received, or who departed, has been dealt with. */
  handled(): void {
    this.#isDeparting = false;
    this.#torn = undefined;
  }

  /** A worker of a service is given a request with this content. */
  given(service: string, frame: Uint8Array): Given {
    const content = frameKey(frame);
    const [entry] = this.#byContent.get(content) ?? [];
    if (entry === undefined) this.#violated("gives a worker what nobody waits for any more");
    else if (entry.service !== service)
      this.#violated(`gives a worker of ${service} what was for ${entry.service}`);
    if (entry === undefined || this.#ambiguous.has(content))
      return { entry: undefined, delivery: 0, parts: 0 };
    if (entry.current !== undefined)
      this.#violated(`gives ${readQuestion(frame).call} to a worker while another has it`);
    entry.deliveries += 1;
    if (entry.deliveries > this.#rules.maxDeliveries)
      this.#violated(`gives ${readQuestion(frame).call} to ${entry.deliveries} workers`);
    const given = { entry, delivery: entry.deliveries, parts: 0 };
    entry.current = given;
    entry.lostAt = NEVER;
    entry.wasGiven = true;
    return given;
  }

  /** It has never got to the worker, which may be known by now to be lost. */
  unsent(given: Given): void {
    const { entry, delivery } = given;
    if (entry === undefined) return;
    const isLeft = entry.current === undefined && entry.deliveries === delivery && this.#isSettling(entry);
    if (entry.current === given || isLeft) entry.deliveries -= 1;
  }

  /** The worker leaves it to another. If it has not begun, that does not count; but not for ever. */
  returned(given: Given): void {
    const { entry, parts } = given;
    if (entry === undefined || entry.current !== given) return;
    entry.current = undefined;
    if (parts > 0 || entry.returns >= this.#rules.maxDeliveries) return;
    entry.returns += 1;
    entry.deliveries -= 1;
  }

  /** Who has these is lost. */
  lost(held: Iterable<Given>, isSettling: boolean): void {
    for (const given of held) {
      if (given.entry?.current !== given) continue;
      given.entry.current = undefined;
      if (isSettling) given.entry.lostAt = this.#rules.now();
    }
  }

  /** Who has these was not lost after all: it goes on with what no other has got meanwhile. */
  recovered(held: Iterable<Given>): void {
    for (const given of held) {
      const { entry, delivery, parts } = given;
      if (entry === undefined || entry.isOver || entry.current !== undefined || parts > 0) continue;
      if (delivery === entry.deliveries && !this.#isSettling(entry)) entry.current = given;
    }
  }

  #isSettling({ lostAt }: Entry): boolean {
    return this.#rules.now() <= lostAt + SETTLING_MS;
  }

  /** Only if as many workers as may have it had it; those that gave it back do not count. */
  #givesUp({ content, deliveries }: Entry): void {
    if (!this.#ambiguous.has(content) && deliveries < this.#rules.maxDeliveries)
      this.#violated(`gives a request up after ${deliveries} workers`);
  }

  #enter(entry: Entry): void {
    const before = this.#open.get(entry.key);
    if (before !== undefined) this.#close(before);
    this.#open.set(entry.key, entry);
    const alike = this.#byContent.get(entry.content);
    if (alike === undefined) this.#byContent.set(entry.content, new Set([entry]));
    else alike.add(entry);
  }

  #close(entry: Entry): void {
    entry.isOver = true;
    this.#open.delete(entry.key);
    const alike = this.#byContent.get(entry.content) as Set<Entry>;
    alike.delete(entry);
    if (alike.size === 0) this.#byContent.delete(entry.content);
  }
}

function newEntry(key: string, content: string, service: string, isOurs: boolean, latest: Attempt): Entry {
  return {
    key,
    content,
    service,
    isOurs,
    latest,
    deliveries: 0,
    returns: 0,
    current: undefined,
    lostAt: NEVER,
    wasGiven: false,
    isForsaken: false,
    isOver: false,
  };
}

function requestHeader(envelope: Frames): Uint8Array | undefined {
  const [header] = envelope;
  return envelope.length === 1 && header?.length === 28 ? header : undefined;
}

/** What a request has in common with what is said of it. */
function keyOf(client: Uint8Array, envelope: Frames): string {
  const header = requestHeader(envelope);
  if (header !== undefined) return frameKey(header.subarray(KEY_START, KEY_END));
  return [client, ...envelope].map(frameKey).join("/");
}
