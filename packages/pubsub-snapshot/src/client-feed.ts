import { framesEqual } from "@seaworthy/core";
import { type Beat, beatTopic, decodeBeat, HUGZ, isForeignBeat } from "./beat.js";
import { NEXT, Numbering, OLD, UNKNOWN } from "./client-numbering.js";
import { EMPTY, isUnder, type KeyValue } from "./wire.js";

/** What becomes of a message that came over the connection for updates. */
export type Verdict =
  /** It is an update of the subtree, the next in order. */
  | "take"
  /** It is the next in order, and lies elsewhere. */
  | "elsewhere"
  | "duplicate"
  /** It is no update, or comes before the subscription is proven, or is past a gap. */
  | "none";

/** Why all updates are taken, and filtered here. */
export type WidenReason =
  /** The server is not ours, and counts no subtrees. */
  | "foreign"
  /** The server counts too many subtrees already. */
  | "crowded";

/** What a {@link Feed} tells the machine that owns it. After all but `proven`, `reached` and `activated` it is done with. */
export interface FeedOwner {
  /** The subscription is live. */
  proven(): void;
  widen(reason: WidenReason): void;
  /** All updates up to this one have come. */
  reached(sequence: number): void;
  /** A passive server of ours has become the active one, and has published all up to this number. */
  activated(sequence: number): void;
  /** So many updates are lost, or {@link UNKNOWN}. */
  gap(missing: number): void;
  /** The server is not active any more. */
  inactive(): void;
  /** It is another server now, or another life of it, or its numbers begin anew. */
  changed(): void;
  malformed(reason: string): void;
}

/** The updates of one join: whether the subscription is live, whose server it is, and whether anything is lost. */
export class Feed {
  /** Whether the server is ours; `undefined` while that is not known. */
  isOurs: boolean | undefined;
  readonly #subtree: Uint8Array;
  /** All updates come. */
  readonly #isWhole: boolean;
  readonly #topic: Uint8Array;
  readonly #owner: FeedOwner;
  #numbering: Numbering | undefined;
  /** The heartbeat that the numbering begins with. */
  #proof: Beat | undefined;
  #since = 0;
  #hasHeard = false;
  /** A heartbeat of ours has come, though not the one that proves the subscription. */
  #isKnown = false;

  /** @param isWide - all updates are taken, and filtered here */
  constructor(subtree: Uint8Array, isWide: boolean, owner: FeedOwner) {
    this.#subtree = subtree;
    this.#isWhole = isWide || subtree.length === 0;
    this.#topic = beatTopic(this.#isWhole ? EMPTY : subtree);
    this.#owner = owner;
  }

  /** What is to be subscribed to, in this order: what comes because of the later ones proves those before. */
  get topics(): readonly Uint8Array[] {
    return [this.#isWhole ? EMPTY : this.#subtree, HUGZ, this.#topic];
  }

  /** Whether the server is ours, and serves, as far as its heartbeats say. */
  get isActive(): boolean {
    return this.#proof?.isActive === true;
  }

  /** Updates of a server of ours are counted from the one after this number on: a snapshot has to contain all before. */
  get since(): number {
    return this.#since;
  }

  /** How often the server says that it lives, in ms, if it has said so. */
  get heartbeatMs(): number | undefined {
    return this.#proof?.heartbeatMs;
  }

  /** A message came. */
  accept(message: KeyValue): Verdict {
    if (message.sequence === 0 || (this.isOurs !== true && isForeignBeat(message))) {
      this.#heartbeat(message);
      return "none";
    }
    this.#hasHeard = true;
    const isInside = this.#subtree.length === 0 || isUnder(message.key, this.#subtree);
    // What comes because its key begins as a heartbeat's topic does is not counted.
    if (!isInside && !this.#isWhole) return "none";
    const numbering = this.#numbering;
    if (numbering === undefined) {
      // The server was passive, and the heartbeat that comes before all updates is lost.
      if (this.#proof !== undefined) this.#owner.gap(UNKNOWN);
      return "none";
    }
    const number = numbering.take(message);
    if (number === NEXT) return isInside ? "take" : "elsewhere";
    if (number === OLD) return "duplicate";
    this.#owner.gap(number);
    return "none";
  }

  /**
   * No heartbeat has come for long: a server that is not ours need not send one while it sends updates.
   *
   * @returns whether there were updates, and nothing of ours among them
   */
  presume(): boolean {
    if (!this.#hasHeard || this.#isKnown || this.isOurs !== undefined) return false;
    this.#foreignBeat(0);
    return true;
  }

  #heartbeat(message: KeyValue): void {
    const beat = decodeBeat(message.properties);
    if (beat !== undefined) this.#ownBeat(message.key, beat);
    else if (this.isOurs !== true && isForeignBeat(message)) this.#foreignBeat(message.sequence);
    else this.#owner.malformed("update without a sequence number");
  }

  #ownBeat(topic: Uint8Array, beat: Beat): void {
    if (this.isOurs === false) return this.#owner.changed();
    this.#isKnown = true;
    const isSubtree = framesEqual(topic, this.#topic);
    // Where all updates come, so do the heartbeats of all subtrees.
    if (!isSubtree && !framesEqual(topic, HUGZ)) return;
    const proof = this.#proof;
    if (proof === undefined) {
      // Whatever comes proves that all do, where all are subscribed to.
      if (isSubtree || this.#isWhole) this.#prove(beat);
    } else if (!proof.isActive) {
      if (beat.isActive && (isSubtree || this.#isWhole)) this.#activate(beat);
    } else if (beat.life !== proof.life) this.#owner.changed();
    else if (!beat.isActive) this.#owner.inactive();
    else if (isSubtree || this.#isWhole)
      this.#compare(this.#isWhole ? beat.sequence : beat.count, beat.sequence);
  }

  #prove(beat: Beat): void {
    this.isOurs = true;
    if (!this.#isWhole && beat.count === undefined) return this.#owner.widen("crowded");
    this.#begin(beat);
    this.#owner.proven();
  }

  #activate(beat: Beat): void {
    if (!this.#isWhole && beat.count === undefined) return this.#owner.changed();
    this.#begin(beat);
    this.#owner.activated(beat.sequence);
  }

  #begin(beat: Beat): void {
    this.#proof = beat;
    if (!beat.isActive) return;
    const { length } = this.#subtree;
    this.#since = beat.sequence;
    this.#numbering = this.#isWhole ? new Numbering(0, beat.sequence) : new Numbering(length, beat.count);
  }

  #foreignBeat(sequence: number): void {
    if (this.isOurs === undefined) {
      this.isOurs = false;
      // On this connection nothing could prove that all updates come: heartbeats do already.
      if (!this.#isWhole) return this.#owner.widen("foreign");
      this.#numbering = new Numbering(0, sequence === 0 ? undefined : sequence);
      return this.#owner.proven();
    }
    if (sequence > 0) this.#compare(sequence, sequence);
  }

  #compare(number: number | undefined, sequence: number): void {
    const missing = (this.#numbering as Numbering).compare(number);
    if (missing === NEXT) this.#owner.reached(sequence);
    else this.#owner.gap(missing);
  }
}
