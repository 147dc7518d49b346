import { type Frames, textFrame } from "@seaworthy/core";
import type { RequestFailure } from "@seaworthy/majordomo/machine";
import { TitanicServerMachine } from "../src/server-machine.js";
import type {
  StoreMethod,
  TitanicServerEvent,
  TitanicServerInput,
  TitanicServerOutput,
} from "../src/server-messages.js";
import { resolveServerOptions, type TitanicServerOptions } from "../src/server-options.js";
import { ScriptedStore } from "./server-store.js";

type StoreOutput = TitanicServerOutput & { readonly type: "store" };
type CallOutput = TitanicServerOutput & { readonly type: "call" };
type Code = RequestFailure["code"];

/** What a service does with a request: replies with a text, fails, or takes its time. */
export type Service = (body: string) => string | { fails: Code; sent?: number } | "…";

/** How a broker answers the question whether there is a worker. */
export type Broker = "tells" | "does not tell" | "is silent" | "is out of reach";

/** The id of the request that was taken in as number `n`. */
export function idOf(n: number): Uint8Array {
  const id = new Uint8Array(16);
  new DataView(id.buffer).setUint32(12, n);
  return id;
}

export const idTextOf = (n: number): string => n.toString(16).toUpperCase().padStart(32, "0");

const text = (frames: Frames): string => frames.map((frame) => Buffer.from(frame).toString()).join("|");

/** A server machine in virtual time, with a store, a broker and services that do as they are told. No jitter. */
export class ServerDriver {
  readonly machine: TitanicServerMachine;
  readonly store = new ScriptedStore();
  readonly outputs: TitanicServerOutput[] = [];
  /** Services that have workers. */
  readonly services = new Map<string, Service>();
  /** Methods of the store that fail, and those whose outcome waits for {@link let}. */
  readonly failing = new Set<StoreMethod>();
  readonly held = new Set<StoreMethod>();
  broker: Broker = "tells";
  now = 0;
  #tickets = 0;
  #made = 0;
  #waiting: (() => void)[] = [];
  #heldOutcomes: { method: StoreMethod; tell: () => void }[] = [];
  readonly #open = new Map<number, CallOutput>();

