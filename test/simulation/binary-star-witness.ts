import type { BinaryStarServerEvent } from "@seaworthy/binary-star/machine";
import type { Fault } from "@seaworthy/simulator";
import {
  bothServe,
  claimTimeoutMs,
  deathLimitMs,
  LINGER_MS,
  NODES,
  type NodeName,
  type NodeSetting,
  type NodeWitness,
  other,
  programOf,
  RESTART_MS,
  type Setting,
  STORM_MS,
  type World,
} from "./binary-star-world.js";

/** An epoch, and whose it was first. */
interface Held {
  readonly node: NodeName;
  readonly life: number;
}

/** A faulty connection may lag behind for so long after its fault, in ms. */
const AFTERMATH_MS = 600;
/** Who gets a lease within this, in ms, has waited for the other's to end. */
const AT_ONCE_MS = 200;

/** Looks on at what the two of a pair do, and checks it against what they promise together. */
export class PairWitness implements NodeWitness {
  readonly #world: World;
  readonly #activatedIn = new Map<number, Held>();
  readonly #answeredIn = new Map<number, Held>();
  /** The latest epoch of each node, and whether it is to be remembered beyond the life it was in. */
  readonly #latest = new Map<NodeName, { readonly life: number; readonly epoch: number }>();
  readonly #activeSince = new Map<NodeName, number>();
  /** When each node last had to stop because its lease was over. */
  readonly #leaseLostAt = new Map<NodeName, number>();
  readonly #leaves: { readonly node: NodeName; readonly at: number }[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  left(node: NodeName): void {
    this.#leaves.push({ node, at: this.#world.simulation.now() });
  }

  /** The epoch is to be higher than ever before, and its own alone. */
  activated(node: NodeName, life: number, epoch: number): void {
    const { violated } = this.#world;
    const holder = this.#activatedIn.get(epoch);
    if (holder !== undefined && holder.node !== node)
      violated(`epoch ${epoch} was given to the ${holder.node} and to the ${node}`);
    this.#activatedIn.set(epoch, { node, life });
    const latest = this.#latest.get(node);
    const counts = latest !== undefined && (latest.life === life || this.#remembers(node));
    if (counts && epoch <= latest.epoch)
      violated(`the ${node} is active in epoch ${epoch} after ${latest.epoch}`);
    this.#latest.set(node, { life, epoch });
    const lostAt = this.#leaseLostAt.get(other(node)) ?? Number.NEGATIVE_INFINITY;
    if (this.#world.simulation.now() < lostAt + AT_ONCE_MS) this.#world.seen.add("lease passed on");
  }

  /** The arbiter did not give this node the lease. */
  refused(node: NodeName): void {
    const { simulation, seen } = this.#world;
    if (programOf(this.#world, other(node))?.isServing(simulation.now()) === true) seen.add("kept apart");
  }

  told(node: NodeName, event: BinaryStarServerEvent): void {
    if (event.type === "stopped-serving" && event.reason === "lease-lost")
      this.#leaseLostAt.set(node, this.#world.simulation.now());
    if (event.type !== "became-active") return;
    this.#activeSince.set(node, this.#world.simulation.now());
    if (event.because === "peer-dead") this.#tookOver(node);
    else if (event.because !== "overtaken") this.#began(node);
  }

  answered(node: NodeName, life: number, epoch: number): void {
    const { simulation, violated } = this.#world;
    const now = simulation.now();
    if (programOf(this.#world, node)?.isServing(now) !== true)
      violated(`a reply left the ${node}, which does not serve`);
    const holder = this.#answeredIn.get(epoch);
    if (holder !== undefined && (holder.node !== node || (holder.life !== life && this.#remembers(node))))
      violated(
        `epoch ${epoch}: answers of the ${holder.node} and the ${node}, lives ${holder.life} and ${life}`,
      );
    this.#answeredIn.set(epoch, { node, life });
  }

  /** Two that could answer at once: never with an arbiter; else only where the two have lost each other. */
  look(): void {
    const { simulation, setting, seen, violated } = this.#world;
    const now = simulation.now();
    if (!bothServe(this.#world)) return;
    const what = "both serve";
    seen.add(what);
    if (setting.arbiter !== undefined) return violated(what);
    if (setting.nodes.some(({ kind }) => kind === "guide") || this.#isJudgedByAnothersPace) return;
    const since = now - 3 * deathLimitMs(setting) - AFTERMATH_MS;
    if (setting.weather === "nodes" || this.#isLinkSound(since))
      violated(`${what}, and nothing was between them`);
  }

  /** Who begins anew and has heard nothing judges its peer by its own interval: the two should have the same. */
  get #isJudgedByAnothersPace(): boolean {
    const [first, second] = this.#world.setting.nodes;
    const haveHeard = NODES.every((name) => programOf(this.#world, name)?.hasHeardPeer === true);
    return first.heartbeatMs !== second.heartbeatMs && !haveHeard;
  }

  /** The peer was dead: it was not well and within reach all the while that it may be silent. */
  #tookOver(node: NodeName): void {
    const { simulation, setting, violated } = this.#world;
    const knowsPace = programOf(this.#world, node)?.hasHeardPeer === true;
    const silenceMs = knowsPace
      ? setting.liveness * nodeOf(setting, other(node)).heartbeatMs
      : deathLimitMs(setting);
    const since = simulation.now() - this.#claimMs(node) - silenceMs;
    if (since > AFTERMATH_MS && this.#isPeerWell(node, since))
      violated(`the ${node} took its peer for dead, which was well`);
  }

  /** Nobody was active, as far as this node could know. */
  #began(node: NodeName): void {
    const peer = other(node);
    const since = this.#world.simulation.now() - this.#claimMs(node) - AFTERMATH_MS;
    const peerSince = this.#activeSince.get(peer) ?? Number.POSITIVE_INFINITY;
    const isPeerActive = programOf(this.#world, peer)?.isActive === true && peerSince < since;
    if (isPeerActive && this.#isPeerWell(node, since))
      this.#world.violated(`the ${node} became active beside its peer, which was well`);
  }

  /** How long its claim may have been under way. */
  #claimMs(name: NodeName): number {
    const { setting } = this.#world;
    const node = nodeOf(setting, name);
    return setting.arbiter === undefined && node.store === undefined ? 0 : claimTimeoutMs(setting, node);
  }

  #remembers(name: NodeName): boolean {
    const { setting } = this.#world;
    return setting.arbiter !== undefined || nodeOf(setting, name).store !== undefined;
  }

  #isLinkSound(since: number): boolean {
    return !this.#recent(since).some((fault) => isBetween(fault, NODES[0], NODES[1]));
  }

  #isPeerWell(node: NodeName, since: number): boolean {
    const peer = other(node);
    if (this.#leaves.some(({ at }) => at + LINGER_MS + RESTART_MS + AFTERMATH_MS >= since)) return false;
    return !this.#recent(since).some(
      (fault) =>
        isBetween(fault, node, peer) ||
        ("node" in fault &&
          (fault.node === peer || fault.kind !== "pause") &&
          NODES.includes(fault.node as NodeName)),
    );
  }

  #recent(since: number): Fault[] {
    const { simulation } = this.#world;
    const healedAt = simulation.phase === "liveness" ? STORM_MS : Number.POSITIVE_INFINITY;
    return simulation.faults.filter((fault) => {
      const forMs = fault.kind === "cut" ? 0 : (fault.forMs ?? Number.POSITIVE_INFINITY);
      return Math.min(fault.at + forMs, healedAt) + AFTERMATH_MS >= since;
    });
  }
}

const nodeOf = ({ nodes }: Setting, name: NodeName): NodeSetting =>
  name === nodes[0].name ? nodes[0] : nodes[1];

function isBetween(fault: Fault, a: string, b: string): boolean {
  switch (fault.kind) {
    case "cut":
      return fault.nodes.includes(a) && fault.nodes.includes(b);
    case "partition":
      return (
        (fault.from.includes(a) && fault.to.includes(b)) || (fault.from.includes(b) && fault.to.includes(a))
      );
    case "delay":
      return (fault.from === a && fault.to === b) || (fault.from === b && fault.to === a);
    default:
      return false;
  }
}
