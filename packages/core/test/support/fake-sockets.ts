import type {
  Frames,
  Scheduler,
  SocketHandlers,
  SocketSpec,
  Transport,
  TransportSocket,
} from "@seaworthy/core";

/** A socket that does nothing by itself. */
export class FakeSocket implements TransportSocket {
  readonly sent: Frames[] = [];
  /** What was to be asked of each message when its turn has come. */
  readonly wanted: ((() => boolean) | undefined)[] = [];
  readonly spec: SocketSpec;
  readonly handlers: SocketHandlers;
  isFull = false;
  /** The linger that it was closed with. */
  closedWith: number | undefined;

  constructor(spec: SocketSpec, handlers: SocketHandlers) {
    this.spec = spec;
    this.handlers = handlers;
  }

  bind(endpoint: string): string {
    return `${endpoint} as bound`;
  }

  connect(): void {}
  disconnect(): void {}
  subscribe(): void {}

  send(frames: Frames, isWanted?: () => boolean): boolean {
    if (this.isFull) return false;
    this.sent.push(frames);
    this.wanted.push(isWanted);
    return true;
  }

  async close(lingerMs: number): Promise<void> {
    this.closedWith = lingerMs;
  }
}

/** A transport of such sockets. */
export class FakeSockets implements Transport {
  readonly opened: FakeSocket[] = [];
  /** What opening a socket fails with, if it does. */
  fault: Error | undefined;

  open(spec: SocketSpec, handlers: SocketHandlers): TransportSocket {
    if (this.fault !== undefined) throw this.fault;
    const socket = new FakeSocket(spec, handlers);
    this.opened.push(socket);
    return socket;
  }

  /** The socket that was opened as number `index`, from 0. */
  at(index: number): FakeSocket {
    const socket = this.opened[index];
    if (socket === undefined) throw new Error(`only ${this.opened.length} sockets were opened`);
    return socket;
  }

  backlog(): boolean {
    return false;
  }
}

/** A clock that goes on when it is told to. */
export class HandClock implements Scheduler {
  #now = 0;
  #pending: { at: number; then: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  schedule(at: number, then: () => void): () => void {
    const timer = { at, then };
    this.#pending.push(timer);
    return () => {
      this.#pending = this.#pending.filter((other) => other !== timer);
    };
  }

  /** Lets all timers up to `now` fire, each at its time. */
  until(now: number): void {
    for (;;) {
      const due = this.#pending.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#pending = this.#pending.filter((other) => other !== due);
      this.#now = Math.max(this.#now, due.at);
      due.then();
    }
    this.#now = now;
  }

  /** The process stands still: what is due until `now` fires late, with the next `until`. */
  standStill(now: number): void {
    this.#now = now;
  }
}
