import type { TransportSocket } from "@seaworthy/core";
import {
  ParanoidPirateWorkerMachine,
  resolveWorkerOptions,
  type WiredWorker,
  wireWorker,
} from "@seaworthy/paranoid-pirate/machine";
import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import { audited } from "./node-support.js";
import { type Asked, callOf, type WorkerSetting, type World } from "./paranoid-pirate-nodes.js";
import { SessionWitness, stuttering } from "./paranoid-pirate-witnesses.js";
import { tapped } from "./tapped.js";

export interface WorkerApp {
  /** Routing ids of the sessions with a queue that have a socket; none of a worker that is leaving. */
  sessionsWith(queue: string): string[];
  /** Closes the worker, and starts another a little later. */
  leave(): void;
}

/** How long `close()` of a worker lets handlers finish, and how long a process takes to start again. */
const LINGER_MS = 500;
const RESTART_MS = 200;
/** From a leave until the next start. */
export const ABSENCE_MS: number = LINGER_MS + RESTART_MS;

export function bootWorker(world: World, worker: WorkerSetting): SimulatedNode<WorkerApp> {
  return world.simulation.node(worker.name, (context): WorkerApp => {
    let starts = 0;
    let running: WorkerProgram | undefined;
    const start = (): void => {
      running = new WorkerProgram(world, worker, context, ++starts, () => {
        running = undefined;
        context.scheduler.schedule(context.now() + RESTART_MS * context.random(), start);
      });
    };
    start();
    return {
      sessionsWith: (queue) => running?.sessionsWith(queue) ?? [],
      leave: () => running?.leave(),
    };
  });
}

/** One life of a worker, from its start to its close: an application that runs requests, and its machine. */
class WorkerProgram {
  readonly #world: World;
  readonly #worker: WorkerSetting;
  readonly #context: NodeContext;
  readonly #wired: WiredWorker;
  readonly #sessions = new Map<TransportSocket, SessionWitness>();
  readonly #running = new Set<number>();
  readonly #onClosed: () => void;
  #isLeaving = false;
  #isClosed = false;

  constructor(world: World, worker: WorkerSetting, context: NodeContext, start: number, closed: () => void) {
    this.#world = world;
    this.#worker = worker;
    this.#context = context;
    this.#onClosed = closed;
    const { transport, scheduler, random, name, life, log } = context;
    const { heartbeatMs, liveness, reconnectMaxMs, concurrency } = worker;
    const options = resolveWorkerOptions({ heartbeatMs, liveness, reconnect: { maxMs: reconnectMaxMs } });
    const stutters = () => random() < world.setting.stutters;
    const most = concurrency * world.setting.queues.length;
    const machine = audited(new ParanoidPirateWorkerMachine(options, random), ({ sessions, waiting }) => {
      if (sessions > most) world.violated(`${name} has ${sessions} sessions`);
      if (waiting > sessions) world.violated(`${waiting} requests wait in ${sessions} sessions of ${name}`);
    });
    this.#wired = wireWorker(machine, {
      transport: tapped(
        stuttering(transport, stutters),
        ({ routingId = "" }) => new SessionWitness(routingId, world.violated),
        {
          opened: (socket, session) => this.#sessions.set(socket, session),
          closed: (socket) => this.#sessions.delete(socket),
        },
      ),
      scheduler,
      socket: options.socket,
      name: `${name}-${life}-${start}`,
      lingerMs: LINGER_MS,
      owner: {
        run: (ticket, body) => this.#run(ticket, body),
        revoke: (ticket) => this.#revoked(ticket),
        closed: () => this.#close(),
        status: (event) => log("status", event.type),
      },
    });
    for (const queue of world.setting.queues) {
      this.#wired.feed({ type: "connect", endpoint: `tcp://${queue}:5556` });
    }
    this.#wired.feed({ type: "demand", count: concurrency });
  }

  sessionsWith(queue: string): string[] {
    if (this.#isLeaving) return [];
    return [...this.#sessions.values()]
      .filter(({ endpoint }) => endpoint === `tcp://${queue}:5556`)
      .map(({ routingId }) => routingId);
  }

  /** As the role closes: with a word to the queues, and in the end without. */
  leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#wired.feed({ type: "close" });
    this.#context.scheduler.schedule(this.#context.now() + LINGER_MS, () => this.#close());
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    void this.#wired.close();
    this.#onClosed();
  }

  #run(ticket: number, body: Uint8Array[]): void {
    const { asked, setting, simulation, violated } = this.#world;
    const { name, random, log } = this.#context;
    const request = asked.get(callOf(body)) as Asked;
    request.runs += 1;
    this.#running.add(ticket);
    log("run", request.call);
    if (this.#running.size > this.#worker.concurrency)
      violated(`${name} runs ${this.#running.size} requests`);
    if (request.runs > request.attempts * setting.queue.maxDeliveries)
      violated(`request ${request.call} ran ${request.runs} times in ${request.attempts} attempts`);
    const fails = simulation.phase === "safety" && random() < setting.failing;
    this.#in(setting.handlerMs * random(), () => {
      if (!this.#running.delete(ticket)) return;
      if (fails) this.#wired.feed({ type: "drop", ticket, reason: "failed" });
      else this.#wired.feed({ type: "reply", ticket, body });
      this.#wired.feed({ type: "demand", count: 1 });
    });
  }

  /** Some handlers heed their signal, some work on. */
  #revoked(ticket: number): void {
    this.#context.log("revoked", ticket);
    if (this.#context.random() < 0.5) return;
    this.#in(0, () => {
      if (!this.#running.delete(ticket)) return;
      this.#wired.feed({ type: "drop", ticket });
      this.#wired.feed({ type: "demand", count: 1 });
    });
  }

  /** Nothing of a closed worker runs on. */
  #in(ms: number, action: () => void): void {
    this.#context.scheduler.schedule(this.#context.now() + ms, () => {
      if (!this.#isClosed) action();
    });
  }
}
