import type { SimulatedNode } from "@seaworthy/simulator";
import type { WorkerApp } from "./majordomo-worker.js";
import { NOBODYS } from "./majordomo-world.js";
import type { BrokerApp } from "./titanic-broker.js";
import type { ClientApp, Note } from "./titanic-client.js";
import type { ServerApp } from "./titanic-server.js";
import type { SimulatedStore } from "./titanic-store.js";
import type { Order, TitanicWorld } from "./titanic-world.js";

/** The nodes of a run. */
export interface Cast {
  readonly brokers: readonly SimulatedNode<BrokerApp>[];
  readonly workers: readonly SimulatedNode<WorkerApp>[];
  readonly servers: readonly SimulatedNode<ServerApp>[];
  readonly clients: readonly SimulatedNode<ClientApp>[];
  readonly stores: readonly SimulatedStore[];
  /** What the clients have in hand. */
  readonly notes: readonly Map<Order, Note>[];
}

/** What the recovery has others do. */
export interface Helpers {
  /** Has each client that can ask for each service that has workers. */
  probe(): readonly Order[];
  /** Starts a worker for {@link NOBODYS}. */
  help(): void;
}

/** How often the world is looked at, in ms. */
const LOOK_MS = 5;
/** Services of a server: each is a worker of its own. */
const VERBS = 4;
/** What a probe takes, its handler apart, in ms. */
const PROBE_MS = 3000;

type Stage = "working off" | "probing" | "helped" | "emptying" | "audited";

/** Looks on while the world recovers from its faults, and then holds the stores against what was promised. */
export class Recovery {
  readonly #world: TitanicWorld;
  readonly #cast: Cast;
  readonly #helpers: Helpers;
  #stage: Stage = "working off";
  #probes: readonly Order[] = [];
  /** Dead letters that are being requeued. */
  #requeues = 0;
  #lookAt = 0;
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(world: TitanicWorld, cast: Cast, helpers: Helpers) {
    this.#world = world;
    this.#cast = cast;
    this.#helpers = helpers;
  }

  /** What is still missing when the time for it is over. */
  overdue(): string | undefined {
    if (this.#world.simulation.now() <= this.#dueAt) return undefined;
    return `${this.#stage}: ${this.#missing()}`;
  }

  progress(): true | string {
    const now = this.#world.simulation.now();
    if (now < this.#lookAt) return this.#stage;
    this.#lookAt = now + LOOK_MS;
    const missing = this.#missing();
    if (missing !== undefined) return `${this.#stage}: ${missing}`;
    switch (this.#stage) {
      case "working off":
        // All that is left is for nobody: whoever asks for something else does not notice.
        this.#probes = this.#helpers.probe();
        this.#dueAt = now + this.#probeMs();
        this.#stage = "probing";
        break;
      case "probing":
        this.#dueAt = Number.POSITIVE_INFINITY;
        this.#helpers.help();
        this.#stage = "helped";
        break;
      case "helped":
        this.#requeue();
        this.#stage = "emptying";
        break;
      case "emptying":
        for (const store of this.#cast.stores) store.audit();
        this.#auditRuns();
        this.#stage = "audited";
        break;
      case "audited":
        // What was found wrong is told by now.
        return true;
    }
    return this.#stage;
  }

  /** How long the probes may take, with all well. */
  #probeMs(): number {
    return PROBE_MS + 2 * this.#probes.length * this.#world.setting.handlerMs;
  }

  /** What keeps the next stage from beginning. */
  #missing(): string | undefined {
    switch (this.#stage) {
      case "working off":
        return this.#unfinished((order) => order.service !== NOBODYS) ?? this.#wrongView();
      case "probing": {
        const open = this.#probes.filter(({ ended }) => ended === undefined);
        return open.length === 0
          ? undefined
          : `${open.length} of ${this.#probes.length} probes are not answered`;
      }
      case "helped":
        return this.#unfinished(() => true);
      case "emptying":
        if (this.#requeues > 0) return `${this.#requeues} dead letters are not requeued`;
        return this.#unfinished(() => true) ?? this.#busy();
      case "audited":
        return undefined;
    }
  }

  /** Which orders clients have in hand, or stores still have to have worked on. */
  #unfinished(matters: (order: Order) => boolean): string | undefined {
    for (const { name, app } of [...this.#cast.clients, ...this.#cast.servers])
      if (app === undefined) return `${name} starts`;
    for (const notes of this.#cast.notes)
      for (const order of notes.keys())
        if (matters(order)) return `a client has request ${order.call} in hand`;
    for (const { witness, setting } of this.#cast.stores)
      for (const { order, state, isStored, isRemoved } of witness.pages.values())
        if (isStored && !isRemoved && state === "pending" && matters(order))
          return `request ${order.call} waits in ${setting.name}`;
    return undefined;
  }

  /** Which broker does not know exactly the workers that there are. */
  #wrongView(): string | undefined {
    const { brokers, workers, servers } = this.#cast;
    for (const { name, app } of brokers) {
      if (app?.machine === undefined) return `${name} is away`;
      const { workerCount } = app.machine;
      const hosts = this.#world.titanic.servers.filter((server) => server.brokers.includes(name));
      const count = workers.length + hosts.length * VERBS;
      if (workerCount !== count) return `${name} knows ${workerCount} of ${count} workers`;
      if (workers.some((worker) => worker.app?.sessionsWith(name).length !== 1))
        return `a worker is not at ${name}`;
    }
    return servers.some(({ app }) => app?.program === undefined) ? "servers start" : undefined;
  }

  /** Whose books are not empty. */
  #busy(): string | undefined {
    const { brokers, servers, clients } = this.#cast;
    for (const { name, app } of servers) {
      const { inFlight = 1, services = 1, missed = 1, storing = 1 } = app?.program?.machine.load ?? {};
      if (inFlight + services + missed + storing > 0)
        return `${name} has ${inFlight}, ${services}, ${missed}, ${storing}`;
    }
    for (const { name, app } of brokers) {
      const { waiting = 1, running = 1, heldBytes = 1 } = app?.machine ?? {};
      if (waiting + running + heldBytes > 0)
        return `${name} has ${waiting} and ${running}, ${heldBytes} bytes`;
    }
    for (const { name, app } of clients) if (app?.inFlight !== 0) return `${name} has calls in flight`;
    return undefined;
  }

  /** What is dead through no fault of its own gets another chance. */
  #requeue(): void {
    for (const { witness, port, setting } of this.#cast.stores) {
      const server = this.#cast.servers.find(
        (_, at) => this.#world.titanic.servers[at]?.store === setting.name,
      );
      for (const { order, state, isRemoved, bytes } of witness.pages.values()) {
        if (state !== "dead" || isRemoved || order.fate !== "works") continue;
        this.#requeues += 1;
        const requeued = (was: boolean): void => {
          this.#requeues -= 1;
          if (was) witness.requeued(bytes);
          server?.app?.program?.look();
        };
        server?.call(() => port?.requeue(bytes, requeued, (error) => this.#world.violated(String(error))));
      }
    }
  }

  /** Nothing was run that no store took in. */
  #auditRuns(): void {
    const stored = new Set<Order>();
    for (const { witness } of this.#cast.stores)
      for (const { order, isStored } of witness.pages.values()) if (isStored) stored.add(order);
    for (const order of this.#world.asked.values())
      if (order.runs > 0 && !stored.has(order))
        this.#world.violated(`request ${order.call} was run, and never taken in`);
  }
}
