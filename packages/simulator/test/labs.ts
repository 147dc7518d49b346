import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import {
  frameKey,
  frameText,
  type RefusalReason,
  type SocketSpec,
  type Transport,
  type TransportSocket,
  textFrame,
} from "@seaworthy/core";
import { ZmqTransport } from "@seaworthy/core/node";
import { afterEach } from "vitest";
import { capability } from "zeromq";
import { Simulation } from "../src/index.js";

/** A socket and all that it was told. */
export interface Peer {
  readonly socket: TransportSocket;
  readonly messages: string[];
  readonly ids: Uint8Array[];
  readonly events: string[];
  readonly refusals: RefusalReason[];
  /** PUBLISHER: prefixes that were subscribed to (`+`) and are no more (`-`), in order. */
  readonly subscriptions: string[];
  /** ROUTER: who departed, as a key, and how many messages had come by then. */
  readonly departures: { readonly id: string; readonly after: number }[];
}

/** One side of the comparison: opens sockets, and waits for what happens. */
export interface Lab {
  open(spec: SocketSpec, echo?: boolean): Peer;
  /** Waits until the condition holds; it is looked at in every turn of the event loop. */
  until(condition: () => boolean): Promise<void>;
  /** An endpoint that leads to another one, by a way that {@link cut} breaks. */
  wayTo(endpoint: string): Promise<string>;
  /** Breaks all connections that go by such a way. */
  cut(): void;
  close(): Promise<void>;
}

function openPeer(transport: Transport, spec: SocketSpec, echo: boolean): Peer {
  const peer: Peer = {
    messages: [],
    ids: [],
    events: [],
    refusals: [],
    departures: [],
    subscriptions: [],
    socket: transport.open(spec, {
      message(frames) {
        peer.messages.push(frameText(frames.at(-1) as Uint8Array));
        peer.ids.push(frames[0] as Uint8Array);
        if (echo) peer.socket.send(frames);
      },
      connection({ type }) {
        // How often an attempt fails depends on the clock.
        if (type !== "failed") peer.events.push(type);
      },
      refused(_frames, reason) {
        peer.refusals.push(reason);
      },
      departed(routingId) {
        peer.departures.push({ id: frameKey(routingId), after: peer.messages.length });
      },
      subscribed(prefix) {
        peer.subscriptions.push(`+${frameText(prefix)}`);
      },
      unsubscribed(prefix) {
        peer.subscriptions.push(`-${frameText(prefix)}`);
      },
    }),
  };
  return peer;
}

/** Passes TCP connections on, and breaks them when told to. */
class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(port: number) {
    this.#server = createServer((near) => {
      const far = connect(port, "127.0.0.1");
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        // A break shows at both sides, and is wanted.
        socket.on("error", () => {}).once("close", () => this.#sockets.delete(socket));
      }
      near.pipe(far).pipe(near);
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }
}

/** Sockets of zeromq. */
function realLab(): Lab {
  const transport = new ZmqTransport("lab");
  const peers: Peer[] = [];
  const relays: Relay[] = [];
  return {
    open(spec, echo = false) {
      const peer = openPeer(transport, spec, echo);
      peers.push(peer);
      return peer;
    },
    async until(condition) {
      while (!condition()) await new Promise(setImmediate);
    },
    async wayTo(endpoint) {
      const relay = new Relay(Number(endpoint.split(":").at(-1)));
      relays.push(relay);
      return await relay.listen();
    },
    cut() {
      for (const relay of relays) relay.cut();
    },
    async close() {
      for (const relay of relays) relay.close();
      await Promise.all(peers.map(({ socket }) => socket.close(0)));
    },
  };
}

/** Sockets of the simulator, all on one node. */
function simulatedLab(): Lab {
  const simulation = new Simulation({ seed: 1 });
  const node = simulation.node("lab", ({ transport }) => transport);
  simulation.runFor(1);
  return {
    open: (spec, echo = false) => openPeer(node.app as Transport, spec, echo),
    async until(condition) {
      simulation.runFor(0);
      if (!condition() && !simulation.runUntil(condition, 60_000)) throw new Error("it never happened");
    },
    wayTo: (endpoint) => Promise.resolve(endpoint),
    cut: () => simulation.cut("lab", "lab"),
    async close() {
      node.crash();
    },
  };
}

/** Both sides of the comparison. */
export const bothLabs = [
  ["zeromq", realLab],
  ["the simulator", simulatedLab],
] as const;

/** ZeroMQ tells of departures only where it is built with its draft API. */
export const labsWithDepartures = bothLabs.filter(([name]) => name !== "zeromq" || capability.draft);

const opened: Lab[] = [];
afterEach(async () => {
  for (const lab of opened.splice(0)) await lab.close();
});

/** A lab that is closed after the test. */
export function openLab(make: () => Lab): Lab {
  const lab = make();
  opened.push(lab);
  return lab;
}

/** Sends texts, each as a message; tells which were taken. */
export function texts(peer: Peer, ...all: string[]): boolean[] {
  return all.map((text) => peer.socket.send([textFrame(text)]));
}
