import { Addresses, type Frames, readUint64, writeUint64 } from "@seaworthy/core";
import {
  LazyPirateClientMachine,
  type RequestFailure,
  resolveClientOptions,
  wireClient,
} from "@seaworthy/lazy-pirate/machine";
import {
  resolveQueueOptions,
  resolveWorkerOptions,
  type SimplePirateQueueEvent,
  SimplePirateQueueMachine,
  type SimplePirateWorkerEvent,
  SimplePirateWorkerMachine,
  wireQueue,
  wireWorker,
} from "@seaworthy/simple-pirate/machine";
import type { SimulatedNode, Simulation } from "@seaworthy/simulator";
import { epochOf } from "./node-support.js";
import { FrontendWitness } from "./paranoid-pirate-witnesses.js";
import { tapped, type Witness } from "./tapped.js";

export const QUEUE = "queue";

/** Everything that a seed decides about a run besides its faults. */
export interface Setting {
  readonly workers: string[];
  readonly clients: string[];
  readonly concurrency: number;
  readonly handlerMs: number;
  /** Share of requests that the application does not answer. */
  readonly dropShare: number;
  readonly everyMs: number;
  readonly maxWaiting: number;
  readonly maxWorkers: number;
}

/** What the world knows of one request: made, perhaps run, ended. */
export interface Asked {
  readonly attempts: number;
  runs: number;
  ended: "answered" | RequestFailure["code"] | undefined;
}

/** What all nodes of a run share. */
export interface World {
  readonly simulation: Simulation;
  readonly setting: Setting;
  readonly asked: ReadonlyMap<number, Asked>;
  /** A request has ended. */
  ended(call: number, how: NonNullable<Asked["ended"]>): void;
  violated(what: string): void;
}

export interface ClientApp {
  request(call: number, limits: { timeoutMs: number; attempts: number }): void;
}

export interface QueueApp {
  readonly machine: SimplePirateQueueMachine;
  /** Requests of whose end without a worker it has told. */
  readonly dropped: number;
}

export interface WorkerApp {
  readonly machine: SimplePirateWorkerMachine;
  /** Leaves the queue, and comes back as if it were new. */
  comeAgain(): void;
}

const bodyOf = (call: number): Uint8Array => {
  const body = new Uint8Array(8);
  writeUint64(body, 0, BigInt(call));
  return body;
};
const callOf = (body: readonly Uint8Array[]): number => Number(readUint64(body[0] as Uint8Array, 0));

/** Sees what a worker said last: only READY may cost the request that it has. */
class BackendWitness implements Witness {
  isReady = false;

  received(frames: Frames): void {
    this.isReady = frames.length === 3;
  }

  refused(): void {
    this.isReady = false;
  }
}

/** Boots the queue, each time with books of its own. */
export function bootQueue({
  simulation,
  setting: { maxWaiting, maxWorkers },
  violated,
}: World): SimulatedNode<QueueApp> {
  return simulation.node(QUEUE, ({ transport, scheduler, random, log }) => {
    const options = resolveQueueOptions({ maxWaiting, maxWorkers, maxWaitingMs: 2000 });
    const machine = new SimplePirateQueueMachine(options);
    const backend = new BackendWitness();
    let dropped = 0;
    const witnesses: Witness[] = [new FrontendWitness(QUEUE, violated), backend];
    const status = (event: SimplePirateQueueEvent): void => {
      log("status", event.type);
      if (event.type === "request-dropped") dropped += 1;
      if (event.type === "request-lost" && event.reason === "worker-ready" && !backend.isReady)
        violated("a request is lost of which no worker has said that it will not answer");
    };
    const wired = wireQueue(machine, {
      transport: tapped(transport, () => witnesses.shift() as Witness),
      scheduler,
      addresses: new Addresses(epochOf(random)),
      frontend: options.frontend,
      backend: options.backend,
      owner: { idle: () => {}, status },
    });
    wired.bindFrontend("tcp://*:5555");
    wired.bindBackend("tcp://*:5556");
    return {
      machine,
      get dropped() {
        return dropped;
      },
    };
  });
}

/** Boots a worker's process. */
export function bootWorker(name: string, world: World): SimulatedNode<WorkerApp> {
  const { simulation, asked, violated } = world;
  const { concurrency, handlerMs, dropShare } = world.setting;
  return simulation.node(name, ({ transport, scheduler, random, log }): WorkerApp => {
    const options = resolveWorkerOptions({ socket: { reconnectMaxIntervalMs: 500 } });
    const machine = new SimplePirateWorkerMachine(options, random);
    let running = 0;
    const status = (event: SimplePirateWorkerEvent): void => {
      log("status", event.type);
      // None is too large here, so that a session refuses only what it should not have been given.
      if (event.type === "request-held" || event.type === "request-refused")
        violated(`a session of ${name} was given a request while it had one, or had not said READY`);
    };
    const run = (ticket: number, body: Uint8Array[]): void => {
      const call = callOf(body);
      const request = asked.get(call) as Asked;
      request.runs += 1;
      running += 1;
      log("run", call);
      if (running > concurrency) violated(`${name} runs ${running} requests at a time`);
      if (request.runs > request.attempts)
        violated(`request ${call} ran ${request.runs} times of ${request.attempts} attempts`);
      scheduler.schedule(scheduler.now() + handlerMs * random(), () => {
        running -= 1;
        if (simulation.phase === "safety" && random() < dropShare) worker.feed({ type: "drop", ticket });
        else worker.feed({ type: "reply", ticket, body });
        worker.feed({ type: "demand", count: 1 });
      });
    };
    const worker = wireWorker(machine, {
      transport,
      scheduler,
      socket: options.socket,
      lingerMs: options.lingerMs,
      owner: { run, revoke: (ticket) => log("revoked", ticket), closed: () => {}, status },
    });
    const endpoint = `tcp://${QUEUE}:5556`;
    worker.feed({ type: "connect", endpoint });
    worker.feed({ type: "demand", count: concurrency });
    return {
      machine,
      comeAgain() {
        worker.feed({ type: "disconnect", endpoint });
        worker.feed({ type: "connect", endpoint });
      },
    };
  });
}

/** Boots a client. */
export function bootClient(name: string, { simulation, ended, violated }: World): SimulatedNode<ClientApp> {
  return simulation.node(name, ({ transport, scheduler, random, log }): ClientApp => {
    const options = resolveClientOptions({ backoff: { initialMs: 20, maxMs: 200 } });
    const epoch = BigInt(Math.floor(random() * 2 ** 32));
    const client = wireClient(new LazyPirateClientMachine(options, epoch, random), {
      transport,
      scheduler,
      socket: { reconnectMaxIntervalMs: 500 },
      owner: {
        answered(call, body) {
          const answer = callOf(body);
          if (answer !== call) violated(`request ${call} got the reply to ${answer}`);
          log("answered", call);
          ended(call, "answered");
        },
        failed(call, { code, attempts, sent }) {
          log("failed", call, code, attempts, sent);
          ended(call, code);
        },
        status: (event) => log("status", event.type),
      },
    });
    client.feed({ type: "connect", endpoint: `tcp://${QUEUE}:5555` });
    return {
      request: (call, limits) => client.feed({ type: "request", call, body: [bodyOf(call)], ...limits }),
    };
  });
}
