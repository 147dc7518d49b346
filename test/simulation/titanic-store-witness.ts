import { frameKey, frameText } from "@seaworthy/core";
import type { LedgerPort, StoreAction, StoreMethod, StoreOutcome } from "@seaworthy/titanic/machine";
import { auditLedger } from "../../packages/titanic/test/ledger-audit.js";
import { readQuestion } from "./majordomo-content.js";
import { DRAIN_MS, hinderedMs } from "./node-support.js";
import { replyFault } from "./titanic-content.js";
import type { Page } from "./titanic-page.js";
import type { Session } from "./titanic-session.js";
import type { Order, StoreSetting, TitanicWorld } from "./titanic-world.js";

type Arguments<M extends StoreMethod> = Extract<StoreAction, { readonly method: M }>["args"];

const NEVER = Number.POSITIVE_INFINITY;

/** Keeps books of its own of a store, and holds the store and its servers against them. */
export class StoreWitness {
  readonly pages = new Map<string, Page>();
  readonly #world: TitanicWorld;
  readonly #setting: StoreSetting;
  readonly #keys = new Map<string, Page>();
  readonly #violated: (what: string) => void;

  constructor(world: TitanicWorld, setting: StoreSetting) {
    this.#world = world;
    this.#setting = setting;
    this.#violated = (what) => world.violated(`${setting.name} ${what}`);
  }

  /** A server asks its store for something. */
  asked(session: Session, action: StoreAction): void {
    session.asked.add(action);
    if (action.method === "remove") {
      const page = this.page(action.args[0]);
      if (page !== undefined) page.isBeingRemoved = true;
    }
    if (action.method !== "add") return;
    const { id, body, key, service } = action.args[0];
    const question = readQuestion(body[0] as Uint8Array);
    const order = this.#world.asked.get(question.call) as Order;
    if (order.service !== frameText(service))
      this.#violated(`is to have ${question.call} for another service`);
    this.pages.set(frameKey(id), {
      ...{ id: frameKey(id), bytes: id.slice(), order, question, key: key && frameKey(key) },
      ...{ isStored: false, isAccepted: false, state: "pending", doneAt: NEVER, failures: 0, seen: 0 },
      ...{ isBeingRemoved: false, isRemoved: false, closedAt: NEVER, lease: undefined },
      ...{ isTold: false, knownBy: new Set() },
    });
  }

  /** The store has done it; the server may never learn. */
  executed(session: Session, action: StoreAction, outcome: StoreOutcome<StoreMethod>): void {
    session.asked.delete(action);
    switch (action.method) {
      case "add":
        return this.#added(this.page(action.args[0].id) as Page, (outcome as StoreOutcome<"add">).type);
      case "claim":
        return this.#claimed(session, action.args[2], outcome as StoreOutcome<"claim">);
      case "renew":
        return this.#renewed(session, action.args, outcome as StoreOutcome<"renew">);
      case "complete":
        return this.#completed(session, this.page(action.args[0].id) as Page, outcome as boolean);
      case "release":
      case "bury":
        return this.#returned(session, action, outcome as boolean);
      case "remove": {
        const page = this.page(action.args[0]);
        if (page === undefined) return;
        page.isRemoved = true;
        page.lease = undefined;
      }
    }
  }

  failed(session: Session, action: StoreAction): void {
    session.asked.delete(action);
  }

  page(id: Uint8Array): Page | undefined {
    return this.pages.get(frameKey(id));
  }

  /** A client is told 200 and the id. */
  accepted(order: Order, id: Uint8Array): void {
    const page = this.page(id);
    if (page === undefined || page.order !== order)
      return this.#violated(`has request ${order.call} under the id of ${page?.order.call}`);
    if (!page.isStored) this.#violated(`does not have request ${order.call}, for which 200 was sent`);
    page.isAccepted = true;
    if (order.key === undefined || page.key === undefined) return;
    const first = this.#keys.get(order.key) ?? page;
    this.#keys.set(order.key, first);
    if (first !== page) this.#violated(`has two requests under the key ${order.key}`);
  }

  /** A client is told that the key belongs to another request. */
  conflicted(order: Order): void {
    const others = [...this.pages.values()].filter((page) => page.key === order.key && page.order !== order);
    if (others.every(({ isStored }) => !isStored)) this.#violated(`has nothing else under ${order.key}`);
  }

