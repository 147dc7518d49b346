import { choice, flag, milliseconds, type OptionRule, resolveOptions } from "@seaworthy/core";
import type { EventEntry } from "./event-loop.js";
import { describeFault, type Fault } from "./faults.js";
import type { Subject } from "./log.js";
import type { Network } from "./network.js";
import type { SimulatedNode } from "./node.js";

/** What the log calls whatever is not a node. */
export const WORLD: Subject = { name: "world", hash: 0x3b9aca07 };

const anything: OptionRule<unknown> = { fallback: undefined, check: () => undefined };

/** What a fault of any kind may have. */
const schema = {
  kind: choice<Fault["kind"]>("crash", ["crash", "pause", "slow", "cut", "partition", "delay"]),
  at: milliseconds(0),
  forMs: milliseconds(0),
  serviceMs: milliseconds(0),
  extraMs: milliseconds(0),
  oneWay: flag(false),
  node: anything,
  nodes: anything,
  from: anything,
  to: anything,
};

/** Makes faults happen, ends them, and undoes them all. */
export class FaultInjector {
  /** Faults that have begun, in order. */
  readonly begun: Fault[] = [];
  readonly #network: Network;
  readonly #nodes: ReadonlyMap<string, SimulatedNode>;
  readonly #pending = new Set<EventEntry>();
  readonly #undo = new Set<() => void>();

  constructor(network: Network, nodes: ReadonlyMap<string, SimulatedNode>) {
    this.#network = network;
    this.#nodes = nodes;
  }

  /** @throws TypeError or RangeError if a node does not exist, or for what is no fault */
  schedule(fault: Fault): void {
    this.#check(fault);
    const { loop } = this.#network;
    const entry = loop.at(loop.now + fault.at, () => {
      this.#pending.delete(entry);
      this.#begin(fault);
    });
    this.#pending.add(entry);
  }

  /** Blocks the paths between two groups; returns what opens them again. */
  partition(from: readonly string[], to: readonly string[], oneWay: boolean): () => void {
    const pairs: [SimulatedNode, SimulatedNode][] = [];
    for (const a of from) {
      for (const b of to) {
        pairs.push([this.node(a), this.node(b)]);
        if (!oneWay) pairs.push([this.node(b), this.node(a)]);
      }
    }
    for (const [a, b] of pairs) this.#network.block(a, b, 1);
    this.#network.partitionsChanged();
    return this.#undoable(() => {
      for (const [a, b] of pairs) this.#network.block(a, b, -1);
      this.#network.partitionsChanged();
    });
  }

  /** Cancels what has not begun, ends what lasts, and sets every node going. */
  heal(): void {
    for (const entry of this.#pending) this.#network.loop.cancel(entry);
    this.#pending.clear();
    for (const undo of [...this.#undo]) undo();
    for (const node of this.#nodes.values()) {
      while (node.state === "paused") node.resume();
      node.start();
    }
  }

  /** @throws RangeError if there is no such node */
  node(name: string): SimulatedNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new RangeError(`Simulation: there is no node "${name}"`);
    return node;
  }

  #begin(fault: Fault): void {
    const { loop, log } = this.#network;
    this.begun.push(fault);
    log.record(loop.now, "fault", WORLD, [describeFault(fault)]);
    const undo = this.#apply(fault);
    if (undo === undefined || fault.kind === "cut" || fault.forMs === undefined) return;
    loop.at(loop.now + fault.forMs, undo);
  }

  /** Returns what ends the fault; calling it again, or after everything was healed, has no effect. */
  #apply(fault: Fault): (() => void) | undefined {
    switch (fault.kind) {
      case "crash":
        return this.#crash(this.node(fault.node));
      case "pause":
        return this.#pause(this.node(fault.node));
      case "slow":
        return this.#undoable(this.node(fault.node).slow(fault.serviceMs));
      case "cut":
        this.#network.cut(this.node(fault.nodes[0]), this.node(fault.nodes[1]));
        return undefined;
      case "partition":
        return this.partition(fault.from, fault.to, fault.oneWay ?? false);
      case "delay":
        return this.#delay(this.node(fault.from), this.node(fault.to), fault.extraMs);
    }
  }

  #crash(node: SimulatedNode): (() => void) | undefined {
    if (node.state === "down") return undefined;
    node.crash();
    const { lives } = node;
    return this.#undoable(() => {
      if (node.lives === lives) node.start();
    });
  }

  #pause(node: SimulatedNode): (() => void) | undefined {
    if (node.state === "down") return undefined;
    const { lives } = node;
    node.pause();
    return this.#undoable(() => {
      if (node.lives === lives) node.resume();
    });
  }

  #delay(from: SimulatedNode, to: SimulatedNode, extraMs: number): () => void {
    this.#network.delay(from, to, extraMs);
    return this.#undoable(() => this.#network.delay(from, to, -extraMs));
  }

  #undoable(action: () => void): () => void {
    const undo = (): void => {
      if (this.#undo.delete(undo)) action();
    };
    this.#undo.add(undo);
    return undo;
  }

  #check(fault: Fault): void {
    const { node, nodes, from, to } = resolveOptions("fault", schema, fault);
    for (const name of [node, nodes, from, to].flat()) if (name !== undefined) this.node(name as string);
  }
}
