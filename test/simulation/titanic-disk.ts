import { type Changes, type Ground, LedgerPort, StoreError } from "@seaworthy/titanic/machine";
import { type Seat, Session } from "./titanic-session.js";
import { type Opened, SimulatedStore, SlowGround } from "./titanic-store.js";

/** How far the clocks of servers are off at most, in ms. */
const SKEW_MS = 3.6e6;

/** One server's disk. What is being committed at a crash is on it afterwards, or not. */
export class DiskStore extends SimulatedStore {
  #session: Session | undefined;
  /** What is being committed, and not synced yet. */
  #unsynced: Changes | undefined;
  #lives = 0;

  get port(): LedgerPort | undefined {
    return this.#session?.port;
  }

  open(seat: Seat, opened: Opened, failed: () => void): void {
    const { context } = seat;
    // The power went, and some of what was on its way to the disk got there.
    if (this.#unsynced !== undefined && this.random() < 0.5) this.memory.apply(this.#unsynced);
    this.#unsynced = undefined;
    const life = ++this.#lives;
    const ground = new SlowGround(this.memory, (changes, done) => this.#commit(seat, life, changes, done));
    const later = (task: () => void): void => void context.scheduler.schedule(context.now(), task);
    const ledger = this.ledger(ground, SKEW_MS * (2 * this.random() - 1), later);
    const session = new Session(
      this.witness,
      seat,
      new LedgerPort(ledger),
      (mine) => (action, done, refused) => {
        this.witness.asked(mine, action);
        this.do(
          mine,
          action,
          (outcome) => later(() => done(outcome)),
          (message) => later(() => refused(message)),
        );
      },
    );
    const before = this.#session;
    const ready = (): void => {
      this.#session = session;
      this.witness.reopened(session.port, before);
      opened(session);
    };
    ledger.open(ready, failed);
  }

  #commit(seat: Seat, life: number, changes: Changes, done: Parameters<Ground["commit"]>[1]): void {
    if (life !== this.#lives) return;
    const mine = new Map(changes);
    this.#unsynced = mine;
    const { simulation } = this.world;
    simulation.at(simulation.now() + this.commitMs(), () => {
      if (this.#unsynced !== mine || !seat.isAlive()) return;
      this.#unsynced = undefined;
      const isFull = this.troubledBy("away");
      if (!isFull) this.memory.apply(mine);
      seat.post(() => done(isFull ? new StoreError("ERR_STORE_FULL", "the disk is full") : undefined));
    });
  }
}
