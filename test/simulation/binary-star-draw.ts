import type { Random } from "@seaworthy/core";
import type { Fault, FaultPlan } from "@seaworthy/simulator";
import {
  type ArbiterSetting,
  type ClientSetting,
  deathLimitMs,
  type HookSetting,
  NODES,
  type NodeName,
  type NodeSetting,
  type Outage,
  type Setting,
  STORM_MS,
  type Weather,
} from "./binary-star-world.js";
import { Dice, names } from "./majordomo-draw.js";

/** How often the application of a node says that it may have fallen behind, in ms, give or take. */
const FALLS_BEHIND_MS = 2500;

/** What a run is drawn from. */
interface Climate {
  readonly heartbeatMs: readonly [least: number, most: number];
  /** How long it may take to write an epoch down. */
  readonly writesMs: readonly number[];
  /** How long handlers that are slow may take. */
  readonly slowMs: number;
  readonly slowShare: number;
  readonly weathers: readonly Weather[];
}

const USUAL: Climate = {
  heartbeatMs: [100, 1000],
  writesMs: [5, 50, 600, 600],
  slowMs: 200,
  slowShare: 0.3,
  weathers: ["nodes", "nodes", "links", "all", "all", "all"],
};

/**
 * The two lose each other again and again, find out about it long before a storm is over, and are both asked all the while: else hardly
 * ever would both be active, and what an arbiter and epochs are for would not happen. Handlers often outlast their epoch.
 */
const TORN: Climate = {
  heartbeatMs: [40, 160],
  writesMs: [5, 50],
  slowMs: 600,
  slowShare: 0.6,
  weathers: ["links", "all"],
};

/** Everything that a seed decides about a run besides its faults. */
export function draw(random: Random): Setting {
  const dice = new Dice(random);
  const guide = dice.chance(0.15) ? dice.pick(NODES) : undefined;
  const hasArbiter = guide === undefined && dice.chance(0.3);
  const isTorn = guide === undefined && dice.chance(hasArbiter ? 0.7 : 0.1);
  const climate = isTorn ? TORN : USUAL;
  const heartbeatMs = dice.between(...climate.heartbeatMs);
  const differ = dice.chance(0.3);
  const stores = dice.pick([0, 0.5, 1]);
  const node = (name: NodeName): NodeSetting => ({
    name,
    kind: name === guide ? "guide" : "ours",
    heartbeatMs: differ && guide === undefined ? dice.between(...climate.heartbeatMs) : heartbeatMs,
    concurrency: dice.between(1, 4),
    replyCache: dice.chance(0.5),
    activation: drawHook(dice, 0.5, 0.6),
    transfer: drawHook(dice, 0.5, 0.3),
    store: dice.chance(stores)
      ? { ms: dice.pick(climate.writesMs), failing: dice.pick([0, 0.2]) }
      : undefined,
    remembered: dice.chance(0.4) ? dice.between(1, 9) : 0,
  });
  const nodes = [node("primary"), node("backup")] as const;
  const liveness = guide === undefined ? dice.between(2, 3) : 2;
  const handlerMs = dice.upTo(dice.chance(climate.slowShare) ? climate.slowMs : 20);
  const clients = names("client", dice.between(1, 4));
  const setting: Setting = {
    ...{ nodes, liveness, arbiter: undefined, handlerMs, clients: [], splits: [] },
    weather: dice.pick(climate.weathers),
    everyMs: 60 + dice.upTo(150) + handlerMs * clients.length,
    fallsBehindEveryMs: FALLS_BEHIND_MS,
    pesteredEveryMs: isTorn ? dice.between(25, 60) : undefined,
    leavesEveryMs: dice.chance(0.5) ? dice.between(800, 3000) : 2 * STORM_MS,
  };
  const drawn = { ...setting, clients: clients.map((name) => drawClient(dice, name, setting)) };
  const tears = isTorn ? drawTears(dice) : [];
  const torn = tears.flatMap((tear) => drawTearFaults(dice, tear));
  const splits = [...torn, ...drawSplits(drawn, dice)];
  const arbiter = isTorn ? drawNearArbiter(dice, tears) : drawArbiter(dice, splits);
  return { ...drawn, splits, arbiter: hasArbiter ? arbiter : undefined };
}

function drawHook(dice: Dice, share: number, failing: number): HookSetting {
  if (!dice.chance(share)) return undefined;
  return { ms: dice.chance(0.5) ? dice.upTo(300) : dice.upTo(10), failing: dice.chance(0.5) ? failing : 0 };
}

/** Who loses its peer may well lose the arbiter with it. */
function drawArbiter(dice: Dice, splits: readonly Fault[]): ArbiterSetting {
  const outages: Outage[] = [];
  for (let from = dice.between(0, 2000); from < STORM_MS; from += dice.between(500, 2500))
    outages.push({ node: dice.pick(NODES), from, to: Math.min(STORM_MS, from + dice.between(100, 2500)) });
  for (const { kind, at, ...split } of splits) {
    const forMs = "forMs" in split ? split.forMs : undefined;
    if (kind !== "partition" || forMs === undefined || !dice.chance(0.6)) continue;
    const from = at + dice.upTo(forMs);
    outages.push({ node: dice.pick(NODES), from, to: Math.min(STORM_MS, at + forMs) });
  }
  const travelMs = dice.pick([5, 100, 150]);
  // Three questions fit in.
  return { leaseMs: dice.between(200 + 7 * travelMs, 2000), travelMs, outages };
}

