// Stores as the simulation has them: a server's own disk, which forgets at a crash what is not synced; and a database
// that several servers share, which outlives them.
import type { Random } from "@seaworthy/core";
import {
  type Ground,
  Ledger,
  type LedgerPort,
  type LedgerSurroundings,
  MemoryGround,
  type PerformStoreAction,
  quickDigest,
  type StoreAction,
} from "@seaworthy/titanic/machine";
import type { Seat, Session } from "./titanic-session.js";
import { StoreWitness } from "./titanic-store-witness.js";
import type { StoreSetting, TitanicWorld } from "./titanic-world.js";

export type Opened = (session: Session) => void;

const LIMITS = { maxRequests: 1e6, maxKeys: 1e6 };
/** When the runs begin, in ms since 1970. */
const EPOCH_MS = 1.7e12;
/** So long a commit takes when the disk is slow, in ms. */
const SLOW_MS = [100, 500] as const;

/** What both kinds of stores have in common. */
export abstract class SimulatedStore {
  readonly setting: StoreSetting;
  readonly witness: StoreWitness;
  protected readonly world: TitanicWorld;
  protected readonly memory = new MemoryGround();
  protected readonly random: Random;

  constructor(world: TitanicWorld, setting: StoreSetting) {
    this.setting = setting;
    this.world = world;
    this.random = world.simulation.stream(setting.name);
    this.witness = new StoreWitness(world, setting);
  }

  /** `opened` or `failed` follows, if the server lives. */
  abstract open(seat: Seat, opened: Opened, failed: () => void): void;
  /** A way into what is stored now, for whoever looks in from outside. */
  abstract get port(): LedgerPort | undefined;

  /** All has been worked off: it has exactly what it should have. */
  audit(): void {
    const entries = this.memory.range("", "\xff\xff", Number.POSITIVE_INFINITY);
    if (this.port !== undefined) this.witness.audit(this.port, entries);
  }

  protected troubledBy(kind: "away" | "slow"): boolean {
    const now = this.world.simulation.now();
    return this.setting.troubles.some(
      (trouble) => trouble.kind === kind && trouble.from <= now && now < trouble.to,
    );
  }

  protected commitMs(): number {
    const [least, most] = this.troubledBy("slow") ? SLOW_MS : [0.1, this.setting.commitMs];
    return least + (most - least) * this.random();
  }

  protected ledger(ground: Ground, skewMs: number, defer: (task: () => void) => void): Ledger {
    const { simulation } = this.world;
    const surroundings: LedgerSurroundings = {
      now: () => simulation.now(),
      wall: () => EPOCH_MS + skewMs + simulation.now(),
      digest: quickDigest,
      checksum: () => 0,
      defer,
    };
    return new Ledger(ground, LIMITS, surroundings);
  }

  /** Does what a server asks for. */
  protected do(
    session: Session,
    action: StoreAction,
    done: Parameters<PerformStoreAction>[1],
    failed: (message: string) => void,
  ): void {
    const method = session.port[action.method] as (...args: unknown[]) => void;
    const executed = (outcome: Parameters<typeof done>[0]): void => {
      this.witness.executed(session, action, outcome);
      done(outcome);
    };
    const refused = (error: unknown): void => {
      this.witness.failed(session, action);
      failed(String(error));
    };
    method.call(session.port, ...action.args, executed, refused);
  }
}

/** A ground that others make the commits of. */
export class SlowGround implements Ground {
  readonly #memory: MemoryGround;
  readonly commit: Ground["commit"];

  constructor(memory: MemoryGround, commit: Ground["commit"]) {
    this.#memory = memory;
    this.commit = commit;
  }

  get(key: string): Uint8Array | undefined {
    return this.#memory.get(key);
  }

  range(from: string, to: string, limit: number): ReturnType<Ground["range"]> {
    return this.#memory.range(from, to, limit);
  }
}
