import { once } from "node:events";
import { createServer, type Server, Socket } from "node:net";
import { freePort } from "./ports.js";

/** Which way bytes go through the proxy. */
export type Direction = "to-server" | "to-client";

const BOTH: readonly Direction[] = ["to-server", "to-client"];

interface Pipe {
  readonly client: Socket;
  readonly server: Socket;
  /** Set for good: the path of this connection is gone, and neither end has been told. */
  lost: boolean;
}

/**
 * A TCP proxy that can do to connections what networks do to them. It holds bytes back rather than
 * lose some of them, as TCP would by sending again; only a connection that is lost for good loses.
 */
export class TcpProxy {
  /** Where clients connect. */
  readonly port: number;
  readonly #target: number;
  readonly #pipes = new Set<Pipe>();
  readonly #held = new Set<Direction>();
  #delayMs = 0;
  #listener: Server | undefined;

  private constructor(port: number, target: number) {
    this.port = port;
    this.#target = target;
  }

  /** Opens a proxy to a port on 127.0.0.1. */
  static async to(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(await freePort(), target);
    await proxy.accept();
    return proxy;
  }

  /** Connections through the proxy now. */
  get connections(): number {
    return this.#pipes.size;
  }

  /** Resets every connection; new ones are possible at once. */
  cut(): void {
    for (const { client, server } of this.#pipes) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    this.#pipes.clear();
  }

  /** Refuses new connections, as a host on which nobody listens. */
  async refuse(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    // The port is released at once; the callback would wait for the connections as well.
    listener?.close();
  }

  /** Accepts connections again, on the same port. */
  async accept(): Promise<void> {
    if (this.#listener !== undefined) return;
    const listener = createServer({ noDelay: true }, (client) => this.#open(client));
    listener.listen(this.port, "127.0.0.1");
    await once(listener, "listening");
    this.#listener = listener;
  }

  /** Black hole: forwards nothing that way, says nothing, and closes nothing, for old and new connections. */
  hold(...directions: Direction[]): void {
    for (const direction of directions.length > 0 ? directions : BOTH) this.#held.add(direction);
    this.#flow();
  }

  /** Ends {@link hold}; what was held back is forwarded now. */
  release(): void {
    this.#held.clear();
    this.#flow();
  }

  /** Makes every present connection half open: both ends believe in it for ever, and nothing passes. */
  lose(): void {
    for (const pipe of this.#pipes) pipe.lost = true;
  }

  /** Delays every chunk of bytes, each way, by so many ms. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Closes everything. */
  async close(): Promise<void> {
    await this.refuse();
    this.cut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(client: Socket): void {
    const server = new Socket().setNoDelay();
    const pipe: Pipe = { client, server, lost: false };
    this.#pipes.add(pipe);
    this.#forward(pipe, client, server, "to-server");
    this.#forward(pipe, server, client, "to-client");
    server.connect(this.#target, "127.0.0.1");
  }

  #forward(pipe: Pipe, from: Socket, to: Socket, direction: Direction): void {
    const later = (action: () => void): void => {
      if (this.#delayMs > 0) setTimeout(action, this.#delayMs);
      else action();
    };
    from.on("data", (bytes) => {
      if (!pipe.lost) later(() => to.writable && to.write(bytes));
    });
    from.on("error", () => undefined);
    from.on("close", () => {
      // Who is cut off from the other end does not learn of its end either.
      if (pipe.lost) return;
      this.#pipes.delete(pipe);
      later(() => to.destroy());
    });
    if (this.#held.has(direction)) from.pause();
  }

  #flow(): void {
    for (const { client, server } of this.#pipes) {
      if (this.#held.has("to-server")) client.pause();
      else client.resume();
      if (this.#held.has("to-client")) server.pause();
      else server.resume();
    }
  }
}
