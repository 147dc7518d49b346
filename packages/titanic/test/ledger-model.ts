import { framesEqual } from "@seaworthy/core";
import type { Added, Found, NewRequest } from "../src/store.js";

/** A request as the model has it. */
interface ModelRequest {
  readonly request: NewRequest;
  readonly order: number;
  state: "pending" | "done" | "dead";
  reply: Uint8Array[];
  failures: number;
  failure: string;
  due: number;
  expiresAt: number;
  /** Whose lease it is, and until when. */
  token: number | undefined;
  until: number;
}

interface ModelKey {
  readonly request: NewRequest;
  expiresAt: number;
}

/** A store written in the simplest way: maps, and a look at everything each time. */
export class LedgerModel {
  readonly requests = new Map<string, ModelRequest>();
  readonly keys = new Map<string, ModelKey>();
  readonly #maxRequests: number;
  readonly #maxKeys: number;
  #order = 0;
  now = 0;

  constructor(maxRequests: number, maxKeys: number) {
    this.#maxRequests = maxRequests;
    this.#maxKeys = maxKeys;
  }

  add(request: NewRequest): Added {
    const key = request.key === undefined ? undefined : String(request.key);
    const held = key === undefined ? undefined : this.keys.get(key);
    if (held !== undefined && held.expiresAt > this.now) {
      return isSame(held.request, request) ? { type: "known", id: held.request.id } : { type: "conflict" };
    }
    if (this.requests.has(String(request.id))) return { type: "added" };
    if (this.requests.size >= this.#maxRequests) {
      return { type: "full", option: "maxRequests", limit: this.#maxRequests };
    }
    if (key !== undefined && held === undefined && this.keys.size >= this.#maxKeys) {
      return { type: "full", option: "maxKeys", limit: this.#maxKeys };
    }
    this.requests.set(String(request.id), {
      ...{ request, order: this.#order++, state: "pending", reply: [], failures: 0, failure: "" },
      ...{ due: this.now, expiresAt: 0, token: undefined, until: 0 },
    });
    if (key !== undefined) this.keys.set(key, { request, expiresAt: Number.POSITIVE_INFINITY });
    return { type: "added" };
  }

  find(id: Uint8Array): Found | undefined {
    const one = this.requests.get(String(id));
    if (one === undefined) return undefined;
    if (one.state === "done") return { state: "done", reply: one.reply };
    return one.state === "dead" ? { state: "dead", failure: one.failure } : { state: "pending" };
  }

  remove(id: Uint8Array, keyRetentionMs: number): boolean {
    const one = this.requests.get(String(id));
    if (one === undefined) return false;
    this.requests.delete(String(id));
    const key = String(one.request.key);
    const held = this.keys.get(key);
    if (held === undefined) return true;
    if (keyRetentionMs === 0) this.keys.delete(key);
    else held.expiresAt = this.now + keyRetentionMs;
    return true;
  }

  /** All that could be claimed now: ids of a service. */
  claimable(service: Uint8Array): Set<string> {
    const ids = [...this.requests].filter(
      ([, one]) =>
        one.state === "pending" &&
        framesEqual(one.request.service, service) &&
        one.due <= this.now &&
        (one.token === undefined || one.until <= this.now),
    );
    return new Set(ids.map(([id]) => id));
  }

  /** When the next of a service can be claimed, in ms from now, if nothing can be claimed now. */
  moreInMs(service: Uint8Array): number | undefined {
    const times = [...this.requests.values()]
      .filter(({ state, request }) => state === "pending" && framesEqual(request.service, service))
      .map(({ due, until, token }) => (token === undefined ? due : Math.max(due, until)) - this.now);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  claimed(id: Uint8Array, token: number, leaseMs: number): ModelRequest {
    const one = this.requests.get(String(id)) as ModelRequest;
    one.token = token;
    one.until = this.now + leaseMs;
    return one;
  }

  renew(id: Uint8Array, token: number, leaseMs: number): boolean {
    const one = this.#held(id, token);
    if (one !== undefined) one.until = this.now + leaseMs;
    return one !== undefined;
  }

  complete(id: Uint8Array, reply: Uint8Array[], retentionMs: number): boolean {
    const one = this.requests.get(String(id));
    if (one?.state !== "pending") return false;
    Object.assign(one, { state: "done", reply, token: undefined, expiresAt: this.now + retentionMs });
    return true;
  }

  release(id: Uint8Array, token: number, delayMs: number, failure: string | undefined): boolean {
    const one = this.#held(id, token);
    if (one === undefined) return false;
    one.token = undefined;
    if (delayMs > 0) one.due = this.now + delayMs;
    if (failure === undefined) return true;
    one.failures += 1;
    one.failure = failure;
    return true;
  }

  bury(id: Uint8Array, token: number, failure: string): boolean {
    const one = this.#held(id, token);
    if (one === undefined) return false;
    Object.assign(one, { state: "dead", failure, failures: one.failures + 1, token: undefined });
    return true;
  }

  requeue(id: Uint8Array): boolean {
    const one = this.requests.get(String(id));
    if (one?.state !== "dead") return false;
    Object.assign(one, { state: "pending", failures: 0, failure: "", due: this.now });
    return true;
  }

  /** Forgets all that has been kept long enough. @returns how much that was */
  sweep(): number {
    const before = this.requests.size + this.keys.size;
    let keysOfReplies = 0;
    for (const [id, { state, expiresAt, request }] of this.requests) {
      if (state !== "done" || expiresAt > this.now) continue;
      this.requests.delete(id);
      if (this.keys.delete(String(request.key))) keysOfReplies += 1;
    }
    for (const [key, { expiresAt }] of this.keys) if (expiresAt <= this.now) this.keys.delete(key);
    return before - this.requests.size - this.keys.size - keysOfReplies;
  }

  /** Ends all leases. */
  restart(): void {
    for (const one of this.requests.values()) one.token = undefined;
  }

  #held(id: Uint8Array, token: number): ModelRequest | undefined {
    const one = this.requests.get(String(id));
    return one !== undefined && one.state === "pending" && one.token === token ? one : undefined;
  }
}

function isSame(a: NewRequest, b: NewRequest): boolean {
  return (
    framesEqual(a.service, b.service) &&
    a.body.length === b.body.length &&
    a.body.every((frame, index) => framesEqual(frame, b.body[index] as Uint8Array))
  );
}
