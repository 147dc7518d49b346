import { anyPort, BareDealer, closing, reported } from "../../core/test/support/queue-peers.js";
import { MajordomoBroker, type MajordomoBrokerOptions } from "../src/index.js";

type Version = "0.1" | "0.2";
type Frame = string | Buffer;

const text = (frame: Buffer | undefined): string => String(frame);

export const texts = (frames: readonly Buffer[]): string[] => frames.map(String);

/** A broker, bound. */
export async function newBroker(
  options: MajordomoBrokerOptions = {},
): Promise<{ broker: MajordomoBroker; endpoint: string }> {
  const broker = closing(new MajordomoBroker({ lingerMs: 0, ...options }));
  return { broker, endpoint: await broker.bind(anyPort) };
}

/** The commands of a worker as the RFCs number them. */
const COMMANDS = {
  "0.1": { ready: "\x01", request: "\x02", final: "\x03", heartbeat: "\x04", disconnect: "\x05" },
  "0.2": { ready: "\x01", request: "\x02", final: "\x04", heartbeat: "\x05", disconnect: "\x06" },
} as const;

/** What a broker says of a request: its address for the reply, and the body. */
export interface GivenRequest {
  address: Buffer;
  body: string[];
}

/** How a worker of ours introduces itself: `SW`, version 1, 0, interval, credit. A broker may ask for another interval. */
export function noticeOf(heartbeatMs: number, creditOrInterval: number): Buffer {
  const frame = Buffer.alloc(12);
  frame.write("SW\x01\0", "latin1");
  frame.writeUInt32BE(heartbeatMs, 4);
  frame.writeUInt32BE(creditOrInterval, 8);
  return frame;
}

/** A worker on a bare DEALER, from the text of 7/MDP and 18/MDP. It reads and says only what the test tells it to. */
export class BareMdpWorker {
  readonly #socket: BareDealer;
  readonly #version: Version;

  constructor(endpoint: string, version: Version = "0.1", routingId?: Buffer) {
    this.#socket = new BareDealer(endpoint, routingId);
    this.#version = version;
  }

  async say(command: keyof (typeof COMMANDS)["0.1"] | "partial", ...frames: Frame[]): Promise<void> {
    const byte = command === "partial" ? "\x03" : COMMANDS[this.#version][command];
    const head = this.#version === "0.1" ? ["", "MDPW01"] : ["MDPW02"];
    await this.#socket.send([...head, byte, ...frames]);
  }

  async reply({ address }: GivenRequest, ...body: Frame[]): Promise<void> {
    await this.say("final", address, "", ...body);
  }

  async partial({ address }: GivenRequest, ...body: Frame[]): Promise<void> {
    await this.say("partial", address, "", ...body);
  }

  /** The next that the broker says, without what says that it is for a worker. */
  async next(): Promise<{ command: string; frames: Buffer[] }> {
    const frames = await this.#socket.receive();
    const head = this.#version === "0.1" ? ["", "MDPW01"] : ["MDPW02"];
    const got = frames.slice(0, head.length).map(text);
    if (got.join() !== head.join()) throw new Error(`not for a worker of ${this.#version}: ${got.join()}`);
    const byte = text(frames[head.length]);
    const entry = Object.entries(COMMANDS[this.#version]).find(([, value]) => value === byte);
    return { command: entry?.[0] ?? `unknown ${byte}`, frames: frames.slice(head.length + 1) };
  }

  /** Reads up to the next command of this name, past heartbeats, each of which it answers with one. */
  async until(wanted: "request" | "disconnect" | "heartbeat"): Promise<Buffer[]> {
    for (;;) {
      const { command, frames } = await this.next();
      if (command === wanted) return frames;
      if (command !== "heartbeat") throw new Error(`${command} instead of ${wanted}`);
      await this.say("heartbeat");
    }
  }

  /** Reads up to the next request. */
  async request(): Promise<GivenRequest> {
    const [address, delimiter, ...body] = await this.until("request");
    if (address === undefined || delimiter?.length !== 0) throw new Error("no single address");
    return { address, body: body.map(text) };
  }

  /** Answers each request with its own body, until it is closed or told to go. */
  async echo(): Promise<void> {
    try {
      for (;;) {
        const [address, , ...body] = await this.until("request");
        await this.say("final", address as Buffer, "", ...body);
      }
    } catch {
      // The socket was closed.
    }
  }

  close(): void {
    this.#socket.close();
  }
}

/** A worker that has registered and been taken in. */
export async function readyWorker(
  broker: MajordomoBroker,
  endpoint: string,
  { service = "echo", version = "0.1" as Version, notice = undefined as Buffer | undefined } = {},
): Promise<BareMdpWorker> {
  const joined = reported(broker, "worker-joined");
  const worker = new BareMdpWorker(endpoint, version);
  await worker.say("ready", service, ...(notice === undefined ? [] : [notice]));
  await joined;
  return worker;
}

/** A client on a bare DEALER that has many requests in flight, each in an envelope of its own. */
export class BareMdpClient {
  readonly #socket: BareDealer;
  readonly #pending = new Map<string, (body: string) => void>();
  #sending: Promise<void> = Promise.resolve();
  #asked = 0;

  constructor(endpoint: string, routingId?: Buffer) {
    this.#socket = new BareDealer(endpoint, routingId);
    void this.#receive();
  }

  /** Asks a service, and resolves with the text of the reply. */
  ask(service: string, ...body: Frame[]): Promise<string> {
    const id = String(++this.#asked);
    const reply = new Promise<string>((resolve) => this.#pending.set(id, resolve));
    this.send(id, "", "MDPC01", service, ...body);
    return reply;
  }

  /** Sends frames as they are. */
  send(...frames: Frame[]): void {
    this.#sending = this.#sending.then(() => this.#socket.send(frames));
  }

  close(): void {
    this.#socket.close();
  }

  async #receive(): Promise<void> {
    try {
      for await (const [id, , , , ...body] of this.#socket)
        this.#pending.get(text(id))?.(body.map(text).join("|"));
    } catch {
      // The socket was closed.
    }
  }
}
