import { type Random, textFrame } from "@seaworthy/core";
import type { ServerOptions } from "@seaworthy/pubsub-snapshot/machine";
import type { Fault, FaultPlan } from "@seaworthy/simulator";
import { NODES, type NodeName, type Outage } from "./binary-star-world.js";
import { Dice, names } from "./majordomo-draw.js";
import {
  type BareSetting,
  type ClientSetting,
  isPair,
  type ServerSetting,
  type Setting,
  type Weather,
} from "./pubsub-snapshot-world.js";

/** Keys of several depths, some that look like words of the protocol, and bytes that are no text. */
const KEYS: readonly Uint8Array[] = [
  ...[
    "/a/1",
    "/a/b/1",
    "/b/1",
    "plain",
    "HUGZ",
    "KTHXBAI",
    "/a/",
    "/a",
    "\0HUGZ\0\0",
    "\0HUGZ\0\u0003/a/x",
  ].map(textFrame),
  Uint8Array.of(0xff, 0x00, 0x2f, 0x61),
  ...names("/a/more", 6).map(textFrame),
  ...names("/a/b/more", 6).map(textFrame),
  ...names("/b/more", 6).map(textFrame),
];

const SUBTREES = ["", "", "/a/", "/a/b/", "/b/"] as const;

/** None, a few, or all of the entries of a map have room in one message: an entry takes 40 to 120 bytes. */
const PACK_BYTES = [0, 100, 250, 16_384] as const;

/** Everything that a seed decides about a run besides its faults. */
export function draw(random: Random): Setting {
  const dice = new Dice(random);
  const isLone = dice.chance(0.25);
  const heartbeatMs = dice.chance(0.85) ? dice.between(200, 350) : dice.between(350, 1000);
  const deadMs = heartbeatMs * dice.pick([2, 2, 3]);
  const nodes: readonly NodeName[] = isLone ? ["primary"] : NODES;
  const stores = dice.pick([0, 0, 0.5, 1]);
  const options = drawOptions(dice);
  const servers = nodes.map((name): ServerSetting => {
    const store = { syncMs: dice.pick([2, 10, 40]), failing: dice.pick([0, 0, 0.1]) };
    return {
      ...{ name, options, store: dice.chance(stores) ? store : undefined },
      keepsEpochs: dice.chance(0.3),
      packBytes: dice.pick(PACK_BYTES),
      skewMs: 3.6e6 * (dice.upTo(2) - 1),
    };
  });
  const clients = names("client", dice.pick([1, 2, 2, 3, 3, 4, 5]));
  const bare = names("bare", dice.pick([0, 0, 0, 1, 1, 2]));
  const stormMs = 1300 + 2.5 * deadMs;
  return {
    ...{ servers, heartbeatMs, deadMs, stormMs },
    arbiter: !isLone && dice.chance(0.2) ? drawArbiter(dice, stormMs) : undefined,
    splits: !isLone && dice.chance(0.25),
    weather: dice.pick<Weather>(["nodes", "links", "all", "all"]),
    clients: clients.map((name) => drawClient(dice, name, nodes.length)),
    bare: bare.map((name): BareSetting => {
      return { name, subtree: dice.pick(SUBTREES), first: dice.between(0, nodes.length - 1) };
    }),
    keys: drawKeys(dice),
    everyMs: dice.between(70, 200) + 30 * clients.length,
    leavesEveryMs: dice.chance(0.3) ? dice.between(800, 3000) : 2 * stormMs,
    maxTtlMs: dice.pick([300, 1500]),
    windowMessages: dice.pick([1, 3, 100]),
  };
}

function drawKeys(dice: Dice): Uint8Array[] {
  const count = dice.between(5, KEYS.length);
  const chosen = [...KEYS];
  while (chosen.length > count) chosen.splice(dice.between(0, chosen.length - 1), 1);
  return chosen;
}

function drawOptions(dice: Dice): ServerOptions {
  const small = <T>(share: number, values: readonly T[], usual: T): T =>
    dice.chance(share) ? dice.pick(values) : usual;
  return {
    maxBehind: small(0.4, [1, 2, 5], 1000),
    maxUncommitted: small(0.15, [2, 5], 1000),
    maxKeys: small(0.1, [3, 8], 1000),
    maxSubtrees: small(0.2, [1, 2], 1000),
    maxSnapshots: small(0.2, [1, 2], 16),
    maxWaitingSnapshots: small(0.15, [1, 2], 1000),
    maxPending: small(0.2, [1, 5], 1000),
    pendingMs: small(0.2, [300], 5000),
    snapshotTimeoutMs: small(0.3, [300], 5000),
    socket: { sendHighWaterMark: small(0.25, [3, 8, 20], 1000) },
  };
}

