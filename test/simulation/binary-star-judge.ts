import { type BinaryStarInput, type BinaryStarMachine, decodeState } from "@seaworthy/binary-star/machine";
import type { Stalled } from "@seaworthy/core";
import type { Fault } from "@seaworthy/simulator";
import { type NodeName, type NodeSetting, STORM_MS, type World } from "./binary-star-world.js";

/** A host whose timer is later than this, in ms, has stood still: see `MachineHost`. */
const STALL_MS = 100;

/** What a judge looks on with. */
type Court = Pick<World, "simulation" | "setting" | "violated">;

/**
 * Knows what one program of a pair can know, and checks what it does by that: not by its table, which says what it should do, nor by what
 * comes of it, which may go well by luck.
 *
 * It claims nothing unless it has the state of whoever was active last, as far as it followed. A vote makes it claim only if its peer has been
 * silent for as long as it may be, and if after a standstill of its own the peer had one more interval. What ran in an epoch is answered in no other.
 */
export class NodeJudge {
  readonly #court: Court;
  readonly #name: NodeName;
  readonly #heartbeatMs: number;
  /** The shortest interval that the peer may be judged by. */
  readonly #paceMs: number;
  readonly #startedAt: number;
  #heardAt: number;
  /** It does not have all that an active node before it had. A backup cannot know what the primary did. */
  #lacksState: boolean;
  /** The transfer that is under way. */
  #transfer: number | undefined;

  constructor(court: Court, { name, heartbeatMs }: NodeSetting) {
    this.#court = court;
    this.#name = name;
    this.#heartbeatMs = heartbeatMs;
    this.#paceMs = Math.min(...court.setting.nodes.map((node) => node.heartbeatMs));
    this.#startedAt = court.simulation.now();
    this.#heardAt = this.#startedAt;
    this.#lacksState = name === "backup";
  }

  /** To be called before the program reads it. */
  peerSaid(frames: readonly Uint8Array[]): void {
    const word = decodeState([...frames]);
    if (word.type === "malformed") return;
    this.#heardAt = this.#court.simulation.now();
    // A backup that waits, or has to, knows no more than this one.
    if (this.#name === "primary" && (word.state === "backup" || word.state === "passive"))
      this.#lacksState = false;
  }

  transferBegan(transfer: number): void {
    this.#transfer = transfer;
    this.#lacksState = true;
  }

  transferStopped(): void {
    this.#transfer = undefined;
  }

  /** The application has the state. */
  caughtUp(transfer: number): void {
    if (transfer !== this.#transfer) return;
    this.#transfer = undefined;
    this.#lacksState = false;
  }

  /** From a handler, or from the reply cache. */
  replyLeaves(madeIn: number, epoch: number): void {
    if (madeIn !== epoch)
      this.#court.violated(`the ${this.#name} answers in epoch ${epoch} what it ran in ${madeIn}`);
  }

  /** Looks on at all that happens to the program's machine. */
  watched(star: BinaryStarMachine): BinaryStarMachine {
    const { handle } = star;
    star.handle = (input, now) => {
      const before = star.state;
      // Who is active has the state, who waits has none to lose.
      if (input.type === "fell-behind" && (before === "passive" || before === "promoting"))
        this.#lacksState = true;
      handle.call(star, input, now);
      if (!isInOffice(before) && isInOffice(star.state)) this.#claimed(input, now);
    };
    return star;
  }

  #claimed({ type }: BinaryStarInput | Stalled, now: number): void {
    const { violated } = this.#court;
    if (this.#lacksState) violated(`the ${this.#name} claims without the state of who was active`);
    if (type !== "vote") return;
    const silentMs = now - this.#heardAt;
    if (silentMs < this.#mayBeSilentMs)
      violated(`the ${this.#name} claims by a vote, though its peer was heard ${silentMs} ms ago`);
    if (this.#court.simulation.faults.some((fault) => this.#isHasty(fault, now)))
      violated(`the ${this.#name} claims by a vote, just after it stood still`);
  }

  /** A peer that lived when this node stopped has less than one interval since it goes on. */
  #isHasty(fault: Fault, now: number): boolean {
    if (fault.kind !== "pause" || fault.node !== this.#name || fault.at < this.#startedAt) return false;
    const { phase } = this.#court.simulation;
    const ended = fault.at + (fault.forMs ?? Number.POSITIVE_INFINITY);
    const end = phase === "liveness" ? Math.min(ended, STORM_MS) : ended;
    const isStall = end - fault.at > this.#heartbeatMs + STALL_MS;
    const wasAlive = this.#heardAt + this.#mayBeSilentMs > fault.at;
    return isStall && wasAlive && now < end + this.#paceMs;
  }

  get #mayBeSilentMs(): number {
    return this.#court.setting.liveness * this.#paceMs;
  }
}

const isInOffice = (state: BinaryStarMachine["state"]): boolean =>
  state === "starting" || state === "promoting" || state === "active";
