import type { FreelanceClientOutput } from "./client-messages.js";
import type { Hedging } from "./hedging.js";
import { Copy, type Pending } from "./pending.js";
import type { Server } from "./server-book.js";
import type { Strategy } from "./strategy.js";

/** What {@link Copies} work with. */
export interface CopiesGround {
  readonly strategy: Strategy;
  readonly hedging: Hedging;
  emit(output: FreelanceClientOutput): void;
}

/** Sends requests to servers, and keeps account of what each server owes and how long it takes. */
export class Copies {
  readonly #ground: CopiesGround;
  readonly #epoch: bigint;

  constructor(ground: CopiesGround, epoch: bigint) {
    this.#ground = ground;
    this.#epoch = epoch;
  }

  send(pending: Pending, server: Server, isHedge: boolean, now: number): void {
    const { sequence, body, endpoints } = pending;
    const copy = new Copy(pending, server, now, isHedge);
    pending.sent += 1;
    server.requests += 1;
    if (endpoints.at(-1) !== server.endpoint) endpoints.push(server.endpoint);
    const connection = server.connection as number;
    this.#ground.emit({ type: "send", connection, id: { epoch: this.#epoch, sequence }, body, copy });
  }

  /** It never left. */
  takeBack(copy: Copy): void {
    const { pending, server } = copy;
    pending.sent -= 1;
    server.requests -= 1;
    copy.end();
  }

  /** The server has done what it owed for this request. */
  close(pending: Pending, server: Server, outcome: "reply" | "failure", now: number): Copy | undefined {
    if (outcome === "failure") server.failures += 1;
    const copy = pending.copyAt(server);
    if (copy === undefined) return undefined;
    this.#judge(copy, outcome, now - copy.sentAt, now);
    this.#release(copy, now);
    return copy;
  }

  /** No reply came in time. */
  expire(pending: Pending, now: number): Copy[] {
    const copies = [...pending.copies];
    for (const copy of copies) {
      if (copy.wasDropped) {
        this.#forget(copy, now);
        continue;
      }
      const { server, sentAt } = copy;
      server.timeouts += 1;
      server.latency.observe(now - sentAt, now);
      this.#release(copy, now);
    }
    return copies.filter(({ wasDropped }) => !wasDropped);
  }

  /** Its reply is not waited for any more. */
  giveUp(copy: Copy, now: number): void {
    if (copy.wasDropped) return this.#forget(copy, now);
    copy.server.latency.observeAtLeast(now - copy.sentAt, now);
    this.#release(copy, now);
  }

  #judge({ server }: Copy, outcome: "reply" | "failure", ms: number, now: number): void {
    if (outcome === "failure") {
      server.latency.observeAtLeast(ms, now);
      server.handicap.failed(now);
    } else {
      server.latency.observe(ms, now);
      server.handicap.answered();
      this.#ground.hedging.observe(ms);
    }
  }

  #forget(copy: Copy, now: number): void {
    this.takeBack(copy);
    this.#ground.strategy.released(copy.server, now);
  }

  #release(copy: Copy, now: number): void {
    copy.end();
    this.#ground.strategy.released(copy.server, now);
  }
}