/**
 * Whoever has the lease may lose the arbiter while the two have lost each other, for longer than the lease lasts: then the other
 * one, who is asked as well, gets the next.
 */
function drawNearArbiter(dice: Dice, tears: readonly Tear[]): ArbiterSetting {
  const travelMs = dice.pick([5, 5, 50]);
  const leaseMs = 200 + 7 * travelMs + dice.upTo(150);
  const outages = tears.map(({ loser: node, losesAt: from }): Outage => {
    // About as long as the lease, so that the same one may get the next; or longer.
    const forMs = dice.chance(0.5) ? leaseMs * (0.7 + dice.upTo(0.6)) : dice.between(400, 1500);
    return { node, from, to: Math.min(STORM_MS, from + forMs) };
  });
  return { leaseMs, travelMs, outages };
}

function drawClient(dice: Dice, name: string, setting: Setting): ClientSetting {
  return {
    name,
    kind: dice.pick(["ours", "ours", "guide"]),
    first: dice.pick(NODES),
    timeoutMs: 150 + 2 * setting.handlerMs + dice.upTo(400),
    settleMs: deathLimitMs(setting),
  };
}

/** Faults for a setting, besides its splits. */
export function drawFaults({ weather, clients }: Setting): FaultPlan {
  const all = [...NODES, ...NODES, ...clients.map(({ name }) => name)];
  const ofNodes: FaultPlan = {
    crash: { everyMs: [300, 2500], forMs: [30, 1500], nodes: all },
    pause: { everyMs: [300, 2500], forMs: [100, 3000], nodes: all },
    slow: { everyMs: [1500, 5000], forMs: [200, 1500], serviceMs: [1, 15], nodes: [...NODES] },
  };
  const ofLinks: FaultPlan = {
    cut: { everyMs: [200, 1500] },
    partition: { everyMs: [800, 3000], forMs: [100, 2500], oneWay: 0.5 },
    delay: { everyMs: [1000, 4000], forMs: [200, 1500], extraMs: [5, 400] },
  };
  if (weather === "nodes") return ofNodes;
  return weather === "links" ? ofLinks : { ...ofNodes, ...ofLinks };
}

/**
 * What is cut on its own. The link between the two is a way of its own: clients reach both all the while; and either may
 * begin anew before it hears the other again. And clients lose their way to one of the two.
 */
function drawSplits({ weather, clients }: Setting, dice: Dice): Fault[] {
  const splits = clients.flatMap(({ name }) => (dice.chance(0.4) ? drawLostWays(dice, name) : []));
  if (weather === "nodes") return splits;
  for (let at = dice.between(100, 2500); at < STORM_MS; at += dice.between(500, 3500)) {
    const [from, to] = dice.chance(0.5) ? NODES : [NODES[1], NODES[0]];
    const forMs = dice.between(100, 3000);
    splits.push({ kind: "partition", at, forMs, from: [from], to: [to], oneWay: dice.chance(0.4) });
    for (const node of dice.pick([[], [], NODES, [...NODES, "primary"]] as const))
      splits.push({ kind: "crash", at: at + dice.upTo(forMs), node, forMs: dice.between(30, 300) });
  }
  return splits;
}

/** The two lose each other, and one of them the arbiter as well, if there is one. */
interface Tear {
  readonly at: number;
  readonly forMs: number;
  readonly loser: NodeName;
  readonly losesAt: number;
}

/** Again and again, and for many heartbeats. */
function drawTears(dice: Dice): Tear[] {
  const tears: Tear[] = [];
  for (let at = dice.between(200, 700); at < STORM_MS; at += dice.between(800, 2000)) {
    const forMs = dice.between(700, 1600);
    tears.push({ at, forMs, loser: dice.pick(NODES), losesAt: at + dice.upTo(forMs / 3) });
  }
  return tears;
}

/**
 * Whoever loses its peer may also stand still: just then, or while its lease comes to its end. Or it is started again while it is alone: then the
 * other one hears, when it is not, of an epoch that nobody is active in.
 */
function drawTearFaults(dice: Dice, { at, forMs, loser: node, losesAt }: Tear): Fault[] {
  const [from, to] = NODES;
  const oneWay = dice.chance(0.15);
  const cut: Fault = { kind: "partition", at, forMs, from: [from], to: [to], oneWay };
  const stands = dice.between(150, 1000);
  const blows: readonly Fault[] = [
    { kind: "pause", at: at + dice.upTo(500), forMs: stands, node },
    { kind: "pause", at: losesAt + dice.between(100, 350), forMs: stands, node },
    { kind: "crash", at: at + forMs * (0.6 + dice.upTo(0.35)), forMs: dice.between(30, 150), node },
  ];
  return dice.chance(0.7) ? [cut, dice.pick(blows)] : [cut];
}

function drawLostWays(dice: Dice, client: string): Fault[] {
  const ways: Fault[] = [];
  for (let at = dice.between(100, 2000); at < STORM_MS; at += dice.between(1000, 3000)) {
    const forMs = dice.between(500, 3000);
    ways.push({ kind: "partition", at, forMs, from: [client], to: [dice.pick(NODES)] });
  }
  return ways;
}
