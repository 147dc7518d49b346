import { type TransportSocket, textFrame } from "@seaworthy/core";
import type { NodeContext } from "@seaworthy/simulator";
import {
  CLIENT_PORT,
  type NodeProgram,
  type NodeSetting,
  other,
  PEER_PORT,
  RECONNECT_MS,
  type World,
} from "./binary-star-world.js";

type State = "primary" | "backup" | "active" | "passive";

const DIGITS: Readonly<Record<State, string>> = { primary: "1", backup: "2", active: "3", passive: "4" };
const STATES: Readonly<Record<string, State>> = { 1: "primary", 2: "backup", 3: "active", 4: "passive" };
const LIVENESS = 2;

/**
 * One of the two, by the guide's rules: it publishes a digit and knows no epochs, judges its peer by the time alone, and
 * ends where both are active, or both passive. Whoever watches over it then starts it again.
 */
export class GuidePeer implements NodeProgram {
  readonly #context: NodeContext;
  readonly #heartbeatMs: number;
  readonly #abort: () => void;
  readonly #publisher: TransportSocket;
  readonly #subscriber: TransportSocket;
  readonly #router: TransportSocket;
  #state: State;
  #expiresAt: number;
  #isOver = false;

  constructor(_world: World, { name, heartbeatMs }: NodeSetting, context: NodeContext, abort: () => void) {
    const { transport } = context;
    this.#context = context;
    this.#heartbeatMs = heartbeatMs;
    this.#abort = abort;
    this.#state = name;
    this.#expiresAt = context.now() + LIVENESS * heartbeatMs;
    const socket = { reconnectMaxIntervalMs: RECONNECT_MS };
    this.#publisher = transport.open({ ...socket, type: "publisher" }, { message() {} });
    this.#publisher.bind(`tcp://*:${PEER_PORT}`);
    this.#subscriber = transport.open(
      { ...socket, type: "subscriber" },
      { message: ([digit]) => this.#peerSaid(STATES[String.fromCharCode(digit?.[0] ?? 0)] as State) },
    );
    this.#subscriber.subscribe(new Uint8Array(0));
    this.#subscriber.connect(`tcp://${other(name)}:${PEER_PORT}`);
    this.#router = transport.open(
      { type: "router" },
      { message: (frames) => this.#isVoteCounted() && this.#router.send(frames) },
    );
    this.#router.bind(`tcp://*:${CLIENT_PORT}`);
    this.#beat();
  }

  get isActive(): boolean {
    return this.#state === "active";
  }

  get isFollowing(): boolean {
    return this.#state === "passive";
  }

  get isClaiming(): boolean {
    return false;
  }

  get hasHeardPeer(): boolean {
    return true;
  }

  isServing(): boolean {
    return this.isActive && !this.#isOver;
  }

  leave(): void {
    this.#isOver = true;
    for (const socket of [this.#publisher, this.#subscriber, this.#router]) void socket.close(0);
  }

  #beat(): void {
    if (this.#isOver) return;
    this.#publisher.send([textFrame(DIGITS[this.#state])]);
    const { scheduler } = this.#context;
    scheduler.schedule(scheduler.now() + this.#heartbeatMs, () => this.#beat());
  }

  #peerSaid(peer: State): void {
    if (this.#isOver) return;
    this.#expiresAt = this.#context.now() + LIVENESS * this.#heartbeatMs;
    const isDual = peer === this.#state && (peer === "active" || peer === "passive");
    if (isDual) {
      this.#context.log(`both are ${peer}: ends`);
      this.#abort();
    } else if (peer === "active") {
      if (this.#state !== "passive") this.#become("passive");
    } else if (peer === "backup") {
      if (this.#state !== "active") this.#become("active");
    } else if (peer === "primary" && this.#state === "passive") this.#become("active");
  }

  #isVoteCounted(): boolean {
    if (this.#state === "passive" && this.#context.now() >= this.#expiresAt) this.#become("active");
    return this.isServing();
  }

  #become(state: State): void {
    this.#context.log("becomes", state);
    this.#state = state;
  }
}
