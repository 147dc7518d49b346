import {
  MajordomoWorkerMachine,
  resolveWorkerOptions,
  type WiredWorker,
  wireWorker,
} from "@seaworthy/majordomo/machine";
import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import { partFrame, type Question, readQuestion } from "./majordomo-content.js";
import { ForeignWorkerProgram } from "./majordomo-foreign-worker.js";
import {
  isUndisturbed,
  LINGER_MS,
  listed,
  RESTART_MS,
  SAFETY_MS,
  serviceFrames,
  slowestMs,
  type WorkerSetting,
  type World,
} from "./majordomo-world.js";
import { audited } from "./node-support.js";

export interface WorkerApp {
  /** Names of the sockets to a broker, other than of a worker that is leaving. */
  sessionsWith(broker: string): string[];
  /** Closes the worker; another starts a little later, if it is not for good. */
  leave(isForGood: boolean): void;
  /** It has left for good. */
  readonly isGone: boolean;
}

/** One life of a worker, from its start to its close. */
export interface WorkerProgram {
  readonly isLeaving: boolean;
  leave(): void;
}

/** What a program is made of. */
export interface WorkerParts {
  readonly world: World;
  readonly worker: WorkerSetting;
  readonly context: NodeContext;
  /** No other program has this name. */
  readonly name: string;
  closed(): void;
}

export function bootWorker(world: World, worker: WorkerSetting): SimulatedNode<WorkerApp> {
  return world.simulation.node(worker.name, (context): WorkerApp => {
    let starts = 0;
    let running: WorkerProgram | undefined;
    let isForGood = false;
    let name = "";
    const start = (): void => {
      if (isForGood) return;
      name = `${worker.name}/${context.life}/${++starts}`;
      const parts: WorkerParts = {
        world,
        worker,
        context,
        name,
        closed() {
          running = undefined;
          context.scheduler.schedule(context.now() + RESTART_MS * context.random(), start);
        },
      };
      running = worker.kind === "ours" ? new OurWorkerProgram(parts) : new ForeignWorkerProgram(parts);
    };
    start();
    return {
      sessionsWith(broker) {
        if (running === undefined || running.isLeaving) return [];
        return [...world.sockets]
          .filter(([socket, at]) => at.broker === broker && socket.startsWith(`${name}/`))
          .map(([socket]) => socket);
      },
      leave(forGood) {
        isForGood ||= forGood;
        running?.leave();
      },
      get isGone() {
        return isForGood && running === undefined;
      },
    };
  });
}

