import type { Stalled } from "@seaworthy/core";
import type {
  FreelanceClientEvent,
  FreelanceClientInput,
  FreelanceClientMachine,
  FreelanceClientOutput,
  FreelanceFailure,
} from "@seaworthy/freelance/machine";
import { ClientBooks } from "./freelance-books.js";
import { Judge } from "./freelance-judge.js";
import { CallNote } from "./freelance-ledger.js";
import { type ClientSetting, complaintOf, serverOf, type World } from "./freelance-world.js";

type Input = FreelanceClientInput | Stalled;

/** The books are compared at each so many inputs: each time would cost more than the rest. */
const COMPARE_EVERY = 8;

/** Sees what goes in and out of the machine of one client, writes it down, and has it judged. */
export class ClientWitness {
  readonly #books: ClientBooks;
  readonly #judge: Judge;
  #hedged: string | undefined;
  #inputs = 0;

  constructor(world: World, client: ClientSetting, machine: FreelanceClientMachine) {
    this.#books = new ClientBooks(world, client, machine);
    this.#judge = new Judge(this.#books);
    this.#watch(machine);
  }

  /** A request failed, and its owner is told so. */
  failed(call: number, failure: FreelanceFailure): void {
    this.#judge.failure(call, failure.code, failure);
  }

  #watch(machine: FreelanceClientMachine): void {
    const { handle, tick, take } = machine;
    machine.handle = (input: Input, now) => {
      const before = this.#heard;
      this.#before(input, now);
      handle.call(machine, input, now);
      if (input.type === "received") this.#judge.account(input, this.#heard - before);
      this.#afterInput();
    };
    machine.tick = (now) => {
      tick.call(machine, now);
      this.#passed(now);
      this.#afterInput();
    };
    machine.take = () => {
      const output = take.call(machine);
      if (output === undefined) this.#quiet();
      else this.#put(output);
      return output;
    };
  }

  /** Replies of which the counters tell. */
  get #heard(): number {
    const { answered, duplicateReplies, lateReplies, dropped } = this.#books.machine.stats;
    return answered + duplicateReplies + lateReplies + dropped;
  }

  #before(input: Input, now: number): void {
    switch (input.type) {
      case "request": {
        const note = new CallNote(input, BigInt(this.#books.machine.stats.requests + 1), now);
        this.#books.calls.set(note.call, note);
        this.#books.bySequence.set(note.sequence, note);
        this.#books.budget.request();
        this.#books.moved.set(note, new Set(this.#books.listed));
        break;
      }
      case "received":
        this.#hear(input.connection);
        if (input.message.type !== "pong") this.#replied(input.connection, input.message);
        if (this.#books.endpoints.has(input.connection))
          this.#books.crowd = [...this.#books.calls.values()].filter(({ isCrowded }) => isCrowded);
        break;
      case "up":
      case "malformed":
        this.#hear(input.connection);
        break;
      case "refused":
        if (input.sequence !== undefined) this.#refused(input.connection, input.sequence, input.reason);
        break;
      case "stalled":
        this.#books.awakeSince = now;
        break;
      case "close":
        this.#books.isClosed = true;
        this.#books.listed.clear();
    }
  }

  #hear(connection: number): void {
    const endpoint = this.#books.endpoints.get(connection);
    if (endpoint !== undefined) this.#books.heardAt.set(endpoint, this.#books.now);
  }

  #replied(connection: number, message: { type: string; sequence: bigint; message?: string }): void {
    const note = this.#books.bySequence.get(message.sequence);
    const endpoint = this.#books.endpoints.get(connection);
    if (note === undefined || endpoint === undefined) return;
    note.copies.delete(endpoint);
    if (message.type === "failure" && note.state !== "answered") {
      if (message.message !== complaintOf(note.call))
        this.#books.violated(`request ${note.call} gets another's failure`);
      note.complaint = message.message;
    }
    if (note.state === "answered" && note.copies.size === 0) this.#books.forget(note);
  }

  #refused(connection: number, sequence: bigint, reason: string): void {
    const note = this.#books.bySequence.get(sequence);
    const endpoint = this.#books.endpoints.get(connection);
    if (note === undefined || endpoint === undefined || !note.copies.delete(endpoint)) return;
    note.sent -= 1;
    note.had.delete(endpoint);
    note.sends.set(endpoint, (note.sends.get(endpoint) as number) - 1);
    const sent = this.#books.world.asked.get(note.call)?.sent;
    sent?.set(serverOf(endpoint), (sent.get(serverOf(endpoint)) as number) - 1);
    note.wasRefused = true;
    if (reason === "queue-full") note.isUncertain = true;
    if (note.copies.size === 0 && note.state === "sent") {
      note.state = "waiting";
      note.isCrowded = reason === "queue-full";
      this.#books.moved.set(note, new Set(this.#books.listed));
    }
    if (note.copies.size === 0 && note.state === "answered" && note.endsAt <= this.#books.now)
      this.#books.forget(note);
  }

  /** Pauses are over, and answered requests are not kept for those who still owe a reply. */
  #passed(now: number): void {
    for (const note of this.#books.bySequence.values()) {
      if (note.state === "answered" && note.endsAt <= now) this.#books.forget(note);
      else if (note.state === "pausing" && note.resumesAt <= now) {
        note.beginAttempt(now);
        this.#books.moved.set(note, new Set(this.#books.listed));
      }
    }
  }

  #put(output: FreelanceClientOutput): void {
    switch (output.type) {
      case "open":
        this.#books.endpoints.set(output.connection, output.endpoint);
        break;
      case "discard":
        this.#lost(this.#books.endpoints.get(output.connection) as string);
        this.#books.endpoints.delete(output.connection);
        break;
      case "send":
        this.#sent(this.#books.endpoints.get(output.connection), output.id.sequence);
        break;
      case "answered":
        this.#answered(output.call);
        break;
      case "status":
        this.#status(output.event);
    }
  }

  #status(event: FreelanceClientEvent): void {
    switch (event.type) {
      case "server-connected":
        // Also of one that was to leave, and stays.
        this.#books.heardAt.set(event.endpoint, this.#books.now);
        break;
      case "server-alive":
        this.#books.listed.add(event.endpoint);
        if (event.endpoint === this.#books.sanctuary) this.#books.refugeSince = this.#books.now;
        for (const note of this.#books.calls.values())
          if (note.state === "waiting") this.#books.moved.set(note, new Set(this.#books.listed));
        break;
      case "server-removed":
        this.#books.listed.delete(event.endpoint);
        break;
      case "server-suspected":
      case "server-gone":
        this.#books.listed.delete(event.endpoint);
        if (event.endpoint === this.#books.sanctuary)
          this.#books.violated(`a well server is given up: ${event.type}`);
        if (event.type === "server-gone") this.#lost(event.endpoint);
        break;
      case "request-hedged":
        this.#hedged = event.endpoint;
        break;
      case "request-retried":
        this.#retried(event);
    }
  }

  #retried(event: FreelanceClientEvent & { type: "request-retried" }): void {
    const note = this.#books.calls.get(event.call) as CallNote;
    if (event.attempt !== note.attempts) this.#books.violated(`request ${note.call} miscounts its attempts`);
    if (event.reason === "timed-out") {
      if (this.#books.now < note.endsAt) this.#books.violated(`request ${note.call} is retried too early`);
      this.#judge.silence(note);
      this.#judge.expectDoubt(note);
      return note.timedOut(event.at + event.pauseMs);
    }
    if ((!note.hasLost && !note.isUncertain) || note.copies.size > 0)
      this.#books.violated(`request ${note.call} has not lost its server`);
    note.beginAttempt(this.#books.now);
    this.#books.moved.set(note, new Set(this.#books.listed));
  }

  /** What a server had does not come back. */
  #lost(endpoint: string): void {
    for (const note of this.#books.bySequence.values()) {
      if (!note.copies.delete(endpoint)) continue;
      note.hasLost = true;
      note.lostWith.add(endpoint);
      note.losses.set(endpoint, (note.losses.get(endpoint) ?? 0) + 1);
      if (note.state === "answered" && note.copies.size === 0) this.#books.forget(note);
    }
  }

  #answered(call: number): void {
    const note = this.#books.calls.get(call);
    if (note === undefined)
      return this.#books.violated(`request ${call} is answered, which it does not have`);
    note.state = "answered";
    this.#books.calls.delete(call);
    this.#books.moved.delete(note);
    if (note.copies.size === 0) this.#books.forget(note);
  }

  #sent(endpoint: string | undefined, sequence: bigint): void {
    const note = this.#books.bySequence.get(sequence);
    const hedged = this.#hedged;
    this.#hedged = undefined;
    if (note === undefined || endpoint === undefined || note.state === "answered" || note.state === "pausing")
      return this.#books.violated(`request ${sequence} is sent, and is not under way`);
    const isHedge = hedged !== undefined;
    if (isHedge) this.#judge.hedge(note, hedged, endpoint);
    else this.#judge.send(note, endpoint);
    if (!this.#books.listed.has(endpoint))
      this.#books.violated(`request ${note.call} is sent to ${endpoint}, which takes none`);
    if (note.had.has(endpoint))
      this.#books.violated(`request ${note.call} is sent to ${endpoint} twice in an attempt`);
    const sends = (note.sends.get(endpoint) ?? 0) + 1;
    // The strategies without names go back to a server that was lost with it.
    const losses = this.#books.client.kind === "tracked" ? 0 : (note.losses.get(endpoint) ?? 0);
    if (sends > 1 + note.timeouts + losses)
      this.#books.violated(
        `request ${note.call} is sent to ${endpoint} ${sends} times, with ${note.timeouts} timeouts, ${losses} losses`,
      );
    note.sends.set(endpoint, sends);
    note.sent += 1;
    note.had.add(endpoint);
    note.copies.set(endpoint, { endpoint, sentAt: this.#books.now, isHedge });
    note.state = "sent";
    if (note.isCrowded) this.#books.crowd = [];
    note.isCrowded = false;
    const sent = this.#books.world.asked.get(note.call)?.sent;
    const server = serverOf(endpoint);
    sent?.set(server, (sent.get(server) ?? 0) + 1);
    if (!this.#books.moved.has(note)) this.#books.moved.set(note, new Set(this.#books.listed));
  }

  #afterInput(): void {
    this.#inputs += 1;
  }

  /** The machine has put everything out. */
  #quiet(): void {
    if (this.#books.isClosed) return this.#judge.closed();
    for (const [note, before] of this.#books.moved) this.#judge.place(note, before);
    this.#books.moved.clear();
    this.#judge.crowd();
    this.#books.crowd = [];
    for (const endpoint of this.#books.doubted)
      if (this.#books.listed.has(endpoint))
        this.#books.violated(`${endpoint} takes requests, and was silent for an attempt`);
    this.#books.doubted.clear();
    const { requests, answered, failed, hedges } = this.#books.machine.stats;
    if (answered + failed + this.#books.machine.inFlight !== requests)
      this.#books.violated("requests are not accounted for");
    if (hedges !== this.#books.budget.hedges) this.#books.violated(`${hedges} hedges are counted`);
    if (this.#inputs % COMPARE_EVERY === 0) this.#judge.compare();
  }
}
