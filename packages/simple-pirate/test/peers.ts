import type { EventEmitter } from "node:events";
import { afterEach } from "vitest";
import { Dealer, Request, Router } from "zeromq";
import {
  SimplePirateQueue,
  type SimplePirateQueueEvent,
  type SimplePirateQueueOptions,
  SimplePirateWorker,
  type SimplePirateWorkerEvent,
  type SimplePirateWorkerOptions,
} from "../src/index.js";

export const anyPort = "tcp://127.0.0.1:*";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((role) => role.close()));
});

/** Has it closed at the end of the test. */
export function closing<T extends { close(): unknown }>(role: T): T {
  open.push(role);
  return role;
}

/** A queue, bound on both sides. */
export async function newQueue(
  options: SimplePirateQueueOptions = {},
): Promise<{ queue: SimplePirateQueue; frontend: string; backend: string }> {
  const queue = closing(new SimplePirateQueue({ lingerMs: 0, ...options }));
  return { queue, frontend: await queue.bindFrontend(anyPort), backend: await queue.bindBackend(anyPort) };
}

export function newWorker(backend: string, options: SimplePirateWorkerOptions = {}): SimplePirateWorker {
  const worker = closing(new SimplePirateWorker({ lingerMs: 0, ...options }));
  worker.connect(backend);
  return worker;
}

type Event = SimplePirateQueueEvent | SimplePirateWorkerEvent;
type AnyRole = SimplePirateQueue | SimplePirateWorker;

/** Resolves when a role has reported this many events of a type, from now on. */
export function reported(role: AnyRole, type: Event["type"], count = 1): Promise<Event[]> {
  const events: Event[] = [];
  const emitter = role as unknown as EventEmitter;
  return new Promise((resolve) => {
    emitter.on(type, function listen(event: Event) {
      events.push(event);
      if (events.length < count) return;
      emitter.off(type, listen);
      resolve(events);
    });
  });
}

/** All events that a role reports from now on, as `type` or `type:reason`, but for stalls of a busy machine. */
export function record(role: AnyRole): string[] {
  const seen: string[] = [];
  (role as unknown as EventEmitter).on("status", (event: Event) => {
    if (event.type !== "process-stalled")
      seen.push("reason" in event ? `${event.type}:${event.reason}` : event.type);
  });
  return seen;
}

const ROUTING_ID_OPTION = 5;

/** A bare DEALER, connected; its routing id may be any bytes. */
export class BareDealer extends Dealer {
  constructor(endpoint: string, routingId?: Buffer) {
    super({ linger: 0 });
    if (routingId !== undefined) this.setStringOption(ROUTING_ID_OPTION, routingId);
    this.connect(endpoint);
    closing(this);
  }
}

/** A DEALER that speaks the standard envelope with an id per request: many may be in flight. */
export class BareClient {
  readonly #socket: BareDealer;
  readonly #pending = new Map<string, (body: string) => void>();
  #sending: Promise<void> = Promise.resolve();
  #asked = 0;

  constructor(frontend: string, routingId?: Buffer) {
    this.#socket = new BareDealer(frontend, routingId);
    void this.#receive();
  }

  /** Asks, and resolves with the text of the reply. */
  ask(text: string): Promise<string> {
    const id = String(++this.#asked);
    const reply = new Promise<string>((resolve) => this.#pending.set(id, resolve));
    this.send(id, "", text);
    return reply;
  }

  /** Sends frames as they are. */
  send(...frames: string[]): void {
    this.#sending = this.#sending.then(() => this.#socket.send(frames));
  }

  close(): void {
    this.#socket.close();
  }

  async #receive(): Promise<void> {
    try {
      for await (const [id, , ...body] of this.#socket) {
        this.#pending.get(String(id))?.(body.map(String).join("|"));
      }
    } catch {
      // The socket was closed.
    }
  }
}

export const READY = "\x01";

/** A worker on a bare REQ, as the guide's are: it says READY, and gets one request after another. */
export class BareWorker extends Request {
  constructor(backend: string, routingId?: Buffer) {
    super({ linger: 0, reconnectInterval: 10 });
    if (routingId !== undefined) this.setStringOption(ROUTING_ID_OPTION, routingId);
    this.connect(backend);
    closing(this);
  }

  /** Replies to a request. */
  async reply([address, empty]: Buffer[], ...body: string[]): Promise<void> {
    await this.send([address as Buffer, empty as Buffer, ...body]);
  }

  /** Answers each request with its own body, until it is closed. */
  async echo(): Promise<void> {
    try {
      for await (const frames of this) await this.send(frames);
    } catch {
      // The socket was closed.
    }
  }
}

/** A bare worker that has said READY and been taken in. */
export async function readyWorker(
  queue: SimplePirateQueue,
  backend: string,
  id?: Buffer,
): Promise<BareWorker> {
  const joined = reported(queue, "worker-joined");
  const worker = new BareWorker(backend, id);
  await worker.send(READY);
  await joined;
  return worker;
}

/** Waits until the queue has read all that was sent over a socket: it drops the garbage sent behind it. */
export async function hasRead(queue: SimplePirateQueue, send: (garbage: string) => unknown): Promise<void> {
  const dropped = reported(queue, "message-dropped");
  await send("garbage");
  await dropped;
}

/** Asks without waiting for replies; resolves when the queue has read all of them. */
export async function askAll(queue: SimplePirateQueue, client: BareClient, texts: string[]): Promise<void> {
  for (const text of texts) void client.ask(text);
  await hasRead(queue, (garbage) => client.send(garbage));
}

/** Answers each request with its own body; resolves with the bodies of so many, in their order. */
export async function serve(worker: BareWorker, count: number): Promise<string[]> {
  const bodies: string[] = [];
  while (bodies.length < count) {
    const request = await worker.receive();
    bodies.push(String(request.at(-1)));
    await worker.send(request);
  }
  return bodies;
}

/** A queue's side for workers on a bare ROUTER; it has no clients. */
export class BareQueue {
  readonly #socket = closing(new Router({ linger: 0 }));
  readonly endpoint: string;

  constructor(endpoint = anyPort) {
    this.#socket.bindSync(endpoint);
    this.endpoint = this.#socket.lastEndpoint as string;
  }

  /** The next message of a worker: its routing id, and what is behind the empty frame, as text. */
  async receive(): Promise<[worker: Buffer, ...frames: string[]]> {
    const [worker, , ...frames] = (await this.#socket.receive()) as [Buffer, ...Buffer[]];
    return [worker, ...frames.map(String)];
  }

  /** Gives a worker a request, or whatever else these frames are. */
  async send(worker: Buffer, ...frames: string[]): Promise<void> {
    await this.#socket.send([worker, "", ...frames]);
  }

  close(): void {
    this.#socket.close();
  }
}
