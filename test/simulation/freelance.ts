import { type RunResult, type ScenarioContext, type SimulatedNode, Simulation } from "@seaworthy/simulator";
import { bootClient, boundOf } from "./freelance-client.js";
import { draw, drawFaults } from "./freelance-draw.js";
import { type Ask, Recovery } from "./freelance-recovery.js";
import { bootServer } from "./freelance-server.js";
import {
  type Asked,
  type ClientApp,
  type ClientSetting,
  endpointOf,
  type Setting,
  STORM_MS,
  type World,
} from "./freelance-world.js";
import { Dice } from "./majordomo-draw.js";
import { replayCommand } from "./replay.js";

const LIVENESS_MS = 30_000;
/** How late the news of a connection may come. */
const NOTICE_MS = 100;

/**
 * Clients of all three strategies, and such in the manner of guide model 3, ask servers of ours and foreign ones. Both
 * crash, stand still, crawl, and lose their connections; servers are entered and taken out, handlers fail, requests are
 * aborted, clients close and begin anew. Some endpoints lead nowhere, some servers have another name, and some clients are told
 * of connections by an address that all servers share.
 *
 * Invariants, at all times. A request ends once, in its own reply or in an error that is true, in its bound. In one
 * attempt it goes to a server at most once, and only to one that takes requests; to one that had it before only if no other
 * takes any, so that it is answered if one is well and there are attempts enough for all; by `tracked` never to one that
 * was lost with it before it timed out. It does not wait while a server takes requests, also when it was refused: only
 * what a full queue did not take waits, for the next word. It runs nowhere more often than it was sent there, and with the
 * reply cache once in one life of a server. Hedges stay within their budget. What the client says of its servers is what
 * went in and out. A server that no fault meets is never given up, and answers each attempt that it gets.
 *
 * At the end, with all healed, in bounded time: every client is answered, and nothing is left in any book.
 */
export function freelance({ seed, log }: ScenarioContext): RunResult {
  const isTight = seed % 4 === 0;
  const simulation = new Simulation({
    ...{ seed, log, replay: (failed) => replayCommand("freelance", failed) },
    // Kernels that hold little, and late news of connections.
    network: isTight ? { windowMessages: 4, maxNoticeMs: NOTICE_MS } : {},
  });
  const setting = draw(simulation.stream("setting"), isTight);
  let violation: string | undefined;
  const world = newWorld(simulation, setting, (what) => {
    violation ??= what;
  });
  world.servers.push(...setting.servers.map((server) => bootServer(world, server)));
  const clients = setting.clients.map((client) => bootClient(world, client));
  const ask = asker(world);
  runWorkload(world, clients, ask);
  const recovery = new Recovery(world, clients, ask);
  return simulation.run({
    safetyMs: STORM_MS,
    livenessMs: LIVENESS_MS,
    faults: drawFaults(setting),
    invariants: {
      "promises are kept": () => violation,
      "requests end in time, and in answers after healing": () => recovery.overdue(),
    },
    converged: () => recovery.progress(),
  });
}

function newWorld(simulation: Simulation, setting: Setting, violated: (what: string) => void): World {
  const asked = new Map<number, Asked>();
  const open = new Set<Asked>();
  return {
    ...{ simulation, setting, asked, open, servers: [], violated },
    ended(call, how) {
      const request = asked.get(call) as Asked;
      if (request.ended !== undefined) violated(`request ${call} ended twice: ${request.ended}, then ${how}`);
      if (how === "ERR_ABORTED" && !request.isAborted) violated(`request ${call} was not aborted`);
      request.ended = how;
      open.delete(request);
    },
  };
}

/** Makes requests of clients that can take them. */
function asker({ simulation, setting, asked, open }: World): Ask {
  return (client) => {
    const of = setting.clients.find(({ name }) => name === client.name);
    // Foreign ones have one request at a time, and it may be under way to them.
    const isBusy = of?.kind === "foreign" && [...open].some((request) => request.client === client.name);
    if (of === undefined || client.app?.isReady !== true || isBusy) return undefined;
    const request: Asked = {
      ...{ call: asked.size + 1, client: client.name, madeAt: simulation.now(), boundMs: boundOf(of) },
      ...{ sent: new Map(), runs: new Map(), isAborted: false, ended: undefined },
    };
    asked.set(request.call, request);
    open.add(request);
    client.call((app) => app.request(request));
    return request;
  };
}

/** What goes on while faults happen. */
function runWorkload(world: World, clients: readonly SimulatedNode<ClientApp>[], ask: Ask): void {
  const { simulation, setting } = world;
  const dice = new Dice(simulation.stream("workload"));
  const inStorm = (everyMs: number, action: () => void): void => {
    if (everyMs > STORM_MS) return;
    simulation.every(everyMs, () => {
      if (simulation.phase === "liveness") return false;
      action();
      return true;
    });
  };
  for (const client of clients) {
    inStorm(setting.everyMs, () => {
      const request = ask(client);
      if (request === undefined || !dice.chance(setting.aborted)) return;
      simulation.at(simulation.now() + dice.upTo(300), () => abort(client, request));
    });
  }
  inStorm(setting.churnMs, () => churn(dice, world, dice.pick(clients)));
  inStorm(setting.renewMs, () => dice.pick(clients).call((app) => app.renew()));
}

function abort(client: SimulatedNode<ClientApp>, request: Asked): void {
  if (request.ended !== undefined) return;
  request.isAborted = true;
  client.call((app) => app.abort(request.call));
}

/** Takes a server out, which may come back, and after a moment does. */
function churn(dice: Dice, { simulation, setting }: World, client: SimulatedNode<ClientApp>): void {
  const of = setting.clients.find(({ name }) => name === client.name) as ClientSetting;
  const refuge = setting.sanctuary && endpointOf(of.kind, setting.sanctuary);
  const endpoint = dice.pick(of.endpoints);
  if (endpoint === refuge) return;
  client.call((app) => app.change(endpoint, "disconnect"));
  simulation.at(simulation.now() + dice.pick([1, 50, 500]), () =>
    client.call((app) => app.change(endpoint, "connect")),
  );
}
