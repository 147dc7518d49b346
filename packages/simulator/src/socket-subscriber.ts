import { type Frames, framesEqual } from "@seaworthy/core";
import type { End } from "./connection.js";
import type { Pipe } from "./pipe.js";
import { SimulatedSocket } from "./socket.js";

/** Receives what it has subscribed to, and tells each publisher so whenever a connection comes up. */
export class SimulatedSubscriber extends SimulatedSocket {
  readonly #prefixes: Uint8Array[] = [];
  /** Pipes in which its subscriptions lay before they were first connected. */
  readonly #begun = new WeakSet<Pipe>();

  override subscribe(prefix: Uint8Array): void {
    if (!this.#prefixes.some((other) => framesEqual(other, prefix))) this.#prefixes.push(prefix);
    for (const pipe of this.pipes) pipe.end?.outbound.transmit({ type: "subscribe", prefix });
  }

  /** @throws TypeError always: a SUB socket cannot send */
  protected override route(_frames: Frames): void {
    throw new TypeError("a subscriber cannot send");
  }

  protected override connected(end: End, pipe: Pipe): void {
    const isFirst = end.link?.pipe === pipe && !this.#begun.has(pipe);
    this.#begun.add(pipe);
    // Later it is for the socket's own thread: the I/O thread connects again, and knows no subscriptions.
    if (isFirst) this.#subscribeAll(end);
    else this.process.post(() => this.#subscribeAll(end));
  }

  #subscribeAll(end: End): void {
    for (const prefix of this.#prefixes) end.outbound.transmit({ type: "subscribe", prefix });
  }
}
