import { type Ledger, LedgerPort } from "@seaworthy/titanic/machine";
import { type Seat, Session } from "./titanic-session.js";
import { type Opened, SimulatedStore, SlowGround } from "./titanic-store.js";
import type { StoreSetting, TitanicWorld } from "./titanic-world.js";

/** How long a server waits at most for a database that does not answer, in ms. */
const PATIENCE_MS = 200;

/** A database that several servers share. It goes on when they die. */
export class DatabaseStore extends SimulatedStore {
  readonly #ledger: Ledger;
  readonly #sessions = new Set<Session>();
  readonly port: LedgerPort;

  constructor(world: TitanicWorld, setting: StoreSetting) {
    super(world, setting);
    const ground = new SlowGround(this.memory, (changes, done) => {
      const mine = new Map(changes);
      this.#in(this.commitMs(), () => {
        this.memory.apply(mine);
        done();
      });
    });
    this.#ledger = this.ledger(ground, 0, (task) => this.#in(0, task));
    this.port = new LedgerPort(this.#ledger);
    this.#ledger.open(
      () => {},
      (error) => world.violated(`${setting.name} cannot be opened: ${error}`),
    );
  }

  open(seat: Seat, opened: Opened, failed: () => void): void {
    if (this.troubledBy("away")) return failed();
    const toldOfWork = (service: Uint8Array): void =>
      this.#tellOthers(session, (other) => other.work(service));
    const toldOfRemoval = (id: Uint8Array): void => {
      this.witness.told(id);
      this.#tellOthers(session, (other) => other.removed(id));
    };
    const port = new LedgerPort(this.#ledger, toldOfWork, toldOfRemoval);
    const session: Session = new Session(this.witness, seat, port, (mine) => (action, done, refused) => {
      this.witness.asked(mine, action);
      const back = (answer: () => void, ms = this.#travelMs()): void => {
        seat.context.scheduler.schedule(seat.context.now() + ms, answer);
      };
      const broken = (): void => back(() => refused("the database is away"), PATIENCE_MS * this.random());
      this.#in(this.#travelMs(), () => {
        if (this.troubledBy("away") && this.random() < 0.5) {
          this.witness.failed(mine, action);
          return broken();
        }
        const answer: typeof done = (outcome) => {
          if (this.troubledBy("away")) broken();
          else back(() => done(outcome));
        };
        this.do(mine, action, answer, (message) => back(() => refused(message)));
      });
    });
    this.#sessions.add(session);
    opened(session);
  }

  #tellOthers(from: Session, tell: (other: Seat) => void): void {
    for (const session of this.#sessions) {
      if (!session.isOpen()) this.#sessions.delete(session);
      else if (session !== from && this.random() >= this.setting.lostWords)
        this.#in(this.#travelMs(), () => session.seat.post(() => tell(session.seat)));
    }
  }

  #travelMs(): number {
    return 0.1 + this.setting.travelMs * this.random();
  }

  #in(ms: number, task: () => void): void {
    const { simulation } = this.world;
    simulation.at(simulation.now() + ms, task);
  }
}
