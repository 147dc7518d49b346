import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import { TitanicServerMachine, type WiredServer, wireServer } from "@seaworthy/titanic/machine";
import { LINGER_MS, RESTART_MS } from "./majordomo-world.js";
import { ServerTap } from "./titanic-server-tap.js";
import type { Session } from "./titanic-session.js";
import type { SimulatedStore } from "./titanic-store.js";
import type { ServerSetting, TitanicWorld } from "./titanic-world.js";

export interface ServerApp {
  /** What runs at present; none while it opens its store, and between a leave and the next start. */
  readonly program: ServerProgram | undefined;
}

/** How long a server waits before it tries again to open its store, in ms. */
const REOPEN_MS = 100;
/** How long the store may take to take back what was worked on, in ms. */
const GIVE_BACK_MS = 200;

export function bootServer(
  world: TitanicWorld,
  setting: ServerSetting,
  store: SimulatedStore,
): SimulatedNode<ServerApp> {
  const node: SimulatedNode<ServerApp> = world.simulation.node(setting.name, (context): ServerApp => {
    let program: ServerProgram | undefined;
    const after = (ms: number, task: () => void): void =>
      void context.scheduler.schedule(context.now() + ms, task);
    const isAlive = (): boolean => node.lives === context.life + 1 && node.state !== "down";
    const seat = {
      setting,
      context,
      isAlive,
      post: (task: () => void) => {
        if (isAlive()) node.call(task);
      },
      work: (service: Uint8Array) => program?.work(service),
      removed: (id: Uint8Array) => program?.removed(id),
    };
    const closed = (): void => {
      program = undefined;
      after(RESTART_MS * context.random(), start);
    };
    const start = (): void =>
      store.open(
        seat,
        (session) => {
          program = new ServerProgram(world, store, session, context, closed);
        },
        () => after(REOPEN_MS, start),
      );
    start();
    return {
      get program() {
        return program;
      },
    };
  });
  return node;
}

/** One life of a server, from its start to its close. */
class ServerProgram {
  readonly machine: TitanicServerMachine;
  readonly #session: Session;
  readonly #context: NodeContext;
  readonly #wired: WiredServer;
  readonly #onClosed: () => void;
  #isLeaving = false;
  #isClosing = false;

  constructor(
    world: TitanicWorld,
    store: SimulatedStore,
    session: Session,
    context: NodeContext,
    onClosed: () => void,
  ) {
    this.#session = session;
    this.#context = context;
    this.#onClosed = onClosed;
    const { setting } = session;
    const { transport, scheduler, random, log, now } = context;
    const newId = (): Uint8Array => Uint8Array.from({ length: 16 }, () => 256 * random());
    const tap = new ServerTap(world, store.witness, session);
    this.machine = tap.around(new TitanicServerMachine(setting.options, newId, random, now()));
    this.#wired = wireServer(this.machine, {
      transport,
      scheduler,
      options: setting.options,
      epoch: BigInt(Math.floor(random() * 2 ** 48)),
      random,
      store: session.perform,
      owner: {
        idle: () => this.#close(),
        status: (event) => log("status", event.type, "service" in event ? event.service : ""),
      },
    });
    for (const broker of setting.brokers) this.#wired.connect(`tcp://${broker}:5555`);
  }

  work(service: Uint8Array): void {
    this.#wired.feed({ type: "work", service });
  }

  removed(id: Uint8Array): void {
    this.#wired.feed({ type: "removed", id });
  }

  /** An operator has changed something in the store. */
  look(): void {
    this.#wired.feed({ type: "look" });
  }

  /** As the role closes: what it works on may end, then it is given back. */
  leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#wired.drain();
    this.#in(LINGER_MS, () => {
      if (this.#isClosing) return;
      this.#wired.giveBack();
      this.#in(GIVE_BACK_MS, () => this.#close());
    });
  }

  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    // Not from within an output of the machine: closing has outputs of its own.
    this.#in(0, () => {
      void this.#wired.close();
      this.#session.close(() => this.#in(0, this.#onClosed));
    });
  }

  #in(ms: number, task: () => void): void {
    this.#context.scheduler.schedule(this.#context.now() + ms, task);
  }
}
