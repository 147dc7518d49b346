import type { Random } from "@seaworthy/core";
import type { FaultPlan } from "@seaworthy/simulator";
import type { BrokerSetting, ClientSetting, Kind, Setting, WorkerSetting } from "./majordomo-world.js";

/** Chance for what a seed decides. */
export class Dice {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  between(least: number, most: number): number {
    return least + Math.floor((most - least + 1) * this.#random());
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(items.length * this.#random())] as T;
  }

  upTo(most: number): number {
    return most * this.#random();
  }
}

export const names = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${what}-${at}`);

const KINDS: readonly Kind[] = ["ours", "ours", "ours", "0.1", "0.2"];
const PROTOCOLS = ["auto", "auto", "0.1", "0.2"] as const;

/** Everything that a seed decides about a run besides its faults. */
export function draw(random: Random): Setting {
  const dice = new Dice(random);
  const handlerMs = dice.chance(0.5) ? dice.upTo(800) : dice.upTo(50);
  const brokerNames = names("broker", dice.pick([1, 1, 1, 1, 2, 2, 3]));
  const services = names("service", dice.pick([1, 1, 2, 3]));
  const workerCount = Math.max(services.length, dice.between(1, 4));
  const clients = names("client", dice.between(1, 3)).map((name) => drawClient(dice, name, brokerNames));
  const workers = names("worker", workerCount).map((name, at) =>
    drawWorker(dice, name, services[at] ?? dice.pick(services)),
  );
  return {
    brokers: brokerNames.map((name) => drawBroker(dice, name, clients.length, handlerMs)),
    clients,
    workers,
    services,
    handlerMs,
    failing: dice.chance(0.5) ? dice.upTo(0.2) : 0,
    stutters: dice.chance(0.4) ? 0.1 : 0,
    everyMs: 40 + dice.upTo(200) + handlerMs / 2,
  };
}

export function drawBroker(dice: Dice, name: string, clients: number, handlerMs: number): BrokerSetting {
  return {
    name,
    options: {
      heartbeatMs: dice.between(150, 1000),
      // Not less than the intervals of the workers that do not say theirs.
      peerHeartbeatMs: dice.between(500, 1000),
      liveness: dice.between(2, 4),
      maxDeliveries: dice.between(1, 4),
      // Time and room for one request of each client, so that the last ones need no second attempt.
      requestTtlMs: (clients + 1) * handlerMs + dice.between(200, 3000),
      maxWaiting: dice.chance(0.3) ? dice.between(clients, 10) : 500,
      maxUnoffered: dice.between(1, 5),
      maxCredit: dice.chance(0.3) ? dice.between(1, 2) : 1000,
      detectDepartures: dice.chance(0.5),
      // So few that two or three workers are too many.
      maxHeartbeatsPerSecond: dice.chance(0.4) ? dice.between(2, 12) : 1000,
    },
  };
}

function drawClient(dice: Dice, name: string, brokers: readonly string[]): ClientSetting {
  const first = dice.between(0, brokers.length - 1);
  const some = [...brokers.slice(first), ...brokers.slice(0, first)].slice(
    0,
    dice.between(1, brokers.length),
  );
  return {
    name,
    kind: dice.pick(KINDS),
    brokers: some,
    protocol: dice.pick(PROTOCOLS),
    heartbeatMs: dice.between(200, 1000),
    liveness: dice.between(2, 4),
    hasEnvelope: dice.chance(0.3),
  };
}

function drawWorker(dice: Dice, name: string, service: string): WorkerSetting {
  const kind = dice.pick(KINDS);
  const heartbeatMs = kind === "ours" ? dice.between(150, 2000) : dice.between(150, 500);
  return {
    name,
    kind,
    service,
    protocol: dice.pick(PROTOCOLS),
    concurrency: kind === "ours" ? dice.between(1, 3) : 1,
    heartbeatMs,
    // Ours are told the brokers' intervals; others are to expect no shorter ones than these have.
    peerHeartbeatMs: kind === "ours" ? dice.between(300, 1000) : 1000,
    liveness: dice.between(2, 4),
    reconnectMaxMs: dice.between(200, 1500),
    maxPartials: dice.chance(0.5) ? dice.between(1, 3) : 0,
    isMute: dice.chance(0.3),
    isCareless: dice.chance(0.3),
  };
}

/** Faults for a setting: of workers more often than of others, since it is theirs that the pattern is for. */
export function drawFaults({ brokers, workers, clients }: Setting): FaultPlan {
  const middle = brokers.map(({ name }) => name);
  const crew = workers.map(({ name }) => name);
  const all = [...crew, ...crew, ...middle, ...clients.map(({ name }) => name)];
  return {
    crash: { everyMs: [500, 2500], forMs: [50, 2000], nodes: all },
    pause: { everyMs: [600, 3000], forMs: [100, 4000], nodes: all },
    slow: { everyMs: [2500, 7000], forMs: [200, 2000], serviceMs: [1, 20], nodes: [...crew, ...middle] },
    cut: { everyMs: [400, 2500] },
    partition: { everyMs: [1500, 5000], forMs: [100, 4000], oneWay: 0.5 },
    delay: { everyMs: [2000, 6000], forMs: [200, 2000], extraMs: [5, 600] },
  };
}
