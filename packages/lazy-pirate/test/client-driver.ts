import {
  type LazyPirateClientInput,
  LazyPirateClientMachine,
  type LazyPirateClientOptions,
  type LazyPirateClientOutput,
  resolveClientOptions,
} from "../src/machine.js";

export const EPOCH = 0x0102_0304_0506_0708n;

type OutputOf<T extends LazyPirateClientOutput["type"]> = Extract<LazyPirateClientOutput, { type: T }>;

/** A client machine in virtual time, with everything it put out. No jitter unless `random` says so. */
export class ClientDriver {
  readonly machine: LazyPirateClientMachine;
  readonly outputs: LazyPirateClientOutput[] = [];
  now = 0;
  #calls = 0;

  constructor(options: LazyPirateClientOptions = {}, random: () => number = () => 0) {
    this.machine = new LazyPirateClientMachine(
      resolveClientOptions({
        timeoutMs: 1000,
        attempts: 3,
        backoff: { initialMs: 100, jitter: 0 },
        ...options,
      }),
      EPOCH,
      random,
    );
  }

  feed(input: LazyPirateClientInput | { type: "stalled"; ms: number }): this {
    this.machine.handle(input, this.now);
    this.#collect();
    return this;
  }

  /** Makes a request; returns its call number. */
  request(limits: { timeoutMs?: number; attempts?: number } = {}): number {
    const call = ++this.#calls;
    this.feed({
      type: "request",
      call,
      body: [Uint8Array.of(call)],
      timeoutMs: 1000,
      attempts: 3,
      ...limits,
    });
    return call;
  }

  /** An endpoint with a connection that stands: connection number 0 for the first. */
  connected(endpoint = "tcp://a:1", connection = 0): this {
    return this.feed({ type: "connect", endpoint }).feed({ type: "up", connection });
  }

  reply(call: number, connection = 0, epoch = EPOCH): this {
    const body = [Uint8Array.of(100 + call)];
    return this.feed({
      type: "received",
      connection,
      reply: { type: "reply", epoch, sequence: BigInt(call), body },
    });
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

  of<T extends LazyPirateClientOutput["type"]>(type: T): OutputOf<T>[] {
    return this.outputs.filter((output): output is OutputOf<T> => output.type === type);
  }

  /** The status events as `type` or `type:reason`. */
  get statuses(): string[] {
    return this.of("status").map(({ event }) =>
      "reason" in event ? `${event.type}:${event.reason}` : event.type,
    );
  }

  get sends(): string[] {
    return this.of("send").map(({ call, connection }) => `${call}@${connection}`);
  }

  #collect(): void {
    for (let output = this.machine.take(); output !== undefined; output = this.machine.take()) {
      this.outputs.push(output);
    }
  }
}
