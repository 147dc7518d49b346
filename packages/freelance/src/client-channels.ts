import {
  type ConnectionEvent,
  type FailureReply,
  type Frames,
  frameKey,
  type Malformed,
  type Reply,
  type RequestId,
  SocketPool,
  type SocketSettings,
  type Transport,
  type TransportSocket,
  textFrame,
} from "@seaworthy/core";
import type { FreelanceClientInput, FreelanceClientOutput } from "./client-messages.js";
import { decodeTrackedReply, encodePing, encodeTrackedRequest, sequenceOf } from "./wire.js";

/** How a client's messages get to its servers. */
export interface Channel {
  open(connection: number, endpoint: string): void;
  discard(connection: number): void;
  /** False if the queue in front of the socket is full. */
  send(output: FreelanceClientOutput & { type: "send" }): boolean;
  ping(connection: number): void;
  close(): Promise<void>;
}

/** Where a channel lives. */
export interface ChannelGround {
  readonly transport: Transport;
  readonly socket: SocketSettings;
  feed(input: FreelanceClientInput): void;
}

/** How the messages of a strategy are laid out. */
export interface Codec {
  encode(id: RequestId, body: Frames): Frames;
  decode(frames: Uint8Array[]): Reply | FailureReply | Malformed;
}

/** A DEALER for each connection, which connects once: what was queued for a lost server goes with it. */
export function dealerChannel({ transport, socket, feed }: ChannelGround, codec: Codec): Channel {
  const sockets = new SocketPool(transport);
  const spec = { ...socket, type: "dealer", reconnect: false } as const;
  return {
    open(connection, endpoint) {
      sockets.open(connection, endpoint, spec, {
        message(frames) {
          const message = codec.decode(frames);
          if (message.type === "malformed") feed({ ...message, connection });
          else feed({ type: "received", connection, message });
        },
        connection: ({ type, reason }) => feed({ type, connection, reason }),
      });
    },
    discard: (connection) => sockets.discard(connection),
    send: ({ connection, id, body, copy }) =>
      sockets.send(connection, codec.encode(id, body), () => copy.mayLeave()),
    ping() {},
    close: () => sockets.close(),
  };
}

/** A server behind the ROUTER. */
interface Peer {
  readonly connection: number;
  readonly endpoint: string;
  /** Its routing id: the endpoint. */
  readonly name: Uint8Array;
}

/** One ROUTER for all servers, each addressed by its endpoint. */
export class RouterChannel implements Channel {
  readonly #feed: ChannelGround["feed"];
  readonly #router: TransportSocket;
  readonly #byConnection = new Map<number, Peer>();
  readonly #byName = new Map<string, Peer>();
  /** The socket tells of a connection that was made again under the address that a host name stands for. */
  readonly #byPort = new Map<string, Set<Peer>>();

  constructor({ transport, socket, feed }: ChannelGround) {
    this.#feed = feed;
    this.#router = transport.open(
      // Immediate, so that a server which is not connected is unknown, and nothing is queued for it to be sent late.
      { ...socket, type: "router", immediate: true, handover: true },
      {
        message: (frames) => this.#message(frames),
        connection: (event) => this.#connection(event),
        refused: (frames, reason) => {
          const peer = this.#byName.get(frameKey(frames[0] as Uint8Array));
          if (peer === undefined) return;
          feed({ type: "refused", connection: peer.connection, sequence: sequenceOf(frames), reason });
        },
      },
    );
  }

  open(connection: number, endpoint: string): void {
    const peer: Peer = { connection, endpoint, name: textFrame(endpoint) };
    this.#byConnection.set(connection, peer);
    this.#byName.set(frameKey(peer.name), peer);
    const port = portOf(endpoint);
    const peers = this.#byPort.get(port) ?? new Set();
    this.#byPort.set(port, peers.add(peer));
    this.#router.connect(endpoint);
  }

  discard(connection: number): void {
    const peer = this.#byConnection.get(connection) as Peer;
    const port = portOf(peer.endpoint);
    const peers = this.#byPort.get(port) as Set<Peer>;
    peers.delete(peer);
    if (peers.size === 0) this.#byPort.delete(port);
    this.#byName.delete(frameKey(peer.name));
    this.#byConnection.delete(connection);
    this.#router.disconnect(peer.endpoint);
  }

  send({ connection, id, body, copy }: FreelanceClientOutput & { type: "send" }): boolean {
    const { name } = this.#byConnection.get(connection) as Peer;
    return this.#router.send([name, ...encodeTrackedRequest(id, body)], () => copy.mayLeave());
  }

  ping(connection: number): void {
    const { name } = this.#byConnection.get(connection) as Peer;
    // One that finds no room is not missed: the next is due soon.
    this.#router.send([name, ...encodePing()], () => this.#byConnection.has(connection));
  }

  close(): Promise<void> {
    return this.#router.close(0);
  }

  #message([name, ...frames]: Uint8Array[]): void {
    const peer = this.#byName.get(frameKey(name as Uint8Array));
    const message = decodeTrackedReply(frames);
    if (peer === undefined) {
      const isReply = message.type === "reply" || message.type === "failure";
      return this.#feed({ type: "unknown-server", reply: isReply ? message : undefined });
    }
    const { connection } = peer;
    if (message.type === "malformed") this.#feed({ ...message, connection });
    else this.#feed({ type: "received", connection, message });
  }

  #connection({ type, endpoint, reason }: ConnectionEvent): void {
    const named = this.#byName.get(frameKey(textFrame(endpoint)));
    const peers = named === undefined ? [...(this.#byPort.get(portOf(endpoint)) ?? [])] : [named];
    for (const { connection } of peers) {
      if (peers.length === 1) this.#feed({ type, connection, reason });
      else if (type !== "failed") this.#feed({ type: "rumour", connection });
    }
  }
}

function portOf(endpoint: string): string {
  return endpoint.slice(endpoint.lastIndexOf(":"));
}