function drawClient(dice: Dice, name: string, servers: number): ClientSetting {
  return {
    ...{ name, subtree: dice.pick(SUBTREES), first: dice.between(0, servers - 1) },
    timeoutMs: dice.pick([300, 2000, 8000]),
    retryMs: dice.between(100, 600),
    credit: dice.pick([1, 2, 5, 400]),
    packBytes: dice.pick(PACK_BYTES),
    liveness: dice.pick([2, 3, 3]),
    receiveHighWaterMark: dice.pick([1, 3, 1000]),
    maxQueued: dice.pick([1, 4, 1000]),
    connectsLate: Array.from({ length: servers }, () => dice.chance(0.15)),
  };
}

function drawArbiter(dice: Dice, stormMs: number): NonNullable<Setting["arbiter"]> {
  const outages: Outage[] = [];
  if (dice.chance(0.5))
    for (let from = dice.between(0, 2000); from < stormMs; from += dice.between(800, 3000))
      outages.push({ node: dice.pick(NODES), from, to: Math.min(stormMs, from + dice.between(100, 1500)) });
  const travelMs = dice.pick([2, 30]);
  return { leaseMs: dice.between(300 + 7 * travelMs, 1200), travelMs, outages };
}

/** Faults for a setting, besides its splits. The two are cut, and not partitioned, nor their messages held up for long. */
export function drawFaults({ weather, servers, clients, bare, deadMs }: Setting): FaultPlan {
  const hosts = servers.map(({ name }) => name);
  const all = [...hosts, ...hosts, ...clients.map(({ name }) => name), ...bare.map(({ name }) => name)];
  const ofNodes: FaultPlan = {
    crash: { everyMs: [500, 3000], forMs: [30, 1.5 * deadMs], nodes: all },
    pause: { everyMs: [400, 2500], forMs: [50, 3.2 * deadMs], nodes: all },
    slow: { everyMs: [1500, 5000], forMs: [200, 1000], serviceMs: [1, 6], nodes: all },
  };
  const ofLinks: FaultPlan = {
    cut: { everyMs: [300, 1800] },
    delay: { everyMs: [800, 3000], forMs: [200, 1500], extraMs: [5, 0.25 * deadMs] },
  };
  if (weather === "nodes") return ofNodes;
  return weather === "links" ? ofLinks : { ...ofNodes, ...ofLinks };
}

/** What is cut on its own: clients from servers, for long or one way; and the two from each other, if it is such a world. */
export function drawSplits(setting: Setting, random: Random): Fault[] {
  const dice = new Dice(random);
  const { clients, bare, servers, stormMs, splits, deadMs } = setting;
  const lasting = (from: string, to: string): Fault[] => {
    const faults: Fault[] = [];
    for (let at = dice.between(100, 2000); at < stormMs; at += dice.between(800, 3000)) {
      const forMs = dice.between(50, 2 * deadMs);
      if (dice.chance(0.6))
        faults.push({ kind: "partition", at, forMs, from: [from], to: [to], oneWay: dice.chance(0.5) });
      else faults.push({ kind: "delay", at, forMs, ...{ from, to }, extraMs: dice.between(5, 400) });
    }
    return faults;
  };
  const faults = [...clients, ...bare].flatMap(({ name }) => {
    if (!dice.chance(0.4)) return [];
    const server = dice.pick(servers).name;
    return dice.chance(0.5) ? lasting(name, server) : lasting(server, name);
  });
  if (!splits || !isPair(setting)) return faults;
  for (let at = dice.between(100, 1500); at < stormMs; at += dice.between(500, 3000)) {
    const [from, to] = dice.chance(0.5) ? NODES : [NODES[1], NODES[0]];
    const forMs = dice.between(100, 3 * deadMs);
    faults.push({ kind: "partition", at, forMs, from: [from], to: [to], oneWay: dice.chance(0.3) });
    if (dice.chance(0.4))
      faults.push({ kind: "crash", at: at + dice.upTo(forMs), node: dice.pick(NODES), forMs: deadMs });
  }
  return faults;
}
