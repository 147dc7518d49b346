import type { Frames } from "@seaworthy/core";
import type { NodeContext } from "@seaworthy/simulator";
import type { LedgerPort, PerformStoreAction, StoreAction } from "@seaworthy/titanic/machine";
import type { Page } from "./titanic-page.js";
import type { StoreWitness } from "./titanic-store-witness.js";
import type { ServerSetting } from "./titanic-world.js";

/** What a store is told of the program that opens it. */
export interface Seat {
  readonly setting: ServerSetting;
  readonly context: NodeContext;
  /** Whether the process that it belongs to is still there. */
  isAlive(): boolean;
  /** Has something done by the process, if it is still there. */
  post(task: () => void): void;
  /** Another server has taken in a request for a service. */
  work(service: Uint8Array): void;
  /** Another server has removed a request. */
  removed(id: Uint8Array): void;
}

/** One server's way into a store, from its start to its close or crash. */
export class Session {
  readonly name: string;
  readonly server: string;
  readonly setting: ServerSetting;
  readonly port: LedgerPort;
  readonly seat: Seat;
  /** What it has asked for and the store has not done yet. */
  readonly asked = new Set<StoreAction>();
  /** Requests that it was given, by the bodies that it was given. */
  readonly bodies = new Map<Frames, Page>();
  /** Ids of requests that it works on. */
  readonly holding = new Set<string>();
  readonly perform: PerformStoreAction;
  readonly #witness: StoreWitness;
  #isClosed = false;

  constructor(
    witness: StoreWitness,
    seat: Seat,
    port: LedgerPort,
    perform: (session: Session) => PerformStoreAction,
  ) {
    this.#witness = witness;
    this.setting = seat.setting;
    this.server = seat.setting.name;
    this.name = `${this.server}/${seat.context.life}`;
    this.seat = seat;
    this.port = port;
    this.perform = perform(this);
  }

  isOpen(): boolean {
    return !this.#isClosed && this.seat.isAlive();
  }

  /** Closes the store for this server, as its role does. */
  close(done: () => void): void {
    this.#isClosed = true;
    this.port.close(() => {
      this.#witness.left(this);
      done();
    });
  }
}
