import type { Fault } from "@seaworthy/simulator";
import { NODES } from "./binary-star-world.js";
import { DRAIN_MS } from "./node-support.js";
import { seen } from "./pubsub-snapshot-coverage.js";
import type { Life, Update } from "./pubsub-snapshot-history.js";
import { isPair, type Program, type World } from "./pubsub-snapshot-world.js";

type BetweenPeers = Fault & { kind: "cut" | "partition" };

const isBetweenPeers = (fault: Fault): fault is BetweenPeers => {
  const [one, two] = NODES;
  if (fault.kind === "cut") return fault.nodes.includes(one) && fault.nodes.includes(two);
  if (fault.kind !== "partition") return false;
  const { from, to } = fault;
  return (from.includes(one) && to.includes(two)) || (from.includes(two) && to.includes(one));
};

const endOf = (fault: Fault): number =>
  fault.kind === "cut" ? fault.at : fault.at + (fault.forMs ?? Number.POSITIVE_INFINITY);

/** Faults of the two servers, or of what is between them, that were not over at a time. */
export function peerFaults({ simulation, setting }: World, since: number): Fault[] {
  // What is healed is over; what it has done may go on a little.
  const afterMs = DRAIN_MS + setting.deadMs;
  const isOfPeer = (fault: Fault): boolean =>
    "node" in fault
      ? NODES.some((name) => name === fault.node)
      : fault.kind === "delay"
        ? NODES.some((name) => name === fault.from) && NODES.some((name) => name === fault.to)
        : isBetweenPeers(fault);
  return simulation.faults.filter((fault) => isOfPeer(fault) && endOf(fault) + afterMs >= since);
}

/** Judges what is lost when a server begins to serve: it must not be, but for what two faults can do. */
export class Losses {
  /** Updates of lives that others did not go on with: how many there were, by reason. */
  readonly excused = new Map<string, number>();
  readonly #world: World;
  readonly #programs: Program[] = [];
  readonly #leaves: { readonly program: Program; readonly at: number }[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** A program begins. */
  began(program: Program): void {
    this.#programs.push(program);
  }

  /** A program takes its leave. */
  left(program: Program): void {
    this.#leaves.push({ program, at: this.#world.simulation.now() });
  }

  hasLeft(since: number): boolean {
    return this.#leaves.some(({ at }) => at >= since);
  }

  /** A life begins: does it go on with all that the one before it has published? */
  judge(life: Life): void {
    const { histories, violated, setting } = this.#world;
    const before = histories.current;
    if (before === undefined) return;
    const isLost = before.last > 0 && !life.has(before.lastUpdate);
    if (!isLost) {
      if (before.last === 0) return;
      if (!isPair(setting)) seen("restart with a store: nothing lost");
      else if (before.program.node !== life.program.node) seen("failover: nothing lost");
      if (life.baseSequence > before.last) seen("failover: updates of the last life taken over");
      return;
    }
    const excuse = this.#excuse(before, life);
    if (excuse !== undefined) return this.#excused(excuse);
    const { node } = life.program;
    violated(
      "survival",
      `the ${node} begins to serve as of ${life.baseSequence}, after the ${before.program.node} had published ${before.last}`,
    );
  }

  /**
   * A life publishes an update: if another has begun since, that has to have it, but where the two have lost each other; or where this one stood
   * still, and nobody else had anything: the other was started anew, and hears too late that there is one that goes on.
   */
  judgeUpdate(update: Update): void {
    const { histories, violated, setting } = this.#world;
    const { life, sequence } = update;
    const { current } = histories;
    if (current === undefined || current === life || current.has(update)) return;
    const since = this.#wholeAt(life);
    const isExcused =
      this.#between("cut", since) ||
      (setting.splits && this.#between("partition", since)) ||
      peerFaults(this.#world, current.startedAt).some(({ kind }) => kind === "delay") ||
      current.program.isOver() ||
      this.#isAway(current.program, current.startedAt) ||
      (this.#isAnew(current.program, life) && this.#isAway(life.program, current.startedAt));
    if (!isExcused)
      return violated(
        "survival",
        `the ${life.program.node} publishes ${sequence} after the ${current.program.node} has begun to serve`,
      );
    this.#excused("the two had lost each other");
    if (current.program.isOver()) histories.current = life;
  }

  /** It was started when others had all of that life: it has nothing, and cannot know that there is anything to have. */
  #isAnew(program: Program, life: Life): boolean {
    const { whole, follower } = this.#wholeLife(life);
    return whole !== undefined && program !== whole && program !== follower;
  }

  #excused(reason: string): void {
    seen(`loss: ${reason}`);
    this.excused.set(reason, (this.excused.get(reason) ?? 0) + 1);
  }

  /**
   * Why what the last life published may be lost; `undefined` if it must not be.
   *
   * A lone server has what its store has. Of two, whoever had everything when both last had it, and whose process still lives, must not take
   * over with less, unless the stream between the two broke since: then it cannot know that the other has gone on. Or unless it stood still, and the
   * other, which went on alone, has begun anew: then nobody has more. Whoever was started anew may begin only if the other one is
   * gone, or was started anew, too.
   */
  #excuse(before: Life, { program }: Life): string | undefined {
    const { setting } = this.#world;
    if (!isPair(setting))
      return setting.servers[0]?.store === undefined ? "a lone server without a store" : undefined;
    const since = this.#wholeAt(before);
    if (setting.splits && this.#between("partition", since)) return "the two had lost each other";
    if (since === undefined) return "both were lost";
    const { whole, follower } = this.#wholeLife(before);
    const other = program.node === whole?.node ? follower : whole;
    if (other === undefined) return "both were lost";
    if (program !== whole && program !== follower)
      return other.isOver() || this.#isAway(other, since) ? "both were lost" : undefined;
    if (this.#between("cut", since)) return "the stream had broken";
    const isAnew = this.#programs.findLast(({ node }) => node === other.node) !== other;
    return isAnew && this.#isAway(program, since) ? "one stood still, and the other began anew" : undefined;
  }

  /** When the two last had everything, both, in this life or in one that it goes on with. */
  #wholeAt(life: Life | undefined): number | undefined {
    for (let own = life; own !== undefined; own = own.parent)
      if (own.wholeAt !== undefined) return own.wholeAt;
    return undefined;
  }

  #wholeLife(life: Life): { whole: Program | undefined; follower: Program | undefined } {
    for (let own: Life | undefined = life; own !== undefined; own = own.parent)
      if (own.wholeAt !== undefined) return { whole: own.program, follower: own.follower };
    return { whole: undefined, follower: undefined };
  }

  #between(kind: BetweenPeers["kind"], since = 0): boolean {
    return peerFaults(this.#world, since).some((fault) => fault.kind === kind);
  }

  /** It stood still, or lost the other, since then. */
  #isAway({ node }: Program, since: number): boolean {
    return peerFaults(this.#world, since).some(
      (fault) =>
        fault.kind === "cut" || fault.kind === "partition" || ("node" in fault && fault.node === node),
    );
  }
}
