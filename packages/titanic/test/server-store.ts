import { type Frames, frameKey } from "@seaworthy/core";
import type { StoreAction, StoreMethod, StoreOutcome } from "../src/server-messages.js";
import type { Added, Claim, Claims, Found, Lease, NewRequest } from "../src/store.js";

interface Kept {
  readonly id: Uint8Array;
  readonly service: string;
  readonly body: Uint8Array[];
  readonly key: string | undefined;
  state: "pending" | "done" | "dead";
  failures: number;
  failure: string;
  reply: Uint8Array[];
  dueAt: number;
  token: number;
  leaseUntil: number;
}

/** A store that answers at once, for machines in virtual time. Tests set its `now`, and may look into it. */
export class ScriptedStore {
  readonly kept = new Map<string, Kept>();
  now = 0;
  /** What is taken in is refused with this, if anything. */
  full: Added | undefined;
  /** Replies and keys that have been kept long enough. */
  toSweep = 0;
  /** Arguments of all calls, by method. */
  readonly seen = new Map<StoreMethod, StoreAction["args"][]>();
  readonly #keys = new Map<string, Uint8Array>();
  #tokens = 0;

  perform(action: StoreAction): StoreOutcome<StoreMethod> {
    const seen = this.seen.get(action.method) ?? [];
    this.seen.set(action.method, seen);
    seen.push(action.args);
    switch (action.method) {
      case "add":
        return this.#add(...action.args);
      case "find":
        return this.#find(...action.args);
      case "remove":
        return this.kept.delete(frameKey(action.args[0]));
      case "claim":
        return this.#claim(...action.args);
      case "renew":
        return this.#renew(...action.args);
      case "complete":
        return this.#complete(action.args[0], action.args[1]);
      case "release":
        return this.#release(...action.args);
      case "bury":
        return this.#bury(...action.args);
      case "services":
        return this.#services();
      case "sweep": {
        const swept = Math.min(action.args[0], this.toSweep);
        this.toSweep -= swept;
        return swept;
      }
    }
  }

  /** The request of this number, counted from 1, if it is here. */
  at(index: number): Kept | undefined {
    return [...this.kept.values()][index - 1];
  }

  /** A request that another server has taken in. */
  put(service: string, body: string): Kept {
    const id = new Uint8Array(16).fill(200);
    id[15] = this.kept.size;
    this.#add({ id, service: Buffer.from(service), body: [Buffer.from(body)], key: undefined });
    return this.kept.get(frameKey(id)) as Kept;
  }

  /** Another server claims it, whoever had it before. */
  steal(kept: Kept, forMs = 1e9): void {
    kept.token = ++this.#tokens;
    kept.leaseUntil = this.now + forMs;
  }

  #add({ id, service, body, key }: NewRequest): Added {
    if (this.full !== undefined) return this.full;
    const name = key && String(key);
    const known = name === undefined ? undefined : this.#keys.get(name);
    if (known !== undefined) {
      const earlier = this.kept.get(frameKey(known));
      const isSame = earlier === undefined || Buffer.concat(earlier.body).equals(Buffer.concat(body));
      return isSame ? { type: "known", id: known } : { type: "conflict" };
    }
    if (name !== undefined) this.#keys.set(name, id);
    this.kept.set(frameKey(id), {
      id,
      service: Buffer.from(service).toString("latin1"),
      body: [...body],
      key: name,
      state: "pending",
      failures: 0,
      failure: "",
      reply: [],
      dueAt: this.now,
      token: 0,
      leaseUntil: 0,
    });
    return { type: "added" };
  }

  #find(id: Uint8Array): Found | undefined {
    const kept = this.kept.get(frameKey(id));
    switch (kept?.state) {
      case undefined:
        return undefined;
      case "pending":
        return { state: "pending" };
      case "done":
        return { state: "done", reply: kept.reply };
      case "dead":
        return { state: "dead", failure: kept.failure };
    }
  }

  #claim(name: Uint8Array, limit: number, leaseMs: number, maxBytes: number): Claims {
    const service = Buffer.from(name).toString("latin1");
    const pending = [...this.kept.values()].filter((kept) => kept.service === service && isPending(kept));
    const claims: Claim[] = [];
    let bytes = 0;
    let moreAt = Number.POSITIVE_INFINITY;
    for (const kept of pending) {
      const at = Math.max(kept.dueAt, kept.leaseUntil);
      const size = Buffer.concat(kept.body).length;
      const isFull = claims.length === limit || (claims.length > 0 && bytes + size > maxBytes);
      if (at <= this.now && !isFull) {
        this.steal(kept, leaseMs);
        bytes += size;
        claims.push({ id: kept.id, token: kept.token, body: kept.body, failures: kept.failures });
      }
      moreAt = Math.min(moreAt, Math.max(kept.dueAt, kept.leaseUntil));
    }
    return { claims, moreInMs: Number.isFinite(moreAt) ? Math.max(0, moreAt - this.now) : undefined };
  }

  #renew(leases: readonly Lease[], leaseMs: number): Lease[] {
    return leases.filter((lease) => {
      const kept = this.#leased(lease);
      if (kept !== undefined) kept.leaseUntil = this.now + leaseMs;
      return kept === undefined;
    });
  }

  #complete({ id }: Lease, reply: Frames): boolean {
    const kept = this.kept.get(frameKey(id));
    if (kept === undefined || !isPending(kept)) return false;
    kept.state = "done";
    kept.reply = [...reply];
    return true;
  }

  #release(lease: Lease, delayMs: number, failure: string | undefined): boolean {
    const kept = this.#leased(lease);
    if (kept === undefined) return false;
    kept.leaseUntil = 0;
    kept.dueAt = this.now + delayMs;
    if (failure !== undefined) kept.failures += 1;
    return true;
  }

  #bury(lease: Lease, failure: string): boolean {
    const kept = this.#leased(lease);
    if (kept === undefined) return false;
    kept.state = "dead";
    kept.leaseUntil = 0;
    kept.failure = failure;
    return true;
  }

  #leased({ id, token }: Lease): Kept | undefined {
    const kept = this.kept.get(frameKey(id));
    return kept !== undefined && isPending(kept) && kept.token === token ? kept : undefined;
  }

  #services(): Uint8Array[] {
    const names = new Set([...this.kept.values()].filter(isPending).map(({ service }) => service));
    return [...names].map((name) => Buffer.from(name, "latin1"));
  }
}

const isPending = ({ state }: Kept): boolean => state === "pending";
