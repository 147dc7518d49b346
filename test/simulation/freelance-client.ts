import {
  FreelanceClientMachine,
  type FreelanceStrategy,
  resolveClientOptions,
  type WiredClient,
  wireClient,
} from "@seaworthy/freelance/machine";
import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import { ForeignClient } from "./freelance-foreign-client.js";
import { ClientWitness } from "./freelance-witness.js";
import {
  type Asked,
  BACKOFF_MS,
  bodyOf,
  type ClientApp,
  type ClientSetting,
  callOf,
  RECONNECT_MS,
  type World,
} from "./freelance-world.js";

const TIGHT = { sendHighWaterMark: 2, maxQueued: 4 };

/** How long a request may take while its client runs. */
export function boundOf({ timeoutMs, attempts }: ClientSetting): number {
  return attempts * timeoutMs + (attempts - 1) * BACKOFF_MS;
}

export function bootClient(world: World, client: ClientSetting): SimulatedNode<ClientApp> {
  return world.simulation.node(client.name, (context): ClientApp => {
    // Whatever a former life had in hand.
    for (const request of world.open)
      if (request.client === client.name) world.ended(request.call, "died with its client");
    return client.kind === "foreign"
      ? new ForeignClient(world, client, context)
      : new OurClient(world, client, client.kind, context);
  });
}

class OurClient implements ClientApp {
  readonly #world: World;
  readonly #client: ClientSetting;
  readonly #strategy: FreelanceStrategy;
  readonly #context: NodeContext;
  #machine!: FreelanceClientMachine;
  #wired!: WiredClient;
  #isClosed = false;

  constructor(world: World, client: ClientSetting, strategy: FreelanceStrategy, context: NodeContext) {
    this.#world = world;
    this.#client = client;
    this.#strategy = strategy;
    this.#context = context;
    this.#open();
  }

  #open(): void {
    const world = this.#world;
    const client = this.#client;
    const strategy = this.#strategy;
    const { transport, scheduler, random, log } = this.#context;
    const { heartbeatMs, liveness, connectTimeoutMs, hedging, maxHedgeRatio, immediate, isTight } = client;
    const options = resolveClientOptions({
      ...{ strategy, heartbeatMs, liveness, connectTimeoutMs, ...hedging, maxHedgeRatio, immediate },
      backoff: { initialMs: 10, maxMs: BACKOFF_MS },
      socket: { reconnectIntervalMs: 20, reconnectMaxIntervalMs: RECONNECT_MS, ...(isTight ? TIGHT : {}) },
    });
    const epoch = BigInt(Math.floor(random() * 2 ** 32));
    const machine = new FreelanceClientMachine(options, epoch, random);
    const witness = new ClientWitness(world, client, machine);
    this.#machine = machine;
    this.#wired = wireClient(machine, {
      ...{ transport, scheduler, strategy, socket: options.socket },
      owner: {
        answered(call, body) {
          const answer = callOf(body[0]);
          if (answer !== call || body.length !== 1)
            world.violated(`request ${call} got the reply to ${answer}`);
          log("answered", call);
          world.ended(call, "answered");
        },
        failed(call, failure) {
          const { code, attempts, sent } = failure;
          log("failed", call, code, attempts, sent);
          witness.failed(call, failure);
          world.ended(call, code);
        },
        status: (event) => log("status", event.type),
      },
    });
    for (const endpoint of client.endpoints) this.change(endpoint, "connect");
  }

  get machine(): FreelanceClientMachine {
    return this.#machine;
  }

  get isReady(): boolean {
    return !this.#isClosed;
  }

  request({ call }: Asked): void {
    const { timeoutMs, attempts } = this.#client;
    this.#wired.feed({ type: "request", call, body: [bodyOf(call)], timeoutMs, attempts });
  }

  abort(call: number): void {
    this.#wired.feed({ type: "abort", call });
  }

  change(endpoint: string, what: "connect" | "disconnect"): void {
    this.#wired.feed({ type: what, endpoint });
  }

  renew(): void {
    void this.#wired.close();
    this.#open();
  }

  close(): void {
    this.#isClosed = true;
    void this.#wired.close();
  }
}
