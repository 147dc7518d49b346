import { LeaseBook } from "../src/arbiter.js";
import { BinaryStarMachine } from "../src/star-machine.js";
import type { BinaryStarInput, BinaryStarOutput } from "../src/star-messages.js";
import { resolveStarOptions } from "../src/star-options.js";
import { decodeState, encodeState, type StarRole } from "../src/wire.js";

const ROLES: readonly StarRole[] = ["primary", "backup"];
/** A host that is so late has stood still, in ms. */
const STALL_MS = 100;

export interface PairPlan {
  /** Epochs are lent by an arbiter that both reach, for so long, in ms. */
  readonly leaseMs?: number;
  /** Epochs outlive their node's process. */
  readonly keepsEpochs: boolean;
  /** Of the primary and of the backup, in ms. */
  readonly heartbeats: readonly [number, number];
}

interface Delayed {
  readonly at: number;
  readonly input: BinaryStarInput;
}

interface Lodger {
  machine: BinaryStarMachine;
  inbox: Delayed[];
  /** Answers of the arbiter and of the application. */
  answers: Delayed[];
  pausedUntil: number;
  isDown: boolean;
  kept: number;
  lease: Map<number, { epoch: number }>;
}

/** Two nodes in virtual time, in steps of 10 ms, with a link that can be cut; what must not be is noted. */
export class PairWorld {
  now = 0;
  readonly faults: string[] = [];
  readonly activations: { role: StarRole; epoch: number }[] = [];
  readonly #plan: PairPlan;
  readonly #nodes = new Map<StarRole, Lodger>();
  readonly #book: LeaseBook | undefined;
  /** How long the arbiter and the application take, in ms. */
  delayMs = 0;
  isCut = false;
  /** Who cannot reach the arbiter. */
  readonly cutOff = new Set<StarRole>();
  /** Whose application cannot become active. */
  readonly unfit = new Set<StarRole>();

  constructor(plan: PairPlan) {
    this.#plan = plan;
    const clock = { now: () => this.now };
    this.#book = plan.leaseMs === undefined ? undefined : new LeaseBook({ leaseMs: plan.leaseMs, clock });
    for (const role of ROLES) this.boot(role);
  }

  node(role: StarRole): BinaryStarMachine {
    return this.#at(role).machine;
  }

