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

/** Everything that a seed decides about a run besides its faults. */
export function draw(random: Random): Setting {
  const dice = new Dice(random);
  const guide = dice.chance(0.15) ? dice.pick(NODES) : undefined;
  const hasArbiter = guide === undefined && dice.chance(0.3);
  const heartbeatMs = dice.between(100, 1000);
  const differ = dice.chance(0.3);
  const stores = dice.pick([0, 0.5, 1]);
  const node = (name: NodeName): NodeSetting => ({
    name,
    kind: name === guide ? "guide" : "ours",
    heartbeatMs: differ && guide === undefined ? dice.between(100, 1000) : heartbeatMs,
    concurrency: dice.between(1, 4),
    replyCache: dice.chance(0.5),
    activation: drawHook(dice, 0.5, 0.6),
    transfer: drawHook(dice, 0.5, 0.3),
    store: dice.chance(stores)
      ? { ms: dice.pick([5, 50, 600, 600]), failing: dice.pick([0, 0.2]) }
      : undefined,
    remembered: dice.chance(0.4) ? dice.between(1, 9) : 0,
  });
  const nodes = [node("primary"), node("backup")] as const;
  const liveness = guide === undefined ? dice.between(2, 3) : 2;
  const handlerMs = dice.chance(0.3) ? dice.upTo(200) : dice.upTo(20);
  const clients = names("client", dice.between(1, 4));
  const setting: Setting = {
    ...{ nodes, liveness, arbiter: undefined, handlerMs, clients: [], splits: [] },
    weather: dice.pick<Weather>(["nodes", "nodes", "links", "all", "all", "all"]),
    everyMs: 60 + dice.upTo(150) + handlerMs * clients.length,
    fallsBehindEveryMs: FALLS_BEHIND_MS,
    leavesEveryMs: dice.chance(0.5) ? dice.between(800, 3000) : 2 * STORM_MS,
  };
  const drawn = { ...setting, clients: clients.map((name) => drawClient(dice, name, setting)) };
  const splits = drawSplits(drawn, dice);
  return { ...drawn, splits, arbiter: hasArbiter ? drawArbiter(dice, splits) : undefined };
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

function drawLostWays(dice: Dice, client: string): Fault[] {
  const ways: Fault[] = [];
  for (let at = dice.between(100, 2000); at < STORM_MS; at += dice.between(1000, 3000)) {
    const forMs = dice.between(500, 3000);
    ways.push({ kind: "partition", at, forMs, from: [client], to: [dice.pick(NODES)] });
  }
  return ways;
}
