import type { FailureReply, Reply } from "@seaworthy/core";
import {
  type FreelanceClientInput,
  FreelanceClientMachine,
  type FreelanceClientOptions,
  type FreelanceClientOutput,
  resolveClientOptions,
} from "../src/machine.js";

export const EPOCH = 0x0102_0304_0506_0708n;

type OutputOf<T extends FreelanceClientOutput["type"]> = Extract<FreelanceClientOutput, { type: T }>;

/** A client machine in virtual time, with everything it put out. No jitter, and always the first choice, unless `random` says so. */
export class ClientDriver {
  readonly machine: FreelanceClientMachine;
  outputs: FreelanceClientOutput[] = [];
  now = 0;
  /** The latest connection of each endpoint. */
  readonly connections = new Map<string, number>();
  readonly #endpoints = new Map<number, string>();
  #calls = 0;

  constructor(options: FreelanceClientOptions = {}, random: () => number = () => 0) {
    const resolved = resolveClientOptions({
      timeoutMs: 1000,
      attempts: 3,
      backoff: { initialMs: 100, jitter: 0 },
      ...options,
    });
    this.machine = new FreelanceClientMachine(resolved, EPOCH, random);
  }

  feed(input: FreelanceClientInput | { type: "stalled"; ms: number }): this {
    this.machine.handle(input, this.now);
    this.#collect();
    return this;
  }

  /** Makes a request; returns its call number, which is also its sequence number. */
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

  connect(...names: string[]): this {
    for (const name of names) this.feed({ type: "connect", endpoint: endpoint(name) });
    return this;
  }

  disconnect(name: string): this {
    return this.feed({ type: "disconnect", endpoint: endpoint(name) });
  }

  /** The latest connection of a server. */
  at(name: string): number {
    return this.connections.get(endpoint(name)) as number;
  }

  up(...names: string[]): this {
    for (const name of names) this.feed({ type: "up", connection: this.at(name) });
    return this;
  }

  down(name: string): this {
    return this.feed({ type: "down", connection: this.at(name) });
  }

  pong(...names: string[]): this {
    for (const name of names)
      this.feed({ type: "received", connection: this.at(name), message: { type: "pong" } });
    return this;
  }

  /** Servers that take requests. */
  alive(...names: string[]): this {
    this.connect(...names);
    for (const name of names) {
      this.up(name);
      this.pong(name);
    }
    return this;
  }

  reply(call: number, name: string, epoch = EPOCH): this {
    return this.feed({ type: "received", connection: this.at(name), message: replyTo(call, epoch) });
  }

  fail(call: number, name: string, message = "no"): this {
    const reply: FailureReply = { type: "failure", epoch: EPOCH, sequence: BigInt(call), message };
    return this.feed({ type: "received", connection: this.at(name), message: reply });
  }

  refuse(
    call: number | undefined,
    name: string,
    reason: "peer-unknown" | "peer-full" | "queue-full" = "peer-unknown",
  ): this {
    const sequence = call === undefined ? undefined : BigInt(call);
    return this.feed({ type: "refused", connection: this.at(name), sequence, reason });
  }

  /** Lets time pass until `now`, with a tick at each deadline on the way; each PING of a server named is answered. */
  until(now: number, ...answering: string[]): this {
    for (let due = this.machine.deadline; due !== undefined && due <= now; due = this.machine.deadline) {
      this.now = Math.max(this.now, due);
      const seen = this.outputs.length;
      this.machine.tick(this.now);
      this.#collect();
      for (const output of this.outputs.slice(seen)) {
        const name = output.type === "ping" ? nameOf(this.#endpoints.get(output.connection)) : undefined;
        if (name !== undefined && answering.includes(name)) this.pong(name);
      }
    }
    this.now = now;
    return this;
  }

  of<T extends FreelanceClientOutput["type"]>(type: T): OutputOf<T>[] {
    return this.outputs.filter((output): output is OutputOf<T> => output.type === type);
  }

  /** The status events as `type` or `type:reason`. */
  get statuses(): string[] {
    return this.of("status").map(({ event }) =>
      "reason" in event ? `${event.type}:${event.reason}` : event.type,
    );
  }

  /** What was sent, as `call@server`. */
  get sends(): string[] {
    return this.of("send").map(
      ({ id, connection }) => `${id.sequence}@${nameOf(this.#endpoints.get(connection))}`,
    );
  }

  get pings(): string[] {
    return this.of("ping").map(({ connection }) => nameOf(this.#endpoints.get(connection)));
  }

  get opened(): string[] {
    return this.of("open").map((output) => nameOf(output.endpoint));
  }

  get failures(): string[] {
    return this.of("failed").map(({ call, failure }) => `${call}:${failure.code}`);
  }

  get answered(): number[] {
    return this.of("answered").map(({ call }) => call);
  }

  server(name: string) {
    return this.machine.servers(this.now).find((server) => server.endpoint === endpoint(name));
  }

  /** The states of all servers, in order. */
  get states(): string[] {
    return this.machine.servers(this.now).map(({ endpoint, state }) => `${nameOf(endpoint)}:${state}`);
  }

  #collect(): void {
    for (let output = this.machine.take(); output !== undefined; output = this.machine.take()) {
      this.outputs.push(output);
      if (output.type !== "open") continue;
      this.connections.set(output.endpoint, output.connection);
      this.#endpoints.set(output.connection, output.endpoint);
    }
  }
}

function replyTo(call: number, epoch: bigint): Reply {
  return { type: "reply", epoch, sequence: BigInt(call), body: [Uint8Array.of(100 + call)] };
}

function endpoint(name: string): string {
  return `tcp://${name}:1`;
}

function nameOf(endpoint: string | undefined): string {
  return /^tcp:\/\/(.*):1$/.exec(endpoint ?? "")?.[1] ?? "nobody";
}
