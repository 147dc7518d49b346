import { NOBODYS } from "./majordomo-world.js";
import type { Manner, Note } from "./titanic-client.js";
import type { Cast } from "./titanic-recovery.js";
import type { Order, TitanicWorld } from "./titanic-world.js";

const MANNERS: readonly Manner[] = ["call", "call", "wait", "wait", "keep", "cancel"];

/** What goes on while faults happen. */
export function beginOrders(world: TitanicWorld, cast: Cast): void {
  const { simulation, titanic, setting } = world;
  const random = simulation.stream("workload");
  const pick = <T>(items: readonly T[]): T => items[Math.floor(items.length * random())] as T;
  const inSafety = (everyMs: number, action: () => void): void =>
    simulation.every(everyMs, () => {
      if (simulation.phase === "liveness") return false;
      action();
      return true;
    });
  const fate = (): Order["fate"] => {
    const dice = random();
    if (dice < titanic.throwing) return "throws";
    return dice < titanic.throwing + titanic.killing ? "kills" : "works";
  };
  for (const [at, client] of cast.clients.entries()) {
    const { keyed, maxOrders, kind } = titanic.clients[at] as TitanicWorld["titanic"]["clients"][number];
    const notes = cast.notes[at] as Map<Order, Note>;
    const mine: Order[] = [];
    const begin = (order: Order, manner: Manner): void => {
      const note = { order, manner, id: undefined, hasReply: false };
      notes.set(order, note);
      client.call((app) => app.begin(note));
    };
    inSafety(titanic.everyMs, () => {
      if (client.state !== "up" || client.app === undefined || notes.size >= maxOrders) return;
      const earlier = mine.length === 0 ? undefined : pick(mine);
      const dice = random();
      // What it is done with, it hands in once more; or it takes the key for something else.
      if (dice < 0.2 && earlier !== undefined && !notes.has(earlier)) return begin(earlier, "again");
      const isNobodys = random() < titanic.nobodys;
      const service = isNobodys ? NOBODYS : pick(setting.services);
      const isKeyed = random() < keyed;
      const key = !isKeyed ? undefined : dice > 0.97 && earlier ? earlier.key : `key-${world.asked.size + 1}`;
      const order = newOrder(world, client.name, service, key, fate());
      if (key !== undefined) mine.push(order);
      // Without a key nobody knows it any more when a call is cut short.
      begin(order, isNobodys && kind === "ours" ? pick(["wait", "cancel"]) : pick(MANNERS));
    });
    inSafety(2000 + 5000 * random(), () => client.call((app) => app.leave()));
  }
  for (const server of cast.servers)
    inSafety(1500 + 5000 * random(), () => server.call((app) => app.program?.leave()));
  for (const worker of cast.workers)
    inSafety(4000 + 6000 * random(), () => worker.call((app) => app.leave(false)));
  for (const broker of cast.brokers)
    inSafety(3000 + 6000 * random(), () => broker.call((app) => app.leave()));
}

/** One order of each client for each service that has workers. */
export function probesOf(world: TitanicWorld, cast: Cast): Order[] {
  return cast.clients.flatMap((client, at) =>
    world.setting.services.map((service) => {
      const order = newOrder(world, client.name, service, undefined, "works");
      const note: Note = { order, manner: "wait", id: undefined, hasReply: false };
      cast.notes[at]?.set(order, note);
      client.call((app) => app.begin(note));
      return order;
    }),
  );
}

function newOrder(
  { asked, open }: TitanicWorld,
  client: string,
  service: string,
  key: string | undefined,
  fate: Order["fate"],
): Order {
  const common = { call: asked.size + 1, client, service, isStream: false, mmi: undefined, isSure: false };
  const order: Order = { ...common, ended: undefined, key, fate, runs: 0 };
  asked.set(order.call, order);
  open.add(order);
  return order;
}
