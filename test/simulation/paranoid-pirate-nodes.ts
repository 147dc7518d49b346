import { Addresses, type Frames, readUint64, writeUint64 } from "@seaworthy/core";
import {
  LazyPirateClientMachine,
  type RequestFailure,
  resolveClientOptions,
  wireClient,
} from "@seaworthy/lazy-pirate/machine";
import {
  type ParanoidPirateQueueEvent,
  ParanoidPirateQueueMachine,
  type ResolvedQueueOptions,
  resolveQueueOptions,
  wireQueue,
} from "@seaworthy/paranoid-pirate/machine";
import type { SimulatedNode, Simulation } from "@seaworthy/simulator";
import { audited, DRAIN_MS, epochOf, hinderedMs } from "./node-support.js";
import { BackendWitness, FrontendWitness } from "./paranoid-pirate-witnesses.js";
import { tapped } from "./tapped.js";

/** What a seed decides about one worker process. */
export interface WorkerSetting {
  readonly name: string;
  readonly concurrency: number;
  readonly heartbeatMs: number;
  readonly liveness: number;
  readonly reconnectMaxMs: number;
}

/** Everything that a seed decides about a run besides its faults. */
export interface Setting {
  readonly queues: readonly string[];
  readonly clients: readonly string[];
  readonly workers: readonly WorkerSetting[];
  /** Requests that all workers run at a time: sessions of each queue. */
  readonly hands: number;
  readonly handlerMs: number;
  /** Share of handlers that fail. */
  readonly failing: number;
  /** Share of requests before whose reply a worker says the one before once more. */
  readonly stutters: number;
  readonly everyMs: number;
  readonly queue: Pick<
    ResolvedQueueOptions,
    | "heartbeatMs"
    | "liveness"
    | "detectDepartures"
    | "maxDeliveries"
    | "maxWaiting"
    | "maxWaitingMs"
    | "maxWorkers"
  >;
}

/** What the world knows of one request of a client: made, perhaps run, ended. */
export interface Asked {
  readonly call: number;
  readonly client: string;
  readonly attempts: number;
  /** Made when all is healed: it must be answered. */
  readonly isProbe: boolean;
  runs: number;
  ended: "answered" | "died with its client" | RequestFailure["code"] | undefined;
}

/** What all nodes of a run share. */
export interface World {
  readonly simulation: Simulation;
  readonly setting: Setting;
  readonly asked: Map<number, Asked>;
  readonly open: Set<Asked>;
  violated(what: string): void;
}

export interface QueueApp {
  readonly machine: ParanoidPirateQueueMachine;
  /** Workers in its books, as its status events tell. */
  readonly known: ReadonlySet<string>;
}

/** What a request may take. */
export interface RequestLimits {
  readonly timeoutMs: number;
  readonly attempts: number;
}

export interface ClientApp {
  request(call: number, limits: RequestLimits): void;
}

/** The body of a request, and of its reply, is its number. */
const bodyOf = (call: number): Uint8Array => {
  const body = new Uint8Array(8);
  writeUint64(body, 0, BigInt(call));
  return body;
};
export const callOf = (body: Frames): number => Number(readUint64(body[0] as Uint8Array, 0));

/** What is wrong with the books of a queue. */
function bookFault(machine: ParanoidPirateQueueMachine, { queue }: Setting): string | undefined {
  const { waiting, running, ready, workers } = machine;
  const { requests, answered, dropped, givenUp } = machine.stats;
  const open = requests - answered - dropped - givenUp;
  if (open > waiting + running) return `of ${open} requests ${waiting} wait and ${running} run`;
  if (ready + running > workers) return `${ready} ready and ${running} running of ${workers} workers`;
  if (workers > queue.maxWorkers) return `${workers} workers`;
  // What was put back has been at a worker, so that there is no more of it than there were workers.
  return waiting > queue.maxWaiting + queue.maxWorkers ? `${waiting} requests wait` : undefined;
}

export function bootQueue(world: World, name: string): SimulatedNode<QueueApp> {
  const { simulation, setting, violated } = world;
  return simulation.node(name, ({ transport, scheduler, random, log }) => {
    const options = resolveQueueOptions(setting.queue);
    const machine = audited(new ParanoidPirateQueueMachine(options), (queue) => {
      const fault = bookFault(queue, setting);
      if (fault !== undefined) violated(`the books of ${name}: ${fault}`);
    });
    const known = new Set<string>();
    const witnesses = [
      new FrontendWitness(name, violated),
      new BackendWitness(
        name,
        {
          ...setting.queue,
          now: () => simulation.now(),
          hinderedMs: (since, intervalMs) => hinderedMs(simulation, name, since, DRAIN_MS + intervalMs),
        },
        violated,
      ),
    ];
    const wired = wireQueue(machine, {
      transport: tapped(transport, () => witnesses.shift() as FrontendWitness | BackendWitness),
      scheduler,
      addresses: new Addresses(epochOf(random)),
      frontend: options.frontend,
      backend: options.backend,
      detectDepartures: options.detectDepartures,
      owner: {
        idle: () => {},
        status(event) {
          log("status", event.type);
          note(known, event);
        },
      },
    });
    wired.bindFrontend("tcp://*:5555");
    wired.bindBackend("tcp://*:5556");
    return { machine, known };
  });
}

/** Keeps the list of workers that the queue's status events tell of. */
function note(known: Set<string>, event: ParanoidPirateQueueEvent): void {
  if (event.type === "worker-joined") known.add(event.worker);
  else if (event.type === "worker-gone" || event.type === "worker-left") known.delete(event.worker);
}

export function bootClient(world: World, name: string): SimulatedNode<ClientApp> {
  const { simulation, setting, asked, open, violated } = world;
  const end = (call: number, how: NonNullable<Asked["ended"]>): void => {
    const request = asked.get(call) as Asked;
    if (request.ended !== undefined) violated(`request ${call} ended twice: ${request.ended}, then ${how}`);
    if (request.isProbe && how !== "answered") violated(`request ${call}, made after healing, ended: ${how}`);
    request.ended = how;
    open.delete(request);
  };
  return simulation.node(name, ({ transport, scheduler, random, log }): ClientApp => {
    for (const { client, call } of open) if (client === name) end(call, "died with its client");
    const options = resolveClientOptions({ backoff: { initialMs: 20, maxMs: 200 } });
    const machine = new LazyPirateClientMachine(options, BigInt(Math.floor(random() * 2 ** 32)), random);
    const client = wireClient(machine, {
      transport,
      scheduler,
      socket: { reconnectMaxIntervalMs: 500 },
      owner: {
        answered(call, body) {
          const answer = callOf(body);
          if (answer !== call) violated(`request ${call} got the reply to ${answer}`);
          log("answered", call);
          end(call, "answered");
        },
        failed(call, { code, attempts, sent }) {
          log("failed", call, code, attempts, sent);
          end(call, code);
        },
        status: (event) => log("status", event.type),
      },
    });
    for (const queue of setting.queues) client.feed({ type: "connect", endpoint: `tcp://${queue}:5555` });
    return {
      request: (call, limits) => client.feed({ type: "request", call, body: [bodyOf(call)], ...limits }),
    };
  });
}
