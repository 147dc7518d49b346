import { BinaryStarMachine } from "../src/star-machine.js";
import type { BinaryStarEvent, BinaryStarInput, BinaryStarOutput } from "../src/star-messages.js";
import { resolveStarOptions, type StarOptions } from "../src/star-options.js";
import type { PublishedState, StarRole } from "../src/wire.js";

const other = (role: StarRole): StarRole => (role === "primary" ? "backup" : "primary");

/** What the application and whoever grants epochs do by themselves. */
interface Manners {
  /** Epochs have to be granted: the test plays the arbiter. Default false. */
  asks?: boolean;
  /** The highest epoch that an earlier life knew. Default 0. */
  epoch?: number;
  /** The application is active as soon as it is told to be. Default true. */
  activates?: boolean;
  /** The state is transferred as soon as it is asked for. Default true. */
  transfers?: boolean;
}

/** One node in virtual time, with heartbeats of 1000 ms; the test plays its peer. */
export class StarDriver {
  readonly machine: BinaryStarMachine;
  readonly role: StarRole;
  readonly #manners: Required<Manners>;
  now = 0;
  #words: string[] = [];
  readonly events: BinaryStarEvent[] = [];

  constructor(
    options: StarOptions,
    { asks = false, epoch = 0, activates = true, transfers = true }: Manners = {},
  ) {
    this.role = options.role;
    this.#manners = { asks, epoch, activates, transfers };
    this.machine = new BinaryStarMachine(resolveStarOptions("Star", options), {
      epoch,
      asksForEpochs: asks,
    });
  }

  feed(input: BinaryStarInput | { type: "stalled"; ms: number }): this {
    this.machine.handle(input, this.now);
    return this.#perform();
  }

  start(): this {
    return this.feed({ type: "start" });
  }

  /** Time goes on, and the machine is woken at each of its deadlines. */
  until(now: number): this {
    for (;;) {
      const { deadline } = this.machine;
      if (deadline === undefined || deadline > now) break;
      this.now = Math.max(this.now, deadline);
      this.machine.tick(this.now);
      this.#perform();
    }
    this.now = now;
    return this;
  }

  /** Time goes on, and nobody wakes the machine: its process stands still. */
  standStill(ms: number): this {
    this.now += ms;
    return this;
  }

  /** The host has found out that the process stood still, and has read what there was to read. */
  wake(ms: number): this {
    this.feed({ type: "stalled", ms });
    if ((this.machine.deadline ?? Number.POSITIVE_INFINITY) <= this.now) this.machine.tick(this.now);
    return this.#perform();
  }

  /** The peer is one of ours. */
  hear(state: PublishedState, epoch: number, heartbeatMs = 1000): this {
    const record = { role: other(this.role), heartbeatMs, epoch };
    return this.feed({ type: "peer-state", state, record });
  }

  /** The peer publishes digits alone, once. */
  hearPlain(state: PublishedState): this {
    return this.feed({ type: "peer-state", state, record: undefined });
  }

  /** The peer publishes digits alone, for so long that it is clear that it is not one of ours. */
  hearForeign(state: PublishedState): this {
    return this.hearPlain(state).hearPlain(state);
  }

  /** A client asks; as the wiring does it. */
  vote(): boolean {
    this.feed({ type: "vote" });
    const isAccepted = this.isServing;
    this.feed({ type: "voted", isAccepted });
    return isAccepted;
  }

  get isServing(): boolean {
    return this.machine.isServing(this.now);
  }

  /** The peer is dead, as far as this node can tell. */
  peerDies(): this {
    return this.until(this.now + 2000);
  }

  /** What was done since this was last asked, in words, without what `but` matches. */
  take(but: RegExp = /^(published|status)/): string[] {
    return this.#words.splice(0).filter((words) => !but.test(words));
  }

  /** What was published since `take` was last asked. */
  published(): string[] {
    return this.#words.splice(0).filter((words) => words.startsWith("published"));
  }

  /** Status events of a type. */
  told<T extends BinaryStarEvent["type"]>(type: T): (BinaryStarEvent & { type: T })[] {
    return this.events.filter((event): event is BinaryStarEvent & { type: T } => event.type === type);
  }

  #perform(): this {
    for (let output = this.machine.take(); output !== undefined; output = this.machine.take()) {
      this.#words.push(inWords(output));
      if (output.type === "status") this.events.push(output.event);
      if (output.type === "activate" && this.#manners.activates)
        this.machine.handle({ type: "activated", epoch: output.epoch }, this.now);
      if (output.type === "transfer" && this.#manners.transfers)
        this.machine.handle({ type: "caught-up", transfer: output.transfer }, this.now);
    }
    return this;
  }
}

function inWords(output: BinaryStarOutput): string {
  switch (output.type) {
    case "publish":
      return `published ${output.state}${output.record === undefined ? "" : ` ${output.record.epoch}`}`;
    case "claim":
      return `claim ${output.claim} for ${output.epoch}`;
    case "release":
    case "renew":
      return `${output.type} ${output.claim}`;
    case "remember":
    case "activate":
      return `${output.type} ${output.epoch}`;
    case "deactivate":
      return `deactivate ${output.epoch} ${output.reason}`;
    case "transfer":
    case "stop-transfer":
      return `${output.type} ${output.transfer}`;
    case "status":
      return `status ${output.event.type}`;
  }
}

/** A node that has been started and has heard nothing. */
export const lone = (role: StarRole, manners?: Manners): StarDriver =>
  new StarDriver({ role }, manners).start();

/** A primary that has become active in epoch 1, beside a backup of ours. */
export const activePrimary = (manners?: Manners): StarDriver => lone("primary", manners).hear("backup", 0);

/** A backup that is passive, beside a primary of ours that is active in epoch 1. */
export const passiveBackup = (manners?: Manners): StarDriver => lone("backup", manners).hear("active", 1);

/** A primary that is passive, beside a backup of ours that is active in epoch 2. */
export const passivePrimary = (manners?: Manners): StarDriver => lone("primary", manners).hear("active", 2);

/** A backup that has taken over from a dead primary, in epoch 2. */
export function activeBackup(manners?: Manners): StarDriver {
  const node = passiveBackup(manners).peerDies();
  node.vote();
  return node;
}
