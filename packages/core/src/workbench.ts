import type { Frames } from "./frames.js";
import { Link, LinkedList } from "./linked-list.js";

/** A request in a worker's process. */
export interface WorkItem {
  readonly ticket: number;
  /** The session that it came over. */
  readonly session: number;
  /** Goes back with the reply. */
  readonly address: Frames;
  readonly body: Uint8Array[];
  /** `cancelled`: nobody waits for its reply any more. `revoked`: its session is over, so that a reply finds no way. */
  state: "waiting" | "running" | "cancelled" | "revoked";
}

/**
 * What a worker process has on its bench: requests that came over its sessions and wait for the
 * application, and those that the application has in hand. No more are handed out than it asked for.
 */
export class Workbench {
  readonly #waiting = new LinkedList<WorkItem>();
  readonly #items = new Map<number, Link<WorkItem>>();
  #demand = 0;
  #running = 0;
  #orphaned = 0;
  #concurrency = 0;
  #lastTicket = 0;

  /** The most requests that the application has been ready to run at a time, since it took such words back. */
  get concurrency(): number {
    return this.#concurrency;
  }

  /** Requests that the application has in hand. */
  get running(): number {
    return this.#running;
  }

  /** Those of them whose session is over: they keep the application busy for nobody. */
  get orphaned(): number {
    return this.#orphaned;
  }

  /** Requests that wait for the application. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The application can take `count` more. */
  demand(count: number): void {
    this.#demand += count;
    this.#concurrency = Math.max(this.#concurrency, this.#demand + this.#running);
  }

  /** The application wants `count` fewer than it asked for, and is ready to run no more than `concurrency` at a time. */
  withdraw(count: number, concurrency: number): void {
    this.#demand -= Math.min(count, this.#demand);
    this.#concurrency = Math.min(this.#concurrency, concurrency);
  }

  /** A request came. */
  put(session: number, address: Frames, body: Uint8Array[]): WorkItem {
    const item: WorkItem = { ticket: ++this.#lastTicket, session, address, body, state: "waiting" };
    const link = new Link(item);
    this.#items.set(item.ticket, link);
    this.#waiting.append(link);
    return item;
  }

  /** The next request for the application, if it asked for one. */
  next(): WorkItem | undefined {
    if (this.#demand === 0) return undefined;
    const item = this.#waiting.shift();
    if (item === undefined) return undefined;
    this.#demand -= 1;
    this.#running += 1;
    item.state = "running";
    return item;
  }

  /** The application is done with a request, or `undefined` if it has it no more. */
  finish(ticket: number): WorkItem | undefined {
    const item = this.#items.get(ticket)?.item;
    if (item === undefined || item.state === "waiting") return undefined;
    this.#items.delete(ticket);
    this.#running -= 1;
    if (item.state === "revoked") this.#orphaned -= 1;
    return item;
  }

  /** A request at hand, or `undefined` if it is finished or forgotten. */
  find(ticket: number): WorkItem | undefined {
    return this.#items.get(ticket)?.item;
  }

  /**
   * Nobody waits for the reply to this request, which is here, any more. If it waits it is forgotten; if it
   * runs it goes on, for nobody.
   *
   * @returns the request, with the state that it had
   */
  cancel(ticket: number): WorkItem {
    const link = this.#items.get(ticket) as Link<WorkItem>;
    const before = { ...link.item };
    if (before.state === "waiting") {
      link.unlink();
      this.#items.delete(ticket);
    } else if (before.state === "running") link.item.state = "cancelled";
    return before;
  }

  /**
   * The application takes no more.
   *
   * @returns what waited for it, in order
   */
  close(): WorkItem[] {
    this.#demand = 0;
    return this.takeBack(() => true);
  }

  /**
   * The application is not to have what waits for it.
   *
   * @param isMeant - whether what came over this session is meant
   * @returns what waited for it and is meant, in order
   */
  takeBack(isMeant: (session: number) => boolean): WorkItem[] {
    const taken: WorkItem[] = [];
    if (this.#waiting.length === 0) return taken;
    for (const link of this.#items.values()) {
      const { item } = link;
      if (item.state !== "waiting" || !isMeant(item.session)) continue;
      link.unlink();
      this.#items.delete(item.ticket);
      taken.push(item);
    }
    return taken;
  }

  /**
   * A session is over. What waits is forgotten; what runs goes on, for nobody.
   *
   * @returns what runs, other than what was cancelled before
   */
  revoke(session: number): WorkItem[] {
    const running: WorkItem[] = [];
    for (const link of this.#items.values()) {
      const { item } = link;
      if (item.session !== session || item.state === "revoked") continue;
      if (item.state === "waiting") {
        link.unlink();
        this.#items.delete(item.ticket);
      } else {
        if (item.state === "running") running.push(item);
        this.#orphaned += 1;
      }
      item.state = "revoked";
    }
    return running;
  }
}
