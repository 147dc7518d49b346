import { Dealer, type Request, Router } from "zeromq";
import { type Frame, Mouth, Watch } from "./bare.js";
import {
  type ClientCommand,
  clientFrames,
  readClientFrames,
  readWorkerFrames,
  type Version,
  type WorkerWord,
  workerFrames,
} from "./mdp-frames.js";

// Clients and workers on bare zeromq sockets, written from 7/MDP and 18/MDP and from what the guide's programs do.

/** A request as a worker got it. */
export interface Given {
  readonly address: Buffer;
  readonly body: Buffer[];
}

/** How a {@link BareMdpWorker} behaves. */
export interface WorkerHabits {
  readonly version?: Version;
  readonly service?: string;
  /** How often it says HEARTBEAT. Default 100. */
  readonly heartbeatMs?: number;
  /** What it says to a request, the last being the FINAL; nothing: that is left to the test. */
  readonly answer?: (body: Buffer[]) => readonly (readonly Frame[])[] | undefined;
  /** A broker that is no more knew it: its first word is a HEARTBEAT. */
  readonly isRegistered?: boolean;
  /** It has one thread, and says no HEARTBEAT while it is at work, like the guide's. */
  readonly isSilentAtWork?: boolean;
}

/** A worker of 7/MDP or 18/MDP. Told to disconnect, it closes its socket and comes again on a new one. */
export class BareMdpWorker {
  readonly requests: Given[] = [];
  /** Words for it other than requests, in order. */
  readonly commands: WorkerWord[] = [];
  /** What came and is not exactly as the RFCs say. */
  readonly strange: Buffer[][] = [];
  /** How often it has said READY, each time on a new socket. */
  sessions = 0;
  readonly #endpoint: string;
  readonly #habits: WorkerHabits;
  readonly #version: Version;
  readonly #watch = new Watch();
  readonly #timer: NodeJS.Timeout;
  #atWork = 0;
  #socket: Dealer;
  #mouth: Mouth;

  constructor(endpoint: string, habits: WorkerHabits = {}) {
    this.#endpoint = endpoint;
    this.#habits = habits;
    this.#version = habits.version ?? "0.1";
    this.#socket = this.#open();
    this.#mouth = new Mouth(this.#socket);
    if (habits.isRegistered) void this.#listen(this.#socket);
    else this.#register();
    this.#timer = setInterval(() => {
      if (!habits.isSilentAtWork || this.#atWork === 0) void this.say("heartbeat");
    }, habits.heartbeatMs ?? 100);
  }

  until(isTrue: () => boolean): Promise<void> {
    return this.#watch.until(isTrue);
  }

  say(word: WorkerWord, ...frames: Frame[]): Promise<void> {
    return this.sayAnything(workerFrames(this.#version, word, ...frames));
  }

  sayAnything(frames: readonly Frame[]): Promise<void> {
    return this.#mouth.say(frames);
  }

  partial({ address }: Given, ...body: Frame[]): Promise<void> {
    return this.say("partial", address, "", ...body);
  }

  reply({ address }: Given, ...body: Frame[]): Promise<void> {
    this.#atWork -= 1;
    return this.say("final", address, "", ...body);
  }

  /** It has so many requests. */
  async take(count: number): Promise<Given[]> {
    await this.until(() => this.requests.length >= count);
    return this.requests.slice(0, count);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }

  #open(): Dealer {
    const socket = new Dealer({ linger: 0 });
    socket.connect(this.#endpoint);
    return socket;
  }

  #register(): void {
    this.sessions += 1;
    this.#atWork = 0;
    void this.say("ready", this.#habits.service ?? "echo");
    void this.#listen(this.#socket);
  }

  #comeAgain(): void {
    this.#socket.close();
    this.#socket = this.#open();
    this.#mouth = new Mouth(this.#socket);
    this.#register();
  }

  async #listen(socket: Dealer): Promise<void> {
    for await (const frames of socket) {
      const command = readWorkerFrames(frames);
      if (command?.version !== this.#version) this.strange.push(frames);
      else if (command.word === "request") this.#work(command.frames);
      else {
        this.commands.push(command.word);
        if (command.word === "disconnect") this.#comeAgain();
      }
      this.#watch.look();
    }
  }

  #work([address, , ...body]: Buffer[]): void {
    const given = { address: address as Buffer, body };
    this.requests.push(given);
    this.#atWork += 1;
    const parts = this.#habits.answer?.(body);
    if (parts === undefined) return;
    for (const part of parts.slice(0, -1)) void this.partial(given, ...part);
    void this.reply(given, ...(parts.at(-1) as Frame[]));
  }
}

/** Answers with the body. */
export const echo = (body: Buffer[]): Buffer[][] => [body];

/** A client on a DEALER, without any envelope: it cannot tell replies apart but by what is in them. */
export class BareMdpClient {
  /** All that came and is as the RFCs say. */
  readonly replies: ClientCommand[] = [];
  readonly strange: Buffer[][] = [];
  readonly version: Version;
  readonly #watch = new Watch();
  readonly #socket: Dealer;
  readonly #mouth: Mouth;

  constructor(endpoint: string, version: Version = "0.1") {
    this.version = version;
    this.#socket = new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 });
    this.#socket.connect(endpoint);
    this.#mouth = new Mouth(this.#socket);
    void this.#read();
  }

  get texts(): string[] {
    return this.replies.map(({ body }) => body.map(String).join("|"));
  }

  send(service: string, ...body: Frame[]): Promise<void> {
    return this.#mouth.say(clientFrames(this.version, "request", service, ...body));
  }

  /** One after the other: sends, and waits for the next FINAL. Returns all parts. */
  async ask(service: string, ...body: Frame[]): Promise<string[]> {
    const before = this.replies.length;
    await this.send(service, ...body);
    await this.until(() => this.replies.slice(before).some(({ word }) => word === "final"));
    return this.texts.slice(before);
  }

  until(isTrue: () => boolean): Promise<void> {
    return this.#watch.until(isTrue);
  }

  close(): void {
    this.#socket.close();
  }

  async #read(): Promise<void> {
    for await (const frames of this.#socket) {
      const command = readClientFrames(frames);
      if (command?.version !== this.version || command.word === "request") this.strange.push(frames);
      else this.replies.push(command);
      this.#watch.look();
    }
  }
}

/** What a REQ client of 0.1 gets from a service; anything but the header of its reply is an error. */
export async function askReq(req: Request, service: string, ...body: Frame[]): Promise<string> {
  await req.send(["MDPC01", service, ...body]);
  const [header, name, ...reply] = (await req.receive()).map(String);
  if (header !== "MDPC01" || name !== service || reply.length === 0) throw new Error(`${header} ${name}`);
  return reply.join("|");
}

/** A device between clients and a broker: each message that passes has its sender's routing id in front. */
export class Device {
  readonly endpoint: string;
  readonly #frontend = new Router({ linger: 0 });
  readonly #backend = new Dealer({ linger: 0 });

  constructor(broker: string) {
    this.#frontend.bindSync("tcp://127.0.0.1:*");
    this.endpoint = this.#frontend.lastEndpoint as string;
    this.#backend.connect(broker);
    void forward(this.#frontend, this.#backend);
    void forward(this.#backend, this.#frontend);
  }

  close(): void {
    this.#frontend.close();
    this.#backend.close();
  }
}

async function forward(from: Router | Dealer, to: Router | Dealer): Promise<void> {
  const mouth = new Mouth(to);
  for await (const frames of from) void mouth.say(frames);
}
