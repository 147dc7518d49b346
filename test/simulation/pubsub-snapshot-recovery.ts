import { frameKey } from "@seaworthy/core";
import { PATIENCE_MS } from "./binary-star-arbiter.js";
import { DRAIN_MS } from "./node-support.js";
import { joinTimeoutMs } from "./pubsub-snapshot-client.js";
import { isSame, type Life } from "./pubsub-snapshot-history.js";
import {
  BACKOFF_MS,
  isPair,
  LINGER_MS,
  type Program,
  programsOf,
  RECONNECT_MS,
  RESTART_MS,
  type Setting,
  type World,
} from "./pubsub-snapshot-world.js";

/** Handshakes, and messages under way. */
const TRAVEL_MS = 100;
/** A store that has failed is tried again after so long, in ms. */
const STORE_RETRY_MS = 1000;

/**
 * How long after healing all maps are equal, and everything is well.
 *
 * Who has left begins anew, who stood still reads first, a lost connection between the two is made again, and each hears the other; both may
 * have been active, or passive, which takes three heartbeats to resolve, and with an arbiter the last lease has to be over. A passive one that gets
 * nothing finds that out in `deadMs`, and begins to follow anew with the next heartbeat. Then a client that does not know better waits out its
 * silence or its join, with each server once, and takes a pause. What it has in flight is sent again, and what has a time to live is left to it.
 */
export function settleBoundMs(setting: Setting): number {
  const { servers, heartbeatMs, deadMs, arbiter, clients, maxTtlMs } = setting;
  const absenceMs = LINGER_MS + RESTART_MS + Math.max(...servers.map(({ store }) => store?.syncMs ?? 0));
  const hearingMs = absenceMs + DRAIN_MS + RECONNECT_MS + TRAVEL_MS + heartbeatMs;
  const leaseMs = arbiter === undefined ? 0 : arbiter.leaseMs + Math.max(PATIENCE_MS, 2 * deadMs);
  const storeMs = servers.some(({ store }) => store !== undefined) ? STORE_RETRY_MS : 0;
  const pairMs = hearingMs + 4 * heartbeatMs + 2 * deadMs + leaseMs + storeMs;
  const silenceMs = Math.max(...clients.map(({ liveness }) => liveness)) * heartbeatMs + DRAIN_MS;
  const joinMs = silenceMs + 2 * servers.length * (joinTimeoutMs({ setting }) + 2 * BACKOFF_MS);
  const setMs = Math.max(...clients.map(({ timeoutMs, retryMs }) => timeoutMs + retryMs));
  return pairMs + joinMs + setMs + maxTtlMs + TRAVEL_MS;
}

/** Looks on while servers and clients recover from their faults. */
export class Recovery {
  readonly #world: World;
  readonly #probe: (client: string) => void;
  /** Clients that have been asked to set something after healing. */
  readonly #probed = new Set<string>();
  readonly #boundMs: number;

  constructor(world: World, probe: (client: string) => void) {
    this.#world = world;
    this.#probe = probe;
    this.#boundMs = world.setting.stormMs + settleBoundMs(world.setting);
  }

  /** What is not well though it should be by now. */
  overdue(): string | undefined {
    const { simulation } = this.#world;
    if (simulation.now() <= this.#boundMs) return undefined;
    const progress = this.progress();
    return progress === true ? undefined : progress;
  }

  /** Sets that took longer than they may. */
  late(): string | undefined {
    const { calls, simulation, setting } = this.#world;
    if (simulation.phase === "safety") return undefined;
    const healedAt = setting.stormMs + DRAIN_MS;
    for (const { number, timeoutMs, client, madeAt } of calls.open)
      if (simulation.now() > Math.max(healedAt, madeAt) + timeoutMs + TRAVEL_MS)
        return `set ${number} of ${client} has not ended within ${timeoutMs} ms`;
    return undefined;
  }

  /** The life that all maps are of, once that is so. */
  get life(): Life {
    return (this.#active() as Program).origin as Life;
  }

  progress(): true | string {
    const active = this.#active();
    if (typeof active === "string") return active;
    const life = active.origin as Life;
    const { clients, calls, servers } = this.#world;
    if (programsOf(this.#world).length < servers.size) return "not all servers run";
    for (const [name, { app }] of clients) {
      const view = app?.view;
      if (view?.isLive !== true) return `${name} is not live`;
      if (view.life !== life) return `${name} is with another life`;
      if (this.#probed.has(name)) continue;
      this.#probed.add(name);
      this.#probe(name);
    }
    if (calls.open.size > 0) return `${calls.open.size} sets are open`;
    for (const [name, { app }] of clients)
      if (app?.view?.sequence !== life.last)
        return `${name} is as of ${app?.view?.sequence}, and its server of ${life.last}`;
    return this.#remains(life) ?? this.#difference(active, life) ?? true;
  }

  /** The one that serves, if it is the only one and the other follows it. */
  #active(): Program | string {
    const { setting } = this.#world;
    const serving = programsOf(this.#world).filter(({ machine }) => machine.isServing);
    const [active] = serving;
    if (active === undefined || serving.length > 1) return `${serving.length} servers serve`;
    if (active.machine.uncommitted > 0) return "updates are not published";
    if (isPair(setting) && !active.machine.hasFollower) return "it has no follower";
    return active;
  }

  /** A key whose time is over, and more than over. */
  #remains(life: Life): string | undefined {
    const { calls, setting } = this.#world;
    for (const { uuid, key } of life.state.values()) {
      const ttlMs = calls.withUuid(uuid)?.wanted.ttlMs ?? 0;
      if (ttlMs > 0 && ttlMs <= setting.maxTtlMs) return `"${key}" is still there`;
    }
    return undefined;
  }

  /** Both servers have the map that the history leads to. */
  #difference(active: Program, life: Life): string | undefined {
    for (const { node, machine } of programsOf(this.#world)) {
      const { map } = machine;
      if (map.sequence !== life.last || map.size !== life.state.size)
        return `the ${node} is as of ${map.sequence} with ${map.size} keys, and ${active.node} published ${life.last}, ${life.state.size} keys`;
      for (const { key, sequence, value, properties: lines } of map.values()) {
        const update = life.state.get(frameKey(key));
        if (update === undefined || !isSame(update, { sequence, value, lines }))
          return `the ${node} has another value for "${frameKey(key)}"`;
      }
    }
    return undefined;
  }
}