  constructor(options: TitanicServerOptions = {}) {
    const resolved = resolveServerOptions({ backoff: { jitter: 0 }, absence: { jitter: 0 }, ...options });
    this.machine = new TitanicServerMachine(
      resolved,
      () => idOf(++this.#made),
      () => 0,
      0,
    );
  }

  feed(input: TitanicServerInput | { type: "stalled"; ms: number }): this {
    this.store.now = this.now;
    this.machine.handle(input, this.now);
    return this.#collect();
  }

  /** Has the first look through the store behind it. */
  begun(): this {
    return this.until(0).clear();
  }

  /** There are workers for a service. By default they never answer. */
  offer(service: string, work: Service = () => "…"): this {
    this.services.set(service, work);
    return this;
  }

  submit(service: string, body = "x", key?: string): this {
    return this.ask({
      type: "submit",
      service: textFrame(service),
      body: [textFrame(body)],
      key: key === undefined ? undefined : textFrame(key),
    });
  }

  fetch(n: number): this {
    return this.ask({ type: "reply", id: idOf(n) });
  }

  closeRequest(n: number): this {
    return this.ask({ type: "close", id: idOf(n) });
  }

  ask(command: (TitanicServerInput & { type: "asked" })["command"]): this {
    return this.feed({ type: "asked", ticket: ++this.#tickets, command });
  }

  /** Requests that are at their services, as `service body`. */
  get running(): string[] {
    return [...this.#open.values()].map(({ service, body }) => `${text([service])} ${text(body)}`);
  }

  /** The service replies to the oldest request of it that is there. */
  reply(service: string, body = "done"): this {
    return this.answer(service, [textFrame(body)]);
  }

  answer(service: string, body: Uint8Array[]): this {
    const { call } = this.#take(service);
    return this.feed({ type: "answered", call, body });
  }

  fail(service: string, code: Code, sent = 1, more: { wasGiven?: false } = {}): this {
    const { call } = this.#take(service);
    return this.feed({ type: "failed", call, failure: { ...failureOf(code, sent), ...more } });
  }

  /** As many held outcomes of a method come to be known, the oldest first. */
  let(method: StoreMethod, count = 1): this {
    for (let told = 0; told < count; told++) {
      const at = this.#heldOutcomes.findIndex((outcome) => outcome.method === method);
      const [outcome] = this.#heldOutcomes.splice(at, 1);
      if (at < 0 || outcome === undefined) throw new Error(`no outcome of ${method} is held`);
      outcome.tell();
    }
    return this;
  }

  /** All held outcomes come to be known, in this order. */
  letAll(pick: (count: number) => number = () => 0): this {
    while (this.#heldOutcomes.length > 0) {
      const [outcome] = this.#heldOutcomes.splice(pick(this.#heldOutcomes.length), 1);
      outcome?.tell();
    }
    return this;
  }

  /** Holds the outcomes of these methods from now on, or of none. */
  hold(...methods: StoreMethod[]): this {
    this.held.clear();
    for (const method of methods) this.held.add(method);
    return this;
  }

  failStore(...methods: StoreMethod[]): this {
    this.failing.clear();
    for (const method of methods) this.failing.add(method);
    return this;
  }

  /** Lets time pass until `now`, with a tick at each deadline on the way. */
  until(now: number): this {
    let vain = 0;
    for (let due = this.machine.deadline; due !== undefined && due <= now; due = this.machine.deadline) {
      vain = due <= this.now ? vain + 1 : 0;
      if (vain > 1000) throw new Error(`time stands still at ${due}`);
      this.now = Math.max(this.now, due);
      this.store.now = this.now;
      this.machine.tick(this.now);
      this.#collect();
    }
    this.now = now;
    return this;
  }

  /** What was done, in order: `store method`, `answer ticket text`, `call service text`, `abort`, `idle`. */
  get deeds(): string[] {
    return this.outputs.flatMap((output) => {
      switch (output.type) {
        case "answer":
          return [`answer ${output.ticket} ${text(output.body)}`];
        case "store":
          return [`store ${output.action.method}`];
        case "call":
          return [`call ${text([output.service])} ${text(output.body)}`];
        case "abort":
        case "idle":
          return [output.type];
        default:
          return [];
      }
    });
  }

  /** Deeds of one kind, without its name. */
  did(kind: "answer" | "store" | "call" | "abort" | "idle"): string[] {
    return this.deeds.filter((deed) => deed.startsWith(kind)).map((deed) => deed.slice(kind.length + 1));
  }

  get events(): TitanicServerEvent[] {
    return this.outputs.flatMap((output) => (output.type === "status" ? [output.event] : []));
  }

  get statuses(): string[] {
    return this.events.map((event) => ("reason" in event ? `${event.type}:${event.reason}` : event.type));
  }

  /** Forgets what was put out so far. */
  clear(): this {
    this.outputs.length = 0;
    return this;
  }

  #take(service: string): CallOutput {
    const found = [...this.#open.values()].find((output) => text([output.service]) === service);
    if (found === undefined) throw new Error(`nothing of ${service} is running`);
    this.#open.delete(found.call);
    return found;
  }

  #collect(): this {
    for (;;) {
      for (let output = this.machine.take(); output !== undefined; output = this.machine.take()) {
        this.outputs.push(output);
        this.#perform(output);
      }
      const next = this.#waiting.shift();
      if (next === undefined) return this;
      next();
    }
  }

  #later(input: TitanicServerInput): void {
    this.#waiting.push(() => this.machine.handle(input, this.now));
  }

  #perform(output: TitanicServerOutput): void {
    switch (output.type) {
      case "store":
        return this.#storeDoes(output);
      case "call":
        return this.#called(output);
      case "abort":
        this.#open.delete(output.call);
    }
  }

  /** What is held has happened, and is not known yet. */
  #storeDoes({ op, action }: StoreOutput): void {
    const { method } = action;
    const input: TitanicServerInput = this.failing.has(method)
      ? { type: "store-failed", op, message: `${method} fails` }
      : { type: "stored", op, outcome: this.store.perform(action) };
    if (this.held.has(method)) this.#heldOutcomes.push({ method, tell: () => void this.feed(input) });
    else this.#later(input);
  }

  #called(output: CallOutput): void {
    const { call, body } = output;
    const service = text([output.service]);
    if (service === "mmi.service") return this.#brokerAsked(output);
    const does = this.services.get(service);
    const outcome = does?.(text(body)) ?? { fails: "ERR_NO_SERVICE" as const };
    if (outcome === "…") this.#open.set(call, output);
    else if (typeof outcome === "string") {
      this.#later({ type: "answered", call, body: [textFrame(outcome)] });
    } else this.#later({ type: "failed", call, failure: failureOf(outcome.fails, outcome.sent) });
  }

  #brokerAsked(output: CallOutput): void {
    const { call, body } = output;
    const says = (status: string): void =>
      this.#later({ type: "answered", call, body: status === "" ? [] : [textFrame(status)] });
    switch (this.broker) {
      case "tells":
        return says(this.services.has(text(body)) ? "200" : "404");
      case "does not tell":
        return says("501");
      case "is silent":
        this.#open.set(call, output);
        return;
      case "is out of reach":
        return this.#later({ type: "failed", call, failure: failureOf("ERR_BROKER_UNREACHABLE", 0) });
    }
  }
}

/** A failure of a request, as clients of Majordomo tell of it. */
function failureOf(code: Code, sent = 1): RequestFailure {
  const effort = { attempts: 1, sent, endpoints: [] };
  switch (code) {
    case "ERR_HANDLER_FAILED":
    case "ERR_BROKER_LIMIT":
      return { ...effort, code, message: "broken" };
    case "ERR_STREAM_INTERRUPTED":
      return { ...effort, code, reason: "timed-out" };
    case "ERR_LIMIT_REACHED":
      return { ...effort, code, option: "maxBodyBytes", limit: 10 };
    default:
      return { ...effort, code };
  }
}
