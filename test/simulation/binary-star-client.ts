import {
  BinaryStarClientMachine,
  resolveClientOptions,
  type WiredClient,
  wireClient,
} from "@seaworthy/binary-star/machine";
import { type Random, readUint64, type TransportSocket, writeUint64 } from "@seaworthy/core";
import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import {
  type Asked,
  CLIENT_PORT,
  type ClientApp,
  type ClientSetting,
  NODES,
  other,
  type World,
} from "./binary-star-world.js";

/** How often a request of ours is sent at most. */
const ATTEMPTS = 6;
/** A probe may be sent as often as it likes. */
const PATIENT_ATTEMPTS = 1000;
/** Longest pauses before a request is sent again, and before the next round of servers, in ms. */
export const BACKOFF_MS = 200;

/** How long a request of this client may take while the client runs: for ever, if only its reply ends it. */
export function boundOf({ kind, timeoutMs, settleMs }: ClientSetting, isProbe: boolean): number {
  return kind === "guide" || isProbe ? Number.POSITIVE_INFINITY : ATTEMPTS * timeoutMs + settleMs;
}

export function bootClient(world: World, client: ClientSetting): SimulatedNode<ClientApp> {
  return world.simulation.node(client.name, (context): ClientApp => {
    // Whatever a former life had in hand.
    for (const request of world.open)
      if (request.client === client.name) world.ended(request.call, "died with its client");
    return client.kind === "ours"
      ? new OurClient(world, client, context)
      : new GuideClient(world, client, context);
  });
}

const bodyOf = (call: number): Uint8Array => {
  const body = new Uint8Array(8);
  writeUint64(body, 0, BigInt(call));
  return body;
};

function answered(world: World, { name }: ClientSetting, call: number, body: readonly Uint8Array[]): void {
  const [first] = body;
  const answer = first?.length === 8 ? Number(readUint64(first, 0)) : undefined;
  if (answer !== call) world.violated(`request ${call} of ${name} got the reply to ${answer}`);
  if (body[1] !== undefined) world.answeredIn?.(name, Number(readUint64(body[1], 0)));
  world.ended(call, "answered");
}

const endpointOf = (node: string): string => `tcp://${node}:${CLIENT_PORT}`;
const bits = (random: Random): bigint => BigInt(Math.floor(random() * 2 ** 32));

class OurClient implements ClientApp {
  readonly #client: ClientSetting;
  readonly #wired: WiredClient;

  constructor(world: World, client: ClientSetting, { transport, scheduler, random, log }: NodeContext) {
    this.#client = client;
    const { timeoutMs, settleMs, first } = client;
    const options = resolveClientOptions({
      ...{ timeoutMs, settleMs, attempts: ATTEMPTS },
      backoff: { initialMs: 20, maxMs: BACKOFF_MS },
      socket: { reconnectMaxIntervalMs: BACKOFF_MS },
    });
    this.#wired = wireClient(new BinaryStarClientMachine(options, bits(random), random), {
      ...{ transport, scheduler, socket: options.socket },
      owner: {
        answered(call, body) {
          log("answered", call);
          answered(world, client, call, body);
        },
        failed(call, { code, attempts }) {
          log("failed", call, code, attempts);
          world.ended(call, code);
        },
        status: (event) => log("status", event.type),
      },
    });
    for (const node of [first, other(first)])
      this.#wired.feed({ type: "connect", endpoint: endpointOf(node) });
  }

  get isReady(): boolean {
    return true;
  }

  request({ call, boundMs }: Asked): void {
    const { timeoutMs } = this.#client;
    const attempts = boundMs === Number.POSITIVE_INFINITY ? PATIENT_ATTEMPTS : ATTEMPTS;
    this.#wired.feed({ type: "request", call, body: [bodyOf(call)], timeoutMs, attempts });
  }
}

/**
 * A REQ in the manner of the guide's client: one request at a time; without a reply it closes the socket, gives the
 * pair time to settle, and asks the other.
 */
class GuideClient implements ClientApp {
  readonly #world: World;
  readonly #client: ClientSetting;
  readonly #context: NodeContext;
  #turn: number;
  #call: number | undefined;
  #socket: TransportSocket;
  #cancelTimer: () => void = () => {};

  constructor(world: World, client: ClientSetting, context: NodeContext) {
    this.#world = world;
    this.#client = client;
    this.#context = context;
    this.#turn = NODES.indexOf(client.first);
    this.#socket = this.#open();
  }

  get isReady(): boolean {
    return this.#call === undefined;
  }

  request({ call }: Asked): void {
    this.#call = call;
    this.#send();
  }

  #open(): TransportSocket {
    const socket = this.#context.transport.open(
      { type: "dealer" },
      { message: ([, ...body]) => socket === this.#socket && this.#received(body) },
    );
    socket.connect(endpointOf(NODES[this.#turn] as string));
    return socket;
  }

  #send(): void {
    this.#socket.send([new Uint8Array(0), bodyOf(this.#call as number)]);
    this.#after(this.#client.timeoutMs, () => {
      void this.#socket.close(0);
      this.#after(this.#client.settleMs, () => this.#move());
    });
  }

  #move(): void {
    this.#turn = (this.#turn + 1) % NODES.length;
    this.#socket = this.#open();
    this.#send();
  }

  #received(body: Uint8Array[]): void {
    const call = this.#call;
    if (call === undefined) return;
    this.#call = undefined;
    this.#cancelTimer();
    answered(this.#world, this.#client, call, body);
  }

  #after(ms: number, task: () => void): void {
    const { scheduler } = this.#context;
    this.#cancelTimer = scheduler.schedule(scheduler.now() + ms, task);
  }
}
