// A client of Majordomo that speaks 9/TSP as its text has it: no keys, nothing kept over a restart.
import type { Frames } from "@seaworthy/core";
import {
  MajordomoClientMachine,
  resolveClientOptions,
  type WiredClient,
  wireClient,
} from "@seaworthy/majordomo/machine";
import type { NodeContext } from "@seaworthy/simulator";
import { questionFrame } from "./majordomo-content.js";
import { serviceFrames } from "./majordomo-world.js";
import type { ClientProgram, Note } from "./titanic-client.js";
import { readIdText, readStatus, replyFault, TSP } from "./titanic-content.js";
import type { TitanicClientSetting, TitanicWorld } from "./titanic-world.js";

/** How far it has come with an order. */
interface Errand {
  readonly note: Note;
  readonly finish: (how: string) => void;
  /** Each time it sends a request anew, it is another request. */
  attempt: number;
  id: Uint8Array | undefined;
  step: "request" | "reply" | "close";
}

/** Pause before it asks again, and how often it sends a request. */
const PAUSE_MS = 300;
const MAX_ATTEMPTS = 3;
const PARTING_MS = 100;

export class BareClientProgram implements ClientProgram {
  readonly #world: TitanicWorld;
  readonly #context: NodeContext;
  readonly #machine: MajordomoClientMachine;
  readonly #wired: WiredClient;
  readonly #errands = new Map<number, Errand>();
  readonly #finish: (note: Note, how: string) => void;
  #lastCall = 0;
  #isClosed = false;

  constructor(
    world: TitanicWorld,
    client: TitanicClientSetting,
    context: NodeContext,
    finish: (note: Note, how: string) => void,
  ) {
    this.#world = world;
    this.#context = context;
    this.#finish = finish;
    const { transport, scheduler, random } = context;
    const { protocol = "auto", heartbeatMs, liveness } = client.options;
    const options = resolveClientOptions({
      protocol,
      heartbeatMs,
      liveness,
      connectTimeoutMs: 1000,
      attempts: 1,
    });
    this.#machine = new MajordomoClientMachine(options, BigInt(Math.floor(random() * 2 ** 48)), random);
    this.#wired = wireClient(this.#machine, {
      transport,
      scheduler,
      socket: { reconnectMaxIntervalMs: 500 },
      heartbeatMs: options.heartbeatMs,
      owner: {
        part() {},
        answered: (call, body) => this.#answered(call, body),
        failed: (call) => this.#failed(call),
        status() {},
      },
    });
    for (const broker of client.brokers)
      this.#wired.feed({ type: "connect", endpoint: `tcp://${broker}:5555` });
  }

  get inFlight(): number {
    return this.#machine.inFlight;
  }

  begin(note: Note): void {
    const finish = (how: string): void => this.#finish(note, how);
    this.#ask({ note, finish, attempt: 1, id: undefined, step: "request" });
  }

  close(): void {
    this.#isClosed = true;
    void this.#wired.close(PARTING_MS);
  }

  #ask(errand: Errand): void {
    if (this.#isClosed) return;
    const call = ++this.#lastCall;
    this.#errands.set(call, errand);
    const { note, step, attempt, id } = errand;
    const { order } = note;
    const digits = id === undefined ? "" : Buffer.from(id).toString("hex");
    const body: Frames =
      step === "request"
        ? [serviceFrames.get(order.service) as Uint8Array, questionFrame({ call: order.call, attempt })]
        : [Buffer.from(digits)];
    this.#context.log("asks", step, order.call);
    const limits = { timeoutMs: 600, attempts: 1, isStream: false };
    this.#wired.feed({ type: "request", call, service: TSP[step], body, ...limits });
  }

  #answered(call: number, body: Uint8Array[]): void {
    const errand = this.#take(call);
    if (errand === undefined) return;
    const { status, rest } = readStatus(body);
    this.#context.log("is told", status, errand.note.order.call);
    if (status === "500") return this.#failedAt(errand);
    switch (errand.step) {
      case "request":
        errand.id = readIdText(rest[0]);
        if (status !== "200" || errand.id === undefined)
          return this.#world.violated(`request ${errand.note.order.call} is answered ${status}`);
        errand.step = errand.note.manner === "cancel" ? "close" : "reply";
        return this.#later(errand, PAUSE_MS * this.#context.random());
      case "reply":
        return this.#replied(errand, status, rest);
      case "close":
        return errand.finish("closed");
    }
  }

  #replied(errand: Errand, status: string, body: Uint8Array[]): void {
    const { note, attempt } = errand;
    if (status === "300") return this.#later(errand, PAUSE_MS);
    if (status === "200") {
      const fault = replyFault({ call: note.order.call, attempt }, body);
      if (fault !== undefined) this.#world.violated(`the reply to request ${note.order.call} ${fault}`);
    }
    if (note.manner === "keep" || status === "400") return errand.finish(status);
    errand.step = "close";
    this.#ask(errand);
  }

  #failed(call: number): void {
    const errand = this.#take(call);
    if (errand !== undefined) this.#failedAt(errand);
  }

  #failedAt(errand: Errand): void {
    if (errand.step === "request" && errand.attempt === MAX_ATTEMPTS) return errand.finish("given up");
    if (errand.step === "request") errand.attempt += 1;
    this.#later(errand, PAUSE_MS);
  }

  #take(call: number): Errand | undefined {
    const errand = this.#errands.get(call);
    this.#errands.delete(call);
    return this.#isClosed ? undefined : errand;
  }

  #later(errand: Errand, ms: number): void {
    const { scheduler } = this.#context;
    scheduler.schedule(scheduler.now() + ms, () => this.#ask(errand));
  }
}
