import type { EventEmitter } from "node:events";
import { afterEach } from "vitest";
import { Dealer } from "zeromq";

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

/** A status event of any role. */
interface Event {
  readonly type: string;
  readonly reason?: string;
  readonly waitedMs?: number;
}

/** Resolves when a role has reported this many events of a type, from now on. */
export function reported(role: object, type: string, count = 1): Promise<Event[]> {
  const events: Event[] = [];
  const emitter = role as EventEmitter;
  return new Promise((resolve) => {
    emitter.on(type, function listen(event: Event) {
      events.push(event);
      if (events.length < count) return;
      emitter.off(type, listen);
      resolve(events);
    });
  });
}

/** Waits until a role has read all that was sent over a socket: it drops the garbage sent behind it. */
export async function hasRead(role: object, send: (garbage: string) => unknown): Promise<void> {
  const dropped = reported(role, "message-dropped");
  await send("garbage");
  await dropped;
}

/** All events that a role reports from now on, as `type` or `type:reason`, but for stalls of a busy machine. */
export function record(role: object): string[] {
  const seen: string[] = [];
  (role as EventEmitter).on("status", (event: Event) => {
    if (event.type !== "process-stalled")
      seen.push("reason" in event ? `${event.type}:${event.reason}` : event.type);
  });
  return seen;
}

export const ROUTING_ID_OPTION = 5;

/** A bare DEALER, connected; its routing id may be any bytes. */
export class BareDealer extends Dealer {
  constructor(endpoint: string, routingId?: Buffer) {
    // A send that had to wait for room beside a pending receive might never be woken: see docs/decisions/0006.
    super({ linger: 0, sendHighWaterMark: 0 });
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

/** A promise and the way to resolve it. */
export function signal(): { promise: Promise<void>; fire: () => void } {
  let fire = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    fire = resolve;
  });
  return { promise, fire };
}

/** The next request of a worker. Rejects if the worker is closed. */
export async function next<R>(worker: AsyncIterable<R>): Promise<R> {
  const { done, value } = await worker[Symbol.asyncIterator]().next();
  if (done === true) throw new Error("the worker is closed");
  return value;
}
