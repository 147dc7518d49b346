import {
  type FailureReply,
  type Frames,
  framesEqual,
  type Malformed,
  type Reply,
  type RequestId,
  SocketPool,
  type SocketSettings,
  type Transport,
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

/**
 * A ROUTER for each connection, which connects once, and addresses its server by the endpoint (10/FLP). Not one for all: when
 * a connection of several ends, libzmq may run messages of two others together (docs/decisions/0006).
 */
export class RouterChannel implements Channel {
  readonly #ground: ChannelGround;
  readonly #sockets: SocketPool;
  /** The routing ids of those at the other ends. */
  readonly #names = new Map<number, Uint8Array>();

  constructor(ground: ChannelGround) {
    this.#ground = ground;
    this.#sockets = new SocketPool(ground.transport);
  }

  open(connection: number, endpoint: string): void {
    const { socket, feed } = this.#ground;
    const name = textFrame(endpoint);
    this.#names.set(connection, name);
    this.#sockets.open(
      connection,
      endpoint,
      { ...socket, type: "router", reconnect: false },
      {
        message([sender, ...frames]) {
          if (!framesEqual(sender as Uint8Array, name)) return feed({ type: "unknown-server", connection });
          const message = decodeTrackedReply(frames);
          if (message.type === "malformed") feed({ ...message, connection });
          else feed({ type: "received", connection, message });
        },
        connection: ({ type, reason }) => feed({ type, connection, reason }),
        refused: (frames, reason) =>
          feed({ type: "refused", connection, sequence: sequenceOf(frames), reason }),
      },
    );
  }

  discard(connection: number): void {
    this.#names.delete(connection);
    this.#sockets.discard(connection);
  }

  send({ connection, id, body, copy }: FreelanceClientOutput & { type: "send" }): boolean {
    return this.#send(connection, encodeTrackedRequest(id, body), () => copy.mayLeave());
  }

  ping(connection: number): void {
    // One that finds no room is not missed: the next is due soon.
    this.#send(connection, encodePing());
  }

  close(): Promise<void> {
    return this.#sockets.close();
  }

  #send(connection: number, frames: Frames, isWanted?: () => boolean): boolean {
    const name = this.#names.get(connection) as Uint8Array;
    return this.#sockets.send(connection, [name, ...frames], isWanted);
  }
}
