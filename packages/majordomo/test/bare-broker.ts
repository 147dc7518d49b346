import { Router } from "zeromq";
import { anyPort, closing } from "../../core/test/support/queue-peers.js";
import { MajordomoWorker } from "../src/worker.js";
import type { MajordomoWorkerOptions } from "../src/worker-options.js";

/** What a worker of ours says of itself, or a broker, which has no credit, but may ask for an interval. */
export function notice(heartbeatMs: number, creditOrInterval: number): Buffer {
  const frame = Buffer.from("SW\x01\0\0\0\0\0\0\0\0\0", "latin1");
  frame.writeUInt32BE(heartbeatMs, 4);
  frame.writeUInt32BE(creditOrInterval, 8);
  return frame;
}

/** An address as a broker of ours makes them. */
export const address = (name: string): string => name.padEnd(16, "_");

/** A command of a worker, and the routing id that it came under. */
export interface Heard {
  readonly id: Buffer;
  /** The frames, in text, without an empty one in front. */
  readonly words: string[];
}

function isHeartbeat({ words: [protocol, command, ...more] }: Heard): boolean {
  return more.length === 0 && command === (protocol === "MDPW01" ? "\x04" : "\x05");
}

/** A broker on a bare ROUTER, from the texts of 7/MDP and 18/MDP. It says only what the test tells it to. */
export class BareBroker {
  readonly endpoint: string;
  readonly #socket = closing(new Router({ linger: 0, mandatory: true }));
  #sending: Promise<void> = Promise.resolve();

  constructor(endpoint: string = anyPort) {
    this.#socket.bindSync(endpoint);
    this.endpoint = this.#socket.lastEndpoint as string;
  }

  /** The next command, whatever it is. */
  async hear(): Promise<Heard> {
    const [id, first, ...rest] = (await this.#socket.receive()) as [Buffer, Buffer, ...Buffer[]];
    const frames = first.length === 0 ? rest : [first, ...rest];
    return { id, words: frames.map((frame) => frame.toString("latin1")) };
  }

  /** The next command that is not a plain heartbeat. Those are answered with one. */
  async next(): Promise<Heard> {
    for (;;) {
      const heard = await this.hear();
      if (!isHeartbeat(heard)) return heard;
      const is01 = heard.words[0] === "MDPW01";
      this.send(heard.id, is01 ? ["", "MDPW01", "\x04"] : ["MDPW02", "\x05"]);
    }
  }

  /** Reads so many plain heartbeats, and nothing else. */
  async beat(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const heard = await this.hear();
      if (!isHeartbeat(heard)) throw new Error(`instead of a heartbeat there came ${heard.words}`);
    }
  }

  /** Reads up to READY, and greets as brokers of ours do. */
  async welcome(heartbeatMs = 60_000): Promise<Heard> {
    const ready = await this.next();
    this.send(ready.id, ["", "MDPW01", "\x04", notice(heartbeatMs, 0)]);
    return ready;
  }

  /** Gives a request, in 0.2. */
  give(id: Buffer, name: string, text = name): void {
    this.send(id, ["MDPW02", "\x02", address(name), "", text]);
  }

  /** Gives a request, in 0.1. */
  give01(id: Buffer, name: string, text = name): void {
    this.send(id, ["", "MDPW01", "\x02", name, "", text]);
  }

  /** Nobody waits for the reply any more. */
  cancel(id: Buffer, name: string): void {
    this.send(id, ["MDPW02", "\x05", address(name)]);
  }

  send(id: Buffer, frames: (string | Buffer)[]): void {
    this.#sending = this.#sending.then(
      () => this.#socket.send([id, ...frames]),
      () => undefined,
    );
  }

  close(): void {
    this.#socket.close();
  }
}

export function newWorker(endpoint: string, options: MajordomoWorkerOptions = {}): MajordomoWorker {
  const worker = closing(new MajordomoWorker("echo", { lingerMs: 0, ...options }));
  worker.connect(endpoint);
  return worker;
}

/** What a reply in 0.2 looks like; `mark` for what has no reply. */
export const final = (name: string, body: string, mark = ""): string[] => [
  "MDPW02",
  "\x04",
  `${address(name)}${mark}`,
  "",
  body,
];
export const partial = (name: string, body: string): string[] => ["MDPW02", "\x03", address(name), "", body];
export const FAILED = "\x01";
export const DROPPED = "\x02";
export const RETURNED = "\x03";
export const DISCONNECT = ["MDPW02", "\x06"];
