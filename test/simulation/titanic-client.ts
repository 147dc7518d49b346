import { textFrame } from "@seaworthy/core";
import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import {
  type CallOutput,
  resolveTitanicOptions,
  TitanicClientMachine,
  type TitanicFailure,
  type WiredTitanicClient,
  wireTitanicClient,
} from "@seaworthy/titanic/machine";
import { questionFrame } from "./majordomo-content.js";
import { RESTART_MS, serviceFrames } from "./majordomo-world.js";
import { BareClientProgram } from "./titanic-bare-client.js";
import { replyFault } from "./titanic-content.js";
import type { Order, TitanicClientSetting, TitanicWorld } from "./titanic-world.js";

/**
 * What a client does with an order. `call`: everything in one call. `wait`: submits, waits for the reply, closes;
 * `keep`: does not close; `cancel`: does not wait. `again`: hands in once more what it is done with.
 */
export type Manner = "call" | "wait" | "keep" | "cancel" | "again";

/** What a client keeps of an order on its disk. */
export interface Note {
  readonly order: Order;
  readonly manner: Manner;
  id: string | undefined;
  hasReply: boolean;
}

export interface ClientApp {
  begin(note: Note): void;
  /** Closes the client; another starts a little later. */
  leave(): void;
  /** What is left in its books. */
  readonly inFlight: number;
}

/** One life of a client, from its start to its close. */
export interface ClientProgram {
  readonly inFlight: number;
  begin(note: Note): void;
  close(): void;
}

/** What is said last may take so long to leave, in ms. */
const PARTING_MS = 100;
/** How long an application waits before it does again what failed, in ms. */
const AGAIN_MS = 300;
/** How long it waits if it was told that there are no keys here: a client believes that for 30 s. */
const UNSUPPORTED_MS = 5000;

export function bootClient(
  world: TitanicWorld,
  client: TitanicClientSetting,
  notes: Map<Order, Note>,
): SimulatedNode<ClientApp> {
  return world.simulation.node(client.name, (context): ClientApp => {
    let program: ClientProgram | undefined;
    const start = (): void => {
      program =
        client.kind === "ours"
          ? new OurClientProgram(world, client, context, notes)
          : new BareClientProgram(world, client, context, (note, how) => finish(world, notes, note, how));
      for (const note of [...notes.values()]) resume(note);
    };
    const resume = (note: Note): void => {
      const isKnown = client.kind === "ours" && (note.id !== undefined || note.order.key !== undefined);
      if (isKnown) program?.begin(note);
      else finish(world, notes, note, "lost with its client");
    };
    start();
    return {
      begin(note) {
        if (program === undefined) resume(note);
        else program.begin(note);
      },
      leave() {
        program?.close();
        program = undefined;
        context.scheduler.schedule(context.now() + RESTART_MS * context.random(), start);
      },
      get inFlight() {
        return program?.inFlight ?? 0;
      },
    };
  });
}

/** The client is done with an order. */
function finish(world: TitanicWorld, notes: Map<Order, Note>, note: Note, how: string): void {
  if (!notes.delete(note.order)) return;
  if (note.manner !== "again") world.ended(note.order.call, how);
}

class OurClientProgram implements ClientProgram {
  readonly #world: TitanicWorld;
  readonly #client: TitanicClientSetting;
  readonly #context: NodeContext;
  readonly #notes: Map<Order, Note>;
  readonly #machine: TitanicClientMachine;
  readonly #wired: WiredTitanicClient;
  readonly #calls = new Map<number, Note>();
  #lastCall = 0;
  #isClosed = false;

