import { BinaryStarClientMachine } from "../src/client-machine.js";
import type { Answer, BinaryStarClientInput, BinaryStarClientOutput } from "../src/client-messages.js";
import { type BinaryStarClientOptions, resolveClientOptions } from "../src/client-options.js";
import type { PublishedState } from "../src/wire.js";

export const EPOCH = 0x0102_0304_0506_0708n;
export const PRIMARY = "tcp://primary:5001";
export const BACKUP = "tcp://backup:5002";

type OutputOf<T extends BinaryStarClientOutput["type"]> = Extract<BinaryStarClientOutput, { type: T }>;

/**
 * A client machine in virtual time, with everything it put out. The guide's times (1000 ms for an attempt, 2000 ms to
 * settle), four attempts, and no jitter unless `random` says so.
 */
export class ClientDriver {
  readonly machine: BinaryStarClientMachine;
  readonly outputs: BinaryStarClientOutput[] = [];
  /** When each of them was put out. */
  readonly times: number[] = [];
  now = 0;
  #calls = 0;

  constructor(options: BinaryStarClientOptions = {}, random: () => number = () => 0) {
    this.machine = new BinaryStarClientMachine(
      resolveClientOptions({ backoff: { initialMs: 100, jitter: 0 }, ...options }),
      EPOCH,
      random,
    );
  }

  feed(input: BinaryStarClientInput | { type: "stalled"; ms: number }): this {
    this.machine.handle(input, this.now);
    this.#collect();
    return this;
  }

  /** Makes a request; returns its call number. */
  request(limits: { timeoutMs?: number; attempts?: number } = {}): number {
    const call = ++this.#calls;
    const body = [Uint8Array.of(call)];
    this.feed({ type: "request", call, body, timeoutMs: 1000, attempts: 4, ...limits });
    return call;
  }

  /** Both servers, and a connection to the primary that stands: number 0. */
  paired(): this {
    return this.connect(PRIMARY, BACKUP).up(0);
  }

  connect(...endpoints: string[]): this {
    for (const endpoint of endpoints) this.feed({ type: "connect", endpoint });
    return this;
  }

  up(connection: number): this {
    return this.feed({ type: "up", connection });
  }

  down(connection: number, reason?: string): this {
    return this.feed({ type: "down", connection, reason });
  }

  receive(connection: number, reply: Answer): this {
    return this.feed({ type: "received", connection, reply });
  }

  reply(call: number, connection = 0, epoch = EPOCH): this {
    const body = [Uint8Array.of(100 + call)];
    return this.receive(connection, { type: "reply", epoch, sequence: BigInt(call), body });
  }

  refuse(
    call: number,
    connection: number,
    retryAfterMs: number | undefined,
    state: PublishedState = "passive",
  ): this {
    const sequence = BigInt(call);
    return this.receive(connection, { type: "refusal", epoch: EPOCH, sequence, state, retryAfterMs });
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

  of<T extends BinaryStarClientOutput["type"]>(type: T): OutputOf<T>[] {
    return this.outputs.filter((output): output is OutputOf<T> => output.type === type);
  }

  /** The status events as `type` or `type:reason`. */
  get statuses(): string[] {
    return this.of("status").map(({ event }) =>
      "reason" in event ? `${event.type}:${event.reason}` : event.type,
    );
  }

  /** What was sent, as `call@connection`. */
  get sends(): string[] {
    return this.of("send").map(({ call, connection }) => `${call}@${connection}`);
  }

  /** The endpoints that were connected to, in order. */
  get opened(): string[] {
    return this.of("open").map(({ endpoint }) => endpoint);
  }

  get discarded(): number[] {
    return this.of("discard").map(({ connection }) => connection);
  }

  /** How requests failed, as `call:code`. */
  get failures(): string[] {
    return this.of("failed").map(({ call, failure }) => `${call}:${failure.code}`);
  }

  get answered(): number[] {
    return this.of("answered").map(({ call }) => call);
  }

  #collect(): void {
    for (let output = this.machine.take(); output !== undefined; output = this.machine.take()) {
      this.outputs.push(output);
      this.times.push(this.now);
    }
  }
}