class OurWorkerProgram implements WorkerProgram {
  isLeaving = false;
  readonly #parts: WorkerParts;
  readonly #machine: MajordomoWorkerMachine;
  readonly #wired: WiredWorker;
  readonly #running = new Set<number>();
  #lastPart = 0;
  #lastSocket = 0;
  #isClosed = false;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    const { world, worker, context, name } = parts;
    const { concurrency, service } = worker;
    const { transport, scheduler, random, log } = context;
    const { heartbeatMs, peerHeartbeatMs, liveness, reconnectMaxMs, protocol } = worker;
    const options = resolveWorkerOptions({
      heartbeatMs,
      peerHeartbeatMs,
      liveness,
      protocol,
      reconnect: { initialMs: Math.min(heartbeatMs, reconnectMaxMs), maxMs: reconnectMaxMs },
    });
    this.#machine = audited(new MajordomoWorkerMachine(options, random), (machine) => {
      const fault = bookFault(machine, worker, world.setting.brokers.length);
      if (fault !== undefined) world.violated(`the books of ${worker.name}: ${fault}`);
    });
    // By its routing id each socket is known at the broker. No two have the same, as if the broker made them up.
    const named = listed(world, transport, worker, ({ routingId }) => routingId as string);
    this.#wired = wireWorker(this.#machine, {
      transport: {
        backlog: () => named.backlog(),
        open: (spec, handlers) =>
          named.open({ ...spec, routingId: `${name}/${++this.#lastSocket}` }, handlers),
      },
      scheduler,
      socket: options.socket,
      service: serviceFrames.get(service) as Uint8Array,
      lingerMs: LINGER_MS,
      owner: {
        run: (ticket, [frame]) => this.#run(ticket, readQuestion(frame as Uint8Array)),
        revoke: (ticket) => this.#revoked(ticket),
        passed: () => {},
        closed: () => this.#close(),
        status: (event) => {
          log("status", event.type);
          if (event.type === "session-lost" && event.how === "silent") this.#lostIn(event.endpoint);
        },
      },
    });
    for (const broker of world.setting.brokers)
      this.#wired.feed({ type: "connect", endpoint: `tcp://${broker.name}:5555` });
    this.#wired.feed({ type: "demand", count: concurrency });
  }

  /** As the role closes: with a word to the brokers, and in the end without. */
  leave(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.#wired.feed({ type: "close" });
    this.#parts.context.scheduler.schedule(this.#parts.context.now() + LINGER_MS, () => this.#close());
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { context, closed, world, worker } = this.#parts;
    // Not from within an output of the machine: closing has outputs of its own.
    context.scheduler.schedule(context.now(), () => {
      void this.#wired.close();
      const { sessions, waiting } = this.#machine;
      if (sessions + waiting > 0)
        world.violated(`${worker.name} has closed with ${sessions} sessions, and ${waiting} requests wait`);
      closed();
    });
  }

  /** A broker that was well and within reach must not be taken for silent. */
  #lostIn(endpoint: string): void {
    const { world, worker, context } = this.#parts;
    const broker = world.setting.brokers.find(({ name }) => endpoint.includes(name));
    if (broker === undefined) return;
    const intervalMs = Math.max(slowestMs(broker, world.setting), worker.peerHeartbeatMs);
    if (isUndisturbed(world, worker.name, broker.name, context.now() - worker.liveness * intervalMs))
      world.violated(`${worker.name} takes ${broker.name} for dead, which was well`);
  }

  #run(ticket: number, question: Question): void {
    const { world, worker, context } = this.#parts;
    const { setting, violated, asked } = world;
    const { random, log } = context;
    const { call } = question;
    this.#running.add(ticket);
    log("run", call);
    if (this.#running.size > worker.concurrency)
      violated(`${worker.name} runs ${this.#running.size} requests`);
    if (asked.get(call)?.service !== worker.service)
      violated(`${worker.name} runs ${call}, which is for another service`);
    const run = ++world.runs;
    const count = 1 + Math.floor((worker.maxPartials + 1) * random());
    const stepMs = (setting.handlerMs * random()) / count;
    const isDoomed = world.ran?.(call, worker) === "fails";
    const isFailing = isDoomed || (context.now() < SAFETY_MS && random() < setting.failing);
    const step = (index: number): void => {
      if (!this.#running.has(ticket)) return;
      const body = [partFrame(question, run, index, count)];
      if (index + 1 < count) {
        this.#wired.feed({ type: "partial", ticket, part: ++this.#lastPart, body });
        this.#in(stepMs, () => step(index + 1));
      } else if (!isFailing) this.#done(ticket, { type: "reply", ticket, body });
      else if (random() < 0.5) this.#done(ticket, { type: "drop", ticket, reason: String(call) });
      else this.#done(ticket, { type: "drop", ticket });
    };
    this.#in(stepMs, () => step(0));
  }

  #done(ticket: number, input: Parameters<WiredWorker["feed"]>[0]): void {
    this.#running.delete(ticket);
    this.#wired.feed(input);
    this.#wired.feed({ type: "demand", count: 1 });
  }

  /** Some handlers heed their signal, some work on. */
  #revoked(ticket: number): void {
    const { context } = this.#parts;
    context.log("revoked", ticket);
    if (context.random() < 0.5) return;
    this.#in(0, () => {
      if (this.#running.has(ticket)) this.#done(ticket, { type: "drop", ticket });
    });
  }

  /** Nothing of a closed worker runs on. */
  #in(ms: number, action: () => void): void {
    const { context } = this.#parts;
    context.scheduler.schedule(context.now() + ms, () => {
      if (!this.#isClosed) action();
    });
  }
}

/** What is wrong with the books of a worker. */
function bookFault(
  { sessions, running, waiting }: MajordomoWorkerMachine,
  { concurrency }: WorkerSetting,
  brokers: number,
): string | undefined {
  if (sessions > brokers) return `${sessions} sessions`;
  if (running > concurrency) return `${running} requests run`;
  // Each broker may use all of the credit.
  return waiting > concurrency * brokers ? `${waiting} requests wait` : undefined;
}
