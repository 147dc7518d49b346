import type { SimulatedNode } from "@seaworthy/simulator";
import type { BrokerApp } from "./majordomo-broker.js";
import type { ClientApp } from "./majordomo-client.js";
import type { WorkerApp } from "./majordomo-worker.js";
import {
  ABSENCE_MS,
  type Asked,
  NOBODYS,
  type RequestLimits,
  type Setting,
  slowestMs,
  type World,
} from "./majordomo-world.js";
import { DRAIN_MS } from "./node-support.js";

/** Handshakes, and messages under way. */
const TRAVEL_MS = 100;

/** How often the world is looked at, in ms. */
const LOOK_MS = 5;

/** Makes a request. */
export type Ask = (
  client: SimulatedNode<ClientApp>,
  question: Pick<Asked, "service" | "isStream" | "mmi" | "isSure">,
  limits: RequestLimits,
) => Asked | undefined;

/** The nodes of a run. */
export interface Cast {
  readonly brokers: readonly SimulatedNode<BrokerApp>[];
  readonly workers: readonly SimulatedNode<WorkerApp>[];
  readonly clients: readonly SimulatedNode<ClientApp>[];
}

/**
 * How long after healing the books of the brokers may differ from the sessions that there are.
 *
 * A worker comes back when it has noticed by the broker's silence that it is gone, or by its own failure to
 * connect; one that has stood still gives it one more interval. Handlers of lost requests may have to end first. Then
 * comes the longest pause before it connects. The broker, if nobody tells it that the old connection is gone, presumes
 * the worker dead after `liveness` intervals and forgets it after as many again, and one for its own stall. A broker
 * that had just taken its leave needs another round.
 */
function viewBoundMs(setting: Setting): number {
  const { brokers, workers, handlerMs } = setting;
  const bounds = brokers.flatMap((broker) => {
    const { options } = broker;
    const paceMs = slowestMs(broker, setting);
    return workers.map(({ kind, heartbeatMs, peerHeartbeatMs, liveness, reconnectMaxMs }) => {
      const noticeMs = (liveness + 2) * Math.max(paceMs, peerHeartbeatMs) + DRAIN_MS;
      const returnMs = noticeMs + liveness * peerHeartbeatMs + reconnectMaxMs + TRAVEL_MS;
      const intervalMs = kind === "ours" ? Math.max(paceMs, heartbeatMs) : options.peerHeartbeatMs;
      const forgetMs = options.detectDepartures ? 0 : (2 * options.liveness + 1) * intervalMs + DRAIN_MS;
      return handlerMs + 2 * returnMs + forgetMs;
    });
  });
  return 2 * ABSENCE_MS + Math.max(...bounds);
}

/** One thing that is to be asked, until it is answered. */
interface Probe {
  readonly client: SimulatedNode<ClientApp>;
  readonly question: Parameters<Ask>[1];
  request: Asked | undefined;
}

type Stage = "starting" | "patient" | "settling" | "sure" | "quiet" | "leaving" | "alone" | "emptying";

/** Looks on while the world recovers from its faults, asks it whether it has, and sees it off. */
export class Recovery {
  readonly #world: World;
  readonly #cast: Cast;
  readonly #ask: Ask;
  readonly #boundMs: number;
  readonly #quietMs: number;
  readonly #patient: RequestLimits;
  readonly #sure: RequestLimits;
  #stage: Stage = "starting";
  #probes: Probe[] = [];
  #lookAt = 0;
  #dueAt = Number.POSITIVE_INFINITY;
  #quietUntil = Number.POSITIVE_INFINITY;

  constructor(world: World, cast: Cast, ask: Ask) {
    const { setting } = world;
    const { handlerMs, brokers, workers, clients } = setting;
    this.#world = world;
    this.#cast = cast;
    this.#ask = ask;
    const busyMs = (clients.length + 1) * handlerMs;
    this.#patient = { timeoutMs: 500 + busyMs, attempts: 2 };
    this.#sure = { timeoutMs: 1000 + busyMs, attempts: 1 };
    const waits = brokers.map(({ options }) => options.requestTtlMs);
    const patienceMs = 2 * this.#patient.attempts * this.#patient.timeoutMs;
    this.#boundMs = viewBoundMs(setting) + patienceMs + Math.max(...waits);
    // Long enough for anybody who is not heard to be given up.
    const paces = brokers.map((broker) => slowestMs(broker, setting));
    const slowest = Math.max(1000, ...workers.map(({ heartbeatMs }) => heartbeatMs), ...paces);
    this.#quietMs = 2 * slowest + TRAVEL_MS;
  }

