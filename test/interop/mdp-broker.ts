import { Router } from "zeromq";
import { type Frame, Mouth, Watch } from "./bare.js";
import {
  type ClientCommand,
  clientFrames,
  readClientFrames,
  type Version,
  WORKER_COMMANDS,
  type WorkerWord,
  workerFrames,
} from "./mdp-frames.js";

/** A request, at a service that is part of the broker. */
export interface Asked extends Omit<ClientCommand, "word"> {
  /** The routing id of the socket that it came over, in hexadecimal. */
  readonly peer: string;
  partial(...body: Frame[]): void;
  reply(...body: Frame[]): void;
}

/** What a worker said. */
export interface Heard {
  readonly id: string;
  readonly version: Version;
  readonly word: WorkerWord;
  readonly frames: Buffer[];
}

/** How a {@link BareMdpBroker} behaves. */
export interface BrokerHabits {
  /** The one version that it knows. Default 0.1. */
  readonly version?: Version;
  /** Where it listens. Default: any port. */
  readonly endpoint?: string;
  /** What it says to `mmi.` services: as in 8/MMI and the guide's, or nothing, as if nobody offered them. */
  readonly mmi?: "guide" | "none";
  /** Services that are part of it (7/MDP, Overall Topology). */
  readonly services?: Readonly<Record<string, (asked: Asked) => void>>;
  /** How often workers that wait are sent a HEARTBEAT; those at work never are. Default 100. */
  readonly heartbeatMs?: number;
  /** Frames that it puts behind a client's address, although the RFCs say that there is one frame. */
  readonly hops?: readonly string[];
}

interface Worker {
  readonly id: Buffer;
  readonly service: string;
  /** Whose request it has. */
  client: Buffer | undefined;
}

interface Waiting {
  readonly client: Buffer;
  readonly body: Buffer[];
}

/**
 * A broker of one version on a bare ROUTER, in the manner of the guide's mdbroker: the least recently used worker
 * comes first, each has one request at a time, an unknown one is sent away. It knows no envelopes: what has one is
 * no message to it.
 */
export class BareMdpBroker {
  readonly endpoint: string;
  /** What workers said. */
  readonly heard: Heard[] = [];
  /** What it made no sense of. */
  readonly invalid: Buffer[][] = [];
  /** Names of services that were asked for. */
  readonly asked: string[] = [];
  /** It hangs: it takes what comes and says nothing. */
  isFrozen = false;
  readonly #habits: BrokerHabits;
  readonly #version: Version;
  readonly #socket = new Router({ linger: 0, mandatory: true, sendHighWaterMark: 0 });
  readonly #mouth = new Mouth(this.#socket);
  readonly #watch = new Watch();
  readonly #timer: NodeJS.Timeout;
  readonly #workers = new Map<string, Worker>();
  /** Those without a request, the least recently used first. */
  readonly #ready = new Set<Worker>();
  readonly #requests = new Map<string, Waiting[]>();

  constructor(habits: BrokerHabits = {}) {
    this.#habits = habits;
    this.#version = habits.version ?? "0.1";
    this.#socket.bindSync(habits.endpoint ?? "tcp://127.0.0.1:*");
    this.endpoint = this.#socket.lastEndpoint as string;
    this.#timer = setInterval(() => this.sayToReady("heartbeat"), habits.heartbeatMs ?? 100);
    void this.#read();
  }

  /** Routing ids of those who said READY, in order. */
  get readies(): string[] {
    return this.heard.filter(({ word }) => word === "ready").map(({ id }) => id);
  }

  count(word: WorkerWord): number {
    return this.heard.filter((heard) => heard.word === word).length;
  }

