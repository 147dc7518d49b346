import { delimiterIndex, type Frames, frameKey, type Transport, type TransportSocket } from "@seaworthy/core";
import { decodeFromQueue } from "@seaworthy/paranoid-pirate/machine";
import { tapped, type Witness } from "./tapped.js";

type Violated = (what: string) => void;

/** READY of 6/PPP. */
const READY = 0x01;

const isReady = (frames: Frames, at: number): boolean =>
  frames.length === at + 1 && frames[at]?.length === 1 && frames[at][0] === READY;

/** Sees that replies go where requests came from, with what was asked there, and no more often. */
export class FrontendWitness implements Witness {
  readonly #name: string;
  readonly #violated: Violated;
  /** By the way back: what was asked, and how often it was not yet answered. */
  readonly #asked = new Map<string, { readonly body: string; count: number }>();

  constructor(name: string, violated: Violated) {
    this.#name = name;
    this.#violated = violated;
  }

  received(frames: Frames): void {
    const [route, body] = parts(frames);
    const asked = this.#asked.get(route);
    if (asked === undefined) this.#asked.set(route, { body, count: 1 });
    else asked.count += 1;
  }

  sent(frames: Frames): void {
    const [route, body] = parts(frames);
    const asked = this.#asked.get(route);
    if (asked?.body !== body) this.#violated(`${this.#name} sends a client what it has not asked for`);
    else if (asked.count === 0) this.#violated(`${this.#name} answers more often than it was asked`);
    else asked.count -= 1;
  }
}

function parts(frames: Frames): [route: string, body: string] {
  const end = delimiterIndex(frames, 1);
  return [
    frames.slice(0, end).map(frameKey).join("/"),
    frames
      .slice(end + 1)
      .map(frameKey)
      .join("/"),
  ];
}

/** What a {@link BackendWitness} measures its queue by. */
export interface BackendRules {
  readonly maxDeliveries: number;
  readonly liveness: number;
  /** Interval of workers that have not said theirs. */
  readonly heartbeatMs: number;
  now(): number;
  /** For how long since a time the queue may not have been able to judge silence. */
  hinderedMs(since: number, intervalMs: number): number;
}

/** A timer may be late by so much, in ms. */
const LATE_MS = 10;

/** What a session was last heard to say, and how often it speaks. */
interface Voice {
  readonly heardAt: number;
  readonly intervalMs: number;
}

/**
 * Sees that no session is given a request while it has one or when it has been silent for too long, and that no
 * request is given too often.
 */
export class BackendWitness implements Witness {
  readonly #name: string;
  readonly #rules: BackendRules;
  readonly #violated: Violated;
  /** The address of what each session was given and has neither answered nor given back. */
  readonly #held = new Map<string, string>();
  readonly #voices = new Map<string, Voice>();
  readonly #deliveries = new Map<string, number>();

  constructor(name: string, rules: BackendRules, violated: Violated) {
    this.#name = name;
    this.#rules = rules;
    this.#violated = violated;
  }

  sent(frames: Frames): void {
    const given = addressed(frames);
    if (given === undefined) return;
    const [session, address] = given;
    if (this.#held.has(session)) this.#violated(`${this.#name} gives a busy session a request`);
    if (this.#isExpired(session)) this.#violated(`${this.#name} gives a session that is silent a request`);
    this.#held.set(session, address);
    const deliveries = (this.#deliveries.get(address) ?? 0) + 1;
    this.#deliveries.set(address, deliveries);
    if (deliveries > this.#rules.maxDeliveries)
      this.#violated(`${this.#name} gives a request to ${deliveries} workers`);
  }

  /** It has never got there. */
  refused(frames: Frames): void {
    const given = addressed(frames);
    if (given === undefined) return;
    const [session, address] = given;
    if (this.#held.get(session) === address) this.#held.delete(session);
    this.#deliveries.set(address, (this.#deliveries.get(address) as number) - 1);
  }

  received(frames: Frames): void {
    const session = frameKey(frames[0] as Uint8Array);
    const intervalMs = announced(frames) ?? this.#voices.get(session)?.intervalMs ?? this.#rules.heartbeatMs;
    this.#voices.set(session, { heardAt: this.#rules.now(), intervalMs });
    if (isReady(frames, 1)) this.#held.delete(session);
    const reply = addressed(frames);
    if (reply !== undefined && this.#held.get(session) === reply[1]) this.#held.delete(session);
  }

  departed(routingId: Uint8Array): void {
    this.#held.delete(frameKey(routingId));
  }

  #isExpired(session: string): boolean {
    const { heardAt, intervalMs } = this.#voices.get(session) as Voice;
    const { liveness } = this.#rules;
    const silentMs = this.#rules.now() - heardAt;
    const allowedMs = liveness * intervalMs + LATE_MS;
    return silentMs > allowedMs && silentMs > allowedMs + this.#rules.hinderedMs(heardAt, intervalMs);
  }
}

/** The interval in a worker's greeting. */
function announced(frames: Frames): number | undefined {
  const command = frames.length === 3 ? decodeFromQueue(frames.slice(1)) : undefined;
  return command?.type === "heartbeat" ? command.intervalMs : undefined;
}

/** A request or reply at the queue: `[session][address][][body…]`. */
function addressed(frames: Frames): [session: string, address: string] | undefined {
  const [session, address] = frames;
  if (session === undefined || address === undefined || frames.length < 4) return undefined;
  return [frameKey(session), frameKey(address)];
}

/** At a worker: `[address…][][body…]`. */
const isRequestOrReply = (frames: Frames): boolean => frames.length >= 3;

/** Sees from a worker's side that a session has one request at a time. */
export class SessionWitness implements Witness {
  readonly routingId: string;
  endpoint = "";
  readonly #violated: Violated;
  #held = 0;

  constructor(routingId: string, violated: Violated) {
    this.routingId = routingId;
    this.#violated = violated;
  }

  connected(endpoint: string): void {
    this.endpoint = endpoint;
  }

  received(frames: Frames): void {
    if (!isRequestOrReply(frames)) return;
    this.#held += 1;
    if (this.#held > 1) this.#violated(`${this.routingId} is given a request while it has one`);
  }

  sent(frames: Frames): void {
    if (isReady(frames, 0)) this.#held = 0;
    else if (isRequestOrReply(frames)) this.#held -= 1;
  }
}

/** A worker's transport that answers a request with its last reply once more, before it hands it over. */
export function stuttering(transport: Transport, stutters: () => boolean): Transport {
  return tapped(transport, () => new Stutter(stutters), {
    opened(socket, stutter) {
      stutter.socket = socket;
    },
  });
}

class Stutter implements Witness {
  socket: TransportSocket | undefined;
  readonly #stutters: () => boolean;
  #last: Frames | undefined;

  constructor(stutters: () => boolean) {
    this.#stutters = stutters;
  }

  sent(frames: Frames): void {
    if (isRequestOrReply(frames)) this.#last = frames;
  }

  received(frames: Frames): void {
    if (this.#last !== undefined && isRequestOrReply(frames) && this.#stutters())
      this.socket?.send(this.#last);
  }
}
