import { type Frames, frameText } from "@seaworthy/core";
import type { RequestFailure } from "@seaworthy/majordomo/machine";
import type {
  TitanicServerInput,
  TitanicServerMachine,
  TitanicServerOutput,
} from "@seaworthy/titanic/machine";
import { readQuestion } from "./majordomo-content.js";
import { readIdText, readStatus } from "./titanic-content.js";
import type { Page } from "./titanic-page.js";
import type { Session } from "./titanic-session.js";
import type { StoreWitness } from "./titanic-store-witness.js";
import type { Order, TitanicWorld } from "./titanic-world.js";

type Command = (TitanicServerInput & { readonly type: "asked" })["command"];

/** Failures that a request may be to blame for. */
const COUNTED: readonly RequestFailure["code"][] = [
  "ERR_REQUEST_TIMEOUT",
  "ERR_WORKERS_FAILED",
  "ERR_HANDLER_FAILED",
];

/** Looks on at what a server is asked, what it answers, and what it sends to its services. */
export class ServerTap {
  readonly #world: TitanicWorld;
  readonly #witness: StoreWitness;
  readonly #session: Session;
  readonly #asked = new Map<number, { readonly command: Command; readonly at: number }>();
  /** Requests that are at their services. */
  readonly #calls = new Map<number, Page>();
  /** Requests of which it has just heard that they are removed. */
  readonly #ending = new Set<Page>();

  constructor(world: TitanicWorld, witness: StoreWitness, session: Session) {
    this.#world = world;
    this.#witness = witness;
    this.#session = session;
  }

  /** The machine, with this one looking on. */
  around(machine: TitanicServerMachine): TitanicServerMachine {
    const { handle, take } = machine;
    machine.handle = (input, now) => {
      if (input.type !== "stalled") this.#before(input, now);
      handle.call(machine, input, now);
    };
    machine.take = () => {
      const output = take.call(machine);
      if (output === undefined) this.#hasEnded();
      else this.#told(output);
      return output;
    };
    return machine;
  }

  #before(input: TitanicServerInput, now: number): void {
    switch (input.type) {
      case "asked":
        this.#asked.set(input.ticket, { command: input.command, at: now });
        return;
      case "malformed":
        return this.#world.violated(
          `${this.#session.name} does not understand what it is asked: ${input.reason}`,
        );
      case "removed": {
        const page = this.#witness.page(input.id);
        if (page !== undefined) this.#ending.add(page);
        return;
      }
      case "answered":
        this.#calls.delete(input.call);
        return;
      case "failed": {
        const page = this.#calls.get(input.call);
        this.#calls.delete(input.call);
        if (page !== undefined && COUNTED.includes(input.failure.code)) page.seen += 1;
      }
    }
  }

  #told(output: TitanicServerOutput): void {
    switch (output.type) {
      case "answer":
        return this.#answers(output.ticket, output.body);
      case "call":
        return this.#sends(output.call, output.body);
      case "abort": {
        const page = this.#calls.get(output.call);
        this.#calls.delete(output.call);
        if (page !== undefined) this.#session.holding.delete(page.id);
      }
    }
  }

  /** All that follows from what it was told is done. */
  #hasEnded(): void {
    if (this.#ending.size === 0) return;
    for (const page of this.#calls.values())
      if (this.#ending.has(page))
        this.#world.violated(
          `${this.#session.name} still waits for request ${page.order.call}, which is removed`,
        );
    for (const page of this.#ending) page.knownBy.add(this.#session);
    this.#ending.clear();
  }

  #sends(call: number, body: Frames): void {
    const page = this.#session.bodies.get(body);
    if (page === undefined) return;
    const { violated } = this.#world;
    const { name, setting } = this.#session;
    const { order, knownBy } = page;
    this.#calls.set(call, page);
    this.#session.holding.add(page.id);
    if (knownBy.has(this.#session))
      violated(`${name} sends request ${order.call} to its service, of which it knows that it is removed`);
    let others = 0;
    for (const at of this.#calls.values()) if (at.order.service === order.service) others += 1;
    if (others > setting.options.maxInFlight)
      violated(`${name} has ${others} requests for ${order.service} in flight`);
  }

  #answers(ticket: number, body: Frames): void {
    const asked = this.#asked.get(ticket);
    this.#asked.delete(ticket);
    // What could not be understood was told of already.
    if (asked === undefined) return;
    const { command, at } = asked;
    const { status, rest } = readStatus(body);
    switch (command.type) {
      case "submit":
        return this.#tookIn(command, status, rest);
      case "reply":
        if (status !== "500") this.#witness.answered(command.id, at, status, rest);
        return;
      case "close":
        if (status === "200") this.#closed(command.id);
    }
  }

  #closed(id: Uint8Array): void {
    this.#witness.closed(id, this.#session);
    const page = this.#witness.page(id);
    const isCalling = [...this.#calls.values()].some((at) => at === page);
    if (isCalling)
      this.#world.violated(`${this.#session.name} still waits for the reply to what it has closed`);
  }

  #tookIn(command: Command & { type: "submit" }, status: string, rest: Uint8Array[]): void {
    const { call } = readQuestion(command.body[0] as Uint8Array);
    const order = this.#world.asked.get(call) as Order;
    if (status === "200") {
      const id = readIdText(rest[0]);
      if (id === undefined) return this.#world.violated(`request ${call} is taken in under no id`);
      this.#witness.accepted(order, id);
    } else if (status === "400") this.#witness.conflicted(order);
    else if (status !== "500") this.#world.violated(`request ${call} is answered ${status}`);
    if (command.key !== undefined && frameText(command.key) !== order.key && order.key !== undefined)
      this.#world.violated(`request ${call} comes under another key`);
  }
}
