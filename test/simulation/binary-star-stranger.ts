import { DELIMITER } from "@seaworthy/core";
import type { Simulation } from "@seaworthy/simulator";
import { CLIENT_PORT, type NodeName } from "./binary-star-world.js";

/** What strangers ask: nothing that would take a node any time. */
const NOTHING = new Uint8Array(0);

/** Somebody asks all of these nodes in short intervals, whatever they say, and so votes for each of them. */
export function bootStranger(
  simulation: Simulation,
  nodes: readonly NodeName[],
  everyMs: number,
  goesOn: () => boolean,
): void {
  simulation.node("stranger", ({ transport }) => {
    const sockets = nodes.map((node) => {
      const socket = transport.open({ type: "dealer" }, { message() {} });
      socket.connect(`tcp://${node}:${CLIENT_PORT}`);
      return socket;
    });
    simulation.every(everyMs, () => {
      if (!goesOn()) return false;
      for (const socket of sockets) socket.send([DELIMITER, NOTHING]);
      return true;
    });
  });
}
