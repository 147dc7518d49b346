import { Fifo, type Frames } from "@seaworthy/core";
import type { Pipe } from "./pipe.js";
import { SimulatedSocket } from "./socket.js";

interface Waiting {
  readonly frames: Frames;
  readonly isWanted: (() => boolean) | undefined;
}

/** Sends round-robin to the peers that have room, and waits when none has. */
export class SimulatedDealer extends SimulatedSocket {
  readonly #waiting = new Fifo<Waiting>();
  #turn = 0;

  protected override get waiting(): number {
    return this.#waiting.length;
  }

  protected override route(frames: Frames, isWanted?: () => boolean): void {
    const pipe = this.waiting > 0 ? undefined : this.#nextPipe();
    if (pipe === undefined) this.#waiting.push({ frames, isWanted });
    else this.write(pipe, frames);
  }

  protected override pump(): void {
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (next.isWanted?.() === false) {
        this.dropped("no longer wanted", 1, next.frames);
        this.#waiting.shift();
        continue;
      }
      const pipe = this.#nextPipe();
      if (pipe === undefined) return;
      this.#waiting.shift();
      this.write(pipe, next.frames);
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
