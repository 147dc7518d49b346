import { Fifo, type Frames } from "@seaworthy/core";
import type { Pipe } from "./pipe.js";
import { SimulatedSocket } from "./socket.js";

/** Sends round-robin to the peers that have room, and waits when none has. */
export class SimulatedDealer extends SimulatedSocket {
  readonly #waiting = new Fifo<Frames>();
  #turn = 0;

  protected override get waiting(): number {
    return this.#waiting.length;
  }

  protected override route(frames: Frames): void {
    const pipe = this.waiting > 0 ? undefined : this.#nextPipe();
    if (pipe === undefined) this.#waiting.push(frames);
    else this.write(pipe, frames);
  }

  protected override pump(): void {
    while (this.waiting > 0) {
      const pipe = this.#nextPipe();
      if (pipe === undefined) return;
      this.write(pipe, this.#waiting.shift() as Frames);
    }
  }

  protected override forgetWaiting(): void {
    if (this.waiting > 0) this.dropped("socket closed", this.waiting);
    this.#waiting.clear();
  }

  #nextPipe(): Pipe | undefined {
    const count = this.pipes.length;
    for (let step = 0; step < count; step++) {
      const pipe = this.pipes[(this.#turn + step) % count] as Pipe;
      if (this.hasSendRoom(pipe)) {
        this.#turn = (this.#turn + step + 1) % count;
        return pipe;
      }
    }
    return undefined;
  }
}
