// A worker as 7/MDP and 18/MDP describe it, on a bare socket, with the habits that such programs have.
import { DELIMITER, type Frames, type Transport, type TransportSocket, textFrame } from "@seaworthy/core";
import type { MdpVersion } from "@seaworthy/majordomo/machine";
import { type Message, readMessage, workerCommand } from "./majordomo-commands.js";
import { partFrame, type Question, readQuestion } from "./majordomo-content.js";
import type { WorkerParts, WorkerProgram } from "./majordomo-worker.js";
import { isUndisturbed, listed, SAFETY_MS } from "./majordomo-world.js";

/** What it said last may take so long to leave, in ms. */
const PARTING_MS = 100;

/** A request that it works on. */
interface Job {
  readonly address: Uint8Array;
  readonly question: Question;
  readonly run: number;
  readonly count: number;
}

/** A process with a loop for each broker, each of which works on one request at a time. */
export class ForeignWorkerProgram implements WorkerProgram {
  isLeaving = false;
  readonly #loops: readonly ForeignWorkerLoop[];
  readonly #closed: () => void;

  constructor(parts: WorkerParts) {
    this.#closed = parts.closed;
    this.#loops = parts.world.setting.brokers.map(({ name }) => new ForeignWorkerLoop(parts, name));
  }

  /** With a word to its brokers, or without. */
  leave(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    for (const loop of this.#loops) loop.leave();
    this.#closed();
  }
}

class ForeignWorkerLoop {
  readonly #parts: WorkerParts;
  readonly #transport: Transport;
  readonly #broker: string;
  readonly #version: MdpVersion;
  #socket: TransportSocket | undefined;
  #sockets = 0;
  #heardAt = 0;
  #job: Job | undefined;
  #isOver = false;

  constructor(parts: WorkerParts, broker: string) {
    this.#parts = parts;
    const { world, context, worker } = parts;
    this.#transport = listed(world, context.transport, worker, () => this.#name);
    this.#broker = broker;
    this.#version = parts.worker.kind as MdpVersion;
    this.#open();
    this.#beat();
  }

  leave(): void {
    const isPolite = this.#parts.context.random() < 0.7;
    if (isPolite) this.#say("disconnect");
    this.#isOver = true;
    void this.#socket?.close(isPolite ? PARTING_MS : 0);
  }

  get #name(): string {
    return `${this.#parts.name}/${this.#broker}/${this.#sockets}`;
  }

  #open(): void {
    this.#sockets += 1;
    const socket = this.#transport.open(
      { type: "dealer", reconnectMaxIntervalMs: 500 },
      { message: (frames) => socket === this.#socket && this.#received(frames) },
    );
    this.#socket = socket;
    this.#heardAt = this.#parts.context.now();
    socket.connect(`tcp://${this.#broker}:5555`);
    this.#sayReady();
  }

  /** With a frame more, which is no notice, and means nothing to a broker. */
  #sayReady(): void {
    this.#say("ready", [textFrame(this.#parts.worker.service), textFrame(this.#name)]);
  }

  /** Begins anew on another socket. What it worked on is of no use any more; some do not know that. */
  #reopen(): void {
    const { isCareless } = this.#parts.worker;
    const job = this.#job;
    this.#job = undefined;
    void this.#socket?.close(0);
    this.#open();
    if (isCareless && job !== undefined) this.#sayPart(job, job.count - 1);
  }

  #say(name: Parameters<typeof workerCommand>[1], rest: Frames = []): void {
    this.#socket?.send(workerCommand(this.#version, name, rest));
  }

  #beat(): void {
    const { worker, context, world } = this.#parts;
    context.scheduler.schedule(context.now() + worker.heartbeatMs, () => {
      if (this.#isOver) return;
      const patienceMs = worker.liveness * worker.peerHeartbeatMs;
      const isBusy = this.#job !== undefined && worker.isMute;
      if (isBusy) this.#heardAt = context.now();
      else if (this.#heardAt + patienceMs < context.now()) {
        if (isUndisturbed(world, worker.name, this.#broker, this.#heardAt))
          world.violated(`${worker.name} hears nothing of ${this.#broker}, which is well`);
        this.#reopen();
      } else this.#say("heartbeat");
      this.#beat();
    });
  }

  #received(frames: Frames): void {
    this.#heardAt = this.#parts.context.now();
    const message = readMessage(frames, 0);
    const { world, worker } = this.#parts;
    if (message?.role !== "worker") return world.violated(`${worker.name} is sent what is not for a worker`);
    if (message.version !== this.#version)
      world.violated(`${worker.name} is spoken to in ${message.version}`);
    if (message.command === "disconnect") this.#reopen();
    else if (message.command === "request") this.#work(message);
  }

  #work({ rest }: Message & { readonly role: "worker" }): void {
    const { world, worker, context } = this.#parts;
    const [address, , frame] = rest as [Uint8Array, Uint8Array, Uint8Array];
    if (this.#job !== undefined) world.violated(`${worker.name} is given a request while it has one`);
    const question = readQuestion(frame);
    if (world.asked.get(question.call)?.service !== worker.service)
      world.violated(`${worker.name} runs ${question.call}, which is for another service`);
    context.log("run", question.call);
    const most = this.#version === "0.2" ? worker.maxPartials : 0;
    const count = 1 + Math.floor((most + 1) * context.random());
    const job = { address, question, run: ++world.runs, count };
    this.#job = job;
    const stepMs = (world.setting.handlerMs * context.random()) / count;
    this.#step(job, 0, stepMs);
    // A program that thinks the worst of its broker does not wait for DISCONNECT.
    if (!worker.isCareless || !this.#mayMisbehave()) return;
    context.scheduler.schedule(context.now() + (stepMs * count) / 2, () => {
      if (this.#job === job && !this.#isOver) this.#reopen();
    });
  }

  #step(job: Job, index: number, stepMs: number): void {
    const { context } = this.#parts;
    context.scheduler.schedule(context.now() + stepMs, () => {
      if (this.#isOver || this.#job !== job) return;
      if (index + 1 === job.count) this.#finish(job);
      else {
        this.#sayPart(job, index);
        this.#step(job, index + 1, stepMs);
      }
    });
  }

  #finish(job: Job): void {
    this.#job = undefined;
    this.#sayPart(job, job.count - 1);
    if (!this.#mayMisbehave()) return;
    if (this.#parts.context.random() < 0.5) this.#sayPart(job, job.count - 1);
    else this.#sayReady();
  }

  #mayMisbehave(): boolean {
    const { context, world } = this.#parts;
    return context.now() < SAFETY_MS && context.random() < world.setting.stutters;
  }

  #sayPart({ address, question, run, count }: Job, index: number): void {
    // 7/MDP knows no PARTIAL, and what it says in the end is all.
    const name = index + 1 === count ? "final" : "partial";
    this.#say(name, [address, DELIMITER, partFrame(question, run, index, count)]);
  }
}
