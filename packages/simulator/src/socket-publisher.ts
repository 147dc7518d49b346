import type { Frames } from "@seaworthy/core";
import type { Pipe } from "./pipe.js";
import { beginsWith, SimulatedSocket } from "./socket.js";

/** Sends to every subscriber that wants the message and has room; drops it for the others. */
export class SimulatedPublisher extends SimulatedSocket {
  protected override route(frames: Frames): void {
    const topic = frames[0] ?? new Uint8Array(0);
    for (const pipe of this.pipes) {
      if (!pipe.subscriptions.some((prefix) => beginsWith(topic, prefix))) continue;
      if (this.hasSendRoom(pipe)) this.write(pipe, frames);
      else this.dropped("high-water mark", 1, frames);
    }
  }

  override subscribed(pipe: Pipe, prefix: Uint8Array): void {
    pipe.subscriptions.push(prefix);
  }

  /** Subscribers have nothing to say but what they subscribe to. */
  override deliver(): void {}
}
