import { MajordomoBroker, type MajordomoHandler, MajordomoWorker } from "@seaworthy/majordomo";
import { anyPort, closing, reported } from "../../core/test/support/queue-peers.js";
import { TitanicClient } from "../src/client.js";
import type { TitanicClientOptions } from "../src/client-options.js";
import { MemoryStore } from "../src/memory-store.js";
import { TitanicServer } from "../src/server.js";
import type { TitanicServerOptions } from "../src/server-options.js";
import type { TitanicStore } from "../src/store.js";

/** A store that cannot be reached for as long as it is told so: its servers answer with 500. */
function breakable(store: TitanicStore): { store: TitanicStore; fault: string | undefined } {
  const state = {
    fault: undefined as string | undefined,
    store: new Proxy(store, {
      get(target, name: keyof TitanicStore) {
        const method = (target[name] as (...args: unknown[]) => unknown).bind(target);
        if (!["add", "find", "remove"].includes(name)) return method;
        return async (...args: unknown[]) => {
          if (state.fault !== undefined) throw new Error(state.fault);
          return method(...args);
        };
      },
    }),
  };
  return state;
}

/** A broker, a store, and whoever comes: servers over that store, workers and clients. */
export class Town {
  readonly endpoint: string;
  readonly memory: MemoryStore = new MemoryStore();
  /** What the store fails with now. */
  readonly flaky: { store: TitanicStore; fault: string | undefined } = breakable(this.memory);
  broker: MajordomoBroker;

  private constructor(broker: MajordomoBroker, endpoint: string) {
    this.broker = broker;
    this.endpoint = endpoint;
  }

  static async build(): Promise<Town> {
    const broker = closing(new MajordomoBroker({ lingerMs: 0 }));
    return new Town(broker, await broker.bind(anyPort));
  }

  /** A server all of whose services the broker knows. */
  async server(options: TitanicServerOptions = {}): Promise<TitanicServer> {
    const server = closing(
      new TitanicServer(this.flaky.store, {
        lingerMs: 0,
        absence: { initialMs: 5, maxMs: 20 },
        backoff: { initialMs: 5, maxMs: 20 },
        ...options,
      }),
    );
    server.connect(this.endpoint);
    const offered = reported(server, "service-offered", 4);
    await server.open();
    await offered;
    return server;
  }

  worker(service: string, handler: MajordomoHandler): MajordomoWorker {
    const worker = closing(new MajordomoWorker(service, { lingerMs: 0 }));
    worker.connect(this.endpoint);
    void worker.serve(handler, { concurrency: 100 });
    return worker;
  }

  client(options: TitanicClientOptions = {}): TitanicClient {
    const client = closing(new TitanicClient({ lingerMs: 0, ...options }));
    client.connect(this.endpoint);
    return client;
  }

  /** The broker goes, with all that it has at hand, and another one comes in its place. */
  async replaceBroker(): Promise<void> {
    await this.broker.close();
    this.broker = closing(new MajordomoBroker({ lingerMs: 0 }));
    await this.broker.bind(this.endpoint);
  }
}

/** A gate that workers wait at. */
export class Gate {
  /** How many have come to it. */
  waiting = 0;
  readonly #come: (() => void)[] = [];
  #open: () => void = () => {};
  readonly #opened: Promise<void> = new Promise((resolve) => {
    this.#open = resolve;
  });

  open(): void {
    this.#open();
  }

  async pass(): Promise<void> {
    this.waiting += 1;
    for (const resolve of this.#come.splice(0)) resolve();
    await this.#opened;
  }

  /** Resolves when somebody has come. */
  arrival(): Promise<void> {
    return this.waiting > 0 ? Promise.resolve() : new Promise((resolve) => this.#come.push(resolve));
  }
}

export const text = (frames: readonly Uint8Array[] | undefined): string =>
  (frames ?? []).map((frame) => Buffer.from(frame).toString()).join("|");

/** Settles without waiting for anybody: what it rejects with is looked at later. */
export function asked<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
