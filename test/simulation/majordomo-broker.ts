import { Addresses } from "@seaworthy/core";
import {
  MajordomoBrokerMachine,
  resolveBrokerOptions,
  type WiredBroker,
  wireBroker,
} from "@seaworthy/majordomo/machine";
import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import { BrokerWitness } from "./majordomo-broker-witness.js";
import { type BrokerSetting, isUndisturbed, LINGER_MS, RESTART_MS, type World } from "./majordomo-world.js";
import { audited, DRAIN_MS, epochOf, hinderedMs } from "./node-support.js";
import { tapped } from "./tapped.js";

export interface BrokerApp {
  /** What runs at present; none between a leave and the next start. */
  readonly program: BrokerProgram | undefined;
}

/** How often the books are compared with what was seen on the wire, in ms. */
const INSPECTION_MS = 250;
/** What is said last may take so long to leave, in ms. */
const PARTING_MS = 100;

export function bootBroker(world: World, broker: BrokerSetting): SimulatedNode<BrokerApp> {
  const node = world.simulation.node(broker.name, (context): BrokerApp => {
    let program: BrokerProgram | undefined;
    const start = (): void => {
      program = new BrokerProgram(world, broker, context, () => {
        program = undefined;
        context.scheduler.schedule(context.now() + RESTART_MS * context.random(), start);
      });
    };
    start();
    return {
      get program() {
        return program;
      },
    };
  });
  world.simulation.every(INSPECTION_MS, () => {
    if (node.state === "up") node.app?.program?.inspect();
  });
  return node;
}

/** What is wrong with the books of a broker. */
function bookFault(machine: MajordomoBrokerMachine, { options }: BrokerSetting): string | undefined {
  const { waiting, running, workerCount, stats } = machine;
  const { requests, mmi, joined, answered, dropped } = stats;
  const open = requests - mmi - joined - answered - dropped;
  if (open !== waiting + running) return `of ${open} requests ${waiting} wait and ${running} run`;
  let [waits, runs, workers] = [0, 0, 0];
  for (const service of machine.services()) {
    waits += service.waiting;
    runs += service.running;
    workers += service.workers;
    // What was put back has been at a worker: it finds room beyond the limit.
    if (service.workers > 0 && service.waiting > options.maxWaiting + stats.redelivered)
      return `${service.waiting} requests wait for ${service.name}`;
  }
  if (waits !== waiting || runs !== running || workers !== workerCount)
    return `services: ${waits}, ${runs}, ${workers}; broker: ${waiting}, ${running}, ${workerCount}`;
  return undefined;
}

/** One life of a broker, from its start to its close. */
class BrokerProgram {
  readonly machine: MajordomoBrokerMachine;
  readonly #world: World;
  readonly #setting: BrokerSetting;
  readonly #context: NodeContext;
  readonly #witness: BrokerWitness;
  readonly #wired: WiredBroker;
  readonly #onClosed: () => void;
  #isLeaving = false;
  #isClosed = false;

  constructor(world: World, setting: BrokerSetting, context: NodeContext, closed: () => void) {
    this.#world = world;
    this.#setting = setting;
    this.#context = context;
    this.#onClosed = closed;
    const { name, transport, scheduler, random, log } = context;
    const { simulation, violated } = world;
    const options = resolveBrokerOptions(setting.options);
    this.machine = audited(new MajordomoBrokerMachine(options), (machine) => {
      const fault = bookFault(machine, setting);
      if (fault !== undefined) violated(`the books of ${name}: ${fault}`);
    });
    const rules = {
      ...setting.options,
      now: () => simulation.now(),
      hinderedMs: (since: number, intervalMs: number) =>
        hinderedMs(simulation, name, since, DRAIN_MS + intervalMs),
      isFine: (worker: string, since: number) => this.#isFine(worker, since),
      services: () => this.machine.services(),
    };
    this.#witness = new BrokerWitness(name, rules, violated);
    this.#wired = wireBroker(this.machine, {
      transport: tapped(transport, () => this.#witness),
      scheduler,
      addresses: new Addresses(epochOf(random)),
      socket: options.socket,
      detectDepartures: options.detectDepartures,
      owner: {
        idle: () => this.#close(),
        status: (event) => {
          log("status", event.type, "reason" in event ? event.reason : "");
          this.#witness.told(event);
        },
      },
    });
    this.#wired.bind("tcp://*:5555");
  }

  /** Names of the sockets of the workers that it takes for present. */
  get present(): Set<string> {
    return this.#witness.present;
  }

  inspect(): void {
    if (!this.#isClosed) this.#witness.inspect();
  }

  /** As the role closes: what runs may end, then the workers are told to go. */
  leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#world.leaves.push({ node: this.#setting.name, at: this.#context.now() });
    this.#wired.feed({ type: "close" });
    this.#context.scheduler.schedule(this.#context.now() + LINGER_MS, () => this.#close());
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Not from within an output of the machine: closing has outputs of its own.
    this.#context.scheduler.schedule(this.#context.now(), () => {
      void this.#wired.close(PARTING_MS);
      this.#witness.closed();
      this.#context.scheduler.schedule(this.#context.now() + PARTING_MS, this.#onClosed);
    });
  }

  /** Whether a worker was there, able to speak, and within reach, since some time. */
  #isFine(name: string, since: number): boolean {
    const socket = this.#world.sockets.get(name);
    if (socket === undefined || socket.worker.isMute) return false;
    return isUndisturbed(this.#world, this.#setting.name, socket.worker.name, since);
  }
}
