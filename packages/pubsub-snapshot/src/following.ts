import { type Frames, frameKey, type Malformed } from "@seaworthy/core";
import { Entry } from "./entry.js";
import type { KnownUpdates } from "./known-updates.js";
import { owned } from "./owned.js";
import { decodeKnown, type Items, type Known, portionsIn } from "./packs.js";
import { decodeItemTerms } from "./properties.js";
import type { ServerMap } from "./server-map.js";
import type { ResolvedServerOptions } from "./server-options.js";
import {
  type Command,
  decodeRefusal,
  EMPTY,
  encodeCommand,
  encodeSnapshotRequest,
  type KeyValue,
} from "./wire.js";

/** What {@link Following} tells the machine that owns it. */
export interface FollowingOwner {
  open(): void;
  close(): void;
  send(frames: Frames): void;
  /** The map is complete: what it was is forgotten. */
  replaced(before: number, now: number): void;
  /** An update of the active was applied. */
  applied(entry: Entry): void;
  /** The active waits for this server with each update. */
  caughtUp(): void;
  failed(reason: string): void;
  /** @param since - nothing came for so long; missing if the connection ended */
  sourceLost(since: number | undefined): void;
  /** The active may have gone on alone. */
  fellBehind(): void;
  malformed(reason: string): void;
}

/** Portions that may be under way. */
const MAX_CREDIT = 400;
/** Updates that are acknowledged together at most. */
const ACK_BATCH = 64;
/** So long may an acknowledgement wait for others, in ms. */
const ACK_PAUSE_MS = 1;
/** So many of them do not wait, in as long: a timer takes longer than what a few writers wait for otherwise. */
const ACKS_AT_ONCE = 8;

/** `connecting` and `receiving` have no map yet; `complete` has it, and is not waited for; `synced` is. */
type Stage = "idle" | "connecting" | "receiving" | "complete" | "synced";

/** A passive server's connection to the active one: has its map, and every update behind it. */
export class Following {
  readonly #deadMs: number;
  readonly #pingMs: number;
  readonly #map: ServerMap;
  readonly #known: KnownUpdates;
  readonly #owner: FollowingOwner;
  readonly #credit: number;
  readonly #packBytes: number;
  #stage: Stage = "idle";
  #received = new Map<string, Entry>();
  #receivedKnown: Known[] = [];
  /** The snapshot is as of this number. */
  #asOf: number | undefined;
  /** Number of the last update that came. */
  #last = 0;
  #taken = 0;
  #acknowledged = 0;
  /** Since then acknowledgements that did not wait are counted. */
  #windowAt = Number.NEGATIVE_INFINITY;
  #atOnce = 0;
  /** What this number says has to come, too. */
  #syncedFrom: number | undefined;
  #heardAt = 0;
  #saidAt = 0;

  constructor(
    { peerDeadMs = Number.POSITIVE_INFINITY, heartbeatMs, socket, packBytes }: ResolvedServerOptions,
    map: ServerMap,
    known: KnownUpdates,
    owner: FollowingOwner,
  ) {
    this.#deadMs = peerDeadMs;
    this.#pingMs = heartbeatMs;
    // The active's ROUTER has the same mark, and may refuse what is more than half of it.
    this.#credit = Math.max(1, Math.min(MAX_CREDIT, Math.floor(socket.sendHighWaterMark * 0.4)));
    this.#packBytes = packBytes;
    this.#map = map;
    this.#known = known;
    this.#owner = owner;
  }

