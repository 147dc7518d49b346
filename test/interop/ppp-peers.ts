import { Dealer, type Request, Router } from "zeromq";
import { Mouth, Watch } from "./bare.js";

// Peers on bare zeromq sockets, written from 6/PPP and from what the guide's programs do.

export const READY: Buffer = Buffer.from([0x01]);
export const HEARTBEAT: Buffer = Buffer.from([0x02]);

/** A worker of 6/PPP: says READY, then a heartbeat each interval, and answers as its application says. */
export class BareWorker {
  /** Requests that came, in order. */
  readonly requests: Buffer[][] = [];
  /** Everything else that came. */
  readonly commands: Buffer[][] = [];
  readonly #socket: Dealer;
  readonly #mouth: Mouth;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #watch = new Watch();

  /** @param answer - what to say to a request, or nothing */
  constructor(
    endpoint: string,
    answer: (request: Buffer[]) => readonly (string | Uint8Array)[] | undefined,
    { heartbeatMs = 100, routingId }: { heartbeatMs?: number; routingId?: string } = {},
  ) {
    // A send that had to wait for room beside a pending receive might never be woken: see docs/decisions/0006.
    this.#socket = new Dealer({
      linger: 0,
      sendHighWaterMark: 0,
      ...(routingId === undefined ? {} : { routingId }),
    });
    this.#mouth = new Mouth(this.#socket);
    this.#socket.connect(endpoint);
    void this.say([READY]);
    if (heartbeatMs < Number.POSITIVE_INFINITY)
      this.#timer = setInterval(() => void this.say([HEARTBEAT]), heartbeatMs);
    void this.#read(answer);
  }

  say(frames: readonly (string | Uint8Array)[]): Promise<void> {
    return this.#mouth.say(frames);
  }

  /** Resolves when this has become true by something that came. */
  until(isTrue: () => boolean): Promise<void> {
    return this.#watch.until(isTrue);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }

  async #read(answer: (request: Buffer[]) => readonly (string | Uint8Array)[] | undefined): Promise<void> {
    for await (const frames of this.#socket) {
      if (frames.length < 3) this.commands.push(frames);
      else {
        this.requests.push(frames);
        const reply = answer(frames);
        if (reply !== undefined) void this.say(reply);
      }
      this.#watch.look();
    }
  }
}

/** What a worker of 6/PPP answers: all frames of the address as they came, the empty frame, and a body. */
export function echo(request: Buffer[]): Buffer[] {
  return request;
}

/** The guide's ppworker knows a request by its three frames, and takes nothing else for one. */
export function echoThreeFrames(request: Buffer[]): Buffer[] | undefined {
  return request.length === 3 ? request : undefined;
}

/** How a {@link BareQueue} behaves. */
export interface BareQueueHabits {
  readonly heartbeatMs?: number;
  /** The guide's fault: any message of a worker puts it on the list, also of one that is at work. */
  readonly relistsBusy?: boolean;
}

/**
 * A queue of 6/PPP in the manner of the guide's ppqueue: what it gives a worker is the client's whole envelope and
 * body; the least recently used worker comes first; only workers on the list are sent heartbeats.
 */
export class BareQueue {
  readonly frontEndpoint: string;
  readonly backEndpoint: string;
  /** Everything that workers said, without their routing ids. */
  readonly heard: Buffer[][] = [];
  /** Routing ids of those who said READY, in hexadecimal. */
  readonly readies: string[] = [];
  /** Requests that were given to workers that had one. */
  givenToBusy = 0;
  /** Called after each message of a worker and each request that was given to one. */
  looked: (() => void) | undefined;
  readonly #frontend = new Router({ linger: 0, mandatory: true });
  readonly #backend = new Router({ linger: 0, mandatory: true });
  readonly #front = new Mouth(this.#frontend);
  readonly #back = new Mouth(this.#backend);
  readonly #habits: BareQueueHabits;
  /** On the list, the least recently used first. */
  readonly #ready = new Map<string, Buffer>();
  readonly #busy = new Map<string, number>();
  readonly #requests: Buffer[][] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(habits: BareQueueHabits = {}) {
    this.#habits = habits;
    this.#frontend.bindSync("tcp://127.0.0.1:*");
    this.#backend.bindSync("tcp://127.0.0.1:*");
    this.frontEndpoint = this.#frontend.lastEndpoint as string;
    this.backEndpoint = this.#backend.lastEndpoint as string;
    this.#timer = setInterval(() => this.#beat(), habits.heartbeatMs ?? 100);
    void this.#readFront();
    void this.#readBack();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#frontend.close();
    this.#backend.close();
  }

  /** Says anything to all workers on the list. */
  sayToReady(frames: readonly (string | Uint8Array)[]): void {
    for (const id of this.#ready.values()) void this.#back.say([id, ...frames]);
  }

  #beat(): void {
    this.sayToReady([HEARTBEAT]);
  }

  async #readFront(): Promise<void> {
    for await (const request of this.#frontend) {
      this.#requests.push(request);
      this.#give();
    }
  }

  async #readBack(): Promise<void> {
    for await (const [id, ...frames] of this.#backend) {
      const worker = id as Buffer;
      const key = worker.toString("hex");
      this.heard.push(frames);
      const isReady = frames.length === 1 && READY.equals(frames[0] as Buffer);
      if (isReady) this.readies.push(key);
      const isReply = frames.length > 1;
      if (isReply) {
        this.#busy.set(key, (this.#busy.get(key) ?? 0) - 1);
        void this.#front.say(frames);
      }
      if (isReady || isReply || this.#habits.relistsBusy) {
        this.#ready.delete(key);
        this.#ready.set(key, worker);
      }
      this.#give();
      this.looked?.();
    }
  }

  #give(): void {
    for (const [key, id] of this.#ready) {
      const request = this.#requests.shift();
      if (request === undefined) return;
      this.#ready.delete(key);
      const held = this.#busy.get(key) ?? 0;
      if (held > 0) this.givenToBusy += 1;
      this.#busy.set(key, held + 1);
      void this.#back.say([id, ...request]);
    }
  }
}

/** Several REQ clients ask in turn; each is to get its own words back. Returns what went wrong. */
export async function askInTurn(reqs: readonly Request[], turns: number): Promise<string[]> {
  const wrong: string[] = [];
  await Promise.all(
    reqs.map(async (req, who) => {
      for (let turn = 0; turn < turns; turn++) {
        await req.send([`${who}`, `${turn}`]);
        const reply = (await req.receive()).map(String).join("/");
        if (reply !== `${who}/${turn}`) wrong.push(`${who}/${turn} got ${reply}`);
      }
    }),
  );
  return wrong;
}
