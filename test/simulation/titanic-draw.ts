import type { FaultPlan } from "@seaworthy/simulator";
import { resolveServerOptions } from "@seaworthy/titanic/machine";
import { Dice, drawBroker, names } from "./majordomo-draw.js";
import type { BrokerSetting, Setting, WorkerSetting } from "./majordomo-world.js";
import {
  type ServerSetting,
  STORM_MS,
  type StoreSetting,
  type StoreTrouble,
  type TitanicClientSetting,
  type TitanicSetting,
} from "./titanic-world.js";

/** Everything that a seed decides about a run besides its faults. */
export interface Drawn {
  /** Brokers and workers. */
  readonly crew: Setting;
  readonly titanic: TitanicSetting;
}

/** `alone`: one server with its disk. `apart`: two of them, each with its own broker. `together`: over one database. */
type Shape = "alone" | "apart" | "together";

export function draw(random: () => number): Drawn {
  const dice = new Dice(random);
  const shape = dice.pick<Shape>(["alone", "apart", "together", "together"]);
  const brokers = names("broker", shape === "apart" ? 2 : dice.pick([1, 1, 1, 2]));
  const servers = names("server", shape === "alone" ? 1 : shape === "apart" ? 2 : dice.pick([2, 2, 3]));
  const services = names("service", dice.between(1, 3));
  const handlerMs = dice.chance(0.5) ? dice.upTo(500) : dice.upTo(50);
  const workers = names("worker", Math.max(services.length, dice.between(1, 3)));
  const clients = names("client", dice.pick([1, 2, 2, 3]));
  const stores = shape === "together" ? ["database"] : servers.map((_, at) => `disk-${at}`);
  // Servers that share a database agree on this.
  const maxAttempts = dice.between(2, 4);
  const crew: Setting = {
    brokers: brokers.map((name) => drawQuietBroker(dice, name, clients.length, handlerMs)),
    clients: [],
    workers: workers.map((name, at) => drawWorker(dice, name, services[at] ?? dice.pick(services))),
    services,
    handlerMs,
    failing: dice.chance(0.5) ? dice.upTo(0.3) : 0,
    stutters: 0,
    everyMs: 160 + dice.upTo(280) + handlerMs / 2,
  };
  const titanic: TitanicSetting = {
    servers: servers.map((name, at) => ({
      ...{ name, store: stores[at] ?? (stores[0] as string) },
      brokers: shape === "apart" ? [brokers[at] as string] : brokers,
      options: drawServer(dice, handlerMs, maxAttempts),
    })),
    stores: stores.map((name) => drawStore(dice, name, shape === "together" ? "database" : "disk")),
    clients: clients.map((name) =>
      drawClient(dice, name, shape === "apart" ? [dice.pick(brokers)] : brokers),
    ),
    everyMs: crew.everyMs,
    throwing: dice.chance(0.5) ? 0.1 : 0,
    killing: dice.chance(0.3) ? 0.06 : 0,
    nobodys: dice.chance(0.6) ? 0.15 : 0,
  };
  return { crew, titanic };
}

function drawQuietBroker(dice: Dice, name: string, clients: number, handlerMs: number): BrokerSetting {
  const { options } = drawBroker(dice, name, clients, handlerMs);
  return {
    name,
    options: { ...options, heartbeatMs: dice.between(600, 1000), maxDeliveries: dice.between(1, 2) },
  };
}

function drawWorker(dice: Dice, name: string, service: string): WorkerSetting {
  return {
    ...{ name, kind: "ours", service, protocol: "auto", concurrency: dice.between(1, 3) },
    ...{ heartbeatMs: dice.between(600, 1500), peerHeartbeatMs: 1000, liveness: dice.between(2, 3) },
    ...{ reconnectMaxMs: dice.between(200, 800), maxPartials: 0, isMute: false, isCareless: false },
  };
}

function drawServer(dice: Dice, handlerMs: number, maxAttempts: number): ServerSetting["options"] {
  return resolveServerOptions({
    timeoutMs: 2 * handlerMs + dice.between(300, 1500),
    maxAttempts,
    backoff: { initialMs: dice.between(10, 100), maxMs: 300 },
    maxInFlight: dice.between(1, 5),
    maxInFlightTotal: dice.between(2, 8),
    leaseMs: dice.between(400, 2000),
    absence: { initialMs: dice.between(20, 200), maxMs: 800 },
    lookMs: dice.between(500, 2000),
    asksForWorkers: dice.chance(0.8),
    concurrency: dice.between(1, 20),
    heartbeatMs: dice.between(600, 1000),
    liveness: dice.between(2, 3),
    lingerMs: 100,
    socket: { reconnectMaxIntervalMs: 500 },
  });
}

function drawStore(dice: Dice, name: string, kind: StoreSetting["kind"]): StoreSetting {
  const troubles: StoreTrouble[] = [];
  for (let at = dice.between(200, 2000); at < STORM_MS; at += dice.between(1000, 4000)) {
    const to = Math.min(STORM_MS, at + dice.between(50, 1500));
    troubles.push({ kind: dice.pick(["away", "slow"]), from: at, to });
  }
  const commitMs = dice.chance(0.5) ? dice.upTo(3) : dice.upTo(30);
  return { name, kind, commitMs, travelMs: dice.upTo(10), lostWords: dice.upTo(0.5), troubles };
}

function drawClient(dice: Dice, name: string, brokers: readonly string[]): TitanicClientSetting {
  const kind = dice.pick(["ours", "ours", "bare"] as const);
  const dialect = dice.pick(["auto", "auto", "seaworthy", "rfc9"] as const);
  return {
    name,
    kind,
    brokers: dice.chance(0.5) ? brokers : [...brokers].reverse(),
    options: {
      timeoutMs: dice.between(300, 800),
      attempts: dice.between(1, 3),
      backoff: { initialMs: 20, maxMs: 200 },
      poll: { initialMs: dice.between(50, 200), maxMs: dice.between(300, 600) },
      dialect,
      connectTimeoutMs: 1000,
      heartbeatMs: dice.between(300, 1000),
      liveness: dice.between(2, 3),
      protocol: dice.pick(["auto", "auto", "0.1", "0.2"] as const),
      maxSockets: 3,
      socket: { reconnectMaxIntervalMs: 500 },
    },
    // RFC 9 has no keys.
    keyed: kind === "ours" && dialect !== "rfc9" ? dice.pick([0, 0.5, 1]) : 0,
    maxOrders: dice.between(2, 5),
  };
}

/** Faults for a setting: of servers more often than of others, since it is their promise. */
export function drawFaults({ crew, titanic }: Drawn): FaultPlan {
  const nodesOf = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name);
  const servers = nodesOf(titanic.servers);
  const middle = nodesOf(crew.brokers);
  const workers = nodesOf(crew.workers);
  const all = [...servers, ...servers, ...middle, ...workers, ...nodesOf(titanic.clients)];
  return {
    crash: { everyMs: [150, 1000], forMs: [30, 800], nodes: all },
    pause: { everyMs: [500, 2500], forMs: [100, 2000], nodes: all },
    slow: {
      everyMs: [2500, 7000],
      forMs: [200, 1500],
      serviceMs: [1, 10],
      nodes: [...servers, ...middle, ...workers],
    },
    cut: { everyMs: [400, 2000] },
    partition: { everyMs: [1000, 4000], forMs: [100, 2000], oneWay: 0.5 },
    delay: { everyMs: [1500, 4000], forMs: [200, 1500], extraMs: [5, 400] },
  };
}
