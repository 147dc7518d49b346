import { Fifo, type Machine, type Stalled } from "@seaworthy/core";
import type { Claim } from "./claim.js";
import { type ClaimOutcome, Claims } from "./claims.js";
import { Peer } from "./peer.js";
import { CLAIM_REASONS, peerEvent } from "./star-events.js";
import { PUBLISHED, type StarAction, type StarEvent, type StarState, starLife } from "./star-life.js";
import type {
  BinaryStarEvent,
  BinaryStarInput,
  BinaryStarOutput,
  BinaryStarStats,
  ClaimReason,
  DeactivationReason,
} from "./star-messages.js";
import type { ResolvedStarOptions } from "./star-options.js";
import { Transfers } from "./transfers.js";
import type { PeerState, PublishedState, StarRole } from "./wire.js";

/** What a machine is given besides its options. */
export interface BinaryStarBeginning {
  /** The highest epoch that an earlier life of this node knew. Default 0: none. */
  epoch?: number;
  /** Epochs have to be granted, by an arbiter or by a disk. Default false: the machine grants them itself. */
  asksForEpochs?: boolean;
}

/** The protocol of one of the two nodes: which of them is active, and in which epoch. */
export class BinaryStarMachine implements Machine<BinaryStarInput, BinaryStarOutput> {
  readonly stats: BinaryStarStats = {
    activations: 0,
    peerExpired: 0,
    heard: 0,
    accepted: 0,
    rejected: 0,
    splitBrains: 0,
    doublePassives: 0,
    claimsDenied: 0,
    malformed: 0,
  };
  readonly role: StarRole;
  readonly #options: ResolvedStarOptions;
  readonly #outputs = new Fifo<BinaryStarOutput>();
  readonly #claims: Claims;
  readonly #transfers: Transfers;
  #state: StarState;
  /** Missing until `start`. */
  #peer: Peer | undefined;
  #peerReadsRecords = false;
  /** The state that was last reported. */
  #reported: PublishedState;
  #publishedAt = 0;
  /** When all that had arrived had been read: only then may anything be concluded from the time. */
  #awakeAt = 0;
  #isActivated = false;
  /** Since when the application cannot follow the peer, if that lives. */
  #sourceLostAt = Number.POSITIVE_INFINITY;
  /** The highest epoch that was known then. */
  #lostEpoch = Number.POSITIVE_INFINITY;
  #deniedAt = Number.NEGATIVE_INFINITY;
  /** When the application last could not become active, and how often in a row. */
  #unfitAt = Number.NEGATIVE_INFINITY;
  #unfitInRow = 0;
  #now = 0;

  /** @param options - checked options, see `resolveStarOptions` */
  constructor(options: ResolvedStarOptions, { epoch = 0, asksForEpochs = false }: BinaryStarBeginning = {}) {
    this.role = options.role;
    this.#options = options;
    const put = (output: BinaryStarOutput): void => this.#outputs.push(output);
    this.#claims = new Claims(options, epoch, asksForEpochs, put);
    this.#transfers = new Transfers(put);
    this.#state = options.role;
    this.#reported = options.role;
  }

  get state(): StarState {
    return this.#state;
  }

