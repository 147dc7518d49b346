// A client in the manner of guide model 3, on a bare ROUTER: one request at a time, to the first server that is alive, and
// to the next when that one does not answer.
import { type Frames, framesEqual, type TransportSocket, textFrame } from "@seaworthy/core";
import type { NodeContext } from "@seaworthy/simulator";
import {
  type Asked,
  bodyOf,
  type ClientApp,
  type ClientSetting,
  callOf,
  serverOf,
  type World,
} from "./freelance-world.js";

const PING = textFrame("PING");
const PONG = textFrame("PONG");

interface Peer {
  readonly endpoint: string;
  readonly name: Uint8Array;
  aliveUntil: number;
}

export class ForeignClient implements ClientApp {
  readonly machine = undefined;
  readonly #world: World;
  readonly #client: ClientSetting;
  readonly #context: NodeContext;
  readonly #router: TransportSocket;
  readonly #peers: Peer[];
  #request: Asked | undefined;
  #triesLeft = 0;
  #isClosed = false;

  constructor(world: World, client: ClientSetting, context: NodeContext) {
    this.#world = world;
    this.#client = client;
    this.#context = context;
    this.#router = context.transport.open(
      { type: "router", immediate: true, handover: true, reconnectMaxIntervalMs: 200 },
      { message: ([name, control, ...body]) => this.#received(name, control, body) },
    );
    this.#peers = client.endpoints.map((endpoint) => ({
      endpoint,
      name: textFrame(endpoint),
      aliveUntil: 0,
    }));
    for (const { endpoint } of this.#peers) this.#router.connect(endpoint);
    this.#ping();
  }

  get isReady(): boolean {
    return this.#request === undefined && !this.#isClosed;
  }

  request(request: Asked): void {
    this.#request = request;
    this.#triesLeft = this.#client.attempts;
    this.#try(request);
  }

  /** It has no way to take a request back, to forget a server, or to begin anew. */
  abort(): void {}
  change(): void {}
  renew(): void {}

  close(): void {
    this.#isClosed = true;
    void this.#router.close(0);
  }

  #ping(): void {
    if (this.#isClosed) return;
    for (const { name } of this.#peers) this.#router.send([name, PING]);
    this.#after(this.#client.heartbeatMs, () => this.#ping());
  }

  #try(request: Asked): void {
    if (this.#request !== request || this.#isClosed) return;
    if (this.#triesLeft-- === 0) {
      this.#request = undefined;
      return this.#world.ended(request.call, "timed out");
    }
    const now = this.#context.now();
    const peer = this.#peers.find(({ aliveUntil }) => aliveUntil > now);
    if (peer !== undefined) {
      const { sent, call } = request;
      const server = serverOf(peer.endpoint);
      sent.set(server, (sent.get(server) ?? 0) + 1);
      this.#router.send([peer.name, bodyOf(call), bodyOf(call)]);
      this.#peers.push(...this.#peers.splice(this.#peers.indexOf(peer), 1));
    }
    this.#after(this.#client.timeoutMs, () => this.#try(request));
  }

  #received(name: Uint8Array | undefined, control: Uint8Array | undefined, body: Frames): void {
    const peer = this.#peers.find((known) => framesEqual(known.name, name as Uint8Array));
    if (control === undefined) return this.#world.violated(`${this.#client.name} gets an empty message`);
    if (peer !== undefined)
      peer.aliveUntil = this.#context.now() + this.#client.liveness * this.#client.heartbeatMs;
    if (framesEqual(control, PONG)) return;
    const call = callOf(control);
    if (call === undefined || body.length !== 1 || callOf(body[0]) !== call)
      return this.#world.violated(`${this.#client.name} gets a strange reply`);
    const request = this.#request;
    if (request?.call !== call) return;
    this.#request = undefined;
    this.#context.log("answered", call);
    this.#world.ended(call, "answered");
  }

  #after(ms: number, task: () => void): void {
    const { scheduler } = this.#context;
    scheduler.schedule(scheduler.now() + ms, task);
  }
}
