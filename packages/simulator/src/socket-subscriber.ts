import type { Frames } from "@seaworthy/core";
import type { End } from "./connection.js";
import { SimulatedSocket } from "./socket.js";

/** Receives what it has subscribed to, and tells each publisher so whenever a connection comes up. */
export class SimulatedSubscriber extends SimulatedSocket {
  readonly #prefixes: Uint8Array[] = [];

  override subscribe(prefix: Uint8Array): void {
    this.#prefixes.push(prefix);
    for (const pipe of this.pipes) pipe.end?.outbound.transmit({ type: "subscribe", prefix });
  }

  /** @throws TypeError always: a SUB socket cannot send */
  protected override route(_frames: Frames): void {
    throw new TypeError("a subscriber cannot send");
  }

  protected override connected(end: End): void {
    for (const prefix of this.#prefixes) end.outbound.transmit({ type: "subscribe", prefix });
  }
}
