import type { Frames } from "./frames.js";
import type { SocketHandlers, SocketSpec, Transport, TransportSocket } from "./transport.js";

/** Sockets of a role that opens one per connection, by the number that its machine gives them. */
export class SocketPool {
  readonly #transport: Transport;
  readonly #sockets = new Map<number, TransportSocket>();
  readonly #closings = new Set<Promise<void>>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Opens a socket and connects it.
   *
   * @param handlers - `connection` is called here, too, if there can be no socket: a process can run out of
   * them, which is a failed connection like any other
   */
  open(number: number, endpoint: string, spec: SocketSpec, handlers: SocketHandlers): void {
    try {
      const socket = this.#transport.open(spec, handlers);
      this.#sockets.set(number, socket);
      socket.connect(endpoint);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      handlers.connection?.({ type: "failed", endpoint, reason });
    }
  }

  /** SUBSCRIBER: receive what begins with `prefix`, if the socket is open. */
  subscribe(number: number, prefix: Uint8Array): void {
    this.#sockets.get(number)?.subscribe(prefix);
  }

  /** Sends on a socket: false if it takes no more, or is not open. */
  send(number: number, frames: Frames, isWanted?: () => boolean): boolean {
    return this.#sockets.get(number)?.send(frames, isWanted) ?? false;
  }

  /** Closes a socket; by default nothing that is queued on it is sent any more. */
  discard(number: number, lingerMs = 0): void {
    const closing = this.#sockets.get(number)?.close(lingerMs);
    this.#sockets.delete(number);
    if (closing === undefined) return;
    // What is queued to run at the end of a close holds no pool, with all that hangs on it.
    const closings = this.#closings;
    closings.add(closing);
    void closing.finally(() => closings.delete(closing));
  }

  /** Closes all sockets; resolves when they are. */
  close(lingerMs = 0): Promise<void> {
    for (const number of [...this.#sockets.keys()]) this.discard(number, lingerMs);
    return Promise.all(this.#closings).then(() => {});
  }
}
