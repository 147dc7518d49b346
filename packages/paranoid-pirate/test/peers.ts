import { Router } from "zeromq";
import { piratesOf, ready } from "../../core/test/support/pirates.js";
import {
  anyPort,
  BareClient,
  BareDealer,
  closing,
  hasRead,
  READY,
  record,
  reported,
} from "../../core/test/support/queue-peers.js";
import { ParanoidPirateQueue, ParanoidPirateWorker } from "../src/index.js";

export { anyPort, BareClient, BareDealer, closing, hasRead, READY, record, reported };

export const pirates = piratesOf(ParanoidPirateQueue, ParanoidPirateWorker);
export const { newQueue, newWorker } = pirates;

export const HEARTBEAT = "\x02";

/** A worker on a bare DEALER, from the text of 6/PPP. It reads and says only what the test tells it to. */
export class BareWorker {
  readonly #socket: BareDealer;
  /** HEARTBEATs of the queue that were read. */
  heartbeats = 0;

  constructor(backend: string, routingId?: Buffer) {
    this.#socket = new BareDealer(backend, routingId);
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

/** A bare worker that has said READY and been taken in. */
export const readyWorker = (queue: ParanoidPirateQueue, backend: string, id?: Buffer): Promise<BareWorker> =>
  ready(queue, new BareWorker(backend, id));

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
