import type { SimulatedNode } from "@seaworthy/simulator";
import { PATIENCE_MS } from "./binary-star-arbiter.js";
import { BACKOFF_MS } from "./binary-star-client.js";
import {
  type Asked,
  type ClientApp,
  type ClientSetting,
  claimTimeoutMs,
  deathLimitMs,
  LINGER_MS,
  NODES,
  programOf,
  RECONNECT_MS,
  RESTART_MS,
  type Setting,
  STORM_MS,
  type World,
} from "./binary-star-world.js";
import { DRAIN_MS, hinderedMs } from "./node-support.js";

/** Handshakes, and messages under way. */
const TRAVEL_MS = 100;
/** Longest that a hook of an application takes, and longest that a write of an epoch does. */
const HOOKS_MS = 650;
/** How often the world is looked at, in ms. */
const LOOK_MS = 10;

/** Makes a request, if the client can take one. */
export type Ask = (client: SimulatedNode<ClientApp>, isProbe: boolean) => Asked | undefined;

/**
 * How long after healing one of the two is active, and the other follows it.
 *
 * Who has just left begins anew, who stood still reads first, and then a lost connection is made again; from then on each
 * hears the other in each of its heartbeats. A hook that fails late, or an epoch that cannot be written, costs one
 * more round. Two that both were active, and of which one has not heard yet that the other reads records, may both make
 * way: then both are passive in the next heartbeat, the primary waits in the one after, and both are heard to wait, or to
 * claim, in the third. With an arbiter the last lease has to be over, and a question to it that was lost. A peer by the
 * guide's rules ends when it finds both active, or both passive, and is started again. A primary whose application could not become
 * active leaves the next try to the backup, for as long as that may need to see so and to claim.
 */
function settleBoundMs(setting: Setting): number {
  const { nodes, arbiter } = setting;
  const heartbeatMs = Math.max(...nodes.map((node) => node.heartbeatMs));
  const absenceMs = LINGER_MS + RESTART_MS;
  const hearingMs = absenceMs + DRAIN_MS + RECONNECT_MS + TRAVEL_MS + heartbeatMs;
  const timeouts = nodes.map((node) => claimTimeoutMs(setting, node));
  const askingMs =
    arbiter === undefined ? 0 : arbiter.leaseMs + Math.max(PATIENCE_MS, ...timeouts) + heartbeatMs;

  const restartMs = nodes.some(({ kind }) => kind === "guide")
    ? absenceMs + RECONNECT_MS + 2 * heartbeatMs
    : 0;
  const [primary] = nodes;
  const isEverUnfit = (primary.activation?.failing ?? 0) > 0;
  const unfitMs = isEverUnfit ? (setting.liveness + 2) * heartbeatMs + claimTimeoutMs(setting, primary) : 0;
  return hearingMs + HOOKS_MS + 3 * heartbeatMs + askingMs + restartMs + unfitMs;
}

/**
 * How long a request may take while the pair is as it should be. An attempt may be under way to a server that is gone,
 * or the client gives the pair its time; then it comes to the passive one, and from there to the active.
 */
function answerBoundMs({ handlerMs, clients }: Setting, { timeoutMs, settleMs }: ClientSetting): number {
  const busyMs = (clients.length + 1) * handlerMs;
  return DRAIN_MS + 2 * (timeoutMs + settleMs) + 2 * BACKOFF_MS + busyMs + TRAVEL_MS;
}

/** Looks on while a pair and its clients recover from their faults. */
export class Recovery {
  readonly #world: World;
  readonly #clients: readonly SimulatedNode<ClientApp>[];
  readonly #ask: Ask;
  readonly #settleMs: number;
  readonly #answerMs: number;
  readonly #probes = new Map<SimulatedNode<ClientApp>, Asked>();
  #lookAt = 0;
  #wellSince = Number.POSITIVE_INFINITY;

  constructor(world: World, clients: readonly SimulatedNode<ClientApp>[], ask: Ask) {
    const { setting } = world;
    this.#world = world;
    this.#clients = clients;
    this.#ask = ask;
    this.#settleMs = settleBoundMs(setting);
    this.#answerMs = Math.max(...setting.clients.map((client) => answerBoundMs(setting, client)));
  }

  /** From `settleBoundMs` after healing on exactly one is active, and the other follows it. */
  unsettled(): string | undefined {
    const { simulation } = this.#world;
    if (simulation.now() <= STORM_MS + this.#settleMs || this.#isSettled) return undefined;
    return `${this.#states}, ${this.#settleMs} ms after healing`;
  }

  /** Every request ends within its bound, and one that is made after healing is answered. */
  overdue(): string | undefined {
    const { simulation, open } = this.#world;
    const now = simulation.now();
    if (now < this.#lookAt) return undefined;
    this.#lookAt = now + LOOK_MS;
    for (const { call, client, madeAt, boundMs } of open) {
      if (now <= madeAt + boundMs + 1 || this.#isDown(client)) continue;
      if (now > madeAt + boundMs + 1 + hinderedMs(simulation, client, madeAt - DRAIN_MS, DRAIN_MS))
        return `request ${call} of ${client}, made at ${madeAt}, has not ended within ${boundMs} ms`;
    }
    for (const { call, client, ended } of this.#probes.values()) {
      if (ended !== undefined && ended !== "answered")
        return `request ${call} of ${client}, made after healing, ended with ${ended}`;
    }
    if (now <= STORM_MS + this.#settleMs + this.#answerMs || open.size === 0) return undefined;
    const calls = [...open].map(({ call }) => call).join(", ");
    return `not answered ${this.#settleMs} + ${this.#answerMs} ms after healing: ${calls}`;
  }

  progress(): true | string {
    const now = this.#world.simulation.now();
    for (const client of this.#clients) {
      const probe = this.#probes.has(client) ? undefined : this.#ask(client, true);
      if (probe !== undefined) this.#probes.set(client, probe);
    }
    const { open } = this.#world;
    const isWell = this.#isSettled && this.#probes.size === this.#clients.length && open.size === 0;
    if (!isWell) this.#wellSince = Number.POSITIVE_INFINITY;
    else if (this.#wellSince === Number.POSITIVE_INFINITY) this.#wellSince = now;
    // It stays so while anybody could be given up.
    if (now - this.#wellSince >= deathLimitMs(this.#world.setting)) return true;
    return `${this.#states}; ${this.#probes.size} probes, ${open.size} requests open`;
  }

  #isDown(client: string): boolean {
    return this.#clients.find(({ name }) => name === client)?.app === undefined;
  }

  get #isSettled(): boolean {
    const [first, second] = NODES.map((name) => programOf(this.#world, name));
    if (first === undefined || second === undefined) return false;
    return (first.isActive && second.isFollowing) || (second.isActive && first.isFollowing);
  }

  get #states(): string {
    return NODES.map((name) => {
      const program = programOf(this.#world, name);
      if (program === undefined) return `${name} away`;
      return `${name} ${program.isActive ? "active" : program.isFollowing ? "follows" : "waits"}`;
    }).join(", ");
  }
}
