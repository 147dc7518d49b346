import type { Simulation } from "@seaworthy/simulator";
import { boundOf } from "./binary-star-client.js";
import type { Ask } from "./binary-star-recovery.js";
import type { Asked, Setting, World } from "./binary-star-world.js";

/** An empty world, in which the first violation is told. */
export function newWorld(simulation: Simulation, setting: Setting, violated: (what: string) => void): World {
  const asked = new Map<number, Asked>();
  const open = new Set<Asked>();
  return {
    ...{ simulation, setting, servers: new Map(), asked, open, seen: new Set(), violated },
    isHealed: () => simulation.phase === "liveness",
    ended(call, how) {
      const request = asked.get(call) as Asked;
      if (request.ended !== undefined) violated(`request ${call} ended twice: ${request.ended}, then ${how}`);
      request.ended = how;
      open.delete(request);
    },
  };
}

/** Makes requests of clients that can take them. */
export function asker({ simulation, setting, asked, open }: World): Ask {
  return (client, isProbe) => {
    const of = setting.clients.find(({ name }) => name === client.name);
    // Those in the guide's manner have one request at a time, and it may be under way to them.
    const isBusy = of?.kind === "guide" && [...open].some((request) => request.client === client.name);
    if (of === undefined || client.app?.isReady !== true || isBusy) return undefined;
    const call = asked.size + 1;
    const boundMs = boundOf(of, isProbe);
    const request: Asked = { call, client: client.name, madeAt: simulation.now(), boundMs, ended: undefined };
    asked.set(call, request);
    open.add(request);
    client.call((app) => app.request(request));
    return request;
  };
}
