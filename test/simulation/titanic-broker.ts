import { Addresses } from "@seaworthy/core";
import { MajordomoBrokerMachine, resolveBrokerOptions, wireBroker } from "@seaworthy/majordomo/machine";
import type { SimulatedNode } from "@seaworthy/simulator";
import { type BrokerSetting, LINGER_MS, RESTART_MS } from "./majordomo-world.js";
import { epochOf } from "./node-support.js";
import type { TitanicWorld } from "./titanic-world.js";

export interface BrokerApp {
  /** What runs at present; none between a leave and the next start. */
  readonly machine: MajordomoBrokerMachine | undefined;
  /** Closes the broker; another starts a little later. */
  leave(): void;
}

/** What is said last may take so long to leave, in ms. */
const PARTING_MS = 100;

/** A broker that nobody looks into: whether it keeps its promises, the scenario of Majordomo asks. */
export function bootBroker(
  world: TitanicWorld,
  { name, options: given }: BrokerSetting,
): SimulatedNode<BrokerApp> {
  const options = resolveBrokerOptions(given);
  return world.simulation.node(name, ({ transport, scheduler, random, log, now }): BrokerApp => {
    let machine: MajordomoBrokerMachine | undefined;
    let leave = (): void => {};
    const after = (ms: number, task: () => void): void => void scheduler.schedule(now() + ms, task);
    const start = (): void => {
      const mine = new MajordomoBrokerMachine(options);
      machine = mine;
      const close = (): void => {
        if (machine !== mine) return;
        machine = undefined;
        // Not from within an output of the machine: closing has outputs of its own.
        after(0, () => void wired.close(PARTING_MS));
        after(PARTING_MS + RESTART_MS * random(), start);
      };
      const wired = wireBroker(mine, {
        ...{ transport, scheduler, addresses: new Addresses(epochOf(random)), socket: options.socket },
        detectDepartures: options.detectDepartures,
        owner: {
          idle: close,
          status: (event) => log("status", event.type, "reason" in event ? event.reason : ""),
        },
      });
      wired.bind("tcp://*:5555");
      leave = () => {
        wired.feed({ type: "close" });
        after(LINGER_MS, close);
      };
    };
    start();
    return {
      get machine() {
        return machine;
      },
      leave: () => leave(),
    };
  });
}
