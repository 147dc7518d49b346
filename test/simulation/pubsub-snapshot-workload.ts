import { textFrame } from "@seaworthy/core";
import type { SimulatedNode } from "@seaworthy/simulator";
import { Dice } from "./majordomo-draw.js";
import type { BareApp, ClientApp, Wanted, World } from "./pubsub-snapshot-world.js";

/** Longer than any run: such a key stays. */
const LONG_TTL_MS = 600_000;
const NOTHING = new Uint8Array(0);

/** What applications want while faults happen, and once afterwards. */
export class Workload {
  readonly #world: World;
  readonly #dice: Dice;
  #values = 0;

  constructor(world: World) {
    this.#world = world;
    this.#dice = new Dice(world.simulation.random);
  }

  /** Goes on until everything is healed. */
  run(bare: readonly SimulatedNode<BareApp>[]): void {
    const { simulation, clients, servers, setting } = this.#world;
    const inStorm = (everyMs: number, action: () => void): void =>
      simulation.every(everyMs, () => {
        if (simulation.phase === "liveness") return false;
        action();
        return true;
      });
    for (const client of clients.values())
      inStorm(setting.everyMs * (0.5 + this.#dice.upTo(1)), () => this.#act(client));
    for (const client of bare)
      inStorm(4 * setting.everyMs, () => {
        // Without a UUID nobody can tell an update from another, so it is a plain one.
        const hasUuid = this.#dice.chance(0.8);
        const wanted = this.#wanted(hasUuid ? undefined : "plain");
        client.call((app) => app.publish(wanted, hasUuid));
      });
    const leavesEveryMs = (): number => setting.leavesEveryMs * (0.5 + this.#dice.upTo(1));
    for (const server of servers.values()) inStorm(leavesEveryMs(), () => server.call((app) => app.leave()));
    for (const client of clients.values()) inStorm(leavesEveryMs(), () => client.call((app) => app.leave()));
  }

  /** One more update, which is to be acknowledged. */
  probe(client: string): void {
    const wanted = { ...this.#wanted("plain"), value: NOTHING };
    this.#world.clients.get(client)?.call(({ view }) => view?.update(wanted));
  }

  #act(client: SimulatedNode<ClientApp>): void {
    // Now and then more at once than somebody may take.
    const count = this.#dice.chance(0.1) ? this.#dice.between(3, 8) : 1;
    for (let made = 0; made < count; made++) {
      // Drawn here, so that the draws do not depend on what the client does.
      const kind = this.#dice.chance(0.2) ? "conditional" : undefined;
      const guess = this.#dice.chance(0.2) ? this.#dice.between(0, 30) : undefined;
      const wanted = this.#wanted(kind);
      client.call(({ view }) => {
        if (kind === undefined) view?.update(wanted);
        else view?.update({ ...wanted, expected: guess ?? view.sequenceOf(wanted.key) });
      });
    }
  }

  #wanted(kind: "plain" | "conditional" | undefined): Wanted {
    const dice = this.#dice;
    const { keys, maxTtlMs } = this.#world.setting;
    const key = dice.pick(keys);
    const value = dice.chance(0.15) && kind !== "plain" ? NOTHING : textFrame(`value ${++this.#values}`);
    const hasTtl = dice.chance(0.2) && kind !== "plain" && value.length > 0;
    const ttlMs = dice.chance(0.15) ? LONG_TTL_MS : 1 + Math.floor(dice.upTo(maxTtlMs - 1));
    return { key, value, ttlMs: hasTtl ? ttlMs : 0, expected: undefined };
  }
}