  serving(): StarRole[] {
    return ROLES.filter((role) => this.#isUp(role) && this.node(role).isServing(this.now));
  }

  /** Starts the node, anew if it runs: its memory is lost. */
  boot(role: StarRole): void {
    const kept = this.#nodes.get(role)?.kept ?? 0;
    const heartbeatMs = this.#plan.heartbeats[ROLES.indexOf(role)] as number;
    const machine = new BinaryStarMachine(resolveStarOptions("Star", { role, heartbeatMs }), {
      epoch: this.#plan.keepsEpochs ? kept : 0,
      asksForEpochs: this.#book !== undefined,
    });
    this.#nodes.set(role, {
      machine,
      inbox: [],
      answers: [],
      pausedUntil: 0,
      isDown: false,
      kept,
      lease: new Map(),
    });
    this.#feed(role, { type: "start" });
    for (const each of ROLES) this.#connect(each);
  }

  crash(role: StarRole): void {
    this.#at(role).isDown = true;
  }

  pause(role: StarRole, ms: number): void {
    this.#at(role).pausedUntil = this.now + ms;
  }

  close(role: StarRole): void {
    if (!this.#isUp(role)) return;
    this.#feed(role, { type: "close" });
    this.#at(role).isDown = true;
  }

  cut(): void {
    this.isCut = true;
    for (const role of ROLES) this.#feed(role, { type: "peer-reads-records", reads: false });
  }

  heal(): void {
    this.isCut = false;
    this.cutOff.clear();
    for (const role of ROLES) {
      if (this.#at(role).isDown) this.boot(role);
      this.#at(role).pausedUntil = 0;
      this.#connect(role);
    }
  }

  /** Clients ask both again and again. */
  load(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.run(100);
      for (const role of ROLES) this.vote(role);
    }
  }

  vote(role: StarRole): void {
    if (!this.#isUp(role)) return;
    this.#feed(role, { type: "vote" });
    const isAccepted = this.node(role).isServing(this.now);
    this.#feed(role, { type: "voted", isAccepted });
  }

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 10;
      for (const role of ROLES) if (this.#isUp(role)) this.#turn(role);
      if (this.#book !== undefined && this.serving().length > 1)
        this.faults.push(`two serve at ${this.now}, with an arbiter`);
    }
  }

  #turn(role: StarRole): void {
    const node = this.#at(role);
    const { deadline = Number.POSITIVE_INFINITY } = node.machine;
    this.#deliver(role, "answers");
    this.#deliver(role, "inbox");
    if (deadline > this.now) return;
    const lateMs = this.now - deadline;
    if (lateMs > STALL_MS) node.machine.handle({ type: "stalled", ms: lateMs }, this.now);
    if ((node.machine.deadline ?? Number.POSITIVE_INFINITY) <= this.now) node.machine.tick(this.now);
    this.#perform(role);
  }

  #deliver(role: StarRole, from: "inbox" | "answers"): void {
    const node = this.#at(role);
    const due = node[from].filter(({ at }) => at <= this.now);
    node[from] = node[from].filter(({ at }) => at > this.now);
    for (const { input } of due) this.#feed(role, input);
  }

  #at(role: StarRole): Lodger {
    return this.#nodes.get(role) as Lodger;
  }

  #isUp(role: StarRole): boolean {
    const { isDown, pausedUntil } = this.#at(role);
    return !isDown && pausedUntil <= this.now;
  }

  /** The node's subscriptions reach the other one, which reads them a little later. */
  #connect(role: StarRole): void {
    const peer = this.#nodes.get(otherOf(role));
    if (peer === undefined || this.isCut) return;
    peer.inbox.push({ at: this.now + 20, input: { type: "peer-reads-records", reads: true } });
  }

  #feed(role: StarRole, input: BinaryStarInput): void {
    this.#at(role).machine.handle(input, this.now);
    this.#perform(role);
  }

  #perform(role: StarRole): void {
    const { machine } = this.#at(role);
    for (let output = machine.take(); output !== undefined; output = machine.take()) this.#do(role, output);
  }

  #do(role: StarRole, output: BinaryStarOutput): void {
    const node = this.#at(role);
    const isOfLease = output.type === "claim" || output.type === "renew" || output.type === "release";
    if (isOfLease && this.cutOff.has(role)) return;
    const later = (input: BinaryStarInput): void =>
      void node.answers.push({ at: this.now + this.delayMs, input });
    switch (output.type) {
      case "publish": {
        const peer = this.#nodes.get(otherOf(role));
        if (peer === undefined || this.isCut) return;
        const input = decodeState(encodeState(output.state, output.record) as Uint8Array[]);
        peer.inbox.push({ at: this.now + 10, input });
        return;
      }
      case "remember":
        node.kept = Math.max(node.kept, output.epoch);
        return;
      case "activate":
        this.activations.push({ role, epoch: output.epoch });
        if (this.unfit.has(role))
          return later({ type: "activation-failed", epoch: output.epoch, reason: "unfit" });
        return later({ type: "activated", epoch: output.epoch });
      case "transfer":
        return later({ type: "caught-up", transfer: output.transfer });
      case "claim": {
        const lease = this.#book?.acquire(output.epoch);
        if (lease === undefined) return later({ type: "denied", claim: output.claim, reason: "another" });
        node.lease.set(output.claim, lease);
        return later({
          type: "granted",
          claim: output.claim,
          epoch: lease.epoch,
          leaseMs: lease.durationMs,
        });
      }
      case "renew": {
        const held = node.lease.get(output.claim) ?? { epoch: 0 };
        const lease = this.#book?.renew({ epoch: held.epoch, durationMs: 0 });
        if (lease === undefined) return later({ type: "lease-lost", claim: output.claim });
        return later({ type: "renewed", claim: output.claim, leaseMs: lease.durationMs });
      }
      case "release": {
        const held = node.lease.get(output.claim);
        if (held !== undefined) this.#book?.release({ epoch: held.epoch, durationMs: 0 });
        return;
      }
    }
  }
}

const otherOf = (role: StarRole): StarRole => (role === "primary" ? "backup" : "primary");
