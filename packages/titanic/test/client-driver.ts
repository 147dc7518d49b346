import { textFrame } from "@seaworthy/core";
import type { RequestFailure } from "@seaworthy/majordomo/machine";
import { TitanicClientMachine } from "../src/client-machine.js";
import type { TitanicClientInput, TitanicClientOutput } from "../src/client-messages.js";
import { resolveTitanicOptions, type TitanicClientOptions } from "../src/client-options.js";

type OutputOf<T extends TitanicClientOutput["type"]> = Extract<TitanicClientOutput, { type: T }>;
type Code = RequestFailure["code"];

export const ID = "0123456789ABCDEF0123456789ABCDEF";
const KEY = textFrame("key");

export const textOf = (frames: readonly Uint8Array[]): string =>
  frames.map((frame) => Buffer.from(frame).toString()).join("|");

/** A client machine in virtual time, with everything it put out. No jitter. */
export class TitanicDriver {
  readonly machine: TitanicClientMachine;
  readonly outputs: TitanicClientOutput[] = [];
  now = 0;
  #calls = 0;
  #keys = 0;

  constructor(options: TitanicClientOptions = {}, random: () => number = () => 0) {
    this.machine = new TitanicClientMachine(
      resolveTitanicOptions({
        timeoutMs: 1000,
        attempts: 3,
        dialect: "seaworthy",
        backoff: { initialMs: 100 },
        ...options,
      }),
      () => textFrame(`own key ${++this.#keys}`),
      random,
    );
  }

  feed(input: TitanicClientInput | { type: "stalled"; ms: number }): this {
    this.machine.handle(input, this.now);
    this.#collect();
    return this;
  }

  submit({ isKeyed = false, timeoutMs = 1000, attempts = 3 } = {}): number {
    const key = isKeyed ? KEY : undefined;
    return this.#begin((call) => ({ type: "submit", call, ...this.#work, key, timeoutMs, attempts }));
  }

  reply(id = ID, { timeoutMs = 1000, attempts = 3 } = {}): number {
    return this.#begin((call) => ({ type: "reply", call, id, timeoutMs, attempts }));
  }

  wait({ id = ID, limitMs = Number.POSITIVE_INFINITY } = {}): number {
    return this.#begin((call) => ({ type: "wait", call, id, limitMs }));
  }

  close(id = ID, { timeoutMs = 1000, attempts = 3 } = {}): number {
    return this.#begin((call) => ({ type: "close-request", call, id, timeoutMs, attempts }));
  }

  call({ isKeyed = false, records = false, limitMs = Number.POSITIVE_INFINITY } = {}): number {
    const key = isKeyed ? KEY : undefined;
    return this.#begin((call) => ({ type: "call", call, ...this.#work, key, limitMs, records }));
  }

  /** The last question, or the one with this number, is answered. */
  answer(...frames: (string | Uint8Array)[]): this {
    return this.answerTo(this.lastAsk, ...frames);
  }

  answerTo(ask: number, ...frames: (string | Uint8Array)[]): this {
    return this.feed({
      type: "answered",
      ask,
      body: frames.map((frame) => (typeof frame === "string" ? textFrame(frame) : frame)),
    });
  }

  /** The last question got no answer. */
  fails(code: Code, ask: number = this.lastAsk): this {
    const effort = { attempts: 1, sent: 1, endpoints: ["tcp://a:1"] };
    return this.feed({ type: "failed", ask, failure: { code, ...effort } as RequestFailure });
  }

  /** Lets time pass until `now`, with a tick at each deadline on the way. */
  until(now: number): this {
    for (let due = this.machine.deadline; due !== undefined && due <= now; due = this.machine.deadline) {
      this.now = Math.max(this.now, due);
      this.machine.tick(this.now);
      this.#collect();
    }
    this.now = now;
    return this;
  }

  of<T extends TitanicClientOutput["type"]>(type: T): OutputOf<T>[] {
    return this.outputs.filter((output): output is OutputOf<T> => output.type === type);
  }

  get lastAsk(): number {
    return this.of("request").at(-1)?.ask ?? 0;
  }

  /** What was asked, as `service: frames`. */
  get asked(): string[] {
    return this.of("request").map(({ service, body }) => `${textOf([service])}: ${textOf(body)}`);
  }

  /** What calls ended in, as `call: how`. */
  get ends(): string[] {
    return this.outputs.flatMap((output) => {
      switch (output.type) {
        case "submitted":
          return [`${output.call}: id ${output.id}`];
        case "replied":
          return [`${output.call}: ${textOf(output.body)}`];
        case "pending":
        case "closed":
          return [`${output.call}: ${output.type}`];
        case "failed":
          return [`${output.call}: ${output.failure.code}`];
        default:
          return [];
      }
    });
  }

  /** The status events as `type` or `type:what`. */
  get statuses(): string[] {
    return this.of("status").map(({ event }) => {
      if ("reason" in event) return `${event.type}:${event.reason}`;
      return "dialect" in event ? `${event.type}:${event.dialect}` : event.type;
    });
  }

  get #work() {
    return { service: textFrame("echo"), body: [textFrame("a"), textFrame("b")] };
  }

  #begin(make: (call: number) => TitanicClientInput): number {
    const call = ++this.#calls;
    this.feed(make(call));
    return call;
  }

  #collect(): void {
    for (let output = this.machine.take(); output !== undefined; output = this.machine.take()) {
      this.outputs.push(output);
    }
  }
}
