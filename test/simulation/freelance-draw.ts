import type { Random } from "@seaworthy/core";
import type { FreelanceStrategy } from "@seaworthy/freelance/machine";
import type { FaultPlan } from "@seaworthy/simulator";
import { type ClientSetting, endpointOf, type ServerSetting, type Setting } from "./freelance-world.js";
import { Dice, names } from "./majordomo-draw.js";

const STRATEGIES: readonly FreelanceStrategy[] = ["failover", "shotgun", "tracked"];

/** Everything that a seed decides about a run besides its faults. */
export function draw(random: Random, isTight: boolean): Setting {
  const dice = new Dice(random);
  const serverNames = names("server", dice.pick([1, 2, 2, 2, 3, 3, 4, 5, 8]));
  const hasSanctuary = !isTight && serverNames.length > 1 && dice.chance(0.4);
  const sanctuary = hasSanctuary ? dice.pick(serverNames) : undefined;
  const servers = serverNames.map((name) => drawServer(dice, name, name === sanctuary));
  const clients = drawKinds(dice).map((kind, at) => ({
    ...drawClient(dice, `client-${at}`, kind, servers),
    isTight,
  }));
  return {
    ...{ servers, clients, sanctuary },
    everyMs: dice.pick([20, 40, 80]) + 10 * clients.length,
    churnMs: dice.chance(0.5) ? dice.between(150, 800) : Number.POSITIVE_INFINITY,
    renewMs: dice.chance(0.3) ? dice.between(400, 1500) : Number.POSITIVE_INFINITY,
    aborted: dice.chance(0.3) ? 0.1 : 0,
  };
}

/** One to three clients of one strategy, or one of each, and sometimes a foreign one. */
function drawKinds(dice: Dice): ClientSetting["kind"][] {
  const strategy = dice.pick([...STRATEGIES, "tracked"] as const);
  const ours = dice.chance(0.25) ? STRATEGIES : names(strategy, dice.between(1, 3)).map(() => strategy);
  return dice.chance(0.2) ? [...ours, "foreign"] : [...ours];
}

function drawServer(dice: Dice, name: string, isSanctuary: boolean): ServerSetting {
  const kind = dice.pick(["ours", "ours", "ours", "ours", "foreign", "misnamed"] as const);
  const isWell = isSanctuary || dice.chance(0.4);
  const handlerMs = isWell ? dice.upTo(30) : dice.pick([dice.upTo(30), dice.upTo(200)]);
  return {
    name,
    kind: isSanctuary && kind === "misnamed" ? "ours" : kind,
    // Retries multiply the load, and a server must be able to catch up.
    concurrency: isWell ? 100 : dice.between(1, 8) + Math.ceil(handlerMs / 12),
    handlerMs,
    failing: isWell || dice.chance(0.3) ? 0 : 0.3,
    silent: isWell || dice.chance(0.5) ? 0 : 0.1,
    replyCache: dice.chance(0.5),
  };
}

function drawClient(
  dice: Dice,
  name: string,
  kind: ClientSetting["kind"],
  servers: readonly ServerSetting[],
): Omit<ClientSetting, "isTight"> {
  const endpoints = servers.map((server) => endpointOf(kind, server.name));
  // Nobody listens there, and there is no such host.
  if (dice.chance(0.15)) endpoints.push("tcp://server-0:5999");
  if (dice.chance(0.15)) endpoints.push(endpointOf(kind, "nowhere"));
  const first = dice.between(0, endpoints.length - 1);
  const hedging = [{}, { hedgeAfterMs: dice.upTo(60) }, { hedgePercentile: dice.pick([0.5, 0.9]) }];
  return {
    ...{ name, kind, endpoints: [...endpoints.slice(first), ...endpoints.slice(0, first)] },
    timeoutMs: dice.between(120, 400),
    attempts: dice.between(1, 5),
    heartbeatMs: dice.between(100, 400),
    liveness: dice.between(2, 4),
    connectTimeoutMs: dice.between(100, 400),
    hedging: kind === "tracked" ? dice.pick(hedging) : {},
    maxHedgeRatio: dice.pick([0, 0.1, 0.1, 0.5, 1]),
    immediate: dice.chance(0.2),
  };
}

/** Faults for a setting: of everybody, but for a sanctuary of all servers but that. */
export function drawFaults({ servers, clients, sanctuary }: Setting): FaultPlan {
  const crew = servers.map(({ name }) => name).filter((name) => name !== sanctuary);
  const askers = clients.map(({ name }) => name);
  const nodes = sanctuary === undefined ? [...crew, ...crew, ...askers] : crew;
  const linked = [...crew, ...askers];
  return {
    crash: { everyMs: [150, 1000], forMs: [30, 1000], nodes },
    pause: { everyMs: [150, 1000], forMs: [50, 1500], nodes },
    slow: { everyMs: [600, 2500], forMs: [200, 1000], serviceMs: [1, 20], nodes },
    cut: { everyMs: [100, 800], nodes: linked },
    partition: { everyMs: [300, 1500], forMs: [100, 1500], oneWay: 0.5, nodes: linked },
    delay: { everyMs: [400, 2000], forMs: [200, 1000], extraMs: [5, 300], nodes: linked },
  };
}
