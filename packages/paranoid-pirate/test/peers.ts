import type { EventEmitter } from "node:events";
import { afterEach } from "vitest";
import { Dealer, Router } from "zeromq";
import {
  ParanoidPirateQueue,
  type ParanoidPirateQueueEvent,
  type ParanoidPirateQueueOptions,
  ParanoidPirateWorker,
  type ParanoidPirateWorkerEvent,
  type ParanoidPirateWorkerOptions,
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
  options: ParanoidPirateQueueOptions = {},
): Promise<{ queue: ParanoidPirateQueue; frontend: string; backend: string }> {
  const queue = closing(new ParanoidPirateQueue({ lingerMs: 0, ...options }));
  return { queue, frontend: await queue.bindFrontend(anyPort), backend: await queue.bindBackend(anyPort) };
}

export function newWorker(backend: string, options: ParanoidPirateWorkerOptions = {}): ParanoidPirateWorker {
  const worker = closing(new ParanoidPirateWorker({ lingerMs: 0, ...options }));
  worker.connect(backend);
  return worker;
}

type Event = ParanoidPirateQueueEvent | ParanoidPirateWorkerEvent;
type AnyRole = ParanoidPirateQueue | ParanoidPirateWorker;

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

/** A bare DEALER that speaks the standard envelope with an id per request: many may be in flight. */
export class BareClient {
  readonly #socket = closing(new Dealer({ linger: 0 }));
  readonly #pending = new Map<string, (body: string) => void>();
  #sending: Promise<void> = Promise.resolve();
  #asked = 0;

  constructor(frontend: string) {
    this.#socket.connect(frontend);
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

const ROUTING_ID_OPTION = 5;

/** A DEALER whose routing id may be any bytes. */
class NamedDealer extends Dealer {
  constructor(routingId: Buffer) {
    super({ linger: 0 });
    this.setStringOption(ROUTING_ID_OPTION, routingId);
  }
}

export const READY = "\x01";
export const HEARTBEAT = "\x02";

/** A worker on a bare DEALER, from the text of 6/PPP. It reads and says only what the test tells it to. */
export class BareWorker {
  readonly #socket: Dealer;
  /** HEARTBEATs of the queue that were read. */
  heartbeats = 0;

  constructor(backend: string, routingId?: Buffer) {
    this.#socket = closing(routingId === undefined ? new Dealer({ linger: 0 }) : new NamedDealer(routingId));
    this.#socket.connect(backend);
  }

  async send(...frames: (string | Buffer)[]): Promise<void> {
    await this.#socket.send(frames);
  }

  /** Reads up to the next request, past heartbeats, each of which it answers with one. */
  async request(): Promise<Buffer[]> {
    for (;;) {
      const frames = await this.#socket.receive();
      if (frames.length > 2) return frames;
      await this.#heard();
    }
  }

  /** Reads so many heartbeats, each of which it answers with one. */
  async beat(count: number): Promise<void> {
    for (const until = this.heartbeats + count; this.heartbeats < until; ) {
      await this.#socket.receive();
      await this.#heard();
    }
  }

  /** Replies to a request with the given text. */
  async reply([address, empty]: Buffer[], text: string): Promise<void> {
    await this.send(address as Buffer, empty as Buffer, text);
  }

  /** Answers each request with its own body, until it is closed. */
  async echo(): Promise<void> {
    try {
      for (;;) await this.send(...(await this.request()));
    } catch {
      // The socket was closed.
    }
  }

  close(): void {
    this.#socket.close();
  }

  async #heard(): Promise<void> {
    this.heartbeats += 1;
    await this.send(HEARTBEAT);
  }
}

/** A queue's side for workers on a bare ROUTER, from the text of 6/PPP; it has no clients. */
export class BareQueue {
  readonly #socket = closing(new Router({ linger: 0 }));
  readonly endpoint: string;

  constructor(endpoint = anyPort) {
    this.#socket.bindSync(endpoint);
    this.endpoint = this.#socket.lastEndpoint as string;
  }

  /** The next message of a worker: its routing id, and the frames. */
  async receive(): Promise<[worker: Buffer, ...frames: Buffer[]]> {
    return (await this.#socket.receive()) as [Buffer, ...Buffer[]];
  }

  /** The next message that is no heartbeat; heartbeats are answered. */
  async next(): Promise<[worker: Buffer, ...frames: Buffer[]]> {
    for (;;) {
      const [worker, ...frames] = await this.receive();
      if (String(frames[0]) !== HEARTBEAT) return [worker, ...frames];
      await this.send(worker, HEARTBEAT);
    }
  }

  async send(worker: Buffer, ...frames: (string | Buffer)[]): Promise<void> {
    await this.#socket.send([worker, ...frames]);
  }

  close(): void {
    this.#socket.close();
  }
}
