import { type ConnectionEvent, Fifo } from "@seaworthy/core";
import type { Network } from "./network.js";
import type { Pipe } from "./pipe.js";
import type { NodeProcess } from "./process.js";

interface Notice {
  readonly event: ConnectionEvent;
  /** The pipe of the connection that is gone. */
  readonly pipe: Pipe | undefined;
}

/**
 * What a socket's owner is told of connections. ZeroMQ's monitor is a socket of its own: events
 * keep their order among each other, but a message may overtake them. The end of a connection is
 * told only when all that came over it is read.
 */
export class Notices {
  readonly #network: Network;
  readonly #process: NodeProcess;
  readonly #tell: (event: ConnectionEvent) => void;
  readonly #waiting = new Fifo<Notice>();
  #at = 0;

  constructor(network: Network, process: NodeProcess, tell: (event: ConnectionEvent) => void) {
    this.#network = network;
    this.#process = process;
    this.#tell = tell;
  }

  add(event: ConnectionEvent, pipe?: Pipe): void {
    const { loop } = this.#network;
    const arrive = (): void => {
      this.#waiting.push({ event, pipe });
      this.#tellDue();
    };
    this.#at = Math.max(this.#at, loop.now + this.#network.noticeDelay());
    if (this.#at <= loop.now) this.#process.dispatch(arrive);
    else loop.at(this.#at, () => this.#process.dispatch(arrive));
  }

  /** A message was read: the last one, perhaps, that a notice waits for. */
  pipeRead(): void {
    if (this.#waiting.length > 0) this.#process.post(this.#tellDue);
  }

  readonly #tellDue = (): void => {
    for (let notice = this.#waiting.peek(); notice !== undefined; notice = this.#waiting.peek()) {
      const { event, pipe } = notice;
      if (event.type === "down" && pipe !== undefined && pipe.in.length > 0) return;
      this.#waiting.shift();
      this.#tell(event);
    }
  };
}
