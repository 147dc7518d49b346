import { type RunResult, type ScenarioContext, type SimulatedNode, Simulation } from "@seaworthy/simulator";
import { bootBroker } from "./majordomo-broker.js";
import { bootClient, type ClientApp } from "./majordomo-client.js";
import { draw, drawFaults } from "./majordomo-draw.js";
import { type Ask, type Cast, Recovery } from "./majordomo-recovery.js";
import { bootWorker } from "./majordomo-worker.js";
import { type Asked, NOBODYS, SAFETY_MS, type World } from "./majordomo-world.js";
import { replayCommand } from "./replay.js";

const LIVENESS_MS = 180_000;

/**
 * Clients ask services of brokers, one to three of these, with workers that crash, stop, crawl, lose their
 * connections, fail, and take their leave and come again; as do brokers and clients. Clients and workers are ours or
 * programs written from the text of 7/MDP and 18/MDP, with the habits of such. Intervals of all differ.
 *
 * Invariants, after every event. Of a client of ours: each request ends at most once, in its own reply or in an error; of
 * any client: a reply is to its request, of one run, whole and in order. Of a broker: a worker is given no more than its
 * credit, none that has been silent, and nothing after DISCONNECT; whoever was used least recently is next; nothing waits
 * that a worker could have; a request goes to one worker at a time, unless that was lost, and to `maxDeliveries` at most;
 * nobody is given what no one waits for; a reply comes from who was given the request; retries join; whoever says what
 * is not expected is sent away; all workers are told when a broker closes, and hear of it in each of its intervals.
 * Nobody is taken for dead who was well and within reach; whoever is dead is found out in time.
 *
 * At the end, with all healed, in bounded time: whoever asks is answered; each broker knows exactly the sessions that
 * live; then requests are answered at the first attempt, and `mmi.service` tells the truth. When all workers and
 * clients have left, nothing is left in the books.
 */
export function majordomo({ seed, log }: ScenarioContext): RunResult {
  const simulation = new Simulation({ seed, log, replay: (failed) => replayCommand("majordomo", failed) });
  const setting = draw(simulation.stream("setting"));
  let violation: string | undefined;
  const violated = (what: string): void => {
    violation ??= what;
  };
  const asked = new Map<number, Asked>();
  const open = new Set<Asked>();
  const ended = (call: number, how: string): void => {
    const request = asked.get(call) as Asked;
    if (request.ended !== undefined) violated(`request ${call} ended twice: ${request.ended}, then ${how}`);
    if (request.isSure && how !== "answered") violated(`request ${call}, with all well, ended: ${how}`);
    request.ended = how;
    open.delete(request);
  };
  const sockets: World["sockets"] = new Map();
  const world: World = { simulation, setting, asked, open, sockets, leaves: [], runs: 0, violated, ended };
  const cast: Cast = {
    brokers: setting.brokers.map((broker) => bootBroker(world, broker)),
    workers: setting.workers.map((worker) => bootWorker(world, worker)),
    clients: setting.clients.map((client) => bootClient(world, client)),
  };
  const ask = asker(world);
  const recovery = new Recovery(world, cast, ask);
  runWorkload(world, cast, ask);
  return simulation.run({
    safetyMs: SAFETY_MS,
    livenessMs: LIVENESS_MS,
    faults: drawFaults(setting),
    invariants: {
      "promises to clients and workers are kept, and the books are in order": () => violation,
      "the world recovers in time": () => recovery.overdue(),
    },
    converged: () => recovery.progress(),
  });
}

function asker({ asked, open, setting }: World): Ask {
  const foreign = new Set(setting.clients.filter(({ kind }) => kind !== "ours").map(({ name }) => name));
  return (client, question, limits) => {
    // Those have one request at a time, and it may be under way to them.
    const isBusy = foreign.has(client.name) && [...open].some((request) => request.client === client.name);
    if (client.app?.isReady !== true || isBusy) return undefined;
    const request: Asked = { ...question, call: asked.size + 1, client: client.name, ended: undefined };
    asked.set(request.call, request);
    open.add(request);
    client.call((app) => app.request(request, limits));
    return request;
  };
}

/** What goes on while faults happen. */
function runWorkload({ simulation, setting }: World, { brokers, workers, clients }: Cast, ask: Ask): void {
  const random = simulation.stream("workload");
  const inSafety = (everyMs: number, action: () => void): void =>
    simulation.every(everyMs, () => {
      if (simulation.phase === "liveness") return false;
      action();
      return true;
    });
  const services = [NOBODYS, ...setting.services.flatMap((name) => [name, name, name, name])];
  const askAnything = (client: SimulatedNode<ClientApp>, isOurs: boolean): void => {
    const service = services[Math.floor(services.length * random())] as string;
    const mmi = isOurs && random() < 0.1 ? { expected: undefined } : undefined;
    const isStream = mmi === undefined && random() < 0.4;
    const timeoutMs = 100 + 2 * setting.handlerMs + 700 * random();
    const limits = { timeoutMs, attempts: 1 + Math.floor(4 * random()) };
    const request = ask(client, { service, isStream, mmi, isSure: false }, limits);
    if (request === undefined || random() > 0.15) return;
    const abortAt = simulation.now() + timeoutMs * random();
    simulation.at(abortAt, () => client.call((app) => app.abort(request.call)));
  };
  for (const [at, client] of clients.entries()) {
    const isOurs = setting.clients[at]?.kind === "ours";
    inSafety(setting.everyMs, () => askAnything(client, isOurs));
    inSafety(4000 + 8000 * random(), () => client.call((app) => app.leave(false)));
  }
  for (const worker of workers)
    inSafety(2000 + 6000 * random(), () => worker.call((app) => app.leave(false)));
  for (const broker of brokers)
    inSafety(4000 + 8000 * random(), () => broker.call((app) => app.program?.leave()));
}