  get deadline(): number | undefined {
    if (this.#stage === "idle") return undefined;
    const deadAt = this.#heardAt + this.#deadMs;
    if (this.#stage === "connecting") return deadAt;
    const ackAt = this.#owesAck ? this.#windowAt + ACK_PAUSE_MS : Number.POSITIVE_INFINITY;
    return Math.min(deadAt, this.#saidAt + this.#pingMs, ackAt);
  }

  /** The peer is active. */
  begin(now: number): void {
    this.end();
    this.#stage = "connecting";
    this.#heardAt = now;
    this.#asOf = undefined;
    this.#syncedFrom = undefined;
    this.#taken = 0;
    this.#owner.open();
  }

  /** There is nobody to follow any more, or no need to. */
  end(): void {
    if (this.#stage === "idle") return;
    this.#stage = "idle";
    this.#received = new Map();
    this.#receivedKnown = [];
    this.#owner.close();
  }

  /** As {@link end}, and the active need not find out by itself. */
  leave(): void {
    if (this.#stage !== "idle" && this.#stage !== "connecting") this.#owner.send(encodeCommand("KTHXBAI"));
    this.end();
  }

  up(now: number): void {
    if (this.#stage !== "connecting") return;
    this.#stage = "receiving";
    this.#heardAt = now;
    const terms = { credit: this.#credit, packBytes: this.#packBytes, follows: true };
    this.#send(encodeSnapshotRequest(EMPTY, terms), now);
  }

  /** The connection is gone, or says what it must not. */
  lost(reason: string, since?: number): void {
    const wasSynced = this.#stage === "synced";
    if (this.#stage === "idle") return;
    this.end();
    if (wasSynced) this.#owner.sourceLost(since);
    else this.#owner.failed(reason);
  }

  /** The process stood still: what the active said meanwhile may not have been read. */
  stalled(now: number): void {
    this.#heardAt = now;
    if (this.#mayBeGivenUp(now)) this.#fallBehind();
  }

  tick(now: number): void {
    if (this.#stage === "idle") return;
    if (now >= this.#heardAt + this.#deadMs) return this.lost("the active server is silent", this.#heardAt);
    if (this.#stage === "connecting") return;
    if (this.#mayBeGivenUp(now)) return this.#fallBehind();
    if (this.#owesAck && now >= this.#windowAt + ACK_PAUSE_MS) this.#acknowledge(now);
    if (now >= this.#saidAt + this.#pingMs) this.#send(encodeCommand("PING"), now);
  }

  message(message: KeyValue | Items | Command | Malformed, now: number): void {
    if (this.#stage === "idle" || this.#stage === "connecting") return;
    if (this.#mayBeGivenUp(now)) return this.#fallBehind();
    this.#heardAt = now;
    switch (message.type) {
      case "malformed":
        this.#owner.malformed(message.reason);
        return this.lost(message.reason);
      case "key-value":
        this.#take(portionsIn(message), now);
        return this.#keyValue(message, now);
      case "items":
        this.#take(portionsIn(message), now);
        return this.#items(message, now);
      case "command":
        return this.#command(message, now);
    }
  }

  #command({ name, number, properties }: Command, now: number): void {
    switch (name) {
      case "OKTHX":
        if (this.#asOf !== undefined) return;
        this.#asOf = number;
        this.#last = number;
        return;
      case "KNOWN":
        this.#take(1, now);
        return this.#knownUpdates(properties);
      case "KTHXBAI":
        this.#take(1, now);
        return this.#complete(now);
      case "INSYNC":
        this.#syncedFrom = number;
        return this.#catchUp();
      case "SORRY":
        return this.#refused(properties);
      default:
        return;
    }
  }

  /** What the active has published alone has to come first. */
  #catchUp(): void {
    if (this.#stage !== "complete" || this.#syncedFrom === undefined || this.#last < this.#syncedFrom) return;
    this.#stage = "synced";
    this.#owner.caughtUp();
  }

  #refused(properties: Uint8Array): void {
    const { reason } = decodeRefusal(properties);
    // A peer that is not active has published nothing that is not here; any other goes on alone.
    if (this.#stage === "synced" && reason !== "passive") this.#fallBehind();
    else this.lost(`the peer refuses: ${reason}`);
  }

  /** This server was silent for so long that the active may have gone on alone, whatever it says in what is still to be read. */
  #mayBeGivenUp(now: number): boolean {
    return this.#stage === "synced" && now >= this.#saidAt + this.#deadMs;
  }

  #fallBehind(): void {
    this.end();
    this.#owner.fellBehind();
  }

  #items({ items }: Items, now: number): void {
    for (const item of items) {
      this.#keyValue(item, now);
      // It must not be said.
      if (this.#stage === "idle") return;
    }
  }

  #keyValue(message: KeyValue, now: number): void {
    if (this.#asOf === undefined) return this.lost("an item came before its snapshot");
    const isUpdate = message.sequence > this.#asOf;
    if (isUpdate && message.sequence !== this.#last + 1)
      return this.lost(`update ${message.sequence} came after ${this.#last}`);
    const isReceiving = this.#stage === "receiving";
    if (!isUpdate && !isReceiving) return this.lost("an item came after its snapshot");
    if (isUpdate) this.#last = message.sequence;
    const entry = received(message, now);
    if (isReceiving) return this.#keep(entry, isUpdate);
    this.#map.apply(entry);
    this.#known.add(entry.uuid, entry.sequence);
    this.#owner.applied(entry);
    this.#owe(now);
    this.#catchUp();
  }

  #keep(entry: Entry, isUpdate: boolean): void {
    const before = this.#received.get(entry.name);
    if (before === undefined || before.sequence < entry.sequence) this.#received.set(entry.name, entry);
    // Those before are among what the active says that it knows.
    if (isUpdate && this.#receivedKnown.length > 0 && entry.uuid.length > 0)
      this.#receivedKnown.push([entry.uuid, entry.sequence]);
  }

  #knownUpdates(properties: Uint8Array): void {
    const updates = decodeKnown(properties);
    if (!Array.isArray(updates)) return this.lost(updates.reason);
    for (const update of updates) this.#receivedKnown.push(update);
  }

  #complete(now: number): void {
    if (this.#stage !== "receiving" || this.#asOf === undefined)
      return this.lost("an end came before its snapshot");
    const before = this.#map.sequence;
    this.#map.clear();
    this.#known.clear();
    const known = this.#receivedKnown.sort(([, one], [, other]) => one - other);
    for (const [uuid, sequence] of known) if (sequence <= this.#last) this.#known.add(uuid, sequence);
    for (const entry of this.#received.values()) if (!entry.isDelete) this.#map.apply(entry);
    this.#map.sequence = this.#last;
    this.#received = new Map();
    this.#receivedKnown = [];
    this.#stage = "complete";
    this.#owner.replaced(before, now);
    this.#acknowledge(now);
  }

  /** So many portions more were taken in. */
  #take(portions: number, now: number): void {
    this.#taken += portions;
    if (this.#taken < this.#credit / 2) return;
    this.#send(encodeCommand("MOAR", this.#taken), now);
    this.#taken = 0;
  }

  get #owesAck(): boolean {
    return this.#last > this.#acknowledged && (this.#stage === "complete" || this.#stage === "synced");
  }

  /** At once if few were sent just now; many updates in a row are acknowledged together. */
  #owe(now: number): void {
    if (now >= this.#windowAt + ACK_PAUSE_MS) {
      this.#windowAt = now;
      this.#atOnce = 0;
    }
    this.#atOnce += 1;
    if (this.#atOnce <= ACKS_AT_ONCE || this.#last >= this.#acknowledged + ACK_BATCH) this.#acknowledge(now);
  }

  #acknowledge(now: number): void {
    this.#acknowledged = this.#last;
    this.#send(encodeCommand("GOTIT", this.#last), now);
  }

  #send(frames: Frames, now: number): void {
    this.#saidAt = now;
    this.#owner.send(frames);
  }
}

/** An item or an update as it is kept here, with its time on this server's clock. */
function received({ key, sequence, uuid, properties, value }: KeyValue, now: number): Entry {
  const { leftMs, stored } = decodeItemTerms(properties);
  const expiresAt = leftMs === undefined ? undefined : now + leftMs;
  return new Entry(owned(key), frameKey(key), sequence, owned(uuid), stored, owned(value), expiresAt);
}
