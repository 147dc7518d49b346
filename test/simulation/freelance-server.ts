import {
  type FreelanceProtocol,
  FreelanceServerMachine,
  resolveServerOptions,
  wireServer,
} from "@seaworthy/freelance/machine";
import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import { openForeignServer } from "./freelance-foreign-server.js";
import {
  callOf,
  complaintOf,
  FLP_PORT,
  PLAIN_PORT,
  recordRun,
  type ServerApp,
  type ServerSetting,
  type World,
} from "./freelance-world.js";

/** Boots a server of both protocols, as far as there are clients for them. */
export function bootServer(world: World, server: ServerSetting): SimulatedNode<ServerApp> {
  const { clients } = world.setting;
  const isFlp = ({ kind }: { kind: string }): boolean => kind === "tracked" || kind === "foreign";
  return world.simulation.node(server.name, (context): ServerApp => {
    const protocols: FreelanceProtocol[] = [];
    if (clients.some(isFlp)) protocols.push("flp");
    if (!clients.every(isFlp)) protocols.push("plain");
    if (server.kind !== "foreign")
      return { machines: protocols.map((protocol) => openServer(world, server, protocol, context)) };
    for (const protocol of protocols) openForeignServer(world, server, protocol, context);
    return { machines: [] };
  });
}

function openServer(
  world: World,
  server: ServerSetting,
  protocol: FreelanceProtocol,
  { transport, scheduler, random, life, log }: NodeContext,
): FreelanceServerMachine {
  const { name, kind, concurrency, handlerMs, failing, silent, replyCache } = server;
  const machine = new FreelanceServerMachine(resolveServerOptions({ replyCache, protocol }));
  const ranInThisLife = new Set<number>();
  let running = 0;

  function end(ticket: number, call: number, body: Uint8Array[]): void {
    const isFailing = world.simulation.phase === "safety" && random() < failing;
    const isSilent = world.simulation.phase === "safety" && random() < silent;
    running -= 1;
    // What the application does not answer may be asked again.
    if (!isFailing && isSilent) ranInThisLife.delete(call);
    if (isFailing) wired.feed({ type: "fail", ticket, message: complaintOf(call) });
    else if (isSilent) wired.feed({ type: "drop", ticket });
    else wired.feed({ type: "reply", ticket, body });
    wired.feed({ type: "demand", count: 1 });
  }

  const wired = wireServer(machine, {
    ...{ transport, scheduler, protocol, random, socket: {} },
    owner: {
      run({ ticket, body }) {
        const call = callOf(body[0]);
        if (call === undefined || body.length !== 1) return world.violated(`${name} gets a strange request`);
        running += 1;
        log("run", call);
        recordRun(world, call, name);
        if (running > concurrency) world.violated(`${name} runs ${running} requests at a time`);
        if (replyCache && ranInThisLife.has(call) && hasId(world, call))
          world.violated(`request ${call} ran twice in life ${life} of ${name}`);
        ranInThisLife.add(call);
        scheduler.schedule(scheduler.now() + handlerMs * random(), () => end(ticket, call, body));
      },
      status: (event) => log("status", event.type),
    },
  });
  if (protocol === "plain") wired.bind(`tcp://*:${PLAIN_PORT}`);
  else wired.bind(`tcp://*:${FLP_PORT}`, `tcp://${kind === "misnamed" ? "alias" : name}:${FLP_PORT}`);
  wired.feed({ type: "demand", count: concurrency });
  return machine;
}

/** Foreign clients name their requests in a way of their own, which the reply cache cannot rely on. */
function hasId({ setting, asked }: World, call: number): boolean {
  const name = asked.get(call)?.client;
  return setting.clients.some((client) => client.name === name && client.kind !== "foreign");
}
