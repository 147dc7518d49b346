import type { SimulatedNode } from "@seaworthy/simulator";
import {
  type Asked,
  BACKOFF_MS,
  type ClientApp,
  type ClientSetting,
  RECONNECT_MS,
  STORM_MS,
  type World,
} from "./freelance-world.js";
import { DRAIN_MS, hinderedMs } from "./node-support.js";

/** Handshakes, and messages under way. */
const TRAVEL_MS = 150;
/** How often the world is looked at, in ms. */
const LOOK_MS = 10;

/** Makes a request, if the client can take one. */
export type Ask = (client: SimulatedNode<ClientApp>) => Asked | undefined;

/**
 * How long after healing a client is answered.
 *
 * Whoever stood still reads first. A half-open connection is noticed by the silence, and made anew; by `failover` each
 * endpoint may get its turn before the one that answers. Then the request that was made before may have to time out.
 */
function answerBoundMs(client: ClientSetting): number {
  const { timeoutMs, attempts, heartbeatMs, liveness, connectTimeoutMs, endpoints } = client;
  const silenceMs = (liveness + 2) * heartbeatMs + RECONNECT_MS;
  const turnsMs = endpoints.length * (timeoutMs + BACKOFF_MS + connectTimeoutMs) + RECONNECT_MS;
  const attemptsMs = 2 * attempts * (timeoutMs + BACKOFF_MS);
  return DRAIN_MS + TRAVEL_MS + silenceMs + turnsMs + attemptsMs;
}

/** Looks on while clients recover from their faults, and sees them off. */
export class Recovery {
  readonly #world: World;
  readonly #clients: readonly SimulatedNode<ClientApp>[];
  readonly #ask: Ask;
  readonly #probes = new Map<string, Asked>();
  #stage: "entering" | "asking" | "emptying" | "leaving" = "entering";
  #lookAt = 0;
  #isDue = true;

  constructor(world: World, clients: readonly SimulatedNode<ClientApp>[], ask: Ask) {
    this.#world = world;
    this.#clients = clients;
    this.#ask = ask;
    const { simulation } = world;
    simulation.at(STORM_MS, () =>
      simulation.every(LOOK_MS, () => {
        this.#isDue = true;
      }),
    );
  }

  /** Every request ends within its bound, and after healing one of each client is answered within its own. */
  overdue(): string | undefined {
    const { simulation, open, setting } = this.#world;
    const now = simulation.now();
    if (now < this.#lookAt) return undefined;
    this.#lookAt = now + LOOK_MS;
    for (const { call, client, madeAt, boundMs } of open) {
      if (now <= madeAt + boundMs + 1 || this.#find(client)?.app === undefined) continue;
      if (now > madeAt + boundMs + 1 + hinderedMs(simulation, client, madeAt - DRAIN_MS, DRAIN_MS))
        return `request ${call} of ${client}, made at ${madeAt}, has not ended within ${boundMs} ms`;
    }
    if (this.#stage !== "asking") return undefined;
    const late = setting.clients.find(
      (client) => this.#isUnanswered(client) && now > STORM_MS + answerBoundMs(client),
    );
    return late && `${late.name} is not answered ${answerBoundMs(late)} ms after healing`;
  }

  progress(): true | string {
    const { setting, open } = this.#world;
    // Some requests fail at once: they are not to be made again at once.
    if (!this.#isDue) return this.#stage;
    this.#isDue = false;
    switch (this.#stage) {
      case "entering":
        if (this.#clients.some(({ app }) => app === undefined)) return "clients start";
        for (const client of setting.clients)
          for (const endpoint of client.endpoints)
            this.#find(client.name)?.call((app) => app.change(endpoint, "connect"));
        this.#stage = "asking";
        break;
      case "asking":
        for (const client of setting.clients) if (this.#isUnanswered(client)) this.#probe(client.name);
        if (!setting.clients.some((client) => this.#isUnanswered(client)) && open.size === 0)
          this.#stage = "emptying";
        break;
      case "emptying":
        if (this.#outstanding() > 0) return `${this.#outstanding()} copies are outstanding`;
        for (const client of this.#clients) client.call((app) => app.close());
        this.#stage = "leaving";
        break;
      case "leaving":
        return this.#leftovers() ?? true;
    }
    return this.#stage;
  }

  /** One that nobody can answer asks in vain. */
  #isUnanswered({ name, kind }: ClientSetting): boolean {
    const speaks =
      kind === "tracked" || kind === "foreign" ? ["ours", "foreign"] : ["ours", "foreign", "misnamed"];
    if (!this.#world.setting.servers.some((server) => speaks.includes(server.kind))) return false;
    return this.#probes.get(name)?.ended !== "answered";
  }

  #probe(name: string): void {
    const probe = this.#probes.get(name);
    if (probe !== undefined && probe.ended === undefined) return;
    const client = this.#find(name);
    const next = client && this.#ask(client);
    if (next !== undefined) this.#probes.set(name, next);
  }

  #find(name: string): SimulatedNode<ClientApp> | undefined {
    return this.#clients.find((client) => client.name === name);
  }

  #outstanding(): number {
    const now = this.#world.simulation.now();
    const books = this.#clients.flatMap(({ app }) => app?.machine?.servers(now) ?? []);
    return books.reduce((sum, { outstanding }) => sum + outstanding, 0);
  }

  /** What is left although everybody has left. */
  #leftovers(): string | undefined {
    for (const { app, name } of this.#clients) {
      if (app === undefined || app.isReady) return `${name} closes`;
      if (app.machine !== undefined && app.machine.serverCount > 0) return `${name} has servers`;
    }
    for (const { app, name } of this.#world.servers) {
      const busy = app?.machines.find(({ queued, running }) => queued + running > 0);
      if (busy !== undefined) return `${name} is busy`;
    }
    return undefined;
  }
}
