import { once } from "node:events";
import { createServer } from "node:net";
import type {
  ConnectionEvent,
  Frames,
  RefusalReason,
  SocketHandlers,
  SocketSpec,
  TransportSocket,
} from "@seaworthy/core";
import { ZmqTransport } from "@seaworthy/core/node";
import { afterEach } from "vitest";

/** What happened at one socket, in order, and a way to wait for it. */
class Recorder {
  readonly messages: Uint8Array[][] = [];
  readonly connections: ConnectionEvent[] = [];
  readonly refusals: { frames: Frames; reason: RefusalReason }[] = [];
  readonly departures: Uint8Array[] = [];
  /** Prefixes that were subscribed to (`+`) and are no more (`-`), in order. */
  readonly subscriptions: string[] = [];
  /** Called for each message after it was recorded. */
  onMessage: (frames: Uint8Array[]) => void = () => {};
  #waiting: { condition: () => boolean; resolve: () => void }[] = [];

  message = (frames: Uint8Array[]): void => {
    this.messages.push(frames);
    this.#look();
    this.onMessage(frames);
  };

  connection = (event: ConnectionEvent): void => {
    this.connections.push(event);
    this.#look();
  };

  departed = (routingId: Uint8Array): void => {
    this.departures.push(routingId);
    this.#look();
  };

  subscribed = (prefix: Uint8Array): void => {
    this.subscriptions.push(`+${Buffer.from(prefix)}`);
    this.#look();
  };

  unsubscribed = (prefix: Uint8Array): void => {
    this.subscriptions.push(`-${Buffer.from(prefix)}`);
    this.#look();
  };

  refused = (frames: Frames, reason: RefusalReason): void => {
    this.refusals.push({ frames, reason });
    this.#look();
  };

  /** Resolves as soon as the condition holds; looked at after each event of this socket. */
  until(condition: (recorder: this) => boolean): Promise<void> {
    if (condition(this)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ condition: () => condition(this), resolve });
    });
  }

  /** How many connection events of a type there were. */
  count(type: ConnectionEvent["type"]): number {
    return this.connections.filter((event) => event.type === type).length;
  }

  get texts(): string[][] {
    return this.messages.map((frames) => frames.map((frame) => Buffer.from(frame).toString()));
  }

  #look(): void {
    for (const waiter of this.#waiting.filter(({ condition }) => condition())) {
      this.#waiting = this.#waiting.filter((other) => other !== waiter);
      waiter.resolve();
    }
  }
}

export interface Opened {
  socket: TransportSocket;
  seen: Recorder;
  transport: ZmqTransport;
}

const opened = new Set<TransportSocket>();

afterEach(async () => {
  await Promise.all([...opened].map((socket) => socket.close(0)));
  opened.clear();
});

/** Opens a socket with a transport of its own; closed after the test. */
export function open(spec: SocketSpec): Opened {
  const seen = new Recorder();
  return { seen, ...openWith(spec, seen) };
}

/** The same with handlers of the test's own. */
export function openWith(spec: SocketSpec, handlers: SocketHandlers): Omit<Opened, "seen"> {
  const transport = new ZmqTransport("Test");
  const socket = transport.open(spec, handlers);
  opened.add(socket);
  return { socket, transport };
}

/** A ROUTER bound to a free port and a DEALER connected to it, both up. */
export async function openPair(
  routerSpec: Omit<SocketSpec, "type"> = {},
  dealerSpec: Omit<SocketSpec, "type"> = {},
): Promise<{ router: Opened; dealer: Opened; endpoint: string }> {
  const router = open({ type: "router", ...routerSpec });
  const endpoint = router.socket.bind("tcp://127.0.0.1:*");
  const dealer = open({ type: "dealer", ...dealerSpec });
  dealer.socket.connect(endpoint);
  await Promise.all([router, dealer].map(({ seen }) => seen.until(() => seen.count("up") > 0)));
  return { router, dealer, endpoint };
}

/** An endpoint at which nobody listens. */
export async function unusedEndpoint(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return `tcp://127.0.0.1:${port}`;
}

export const bytes = (text: string): Uint8Array => Buffer.from(text);
