import { DELIMITER, frameKey, frameText, type Stalled, textFrame } from "@seaworthy/core";
import { expect } from "vitest";
import {
  encodeRequestHeader,
  type MajordomoBrokerInput,
  MajordomoBrokerMachine,
  type MajordomoBrokerOptions,
  type MajordomoBrokerOutput,
  type MdpVersion,
  type Notice,
  type PartKind,
  resolveBrokerOptions,
  type WorkerCommand,
} from "../src/machine.js";

/** What a client or a worker does, or what happens to one. */
export type Step =
  | {
      readonly do: "ready";
      readonly worker: string;
      readonly service: string;
      readonly version: MdpVersion;
      readonly notice: Notice | undefined;
    }
  | { readonly do: "heartbeat"; readonly worker: string; readonly notice: Notice | undefined }
  /** Of what the worker has, the one at this place is answered. */
  | { readonly do: "reply"; readonly worker: string; readonly kind: PartKind; readonly place: number }
  /** A reply to what it was not given. */
  | { readonly do: "stray"; readonly worker: string; readonly kind: PartKind }
  | { readonly do: "disconnect"; readonly worker: string }
  /** The last that was sent to the worker did not get there. */
  | { readonly do: "refused"; readonly worker: string }
  | {
      readonly do: "ask";
      readonly client: string;
      readonly service: string;
      readonly version: MdpVersion;
      /** Of a client of ours; the service follows from it. */
      readonly sequence: number | undefined;
      readonly ttlMs: number;
      readonly bytes: number;
    }
  | { readonly do: "cancel"; readonly sequence: number }
  | { readonly do: "departed"; readonly peer: string }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "stall"; readonly ms: number };

type WorkerStep = Step & { readonly worker: string };

interface Held {
  readonly number: number;
  readonly text: string;
}

/** A worker as it knows itself. */
interface Worker {
  version: MdpVersion;
  service: string;
  credit: number;
  held: Held[];
}

/** The options that a {@link Witness} holds its broker to. */
const LIMITS = {
  heartbeatMs: 100,
  peerHeartbeatMs: 100,
  liveness: 3,
  // Two workers of ours have to slow down.
  maxHeartbeatsPerSecond: 10,
  maxDeliveries: 2,
  requestTtlMs: 400,
  maxWaiting: 4,
  maxUnoffered: 3,
  maxServices: 2,
  maxWorkers: 4,
  maxCredit: 3,
  maxHeldBytes: 2000,
} as const satisfies MajordomoBrokerOptions;

/** A broker in virtual time, and all that its peers know, who hold it to its promises after each step. */
export class Witness {
  readonly machine: MajordomoBrokerMachine = new MajordomoBrokerMachine(resolveBrokerOptions(LIMITS));
  readonly #workers = new Map<string, Worker>();
  /** By the text of a request: the service that it is for. */
  readonly #asked = new Map<string, string>();
  /** How often foreign requests were given to workers, less what need not count. */
  readonly #given = new Map<string, number>();
  readonly #answered = new Set<string>();
  #now = 0;
  #foreign = 0;

