import { Backoff, frameText, type Random } from "@seaworthy/core";
import type { RequestFailure } from "@seaworthy/majordomo/machine";
import type { TitanicDialect } from "./client-messages.js";
import { type DialectAction, type DialectEvent, type DialectState, dialectLife } from "./dialect-life.js";
import { verbService } from "./wire.js";

/** What a broker has for a client; `broker-silent`: it does not tell. */
export type Found = TitanicDialect | "broker-silent";

/** What a {@link DialectFinder} says to the machine. */
export interface DialectFinderOwner {
  /** Ask the broker whether it has a service (8/MMI). */
  ask(service: string): void;
  /** It is known. */
  tell(found: Found, isNews: boolean): void;
  /** Whether anybody waits for it. */
  isWanted(): boolean;
}

/** How long after `titanic.request` a server that is starting may offer `titanic.submit`, in ms. */
const DOUBT_MS = 250;

/**
 * For how long it is believed that a server has no `titanic.submit`, or that a broker does not tell, in ms; and for how long it is not
 * believed where there was a `titanic.submit`. Each service of a server comes back by itself after an outage of the broker, when its own
 * pause is over; and a request that was handed in by `titanic.request` meanwhile might be taken in twice.
 */
export const BELIEVED_MS = 30_000;

/** Pauses while there is no server, as those of Majordomo before a service is looked for again. */
const REST = { initialMs: 50, maxMs: 1000 };

/** Finds out which services take requests in. */
export class DialectFinder {
  readonly #owner: DialectFinderOwner;
  readonly #rest: Backoff;
  #state: DialectState = dialectLife.initial;
  #learnedAt = 0;
  #pauseEndsAt: number | undefined;
  /** There was a server of ours, and nothing since that was believed to be another. */
  #wasOurs = false;
  #doubtsSince = 0;
  #isOurs: boolean | undefined;
  /** Another broker may be there than the one that was asked. */
  #isOutdated = false;
  /** The broker has answered that there is no server. */
  #isAbsent = false;
  /** What kept it from answering. */
  #trouble: RequestFailure | undefined;

  /** @param random - source of the jitter */
  constructor(owner: DialectFinderOwner, random: Random) {
    this.#owner = owner;
    this.#rest = new Backoff(REST, random);
  }

  /** When a pause is over, or `undefined`. */
  get deadline(): number | undefined {
    return this.#pauseEndsAt;
  }

  /** What a request fails of that could not be handed in in time. */
  failure(attempts: number): RequestFailure {
    const effort = { attempts, sent: 0, endpoints: this.#trouble?.endpoints ?? [] };
    if (this.#trouble !== undefined) return { ...this.#trouble, ...effort };
    if (this.#isAbsent) return { code: "ERR_NO_SERVICE", ...effort };
    return { code: this.#isOurs === undefined ? "ERR_BROKER_UNREACHABLE" : "ERR_REQUEST_TIMEOUT", ...effort };
  }

  /** A request waits to be taken in. `tell` follows, at once or later. */
  want(now: number): void {
    const isGuess = this.#state === "rfc9" || this.#state === "untold";
    this.#step(isGuess && now >= this.#learnedAt + BELIEVED_MS ? "stale" : "wanted", now);
  }

  /** The broker has answered what was asked. */
  answered([status]: Uint8Array[], now: number): void {
    const text = status === undefined ? "" : frameText(status);
    this.#trouble = undefined;
    this.#isAbsent = text === "404";
    if (this.#isOutdated) this.#step("outdated", now);
    else if (text === "404") this.#step(this.#isStillDoubted(now) ? "gone" : "no", now);
    else this.#step(text === "200" ? "yes" : "silent", now);
  }

  #isStillDoubted(now: number): boolean {
    return this.#state === "looking-again" && this.#wasOurs && now < this.#doubtsSince + BELIEVED_MS;
  }

  /** It has not. One of ours would have, if it could; others may have no word for it. */
  failed(failure: RequestFailure, now: number): void {
    this.#trouble = failure;
    // Also of a broker that was left for its silence: the next one may be no better.
    const knowsNoAnswer = this.#isOurs === false && failure.code === "ERR_REQUEST_TIMEOUT";
    this.#step(knowsNoAnswer ? "silent" : "failed", now);
  }

  /** It is known whether the broker is one of ours. Then it will tell. */
  recognised(ours: boolean, now: number): void {
    this.#isOurs = ours;
    if (ours && this.#state === "untold") this.#step("changed", now);
  }

  /** Another broker may be there now. */
  changed(now: number): void {
    this.#isOutdated = true;
    this.#step("changed", now);
  }

  /** A request that was sent by what was told found nobody. */
  missed(now: number): void {
    this.#step("missed", now);
  }

  tick(now: number): void {
    if (this.#pauseEndsAt === undefined || this.#pauseEndsAt > now) return;
    this.#step(this.#owner.isWanted() ? "pause-over" : "unwanted", now);
  }

  #step(event: DialectEvent, now: number): void {
    const transition = dialectLife.step(this.#state, event);
    if (transition === undefined) return;
    const isNews = transition.to !== this.#state;
    if (transition.to === "doubting" && event !== "gone") this.#doubtsSince = now;
    this.#state = transition.to;
    this.#pauseEndsAt = undefined;
    if (transition.action !== undefined) this.#act(transition.action, isNews, now);
  }

  #act(action: DialectAction, isNews: boolean, now: number): void {
    switch (action) {
      case "ask-submit":
        this.#isOutdated = false;
        return this.#owner.ask(verbService("submit"));
      case "ask-request":
        return this.#owner.ask(verbService("request"));
      case "doubt":
        this.#pauseEndsAt = now + DOUBT_MS;
        return;
      case "rest":
        this.#pauseEndsAt = now + this.#rest.next();
        return;
      case "tell":
        return this.#tell(isNews, now);
    }
  }

  #tell(isNews: boolean, now: number): void {
    this.#rest.reset();
    if (isNews) this.#learnedAt = now;
    if (this.#state !== "untold") this.#wasOurs = this.#state === "seaworthy";
    const found = this.#state === "untold" ? "broker-silent" : (this.#state as TitanicDialect);
    this.#owner.tell(found, isNews);
  }
}