  until(isTrue: () => boolean): Promise<void> {
    return this.#watch.until(isTrue);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }

  /** To all workers that wait. */
  sayToReady(word: WorkerWord): void {
    for (const { id } of this.#ready) this.#tell(id, workerFrames(this.#version, word));
  }

  /** Anything to all workers, at work or not. */
  sayToAll(frames: readonly Frame[]): void {
    for (const { id } of this.#workers.values()) this.#tell(id, frames);
  }

  /** DISCONNECT to all workers, which it forgets. */
  dismiss(): void {
    this.sayToAll(workerFrames(this.#version, "disconnect"));
    this.#workers.clear();
    this.#ready.clear();
  }

  /** Anything to a client. */
  say({ peer }: Asked, frames: readonly Frame[]): void {
    this.#tell(Buffer.from(peer, "hex"), frames);
  }

  #tell(id: Buffer, frames: readonly Frame[]): void {
    // A peer may be gone by now.
    if (!this.isFrozen) this.#mouth.say([id, ...frames]).catch(() => undefined);
  }

  async #read(): Promise<void> {
    for await (const [id, ...frames] of this.#socket) {
      if (!this.isFrozen) this.#took(id as Buffer, frames);
      this.#watch.look();
    }
  }

  #took(id: Buffer, frames: Buffer[]): void {
    const asked = readClientFrames(frames);
    if (asked?.version === this.#version) return this.#clientSaid(id, asked);
    // Like the guide's, it looks at no more of READY than it must: a notice is nothing to it.
    const start = this.#version === "0.1" ? 1 : 0;
    const header = this.#version === "0.1" ? "MDPW01" : "MDPW02";
    const byte = String(frames[start + 1]);
    const word = Object.entries(WORKER_COMMANDS[this.#version]).find(([, value]) => value === byte)?.[0];
    if (String(frames[start]) !== header || word === undefined || (start === 1 && frames[0]?.length !== 0)) {
      this.invalid.push(frames);
      return;
    }
    const rest = frames.slice(start + 2);
    const heard = { id: id.toString("hex"), version: this.#version, word: word as WorkerWord, frames: rest };
    this.heard.push(heard);
    this.#workerSaid(id, heard);
  }

  #workerSaid(id: Buffer, { id: key, word, frames }: Heard): void {
    const worker = this.#workers.get(key);
    if (word === "disconnect") return this.#forget(worker, key);
    if ((worker === undefined) === (word !== "ready")) {
      this.#forget(worker, key);
      return this.#tell(id, workerFrames(this.#version, "disconnect"));
    }
    if (word === "ready") {
      const service = String(frames[0]);
      const newcomer: Worker = { id, service, client: undefined };
      this.#workers.set(key, newcomer);
      this.#ready.add(newcomer);
      this.#serve(service);
    } else if (worker !== undefined && (word === "partial" || word === "final")) {
      this.#replied(worker, word, frames);
    }
  }

  #forget(worker: Worker | undefined, key: string): void {
    if (worker !== undefined) this.#ready.delete(worker);
    this.#workers.delete(key);
  }

  #replied(worker: Worker, word: "partial" | "final", frames: Buffer[]): void {
    const end = frames.findIndex((frame) => frame.length === 0);
    const [client, ...hops] = frames.slice(0, end);
    const body = frames.slice(end + 1);
    const areHops = hops.map(String).join() === (this.#habits.hops ?? []).join();
    if (client === undefined || !worker.client?.equals(client) || !areHops || body.length === 0) {
      this.invalid.push(frames);
      return;
    }
    this.#tell(client, clientFrames(this.#version, word, worker.service, ...body));
    if (word === "partial") return;
    worker.client = undefined;
    this.#ready.add(worker);
    this.#serve(worker.service);
  }

  #clientSaid(client: Buffer, { version, service, body }: ClientCommand): void {
    this.asked.push(service);
    const inside = this.#habits.services?.[service];
    const say = (word: "partial" | "final", reply: Frame[]): void =>
      this.#tell(client, clientFrames(version, word, service, ...reply));
    if (service.startsWith("mmi.")) {
      if (this.#habits.mmi !== "none") say("final", [this.#manage(service, String(body.at(-1)))]);
    } else if (inside !== undefined) {
      inside({
        ...{ version, service, body, peer: client.toString("hex") },
        partial: (...part) => say("partial", part),
        reply: (...reply) => say("final", reply),
      });
    } else {
      const waiting = this.#requests.get(service) ?? [];
      waiting.push({ client, body });
      this.#requests.set(service, waiting);
      this.#serve(service);
    }
  }

  #manage(service: string, name: string): string {
    if (service !== "mmi.service") return "501";
    const isOffered = [...this.#workers.values()].some((worker) => worker.service === name);
    return isOffered || this.#habits.services?.[name] !== undefined ? "200" : "404";
  }

  #serve(service: string): void {
    const waiting = this.#requests.get(service) ?? [];
    for (const worker of this.#ready) {
      if (worker.service !== service) continue;
      const request = waiting.shift();
      if (request === undefined) return;
      const { client, body } = request;
      worker.client = client;
      this.#ready.delete(worker);
      const address = [client, ...(this.#habits.hops ?? [])];
      this.#tell(worker.id, workerFrames(this.#version, "request", ...address, "", ...body));
    }
  }
}