  /** What is still missing when the time for it is over. */
  overdue(): string | undefined {
    if (this.#world.simulation.now() <= this.#dueAt) return undefined;
    return `${this.#missing() ?? this.#stage}, ${this.#boundMs} ms later`;
  }

  progress(): true | string {
    const now = this.#world.simulation.now();
    if (now < this.#lookAt) return this.#stage;
    this.#lookAt = now + LOOK_MS;
    const missing = this.#missing();
    if (missing !== undefined && this.#stage !== "quiet") return missing;
    switch (this.#stage) {
      case "starting":
        this.#begin(
          "patient",
          this.#world.setting.services.flatMap((service) => this.#questions(service, false)),
        );
        break;
      case "patient":
        this.#stage = "settling";
        break;
      case "settling":
        this.#begin("sure", [
          ...this.#world.setting.services.flatMap((service) => [
            ...this.#questions(service, true),
            ...this.#mmi(service, "200"),
          ]),
          ...this.#mmi(NOBODYS, "404"),
        ]);
        break;
      case "sure":
        this.#begin("quiet", []);
        this.#dueAt = Number.POSITIVE_INFINITY;
        this.#quietUntil = now + this.#quietMs;
        break;
      case "quiet":
        // Somebody may still be found out to have stood still.
        if (missing !== undefined) this.#quietUntil = now + this.#quietMs;
        if (now < this.#quietUntil) break;
        for (const worker of this.#cast.workers) worker.call((app) => app.leave(true));
        this.#begin("leaving", []);
        break;
      case "leaving":
        this.#begin(
          "alone",
          this.#world.setting.services.flatMap((service) => this.#mmi(service, "404")),
        );
        break;
      case "alone":
        for (const client of this.#cast.clients) client.call((app) => app.leave(true));
        this.#begin("emptying", []);
        break;
      case "emptying":
        return true;
    }
    return this.#stage;
  }

  #begin(stage: Stage, probes: Probe[]): void {
    this.#stage = stage;
    this.#probes = probes;
    this.#dueAt = this.#world.simulation.now() + this.#boundMs;
  }

  /** What keeps the next stage from beginning. */
  #missing(): string | undefined {
    switch (this.#stage) {
      case "starting":
        if (this.#world.open.size > 0) return `${this.#world.open.size} requests have not ended`;
        return this.#cast.clients.some(({ app }) => app === undefined) ? "clients start" : undefined;
      case "patient":
        return this.#unanswered(this.#patient);
      case "settling":
      case "quiet":
        return this.#wrongView() ?? this.#busy();
      case "sure":
      case "alone":
        return this.#unanswered(this.#sure);
      case "leaving":
        return this.#strangers();
      case "emptying":
        return this.#leftovers();
    }
  }

  #questions(service: string, isSure: boolean): Probe[] {
    return this.#cast.clients.map((client, at) => {
      const question = { service, isStream: at % 2 === 0, mmi: undefined, isSure };
      return { client, question, request: undefined };
    });
  }

  /** Only clients of ours ask whether there are workers. */
  #mmi(service: string, expected: "200" | "404"): Probe[] {
    const { clients } = this.#world.setting;
    return this.#cast.clients
      .filter((_, at) => clients[at]?.kind === "ours")
      .map((client) => {
        const question = { service, isStream: false, mmi: { expected }, isSure: true };
        return { client, question, request: undefined };
      });
  }

  #unanswered(limits: RequestLimits): string | undefined {
    let open = 0;
    for (const probe of this.#probes) {
      if (probe.request?.ended === "answered") continue;
      open += 1;
      if (probe.request !== undefined && probe.request.ended === undefined) continue;
      probe.request = this.#ask(probe.client, probe.question, limits);
    }
    return open === 0 ? undefined : `${open} probes are not answered`;
  }

  /** In which way a broker does not know exactly the sessions that live, all of them present. */
  #wrongView(): string | undefined {
    const { setting } = this.#world;
    for (const { app, name } of this.#cast.brokers) {
      const { program } = app ?? {};
      if (program === undefined) return `${name} is away`;
      const alive = this.#cast.workers.flatMap((worker) => worker.app?.sessionsWith(name) ?? []);
      if (alive.length !== setting.workers.length) return `${alive.length} sessions with ${name}`;
      const { present, machine } = program;
      const strangers = alive.filter((id) => !present.has(id));
      if (strangers.length > 0) return `${name} does not know ${strangers.join(", ")}`;
      if (machine.workerCount !== alive.length)
        return `${name} knows ${machine.workerCount} of ${alive.length}`;
    }
    return undefined;
  }

  #busy(): string | undefined {
    for (const { app, name } of this.#cast.brokers) {
      const machine = app?.program?.machine;
      if (machine === undefined || machine.waiting + machine.running > 0) return `${name} is busy`;
    }
    return undefined;
  }

  /** Which broker has workers in its books although all have left. */
  #strangers(): string | undefined {
    if (this.#cast.workers.some(({ app }) => app?.isGone !== true)) return "workers leave";
    for (const { app, name } of this.#cast.brokers) {
      const count = app?.program?.machine.workerCount;
      if (count !== 0) return `${name} has ${count} workers`;
    }
    return undefined;
  }

  /** What is left in the books of a broker although everybody has left. */
  #leftovers(): string | undefined {
    for (const { app, name } of this.#cast.brokers) {
      const machine = app?.program?.machine;
      if (machine === undefined) return `${name} is away`;
      const { waiting, running, heldBytes, serviceCount, workerCount, clientCount } = machine;
      const left = { waiting, running, heldBytes, serviceCount, workerCount, clientCount };
      if (Object.values(left).some((count) => count !== 0)) return `${name} has ${JSON.stringify(left)}`;
    }
    return undefined;
  }
}
