import { Ledger } from "../src/ledger.js";
import { quickDigest } from "../src/ledger-digest.js";
import type { Changes, Ground, GroundEntry, LedgerLimits, LedgerSurroundings } from "../src/ledger-ground.js";
import { MemoryGround } from "../src/ledger-memory.js";
import { LedgerPort } from "../src/ledger-port.js";
import type { StoreError } from "../src/store-errors.js";

interface Commit {
  readonly changes: Changes;
  done(error?: StoreError): void;
}

/** One life of a server, as its disk sees it: from opening to the next crash. */
class Life implements Ground {
  readonly #disk: MemoryGround;
  readonly #begun: () => void;
  commitUnderWay: Commit | undefined;
  isOver = false;

  constructor(disk: MemoryGround, begun: () => void) {
    this.#disk = disk;
    this.#begun = begun;
  }

  get(key: string): Uint8Array | undefined {
    return this.#disk.get(key);
  }

  range(from: string, to: string, limit: number): readonly GroundEntry[] {
    return this.#disk.range(from, to, limit);
  }

  commit(changes: Changes, done: (error?: StoreError) => void): void {
    if (this.isOver) return;
    this.commitUnderWay = { changes: new Map(changes), done };
    this.#begun();
  }
}

/** Sums up bytes, so that a changed one is noticed. */
export function crashChecksum(bytes: Uint8Array): number {
  let sum = bytes.length;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) >>> 0;
  return sum;
}

const LIMITS: LedgerLimits = { maxRequests: 1e6, maxKeys: 1e6 };

/** What a crash disk is told of time, and told to do. */
export interface CrashDiskOptions {
  /** Time in ms, of a virtual clock. */
  now(): number;
  /** The wall clock in ms, if it is another. */
  wall?(): number;
  limits?: LedgerLimits;
  /** A commit has begun. It ends when {@link CrashDisk.sync} is called. */
  commitBegun?(): void;
}

/**
 * A disk that outlives the crashes of the server that uses it. A commit that has begun is on it when `sync` is called;
 * at a crash before that, it is either lost or there, but never in part.
 */
export class CrashDisk {
  readonly #disk = new MemoryGround();
  readonly #options: CrashDiskOptions;
  #life: Life | undefined;

  constructor(options: CrashDiskOptions) {
    this.#options = options;
  }

  /** Opens the ledger on it, in a new life: `opened` is called when the commit that this takes is synced. */
  open(opened: () => void, failed: (error: unknown) => void): LedgerPort {
    const { now, wall = now, limits = LIMITS, commitBegun = () => {} } = this.#options;
    const life = new Life(this.#disk, commitBegun);
    this.#life = life;
    const surroundings: LedgerSurroundings = {
      ...{ now, wall, digest: quickDigest, checksum: crashChecksum },
      defer: (task) => task(),
    };
    const ledger = new Ledger(life, limits, surroundings);
    ledger.open(opened, failed);
    return new LedgerPort(ledger);
  }

  /** Whether a commit is under way. */
  get isSyncing(): boolean {
    return this.#life?.commitUnderWay !== undefined;
  }

  /** Ends the commit that is under way: it is on the disk. */
  sync(): void {
    this.#end((changes) => this.#disk.apply(changes));
  }

  /** Ends the commit that is under way: nothing of it is on the disk. */
  fail(error: StoreError): void {
    this.#end(() => {}, error);
  }

  /** Ends this life. Nothing that is under way is ever told of. @param survives - whether the commit under way got through */
  crash(survives: boolean): void {
    const life = this.#life as Life;
    life.isOver = true;
    if (survives && life.commitUnderWay !== undefined) this.#disk.apply(life.commitUnderWay.changes);
    this.#life = undefined;
  }

  /** Everything that is on it, in order. */
  entries(): readonly GroundEntry[] {
    return this.#disk.range("", "\xff\xff", Number.POSITIVE_INFINITY);
  }

  /** Changes the bytes under a key, as a failing disk would. */
  damage(key: string, value: Uint8Array | undefined): void {
    this.#disk.apply(new Map([[key, value]]));
  }

  #end(apply: (changes: Changes) => void, error?: StoreError): void {
    const life = this.#life as Life;
    const commit = life.commitUnderWay as Commit;
    life.commitUnderWay = undefined;
    apply(commit.changes);
    commit.done(error);
  }
}
