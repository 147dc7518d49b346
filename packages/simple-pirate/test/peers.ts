import { Request, Router } from "zeromq";
import { piratesOf, ready } from "../../core/test/support/pirates.js";
import {
  anyPort,
  BareClient,
  BareDealer,
  closing,
  hasRead,
  READY,
  ROUTING_ID_OPTION,
  record,
  reported,
} from "../../core/test/support/queue-peers.js";
import { SimplePirateQueue, SimplePirateWorker } from "../src/index.js";

export { anyPort, BareClient, BareDealer, closing, hasRead, READY, record, reported };

export const pirates = piratesOf(SimplePirateQueue, SimplePirateWorker);
export const { newQueue, newWorker } = pirates;

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
export const readyWorker = (queue: SimplePirateQueue, backend: string, id?: Buffer): Promise<BareWorker> =>
  ready(queue, new BareWorker(backend, id));

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