  /** The state as the peer is told it; after the end that of one who waits, so that the peer takes over. */
  get published(): PublishedState {
    return PUBLISHED[this.#state] ?? this.role;
  }

  /** The peer's state as far as it is known: `undefined` before it was heard, and after it was silent for too long. */
  get peerState(): PublishedState | undefined {
    return this.#peer?.state;
  }

  /** The epoch that the node is active in, or the highest that it knows of; 0 for none. */
  get epoch(): number {
    return this.#state === "active" ? this.#seat.epoch : this.#claims.known;
  }

  /**
   * Whether requests may be answered at this time: the application is active, its lease is not over, and the node has not been
   * silent for so long that its peer may have taken over without its having read so.
   */
  isServing(now: number): boolean {
    if (this.#state !== "active" || !this.#isActivated) return false;
    return now < this.#seat.leaseUntil && !this.#isDoubtful(now);
  }

  /** After so many ms a request can make this node active; `undefined` if its peer lives, or it must not be. */
  retryAfterMs(now: number): number | undefined {
    const canTakeOver = this.#state === "passive" || this.#state === "primary";
    if (!canTakeOver) return this.#isOnItsWay ? 0 : undefined;
    const peer = this.#peer;
    if (peer === undefined || (peer.state !== undefined && !peer.isLate(now))) return undefined;
    return peer.isDead ? 0 : Math.max(0, peer.expiresAt - now);
  }

  get deadline(): number | undefined {
    const peer = this.#peer;
    if (peer === undefined || this.#state === "left") return undefined;
    // However often it has something else to say: a node that does not see to what has arrived is in doubt.
    const lookAt = this.#awakeAt + this.#options.heartbeatMs;
    return Math.min(peer.sendAt, peer.expiresAt, lookAt, this.#claims.deadline);
  }

  take(): BinaryStarOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: BinaryStarInput | Stalled, now: number): void {
    this.#now = now;
    if (this.#state === "left") return;
    switch (input.type) {
      case "start":
        return this.#start();
      case "peer-state":
        return this.#peerSaid(input);
      case "malformed":
        this.stats.malformed += 1;
        return this.#report({ type: "message-dropped", at: now, reason: input.reason });
      case "peer-reads-records":
        this.#peerReadsRecords = input.reads;
        if (input.reads) this.#publish();
        return;
      case "vote":
        // Judged by what `tick` has found, and not by the time: what the peer has said may wait to be read.
        return this.#step(this.#peer?.isDead === true ? "vote-counted" : "vote-refused");
      case "voted":
        return this.#voted(input.isAccepted);
      case "activated":
        return this.#activated(input.epoch);
      case "activation-failed":
        return this.#activationFailed(input);
      case "caught-up":
        if (this.#transfers.isCurrent(input.transfer)) this.#step("caught-up");
        return;
      case "transfer-failed":
        if (!this.#transfers.isCurrent(input.transfer)) return;
        this.#transfers.ended();
        return this.#report({ type: "transfer-failed", at: now, reason: input.reason });
      case "source-lost":
        this.#sourceLostAt = input.since ?? now;
        this.#lostEpoch = this.#claims.known;
        return;
      case "fell-behind":
        return this.#step("fell-behind");
      case "not-remembered":
        if (!this.#claims.notKept(input.epoch)) return;
        return this.#report({ type: "epoch-not-kept", at: now, epoch: input.epoch, reason: input.reason });
      case "stalled":
        this.#peer?.stalled(now);
        return this.#report({ type: "process-stalled", at: now, ms: input.ms });
      case "close":
        return this.#step("closed");
      default:
        return this.#conclude(this.#claims.answered(input, now));
    }
  }

  tick(now: number): void {
    this.#now = now;
    const peer = this.#peer;
    if (peer === undefined) return;
    this.#awakeAt = now;
    const silentMs = peer.judge(now);
    if (silentMs !== undefined) {
      this.stats.peerExpired += 1;
      this.#report({ type: "peer-expired", at: now, silentMs });
    }
    this.#conclude(this.#claims.judge(now));
    if (now < peer.sendAt) return;
    this.#publish();
    this.#claims.keepAgain();
  }

  /** How long this node may be silent until its peer takes it for dead. */
  get #silenceMs(): number {
    return this.#options.heartbeatMs * this.#options.liveness;
  }

  /**
   * The peer may have taken this node for dead, and said so in what is still to be read: the process has stood still for as long as
   * its peer waits.
   */
  #isDoubtful(now: number): boolean {
    return now >= Math.min(this.#publishedAt, this.#awakeAt) + this.#silenceMs;
  }

  /** What makes the node active. */
  get #seat(): Claim {
    return this.#claims.current as Claim;
  }

  get #isOnItsWay(): boolean {
    return this.#state === "starting" || this.#state === "promoting" || this.#state === "active";
  }

  #start(): void {
    if (this.#peer !== undefined) return;
    this.#peer = new Peer(this.#options.heartbeatMs, this.#options.liveness, this.#now);
    this.#awakeAt = this.#now;
    this.#publish();
  }

  #peerSaid({ state, record }: PeerState): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    if (state === this.role || record?.role === this.role) {
      this.stats.malformed += 1;
      // Two of a role claim the same epochs: by a vote both would be active, and no fence would keep them apart.
      peer.displaced(record?.heartbeatMs, this.#now);
      return this.#report({ type: "roles-clashed", at: this.#now, role: this.role });
    }
    this.stats.heard += 1;
    const from = peer.heard(state, record?.heartbeatMs, this.#now);
    if (from === undefined) this.#report({ type: "peer-heard", at: this.#now, state });
    else if (from !== state) this.#report({ type: "peer-changed", at: this.#now, from, to: state });
    const isStuck = peer.stateMs(this.#now) >= this.#silenceMs;
    const { role, state: own, epoch } = this;
    const standing = { role, state: own, epoch, isDoubtful: this.#isDoubtful(this.#now) };
    const event = peerEvent(standing, state, record?.epoch, isStuck);
    this.#claims.learn(record?.epoch ?? 0);
    // Where it is one of ours, what it says next tells its epoch.
    if (peer.isUnclear) return;
    if (this.#state === "active" && state === "active")
      this.#resolveSplit(event === "peer-active-below", record?.epoch);
    this.#step(event);
    // It lives, and may go on without this node, which does not get what it does.
    if (state === "active" && this.#state === "passive" && this.#isBehind(record?.epoch))
      this.#step("fell-behind");
    if (this.#state === "catching-up" && state === "active") this.#beginTransfer();
  }

  #beginTransfer(): void {
    this.#sourceLostAt = Number.POSITIVE_INFINITY;
    this.#lostEpoch = Number.POSITIVE_INFINITY;
    this.#transfers.begin();
  }

  /**
   * Whether an active peer has said so after the application lost its way to it. A connection that ends with the peer's process may be seen to end
   * before the last state that came over another has been read. One that lives says what it is in each of its intervals, and one that
   * has become active anew has another epoch.
   */
  #isBehind(epoch = 0): boolean {
    return epoch > this.#lostEpoch || this.#now >= this.#sourceLostAt + this.#options.heartbeatMs / 2;
  }

  #resolveSplit(stays: boolean, peerEpoch: number | undefined): void {
    this.stats.splitBrains += 1;
    const { epoch } = this;
    this.#report({ type: "split-brain-resolved", at: this.#now, stays, epoch, peerEpoch });
  }

  /** Told by the host, since the application may have become active with the vote, or may not yet. */
  #voted(isAccepted: boolean): void {
    if (isAccepted) {
      this.stats.accepted += 1;
      return;
    }
    this.stats.rejected += 1;
    this.#report({ type: "request-rejected", at: this.#now, state: this.published });
  }

  #activated(epoch: number): void {
    if (!this.#isActiveIn(epoch)) return;
    this.#isActivated = true;
    this.#unfitInRow = 0;
  }

  #activationFailed({ epoch, reason }: BinaryStarInput & { type: "activation-failed" }): void {
    if (!this.#isActiveIn(epoch)) return;
    this.#unfitAt = this.#now;
    this.#unfitInRow += 1;
    this.#report({ type: "activation-failed", at: this.#now, epoch, reason });
    this.#step("unseated", "activation-failed");
  }

  #conclude(outcome: ClaimOutcome | undefined): void {
    switch (outcome?.type) {
      case "granted":
        return this.#step("granted");
      case "denied":
        this.stats.claimsDenied += 1;
        this.#deniedAt = this.#now;
        this.#report({ type: "claim-denied", at: this.#now, reason: outcome.reason });
        return this.#step("denied");
      case "lost":
        return this.#step("unseated", "lease-lost");
    }
  }

  #step(event: StarEvent, reason?: DeactivationReason): void {
    const transition = starLife.step(this.#state, event);
    if (transition === undefined) return;
    const { action } = transition;
    // What was said before the peer's latest word is no reason; if there is one, it will be said again.
    if ((action === "claim" || action === "reassert") && this.#isDoubtful(this.#now)) return;
    if (action === "claim" && this.#now < this.#mayClaimAt(event)) return;
    const before = this.#state;
    this.#state = transition.to;
    if (event === "caught-up") this.#transfers.ended();
    else if (before === "catching-up") this.#transfers.stop();
    this.#act(action as StarAction, event, reason);
    this.#tellChange();
  }

  /** Requests come by the thousand: who has said no, arbiter or application, is not asked again for each of them. */
  #mayClaimAt(event: StarEvent): number {
    return Math.max(this.#deniedAt + this.#options.heartbeatMs, this.#unfitAt + this.#unfitMs(event));
  }

  /** How long an application that could not become active is not asked again. */
  #unfitMs(event: StarEvent): number {
    const { heartbeatMs, liveness, claimTimeoutMs } = this.#options;
    if (event !== "peer-passive-below") return heartbeatMs;
    // The backup says so once in each of its heartbeats.
    if (this.#unfitInRow < 2) return 0;
    // It has its time to see that this node is stuck, to claim, and to say what came of it: else both would claim.
    return (liveness + 2) * Math.max(heartbeatMs, (this.#peer as Peer).intervalMs) + claimTimeoutMs;
  }

  #act(action: StarAction, event: StarEvent, reason: DeactivationReason | undefined): void {
    switch (action) {
      case "claim":
        return this.#ask(CLAIM_REASONS[event] as ClaimReason);
      case "activate":
        return this.#activate();
      case "stay":
      case "follow":
        return this.#claims.giveBack();
      case "yield":
        return this.#deactivate("yielded");
      case "reassert":
        this.#deactivate("overtaken");
        return this.#ask("overtaken");
      case "settle":
        return this.#report({ type: "became-passive", at: this.#now });
      case "step-down":
        return this.#deactivate(reason as DeactivationReason);
      case "leave":
        return this.#leave();
      // To stay active, and to wait, takes nothing.
      case "keep":
      case "wait":
        return;
    }
  }

  #ask(because: ClaimReason): void {
    if (because === "both-passive") {
      this.stats.doublePassives += 1;
      this.#report({ type: "double-passive-resolved", at: this.#now });
    }
    this.#conclude(this.#claims.claim(because, this.#now));
  }

  #activate(): void {
    const { epoch, because } = this.#seat;
    this.stats.activations += 1;
    this.#isActivated = false;
    this.#report({ type: "became-active", at: this.#now, epoch, because });
    this.#outputs.push({ type: "activate", epoch });
  }

  #deactivate(reason: DeactivationReason): void {
    const { epoch } = this.#seat;
    this.#isActivated = false;
    this.#outputs.push({ type: "deactivate", epoch, reason });
    this.#report({ type: "stopped-serving", at: this.#now, epoch, reason });
    this.#claims.giveBack();
  }

  /** The peer hears what it would hear of a node that begins, and takes over. */
  #leave(): void {
    if (this.#claims.current?.isGranted === true) this.#deactivate("closed");
    else this.#claims.giveBack();
    this.#publish();
  }

  #isActiveIn(epoch: number): boolean {
    return this.#state === "active" && epoch === this.epoch;
  }

  #tellChange(): void {
    const { published: to } = this;
    const from = this.#reported;
    if (from === to) return;
    this.#reported = to;
    this.#report({ type: "state-changed", at: this.#now, from, to });
    if (this.#state !== "left") this.#publish();
  }

  #publish(): void {
    if (this.#peer === undefined) return;
    const { role, published: state } = this;
    const { heartbeatMs } = this.#options;
    const record = this.#peerReadsRecords ? { role, heartbeatMs, epoch: this.epoch } : undefined;
    this.#outputs.push({ type: "publish", state, record });
    this.#peer.told(this.#now);
    this.#publishedAt = this.#now;
  }

  #report(event: BinaryStarEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}