  /** A client is told what became of a request, `askedAt` being when it asked. */
  answered(id: Uint8Array, askedAt: number, status: string, body: Uint8Array[]): void {
    const page = this.page(id);
    if (page === undefined) {
      if (status !== "400") this.#violated(`says ${status} of what it was never given`);
      return;
    }
    const { order, question, state, doneAt, closedAt, isStored, isAccepted, isBeingRemoved } = page;
    const says = `says ${status} of request ${order.call}`;
    if (closedAt < askedAt && status !== "400") this.#violated(`${says}, which is closed`);
    if (status === "200") {
      const fault = replyFault(question, body);
      if (fault !== undefined) this.#violated(`has a reply to request ${order.call} that ${fault}`);
      if (order.runs === 0) this.#violated(`${says}, which was never run`);
    } else if (status === "dead") {
      if (state !== "dead") this.#violated(`says that request ${order.call} is dead`);
    } else if (status === "400") {
      if (isStored && isAccepted && !isBeingRemoved) this.#violated(`${says}, which was accepted`);
    } else if (doneAt < askedAt) this.#violated(`${says}, which has a reply`);
  }

  /** A client is told that a request is closed. */
  closed(id: Uint8Array, session: Session): void {
    const page = this.page(id);
    if (page === undefined) return;
    page.closedAt = Math.min(page.closedAt, this.#world.simulation.now());
    page.knownBy.add(session);
    if (this.#setting.kind === "database" && page.isRemoved && !page.isTold)
      this.#violated(`tells no other server that request ${page.order.call} is removed`);
  }

  /** The other servers of the store are told that a request is removed. */
  told(id: Uint8Array): void {
    const page = this.page(id);
    if (page !== undefined) page.isTold = true;
  }

  /** A server has opened its disk: all that was promised before is there, and nothing that was forgotten. */
  reopened(port: LedgerPort, before: Session | undefined): void {
    const unsure = new Set<string>();
    for (const { method, args } of before?.asked ?? []) {
      if (method === "add") unsure.add(frameKey(args[0].id));
      else if (method === "remove") unsure.add(frameKey(args[0]));
      else if (method === "complete" || method === "release" || method === "bury")
        unsure.add(frameKey(args[0].id));
    }
    for (const page of this.pages.values()) {
      page.lease = undefined;
      this.#compare(port, page, unsure.has(page.id));
    }
  }

  /** A server has left the database. */
  left(session: Session): void {
    for (const page of this.pages.values()) if (page.lease?.session === session) page.lease = undefined;
  }

  requeued(id: Uint8Array): void {
    const page = this.page(id) as Page;
    page.state = "pending";
    page.failures = page.seen = 0;
  }

  /** All has been worked off: the store has exactly what it should have. */
  audit(port: LedgerPort, entries: Parameters<typeof auditLedger>[0]): void {
    let left = 0;
    for (const page of this.pages.values()) {
      this.#compare(port, page, false);
      if (!page.isStored || page.isRemoved) continue;
      left += 1;
      if (page.state === "done" && page.order.runs === 0)
        this.#violated(`has a reply to ${page.order.call}, which was never run`);
      if (page.state === "pending") this.#violated(`still has request ${page.order.call}`);
    }
    const { metas } = auditLedger(entries, () => 0);
    if (metas.length !== left) this.#violated(`has ${metas.length} requests, and not ${left}`);
  }

  #compare(port: LedgerPort, page: Page, isUnsure: boolean): void {
    const { order } = page;
    let details: Parameters<Parameters<LedgerPort["show"]>[1]>[0];
    port.show(
      page.bytes,
      (shown) => {
        details = shown;
      },
      (error) => this.#violated(`cannot read ${order.call}: ${error}`),
    );
    if (details === undefined) {
      const mayBeGone = !page.isStored || page.isRemoved || (isUnsure && page.isBeingRemoved);
      if (!mayBeGone) this.#violated(`has lost request ${order.call}`);
      if (page.isStored) page.isRemoved = true;
      return;
    }
    if (page.isRemoved) return this.#violated(`still has request ${order.call}, which was removed`);
    if (!isUnsure && !page.isStored) this.#violated(`has request ${order.call}, of which it said otherwise`);
    if (!isUnsure && (details.state !== page.state || details.failures !== page.failures))
      this.#violated(
        `has request ${order.call} as ${details.state} ${details.failures}, and not ${page.state} ${page.failures}`,
      );
    if (frameKey(details.body[0] as Uint8Array).length !== 8)
      this.#violated(`has a torn body of request ${order.call}`);
    page.isStored = true;
    page.state = details.state;
    page.failures = details.failures;
    if (details.state === "done") page.doneAt = Math.min(page.doneAt, this.#world.simulation.now());
  }

  #added(page: Page, type: StoreOutcome<"add">["type"]): void {
    if (type !== "added") return;
    page.isStored = true;
    if (page.key === undefined) return;
    for (const other of this.pages.values())
      if (other !== page && other.isStored && other.key === page.key)
        this.#violated(
          `takes request ${page.order.call} in, although it has ${other.order.call} under that key`,
        );
    const isAgain = [...this.pages.values()].some(
      (other) => other !== page && other.isStored && other.key !== undefined && other.order === page.order,
    );
    if (isAgain) this.#violated(`has request ${page.order.call} twice, under different keys`);
  }

  #claimed(session: Session, leaseMs: number, { claims }: StoreOutcome<"claim">): void {
    const now = this.#world.simulation.now();
    for (const { id, token, body, failures } of claims) {
      const page = this.page(id) as Page;
      const { order, lease } = page;
      const gives = `gives request ${order.call} to ${session.name}`;
      if (page.closedAt <= now) this.#violated(`${gives}, which is closed`);
      if (page.state !== "pending") this.#violated(`${gives}, which is ${page.state}`);
      if (failures !== page.failures)
        this.#violated(`${gives} with ${failures} failures, and not ${page.failures}`);
      if (lease !== undefined && lease.until > now)
        this.#violated(`${gives}, which ${lease.session.name} has`);
      if (lease?.session.holding.has(page.id) && this.#isWell(lease.session, lease.until - leaseMs))
        this.#violated(`${gives}, although ${lease.session.name} is well and works on it`);
      page.lease = { token, session, until: now + leaseMs };
      session.bodies.set(body, page);
    }
  }

  #renewed(session: Session, [leases, leaseMs]: Arguments<"renew">, lost: StoreOutcome<"renew">): void {
    const now = this.#world.simulation.now();
    for (const given of leases) {
      const page = this.page(given.id) as Page;
      const { lease } = page;
      const isMine = lease?.token === given.token && lease.session === session;
      if (lost.includes(given)) {
        if (isMine && page.state === "pending")
          this.#violated(`does not renew the lease of request ${page.order.call}`);
      } else if (page.isRemoved)
        this.#violated(`renews the lease of request ${page.order.call}, which is removed`);
      else if (isMine) lease.until = now + leaseMs;
    }
  }

  #completed({ holding }: Session, page: Page, isStored: boolean): void {
    holding.delete(page.id);
    const shouldBe = page.state === "pending" && !page.isRemoved;
    if (isStored !== shouldBe)
      this.#violated(`${isStored ? "takes" : "refuses"} a reply to request ${page.order.call}`);
    if (!isStored) return;
    page.state = "done";
    page.doneAt = this.#world.simulation.now();
    page.lease = undefined;
  }

  #returned(session: Session, action: StoreAction & { method: "release" | "bury" }, stood: boolean): void {
    if (!stood) return;
    const { id, token } = action.args[0];
    const page = this.page(id) as Page;
    const { order, lease } = page;
    if (lease?.token !== token || lease.session !== session)
      this.#violated(`takes request ${order.call} back from ${session.name}, which does not have it`);
    page.lease = undefined;
    session.holding.delete(page.id);
    const isCounted = action.method === "bury" || action.args[2] !== undefined;
    if (!isCounted) return;
    page.failures += 1;
    const { maxAttempts } = session.setting.options;
    if (page.failures > page.seen)
      this.#violated(`counts ${page.failures} failures of request ${order.call}: ${page.seen} were`);
    if ((action.method === "bury") !== (page.failures === maxAttempts))
      this.#violated(
        `has request ${order.call} ${action.method === "bury" ? "dead" : "alive"} after ${page.failures} failures`,
      );
    if (action.method === "bury") page.state = "dead";
  }

  /** Whether a server, and its way to its store, had no trouble since a time. */
  #isWell(session: Session, since: number): boolean {
    if (!session.isOpen()) return false;
    const { simulation } = this.#world;
    const isTroubled = this.#setting.troubles.some(({ from, to }) => from <= simulation.now() && to >= since);
    return !isTroubled && hinderedMs(simulation, session.server, since, DRAIN_MS) === 0;
  }
}
