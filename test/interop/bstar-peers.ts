import { setTimeout as sleep } from "node:timers/promises";
import { Publisher, Request, Router, Subscriber } from "zeromq";
import { type Frame, Watch } from "./bare.js";

// Peers on bare zeromq sockets, written from what the guide's bstarsrv and bstarcli do.

/** How often every node of these tests says something, in ms. */
export const HEARTBEAT_MS = 100;
/** After so many ms of silence a node is dead to its peer. */
const DEATH_MS = 2 * HEARTBEAT_MS;

const ANY_PORT = "tcp://127.0.0.1:*";

/** States as they are published. */
export const WAITING_PRIMARY = "1";
export const WAITING_BACKUP = "2";
export const ACTIVE = "3";
export const PASSIVE = "4";

function bound<T extends Publisher | Router>(socket: T): [T, string] {
  socket.bindSync(ANY_PORT);
  return [socket, socket.lastEndpoint as string];
}

/** As if the process had been stopped; what sockets have been given goes on its way. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Publishes what it is told to, and reads what the other publishes frame by frame. */
export class BarePeer {
  /** Where the other subscribes. */
  readonly endpoint: string;
  /** Every frame that came. */
  readonly frames: string[] = [];
  readonly #publisher: Publisher;
  readonly #subscriber = new Subscriber();
  readonly #watch = new Watch();
  #said: Promise<void> = Promise.resolve();
  #saying: NodeJS.Timeout | undefined;

  constructor() {
    [this.#publisher, this.endpoint] = bound(new Publisher({ linger: 0 }));
    this.#subscriber.subscribe();
    void this.#read();
  }

  /** Called with each frame that comes. */
  onFrame: (frame: string) => void = () => undefined;

  /** The latest frame that came. */
  get heard(): string | undefined {
    return this.frames.at(-1);
  }

  hear(endpoint: string): void {
    this.#subscriber.connect(endpoint);
  }

  /** Says this now, and again with each heartbeat until it says something else. */
  keepSaying(...frames: readonly Frame[]): void {
    clearInterval(this.#saying);
    this.say(...frames);
    this.#saying = setInterval(() => this.say(...frames), HEARTBEAT_MS);
  }

  /** Says this once. */
  say(...frames: readonly Frame[]): void {
    this.#said = this.#said.then(async () => {
      if (!this.#publisher.closed) await this.#publisher.send([...frames]);
    });
  }

  /**
   * Says this from the middle of a time for which everything else in this process stands still, and from then on. It has arrived
   * where the other subscribes before that can read anything, or say anything itself.
   */
  sayWhileAllStands(frame: string): void {
    standStill(DEATH_MS);
    this.keepSaying(frame);
    // At once, and not by the promises before it.
    void this.#publisher.send(frame);
    standStill(HEARTBEAT_MS);
  }

  /** Resolves when this has become true by something that came. */
  until(isTrue: () => boolean): Promise<void> {
    return this.#watch.until(isTrue);
  }

  close(): void {
    clearInterval(this.#saying);
    this.#publisher.close();
    this.#subscriber.close();
  }

  async #read(): Promise<void> {
    for await (const message of this.#subscriber) {
      for (const frame of message.map(String)) {
        this.frames.push(frame);
        this.onFrame(frame);
      }
      this.#watch.look();
    }
  }
}

/**
 * One of a pair by the guide's rules: answers only while it is active, counts a client's vote when its peer is silent, and ends
 * where both are active, or both passive.
 */
export class GuideNode {
  /** Where clients ask. */
  readonly endpoint: string;
  /** Every request that came, whether it was answered or not. */
  readonly requests: Buffer[][] = [];
  readonly peer = new BarePeer();
  readonly #router: Router;
  readonly #watch = new Watch();
  #state: string;
  #expiresAt = performance.now() + DEATH_MS;
  #isOver = false;

  constructor(role: "primary" | "backup") {
    [this.#router, this.endpoint] = bound(new Router({ linger: 0 }));
    this.#state = role === "primary" ? WAITING_PRIMARY : WAITING_BACKUP;
    this.peer.onFrame = (frame) => this.#peerSaid(frame);
    this.peer.keepSaying(this.#state);
    void this.#serve();
  }

  get state(): string {
    return this.#state;
  }

  /** It has ended itself: both were active, or both passive. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when it is in this state. */
  async is(state: string): Promise<void> {
    await this.until(() => this.#state === state);
  }

  /** Resolves when this has become true of it. */
  until(isTrue: () => boolean): Promise<void> {
    return this.#watch.until(isTrue);
  }

  close(): void {
    this.#isOver = true;
    this.#watch.look();
    this.peer.close();
    this.#router.close();
  }

  #peerSaid(peer: string): void {
    if (this.#isOver) return;
    this.#expiresAt = performance.now() + DEATH_MS;
    const isDual = peer === this.#state && (peer === ACTIVE || peer === PASSIVE);
    if (isDual) return this.close();
    if (peer === ACTIVE) this.#become(PASSIVE);
    else if (peer === WAITING_BACKUP) this.#become(ACTIVE);
    else if (peer === WAITING_PRIMARY && this.#state === PASSIVE) this.#become(ACTIVE);
  }

  #become(state: string): void {
    if (this.#state === state) return;
    this.#state = state;
    this.peer.keepSaying(state);
    this.#watch.look();
  }

  async #serve(): Promise<void> {
    for await (const frames of this.#router) {
      this.requests.push(frames);
      const isVoteCounted = this.#state === PASSIVE && performance.now() >= this.#expiresAt;
      if (isVoteCounted) this.#become(ACTIVE);
      if (this.#state === ACTIVE && !this.#router.closed) await this.#router.send(frames);
      this.#watch.look();
    }
  }
}

/** Has two nodes hear each other. */
export function introduce(one: GuideNode, other: GuideNode): void {
  one.peer.hear(other.peer.endpoint);
  other.peer.hear(one.peer.endpoint);
}

/** A client in the guide's manner: a REQ that is closed when no reply comes in time, and then the other server. */
export class GuideClient {
  readonly #servers: readonly string[];
  readonly #timeoutMs: number;
  #turn = 0;
  #request: Request;

  constructor(servers: readonly string[], timeoutMs: number) {
    this.#servers = servers;
    this.#timeoutMs = timeoutMs;
    this.#request = this.#open();
  }

  /** Where it asks. */
  get server(): string {
    return this.#servers[this.#turn] as string;
  }

  /** Asks until there is a reply. */
  async ask(body: string): Promise<string> {
    for (;;) {
      await this.#request.send(body);
      const reply = await this.#request.receive().catch(() => undefined);
      if (reply !== undefined) return String(reply);
      if (this.#request.closed) throw new Error("the client was closed");
      this.#request.close();
      this.#turn = (this.#turn + 1) % this.#servers.length;
      await sleep(DEATH_MS); // what the guide calls the settle delay
      this.#request = this.#open();
    }
  }

  close(): void {
    this.#request.close();
  }

  #open(): Request {
    const request = new Request({ linger: 0, receiveTimeout: this.#timeoutMs });
    request.connect(this.server);
    return request;
  }
}