  do(step: Step): void {
    if ("worker" in step) return this.#workerDoes(step);
    switch (step.do) {
      case "ask":
        return this.#ask(step);
      case "cancel":
        return this.#feed({ type: "cancel", key: `key ${step.sequence}` });
      case "departed":
        this.#lose(step.peer, false);
        return this.#feed({
          type: "departed",
          peer: frameKey(textFrame(step.peer)),
          isAnonymous: step.peer.startsWith("\0"),
        });
      case "pass":
        return this.pass(step.ms);
      case "stall":
        this.#now += step.ms;
        this.#feed({ type: "stalled", ms: step.ms });
        return this.pass(0);
    }
  }

  /** Lets time pass, with a tick at each deadline on the way. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (let due = this.machine.deadline; due !== undefined && due <= until; due = this.machine.deadline) {
      this.#now = Math.max(this.#now, due);
      this.machine.tick(this.#now);
      this.#collect();
    }
    this.#now = until;
  }

  #workerDoes(step: WorkerStep): void {
    const name = step.worker;
    const worker = this.#workers.get(name);
    switch (step.do) {
      case "ready": {
        const { version, service, notice } = step;
        const credit = Math.min(notice?.credit ?? 1, LIMITS.maxCredit);
        this.#workers.set(name, { version, service, credit, held: [] });
        return this.#says(name, { type: "ready", service: textFrame(service), notice });
      }
      case "heartbeat":
        if (worker !== undefined && step.notice !== undefined)
          worker.credit = Math.min(step.notice.credit, LIMITS.maxCredit);
        return this.#says(name, { type: "heartbeat", notice: step.notice });
      case "reply":
        return this.#reply(name, step.kind, step.place);
      case "stray":
        return this.#says(name, { type: "part", kind: step.kind, number: 1e6, body: [DELIMITER] });
      case "disconnect":
        this.#lose(name, true);
        return this.#says(name, { type: "disconnect" });
      case "refused":
        return this.#refuse(name);
    }
  }

  #refuse(name: string): void {
    const last = this.#workers.get(name)?.held.at(-1);
    if (last !== undefined) this.#giveBack([last]);
    this.#lose(name, false);
    const undelivered = { number: last?.number, isForWorker: true } as const;
    const peer = frameKey(textFrame(name));
    this.#feed({ type: "undeliverable", peer, reason: "peer-full", ...undelivered });
  }

  #reply(name: string, kind: PartKind, place: number): void {
    const worker = this.#workers.get(name);
    const one = worker?.held[place % Math.max(1, worker.held.length)];
    if (worker === undefined || one === undefined) return;
    const end = worker.version === "0.1" && kind === "partial" ? "final" : kind;
    if (end !== "partial") worker.held = worker.held.filter((other) => other !== one);
    this.#says(name, { type: "part", kind: end, number: one.number, body: [textFrame(`re ${one.text}`)] });
  }

  /** A worker is not there any more; what it gives back in order need not count as given. */
  #lose(name: string, givesBack: boolean): void {
    const worker = this.#workers.get(name);
    if (worker === undefined) return;
    if (givesBack) this.#giveBack(worker.held);
    worker.held = [];
  }

  #giveBack(held: readonly Held[]): void {
    for (const { text } of held) this.#given.set(text, (this.#given.get(text) ?? 0) - 1);
  }

  #says(name: string, command: WorkerCommand): void {
    const version = this.#workers.get(name)?.version ?? "0.1";
    this.#feed({ type: "said", worker: textFrame(name), version, command });
  }

  #ask({ client, service, version, sequence, ttlMs, bytes }: Step & { do: "ask" }): void {
    const isOurs = sequence !== undefined;
    const text = isOurs ? `ours ${sequence}` : `foreign ${++this.#foreign}`;
    const wanted = isOurs ? `s${sequence % 3}` : service;
    this.#asked.set(text, wanted);
    const front = isOurs ? [header(sequence)] : [];
    const delimiter = version === "0.2" && !isOurs ? [] : [DELIMITER];
    this.#feed({
      type: "request",
      version,
      key: isOurs ? `key ${sequence}` : undefined,
      ttlMs,
      service: textFrame(wanted),
      route: [textFrame(client), ...front, ...delimiter],
      body: [textFrame(text), new Uint8Array(bytes)],
    });
  }

  #feed(input: MajordomoBrokerInput | Stalled): void {
    this.machine.handle(input, this.#now);
    this.#collect();
  }

  #collect(): void {
    for (let output = this.machine.take(); output !== undefined; output = this.machine.take()) {
      if (output.type === "disconnect") this.#lose(frameText(output.worker), false);
      else if (output.type === "answer") this.#checkAnswer(output);
      else if (output.type === "deliver") this.#checkDelivery(output);
    }
    this.#checkBooks();
    this.#checkWorkers();
  }

  #checkDelivery({ worker: id, body, number }: MajordomoBrokerOutput & { type: "deliver" }): void {
    const worker = this.#workers.get(frameText(id)) as Worker;
    const text = frameText(body[0] as Uint8Array);
    expect(worker.service, "the worker offers the service").toBe(this.#asked.get(text));
    expect(worker.held.length, "the worker has credit").toBeLessThan(worker.credit);
    expect(worker.held.map((held) => held.number)).not.toContain(number);
    worker.held.push({ number, text });
    if (!text.startsWith("foreign")) return;
    const given = (this.#given.get(text) ?? 0) + 1;
    expect(given, "deliveries").toBeLessThanOrEqual(LIMITS.maxDeliveries);
    this.#given.set(text, given);
  }

  #checkAnswer({ body, isFinal }: MajordomoBrokerOutput & { type: "answer" }): void {
    const text = frameText(body.at(-1) as Uint8Array).replace(/^re /, "");
    if (!text.startsWith("foreign") || !isFinal) return;
    expect(this.#answered, "one reply to a request").not.toContain(text);
    this.#answered.add(text);
  }

  #checkBooks(): void {
    const { machine } = this;
    const services = machine.services();
    const sum = (pick: (info: (typeof services)[number]) => number): number =>
      services.reduce((total, info) => total + pick(info), 0);
    expect(sum(({ waiting }) => waiting)).toBe(machine.waiting);
    expect(sum(({ running }) => running)).toBe(machine.running);
    expect(sum(({ workers }) => workers)).toBe(machine.workerCount);
    expect(machine.workerCount).toBeLessThanOrEqual(LIMITS.maxWorkers);
    expect(machine.heldBytes).toBeLessThanOrEqual(LIMITS.maxHeldBytes);
    expect(services.filter(({ workers }) => workers > 0).length).toBeLessThanOrEqual(LIMITS.maxServices);
    const { requests, answered, mmi, joined, dropped } = machine.stats;
    const over = answered + mmi + joined + dropped;
    expect(requests, "each request ends once").toBe(over + machine.waiting + machine.running);
  }

  #checkWorkers(): void {
    const workers = this.machine.workers(this.#now);
    for (const { id, running } of workers) {
      expect(running, "what the worker has").toBe(this.#workers.get(id)?.held.length);
    }
    for (const { name, waiting } of this.machine.services()) {
      if (waiting === 0) continue;
      // Heard within the shortest interval that any of them announces.
      const idle = workers.filter(
        ({ service, isMissing, running, credit, silentMs }) =>
          service === name && !isMissing && running < credit && silentMs < 50,
      );
      expect(idle, "nobody is idle while requests wait").toEqual([]);
    }
  }
}

function header(sequence: number): Uint8Array {
  return encodeRequestHeader({ kind: "message", epoch: 1n, sequence: BigInt(sequence), first: 0, second: 0 });
}
