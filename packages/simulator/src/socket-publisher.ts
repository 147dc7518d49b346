import { type Frames, framesEqual, type SocketHandlers } from "@seaworthy/core";
import { Pipe } from "./pipe.js";
import { SimulatedSocket } from "./socket.js";

/** With `subscriptions`: what is read in front of a prefix. */
const SUBSCRIBED = Uint8Array.of(1);
const UNSUBSCRIBED = Uint8Array.of(0);

/** Sends to every subscriber that wants the message and has room; drops it for the others. */
export class SimulatedPublisher extends SimulatedSocket {
  /** What its owner is yet to be told of subscriptions: those of all peers in one line, as in ZeroMQ. */
  readonly #news = new Pipe();

  protected override route(frames: Frames): void {
    const topic = frames[0] ?? new Uint8Array(0);
    for (const pipe of this.pipes) {
      if (!pipe.subscriptions.some((prefix) => beginsWith(topic, prefix))) continue;
      if (this.hasSendRoom(pipe)) this.write(pipe, frames);
      else this.dropped("high-water mark", 1, frames);
    }
  }

  override subscribed(pipe: Pipe, prefix: Uint8Array): void {
    if (!hasPrefix(pipe, prefix)) pipe.subscriptions.push(prefix);
    if (this.settings.subscriptions) this.news(this.#news, [SUBSCRIBED, prefix]);
  }

  /** Subscribers have nothing to say but what they subscribe to. */
  override deliver(): void {}

  protected override ended(pipe: Pipe): void {
    if (!this.settings.subscriptions) return;
    for (const prefix of pipe.subscriptions) {
      if (!this.pipes.some((other) => hasPrefix(other, prefix)))
        this.news(this.#news, [UNSUBSCRIBED, prefix]);
    }
  }

  /** Nothing but news is ever read. */
  protected override tellOwner(_pipe: Pipe, frames: Frames, handlers: SocketHandlers): void {
    const [what, prefix] = frames as [Uint8Array, Uint8Array];
    const isNew = what === SUBSCRIBED;
    const { loop, log } = this.network;
    log.record(loop.now, isNew ? "sees subscribe" : "sees unsubscribe", this.node, undefined, [prefix]);
    if (isNew) handlers.subscribed?.(prefix);
    else handlers.unsubscribed?.(prefix);
  }
}

function beginsWith(message: Uint8Array, prefix: Uint8Array): boolean {
  return framesEqual(message.subarray(0, prefix.length), prefix);
}

function hasPrefix(pipe: Pipe, prefix: Uint8Array): boolean {
  return pipe.subscriptions.some((other) => framesEqual(other, prefix));
}
