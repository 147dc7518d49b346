import { type Dealer, Request, type Router } from "zeromq";

/** Frames as bare sockets send them. */
export type Frame = string | Uint8Array;

/** A socket takes one send at a time: the others wait. */
export class Mouth {
  readonly #socket: Dealer | Router;
  #said: Promise<void> = Promise.resolve();

  constructor(socket: Dealer | Router) {
    this.#socket = socket;
  }

  /** @throws (by rejecting) if there is no such peer, or it takes no more; nothing is thrown once it is closed */
  say(frames: readonly Frame[]): Promise<void> {
    const saying = this.#said.then(async () => {
      if (!this.#socket.closed) await this.#socket.send([...frames]);
    });
    this.#said = saying.catch(() => undefined);
    return saying;
  }
}

/** What somebody waits for. */
export class Watch {
  #waiting: { readonly isTrue: () => boolean; readonly resolve: () => void }[] = [];

  /** Resolves when this has become true by something that came. */
  async until(isTrue: () => boolean): Promise<void> {
    if (!isTrue()) await new Promise<void>((resolve) => this.#waiting.push({ isTrue, resolve }));
  }

  /** Something came. */
  look(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      if (one.isTrue()) one.resolve();
      else this.#waiting.push(one);
    }
  }
}

/** A plain client: one request at a time. */
export function newReq(endpoint: string, options: { correlate?: boolean; relaxed?: boolean } = {}): Request {
  const req = new Request({ linger: 0, ...options });
  req.connect(endpoint);
  return req;
}

/** A promise and what resolves it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let resolve: (() => void) | undefined;
  const opened = new Promise<void>((give) => {
    resolve = give;
  });
  return { opened, open: () => resolve?.() };
}
