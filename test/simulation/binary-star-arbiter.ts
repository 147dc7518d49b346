import { type Arbiter, type Lease, LeaseBook } from "@seaworthy/binary-star/machine";
import type { Random } from "@seaworthy/core";
import type { NodeContext } from "@seaworthy/simulator";
import { Word } from "./binary-star-words.js";
import type { ArbiterSetting, NodeName, World } from "./binary-star-world.js";

/** How long a node waits until it takes the arbiter for out of reach, in ms. */
export const PATIENCE_MS = 400;

/** An arbiter on a machine of its own, which both reach over the network: with delays, and now and then not. */
export class SimulatedArbiter {
  readonly #world: Pick<World, "simulation">;
  readonly #setting: ArbiterSetting;
  readonly #book: LeaseBook;
  readonly #random: Random;
  readonly #refused: (node: NodeName) => void;

  /** @param refused - told whenever a node does not get the lease, since another has it */
  constructor(
    world: Pick<World, "simulation">,
    setting: ArbiterSetting,
    refused: (node: NodeName) => void = () => {},
  ) {
    this.#world = world;
    this.#refused = refused;
    this.#setting = setting;
    this.#random = world.simulation.stream("arbiter");
    this.#book = new LeaseBook({ leaseMs: setting.leaseMs, clock: world.simulation });
  }

  /** The arbiter as a node sees it in one of its lives. */
  as(node: NodeName, { scheduler, log }: Pick<NodeContext, "scheduler" | "log">): Arbiter {
    const ask = <T>(question: string, answer: () => T): Word<T> => {
      const word = new Word<T>();
      log("arbiter", question);
      scheduler.schedule(scheduler.now() + PATIENCE_MS, () => word.break(new Error("the arbiter is silent")));
      this.#travel(node, () => {
        const answered = answer();
        this.#travel(node, () => scheduler.schedule(scheduler.now(), () => word.keep(answered)));
      });
      return word;
    };
    return {
      acquire: ({ minEpoch }) =>
        ask<Lease | undefined>(`acquire ${minEpoch}`, () => this.#acquire(node, minEpoch)),
      renew: (lease) => ask<Lease | undefined>(`renew ${lease.epoch}`, () => this.#book.renew(lease)),
      release: (lease) => ask<void>(`release ${lease.epoch}`, () => this.#book.release(lease)),
    };
  }

  #acquire(node: NodeName, minEpoch: number): Lease | undefined {
    const lease = this.#book.acquire(minEpoch);
    if (lease === undefined) this.#refused(node);
    return lease;
  }

  /** What is under way while a node is cut off is lost. */
  #travel(node: NodeName, arrive: () => void): void {
    const { simulation } = this.#world;
    const isCutOff = (): boolean => {
      const now = simulation.now();
      return this.#setting.outages.some(
        (outage) => outage.node === node && outage.from <= now && now < outage.to,
      );
    };
    if (isCutOff()) return;
    simulation.at(simulation.now() + this.#setting.travelMs * this.#random(), () => {
      if (!isCutOff()) arrive();
    });
  }
}
