import { type DeadlineEntry, DeadlineQueue, frameText, textFrame } from "@seaworthy/core";
import {
  MajordomoBrokerMachine,
  type MajordomoBrokerOptions,
  type MajordomoBrokerOutput,
  MajordomoWorkerMachine,
  type MajordomoWorkerOptions,
  type MajordomoWorkerOutput,
  resolveBrokerOptions,
  resolveWorkerOptions,
} from "../src/machine.js";

const CONNECTION = 1;

interface Member {
  readonly machine: MajordomoWorkerMachine;
  isFrozen: boolean;
  timer: DeadlineEntry<string> | undefined;
}

/** A broker machine and workers of ours at it, in virtual time. What one says, another hears at once. */
export class Fleet {
  readonly broker: MajordomoBrokerMachine;
  /** When workers said heartbeats, and when the broker did. */
  readonly beats: { workers: number[]; broker: number[] } = { workers: [], broker: [] };
  /** Who was taken for dead: a worker by name, or `broker of` a worker. */
  readonly mourned: string[] = [];
  now = 0;
  readonly #members = new Map<string, Member>();
  readonly #timers = new DeadlineQueue<string>();
  #isBrokerFrozen = false;
  #seed = 1;

  constructor(options: MajordomoBrokerOptions) {
    this.broker = new MajordomoBrokerMachine(resolveBrokerOptions(options));
  }

  get size(): number {
    return this.#members.size;
  }

  join(name: string, options: MajordomoWorkerOptions = {}): this {
    const machine = new MajordomoWorkerMachine(resolveWorkerOptions(options), () => this.#random());
    this.#members.set(name, { machine, isFrozen: false, timer: undefined });
    machine.handle({ type: "demand", count: 1 }, this.now);
    machine.handle({ type: "connect", endpoint: "tcp://broker:1" }, this.now);
    machine.handle({ type: "up", connection: CONNECTION }, this.now);
    return this.#settle(name);
  }

  /** It says nothing more, and hears nothing. */
  freeze(name: string): this {
    const member = this.#members.get(name) as Member;
    member.isFrozen = true;
    this.#timers.cancel(member.timer as DeadlineEntry<string>);
    return this;
  }

  /** The broker says nothing more. */
  freezeBroker(): this {
    this.#isBrokerFrozen = true;
    return this;
  }

  /** Those that have been here longest leave. */
  leaveSome(count: number): this {
    for (const name of [...this.#members.keys()].slice(0, count)) this.leave(name);
    return this;
  }

  leave(name: string): this {
    this.#members.get(name)?.machine.handle({ type: "close" }, this.now);
    this.#settle(name);
    this.#timers.cancel(this.#members.get(name)?.timer as DeadlineEntry<string>);
    this.#members.delete(name);
    return this;
  }

  until(end: number): this {
    while (this.#step(end));
    this.now = end;
    return this;
  }

  /** Most heartbeats of one direction in so many ms at any time since another. */
  busiest(direction: "workers" | "broker", since: number, ms: number): number {
    const times = this.beats[direction].filter((time) => time >= since);
    let [most, first] = [0, 0];
    for (const [last, time] of times.entries()) {
      while (time - (times[first] as number) >= ms) first += 1;
      most = Math.max(most, last - first + 1);
    }
    return most;
  }

  /** Lets the one act whose time has come; false if that of nobody comes until `end`. */
  #step(end: number): boolean {
    const brokerAt = (this.#isBrokerFrozen ? undefined : this.broker.deadline) ?? Number.POSITIVE_INFINITY;
    const workerAt = this.#timers.deadline ?? Number.POSITIVE_INFINITY;
    const due = Math.min(brokerAt, workerAt);
    if (due > end) return false;
    this.now = Math.max(this.now, due);
    if (brokerAt < workerAt) {
      this.broker.tick(this.now);
      this.#settle();
      return true;
    }
    const name = this.#timers.takeDue(this.now) as string;
    this.#members.get(name)?.machine.tick(this.now);
    this.#settle(name);
    return true;
  }

  #watch(name: string): void {
    const member = this.#members.get(name);
    if (member === undefined || member.isFrozen) return;
    const at = member.machine.deadline ?? Number.POSITIVE_INFINITY;
    if (member.timer === undefined) member.timer = this.#timers.add(name, at);
    else this.#timers.move(member.timer, at);
  }

  /** Takes around what a worker, or the broker, has to say, and what is said to that. */
  #settle(name?: string): this {
    const worker = name === undefined ? undefined : this.#members.get(name)?.machine;
    for (let output = worker?.take(); output !== undefined; output = worker?.take())
      this.#workerDid(name as string, output);
    for (let output = this.broker.take(); output !== undefined; output = this.broker.take())
      this.#brokerDid(output);
    if (name !== undefined) this.#watch(name);
    return this;
  }

  #workerDid(name: string, output: MajordomoWorkerOutput): void {
    if (output.type === "status" && output.event.type === "session-lost")
      this.mourned.push(`broker of ${name}`);
    if (output.type !== "say") return;
    const { speech } = output;
    if (speech.type === "partial" || speech.type === "final") return;
    if (speech.type === "heartbeat") this.beats.workers.push(this.now);
    if (this.#isBrokerFrozen) return;
    const command = speech.type === "ready" ? { ...speech, service: textFrame("echo") } : speech;
    this.broker.handle({ type: "said", worker: textFrame(name), version: speech.version, command }, this.now);
  }

  #brokerDid(output: MajordomoBrokerOutput): void {
    if (output.type === "status" && output.event.type === "worker-expired")
      this.mourned.push(output.event.worker);
    if (output.type !== "heartbeat") return;
    this.beats.broker.push(this.now);
    const name = frameText(output.worker);
    const member = this.#members.get(name);
    if (member === undefined || member.isFrozen || output.notice === undefined) return;
    const command = { type: "heartbeat", notice: output.notice } as const;
    member.machine.handle({ type: "said", connection: CONNECTION, command }, this.now);
    this.#settle(name);
  }

  #random(): number {
    this.#seed = (this.#seed * 48_271) % 2_147_483_647;
    return this.#seed / 2_147_483_647;
  }
}
