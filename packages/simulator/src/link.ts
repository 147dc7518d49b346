import { connectionEnds, type End } from "./connection.js";
import type { EventEntry } from "./event-loop.js";
import type { Network } from "./network.js";
import type { Pipe } from "./pipe.js";
import type { SimulatedSocket } from "./socket.js";

/** How long an attempt to connect may take, handshake included, in ms: libzmq's ZMQ_HANDSHAKE_IVL. */
const ATTEMPT_MS = 30_000;

/** A socket's wish to be connected to an endpoint: attempts, and pauses between them. */
export class Link {
  readonly socket: SimulatedSocket;
  /** As the owner gave it. */
  readonly endpoint: string;
  /** Where it leads, as the network knows it. */
  readonly address: string;
  /** The pipe that outlives connections; none if the socket is `immediate`. */
  readonly pipe: Pipe | undefined;
  readonly #network: Network;
  #end: End | undefined;
  #timer: EventEntry | undefined;
  #pauseMs = 0;

  constructor(network: Network, socket: SimulatedSocket, endpoint: string, pipe: Pipe | undefined) {
    this.#network = network;
    this.socket = socket;
    this.endpoint = endpoint;
    this.address = network.resolve(socket.node, endpoint);
    this.pipe = pipe;
  }

  /** Tries to connect. */
  attempt(): void {
    const host = this.#network.host(this.address);
    if (host === undefined) {
      this.#timer = this.#network.loop.at(this.#network.loop.now, () =>
        this.#io(() => this.failed("unknown host")),
      );
      return;
    }
    const end = connectionEnds(this.#network, this, host);
    this.#end = end;
    this.socket.process.ends.add(end);
    this.#network.open(end);
    this.#timer = this.#network.loop.at(this.#network.loop.now + ATTEMPT_MS, () =>
      this.#io(() => end.abort("handshake timeout")),
    );
    end.outbound.transmit({ type: "connect" });
  }

  /** The handshake is done. */
  established(): void {
    this.#pauseMs = 0;
    this.#stopTimer();
  }

  /** An attempt came to nothing. */
  failed(reason: string): void {
    this.socket.connectionFailed(this.endpoint, reason);
    this.retry();
  }

  /** Tries again, unless told not to, after a pause that doubles from attempt to attempt. */
  retry(): void {
    this.#stopTimer();
    this.#end = undefined;
    const { reconnect, reconnectIntervalMs, reconnectMaxIntervalMs } = this.socket.settings;
    if (!reconnect) return;
    const longest = Math.max(reconnectIntervalMs, reconnectMaxIntervalMs);
    this.#pauseMs = this.#pauseMs === 0 ? reconnectIntervalMs : Math.min(this.#pauseMs * 2, longest);
    this.#timer = this.#network.loop.at(this.#network.loop.now + this.#pauseMs, () =>
      this.#io(() => this.attempt()),
    );
  }

  /** No more attempts; an established connection is closed. */
  stop(): void {
    this.#stopTimer();
    this.#end?.close();
    this.#end = undefined;
  }

  #io(task: () => void): void {
    const timer = this.#timer;
    this.socket.process.io(() => {
      if (timer === this.#timer) task();
    });
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#network.loop.cancel(this.#timer);
    this.#timer = undefined;
  }
}