  constructor(
    world: TitanicWorld,
    client: TitanicClientSetting,
    context: NodeContext,
    notes: Map<Order, Note>,
  ) {
    this.#world = world;
    this.#client = client;
    this.#context = context;
    this.#notes = notes;
    const { transport, scheduler, random, log } = context;
    const options = resolveTitanicOptions(client.options);
    const newKey = (): Uint8Array => Uint8Array.from({ length: 16 }, () => 256 * random());
    this.#machine = new TitanicClientMachine(options, newKey, random);
    this.#wired = wireTitanicClient(this.#machine, {
      transport,
      scheduler,
      epoch: BigInt(Math.floor(random() * 2 ** 48)),
      random,
      options,
      owner: {
        told: (output) => this.#told(output),
        status: (event) => log("status", event.type),
      },
    });
    for (const broker of client.brokers) this.#wired.connect(`tcp://${broker}:5555`);
  }

  get inFlight(): number {
    return this.#machine.inFlight + this.#wired.majordomo.inFlight;
  }

  /** Takes up an order where it was left. */
  begin(note: Note): void {
    if (this.#isClosed) return;
    const call = ++this.#lastCall;
    const { order, manner, id, hasReply } = note;
    const { random } = this.#context;
    this.#calls.set(call, note);
    const { call: number, service: name, key } = order;
    const submission = {
      call,
      service: serviceFrames.get(name) as Uint8Array,
      body: [questionFrame({ call: number, attempt: 0 })],
      key: key === undefined ? undefined : textFrame(key),
    };
    const limits = { timeoutMs: 200 + 600 * random(), attempts: 1 + Math.floor(3 * random()) };
    const limitMs = random() < 0.3 ? 1000 * random() : Number.POSITIVE_INFINITY;
    this.#context.log("begins", manner, number, id ?? "");
    if (manner === "call")
      this.#wired.feed({ type: "call", ...submission, limitMs, records: random() < 0.7 });
    else if (id === undefined) this.#wired.feed({ type: "submit", ...submission, ...limits });
    else if (hasReply || manner === "cancel")
      this.#wired.feed({ type: "close-request", call, id, ...limits });
    else if (random() < 0.2) this.#wired.feed({ type: "reply", call, id, ...limits });
    else this.#wired.feed({ type: "wait", call, id, limitMs });
  }

  close(): void {
    this.#isClosed = true;
    void this.#wired.close(PARTING_MS);
    const { inFlight } = this.#machine;
    if (inFlight > 0) this.#world.violated(`${this.#client.name} has closed with ${inFlight} calls`);
  }

  #told(output: CallOutput): void {
    const note = this.#calls.get(output.call);
    // A client that is closing says of all its calls that they have failed.
    if (note === undefined || this.#isClosed) return;
    this.#context.log("told", output.type, note.order.call);
    if (output.type === "record") {
      // What is on its disk, it does not do again. It may die before the request is closed.
      this.#check(note, output.body);
      note.hasReply = true;
      this.#wired.feed({ type: "recorded", call: output.call });
      return;
    }
    this.#calls.delete(output.call);
    switch (output.type) {
      case "submitted":
        note.id = output.id;
        if (note.manner === "again") return this.#finish(note, "known");
        return this.#later(note, note.manner === "cancel" ? AGAIN_MS * this.#context.random() : 0);
      case "replied":
        this.#check(note, output.body);
        note.hasReply = true;
        if (note.manner === "call" || note.manner === "keep") return this.#finish(note, "answered");
        return this.#later(note, 0);
      case "pending":
        return this.#later(note, AGAIN_MS);
      case "closed":
        return this.#finish(note, note.hasReply ? "answered" : "cancelled");
      case "failed":
        return this.#failed(note, output.failure);
    }
  }

  #failed(note: Note, failure: TitanicFailure): void {
    const { order } = note;
    this.#context.log("failed", order.call, failure.code);
    switch (failure.code) {
      case "ERR_KEY_CONFLICT":
        return this.#finish(note, "conflict");
      case "ERR_DEAD_LETTER":
        return this.#finish(note, "dead");
      case "ERR_UNKNOWN_REQUEST":
      case "ERR_REQUEST_CLOSED":
        // Whether it was closed, the store's witness knows.
        return this.#finish(note, "gone");
      case "ERR_REQUEST_REFUSED":
      case "ERR_HANDLER_FAILED":
      case "ERR_LIMIT_REACHED":
        return this.#world.violated(`request ${order.call} ends in ${failure.code}`);
    }
    const canGoOn = note.id !== undefined || order.key !== undefined;
    if (canGoOn) this.#later(note, failure.code === "ERR_NOT_SUPPORTED" ? UNSUPPORTED_MS : AGAIN_MS);
    else this.#finish(note, failure.code);
  }

  #check({ order }: Note, body: Uint8Array[]): void {
    const fault = replyFault({ call: order.call, attempt: 0 }, body);
    if (fault !== undefined) this.#world.violated(`the reply to request ${order.call} ${fault}`);
  }

  #finish(note: Note, how: string): void {
    finish(this.#world, this.#notes, note, how);
  }

  #later(note: Note, ms: number): void {
    const { scheduler } = this.#context;
    scheduler.schedule(scheduler.now() + ms, () => this.begin(note));
  }
}
