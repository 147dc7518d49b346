import type { FreelanceClientInput } from "@seaworthy/freelance/machine";
import type { ClientBooks } from "./freelance-books.js";
import type { CallNote } from "./freelance-ledger.js";
import { DRAIN_MS, hinderedMs } from "./node-support.js";

/** By then a server that no fault meets has answered. */
const WELL_MS = 80;

/** What a client is to do, by the books of its witness. */
export class Judge {
  readonly #books: ClientBooks;

  constructor(books: ClientBooks) {
    this.#books = books;
  }

  /** How a request failed that was in hand when it did: what is wrong with that. */
  failure(call: number, code: string, effort: { attempts: number; sent: number; message?: string }): void {
    const note = this.#books.calls.get(call);
    if (note === undefined) return this.#books.violated(`request ${call} fails, which it does not have`);
    const { maxAttempts, sent } = note;
    const attempts = code === "ERR_NOT_CONNECTED" ? 0 : note.attempts;
    if (effort.attempts !== attempts || (effort.sent !== sent && !note.isUncertain))
      this.#books.violated(
        `request ${call} says ${effort.attempts} attempts, ${effort.sent} sent: not ${attempts}, ${sent}`,
      );
    const isLast = code === "ERR_REQUEST_TIMEOUT" || code === "ERR_CONNECTION_LOST";
    if (isLast && attempts !== maxAttempts)
      this.#books.violated(
        `request ${call} is given up, ${code}, after ${attempts} of ${maxAttempts} attempts`,
      );
    if (code === "ERR_REQUEST_TIMEOUT" && this.#books.now < note.endsAt)
      this.#books.violated(`request ${call} times out too early`);
    if (code === "ERR_NOT_CONNECTED" && (!this.#books.client.immediate || this.#books.listed.size > 0))
      this.#books.violated(`request ${call} finds no server, although there is one`);
    if (code === "ERR_HANDLER_FAILED" && (note.complaint === undefined || effort.message !== note.complaint))
      this.#books.violated(`request ${call} fails with what no server said of it`);
    if (code === "ERR_HANDLER_FAILED" && note.copies.size > 0 && this.#books.now < note.endsAt)
      this.#books.violated(`request ${call} fails while ${[...note.copies.keys()]} may still answer`);
    if (code === "ERR_REQUEST_TIMEOUT") this.expectDoubt(note);
    if (isLast) this.#loss(note, code);
    this.#books.forget(note);
  }

  /** How a request that a server took to the end failed, with the sanctuary in reach. */
  #loss(note: CallNote, code: string): void {
    const { kind, endpoints } = this.#books.client;
    const refuge = this.#books.sanctuary;
    if (refuge === undefined) return;
    this.silence(note);
    const isThere = note.madeAt >= this.#books.refugeSince;
    if (kind === "tracked" && note.maxAttempts >= endpoints.length && isThere)
      this.#books.violated(`request ${note.call} fails, ${code}, although a well server is there`);
  }

  /** A server that no fault meets answers what it gets. */
  silence({ call, copies }: CallNote): void {
    const copy = this.#books.sanctuary === undefined ? undefined : copies.get(this.#books.sanctuary);
    if (copy !== undefined && this.#books.now > copy.sentAt + WELL_MS)
      this.#books.violated(`request ${call} is not answered by a well server`);
  }

  /** Who let a whole attempt pass without a word takes no more requests. */
  expectDoubt({ copies, startedAt }: CallNote): void {
    if (startedAt < this.#books.awakeSince) return;
    for (const { endpoint, isHedge } of copies.values()) {
      const heardAt = this.#books.heardAt.get(endpoint);
      if (!isHedge && heardAt !== undefined && heardAt <= startedAt) this.#books.doubted.add(endpoint);
    }
  }

  /** Each message counts once, but for a PONG, and for a failure while another server may still answer. */
  account({ message }: FreelanceClientInput & { type: "received" }, counted: number): void {
    const least = message.type === "reply" ? 1 : 0;
    if (counted < least || counted > 1)
      this.#books.violated(`a ${message.type} counts as ${counted} replies`);
  }

  hedge(note: CallNote, hedged: string, endpoint: string): void {
    const fault = this.#books.budget.hedge();
    if (fault !== undefined) this.#books.violated(fault);
    if (hedged !== endpoint) this.#books.violated(`a hedge goes to ${endpoint}, not to ${hedged}`);
    if (note.copies.size !== 1)
      this.#books.violated(`request ${note.call} is hedged, and ${note.copies.size} have it`);
    if (note.lostWith.has(endpoint)) this.#books.violated(`request ${note.call} is hedged where it was lost`);
  }

  send(note: CallNote, endpoint: string): void {
    const { kind } = this.#books.client;
    if (kind === "shotgun") return;
    if (note.copies.size > 0)
      this.#books.violated(`request ${note.call} is sent again while ${[...note.copies.keys()]} has it`);
    if (kind !== "tracked") return;
    if (note.lostWith.has(endpoint))
      this.#books.violated(`request ${note.call} goes to ${endpoint}, where it was lost`);
    const shunned = new Set([...note.avoided, ...note.lostWith]);
    const isBetter = shunned.has(endpoint) && [...this.#books.listed].some((other) => !shunned.has(other));
    if (isBetter)
      this.#books.violated(`request ${note.call} goes to ${endpoint} again while others are alive`);
  }

  place(note: CallNote, before: ReadonlySet<string>): void {
    const { call, state, had, lostWith, isCrowded, wasRefused } = note;
    const steady = [...before].filter((endpoint) => this.#books.listed.has(endpoint));
    if (state === "waiting" && !isCrowded && steady.some((endpoint) => !lostWith.has(endpoint)))
      this.#books.violated(`request ${call} waits although ${steady} take requests`);
    if (
      state === "sent" &&
      !wasRefused &&
      this.#books.client.kind === "shotgun" &&
      !steady.every((endpoint) => had.has(endpoint))
    )
      this.#books.violated(`request ${call} was sent to ${[...had]}, and not to all of ${steady}`);
  }

  /** After a word, who was kept waiting by a full queue is placed: one at least, if any server takes it. */
  crowd(): void {
    const crowd = this.#books.crowd.filter((note) => note.isCrowded && this.#books.calls.has(note.call));
    const mayGo = ({ lostWith }: CallNote): boolean =>
      [...this.#books.listed].some((endpoint) => !lostWith.has(endpoint));
    if (crowd.length > 0 && crowd.every(mayGo))
      this.#books.violated(`${crowd.length} requests wait although a queue that was full has moved`);
  }

  /** What the machine says of its servers is what went in and out. */
  compare(): void {
    const outstanding = new Map<string, number>();
    for (const { copies } of this.#books.bySequence.values())
      for (const endpoint of copies.keys()) outstanding.set(endpoint, (outstanding.get(endpoint) ?? 0) + 1);
    let alive = 0;
    for (const server of this.#books.machine.servers(this.#books.now)) {
      const { endpoint, requests, timeouts, losses, latencyMs, lastHeardMs } = server;
      const expected = outstanding.get(endpoint) ?? 0;
      if (server.outstanding !== expected)
        this.#books.violated(`${endpoint} has ${expected} requests, and ${server.outstanding} are counted`);
      if (requests < timeouts + losses + expected)
        this.#books.violated(`${endpoint} lost more than it was sent`);
      if (latencyMs !== undefined && !(latencyMs >= 0 && latencyMs < Number.POSITIVE_INFINITY))
        this.#books.violated(`the latency of ${endpoint} is ${latencyMs}`);
      if (lastHeardMs !== undefined && !(lastHeardMs >= 0))
        this.#books.violated(`${endpoint} was heard in the future`);
      if ((server.state === "alive") !== this.#books.listed.has(endpoint))
        this.#books.violated(`${endpoint} is ${server.state}, not as its events say`);
      if (server.state === "alive") alive += 1;
      if (server.state === "alive" && this.#books.client.kind === "tracked") this.#alive(endpoint);
    }
    if (alive !== this.#books.machine.aliveCount)
      this.#books.violated(`${this.#books.machine.aliveCount} of ${alive} servers are alive`);
  }

  /** A server that says nothing is asked, and taken out when it does not answer that. */
  #alive(endpoint: string): void {
    const { name, heartbeatMs } = this.#books.client;
    const heardAt = this.#books.heardAt.get(endpoint) ?? Number.NEGATIVE_INFINITY;
    const limitMs = 2 * heartbeatMs + 1;
    if (this.#books.now <= heardAt + limitMs) return;
    const hindered = hinderedMs(
      this.#books.world.simulation,
      name,
      heardAt - DRAIN_MS,
      DRAIN_MS + heartbeatMs,
    );
    if (this.#books.now > heardAt + limitMs + hindered)
      this.#books.violated(`${endpoint} is alive, and was not heard since ${heardAt}`);
  }

  closed(): void {
    const { inFlight, serverCount, aliveCount, deadline } = this.#books.machine;
    if (inFlight + serverCount + aliveCount > 0 || deadline !== undefined)
      this.#books.violated(
        `left after close: ${JSON.stringify({ inFlight, serverCount, aliveCount, deadline })}`,
      );
  }
}
