import type { Frames } from "./frames.js";

/**
 * What a pattern needs of message sockets, so that the same wiring of a machine runs over zeromq,
 * over the simulator's network and in a browser. Semantics are ZeroMQ's.
 */

/** ZeroMQ socket types that the patterns use. */
export type SocketType = "dealer" | "router" | "publisher" | "subscriber";

/** Life of a connection, as far as a socket learns of it. */
export interface ConnectionEvent {
  /**
   * - `up`: the handshake is done, messages can flow
   * - `down`: an established connection is gone; what came over it has been handed over before
   * - `failed`: an attempt to connect failed; the socket goes on trying, but not where the two
   *   sides speak different security mechanisms
   */
  readonly type: "up" | "down" | "failed";
  /** The endpoint as the socket knows it. */
  readonly endpoint: string;
  /** `failed`: what went wrong, where it is known. */
  readonly reason?: string;
}

/** Why a ROUTER could not route a message. */
export type RefusalReason =
  /** No connected peer has this routing id. */
  | "peer-unknown"
  /** The peer's queue is at its high-water mark. */
  | "peer-full";

/** What a socket tells its owner. All are called from the event loop, never from within a call to the socket. */
export interface SocketHandlers {
  /** A message arrived; on a ROUTER its first frame is the sender's routing id. */
  message(frames: Uint8Array[]): void;
  /** A connection came or went. */
  connection?(event: ConnectionEvent): void;
  /**
   * ROUTER with `departures`: a connection that it had accepted is gone, and what came over it has been
   * handed over. A peer that is replaced by another with the same routing id (`handover`) does not depart;
   * but if its connection had been gone before, with messages still unread, these and the departure come
   * under a fresh routing id.
   *
   * From now on nothing can be sent to the peer. Its routing id is free for the next one at once with `handover`.
   * Without, ZeroMQ takes a moment more, and ignores whoever comes with that id before, for as long as it is connected.
   */
  departed?(routingId: Uint8Array): void;
  /**
   * PUBLISHER with `subscriptions`: a peer has subscribed to what begins with `prefix`. Told of each peer, also if
   * another has the prefix already, and anew when a peer comes back. What is sent from now on reaches the peer, unless
   * its queue is full or its connection is lost.
   *
   * Which peer it is remains unknown, and one subscription may be told more than once. The prefixes of one peer come
   * in any order, and may come before the word that its connection is up.
   */
  subscribed?(prefix: Uint8Array): void;
  /**
   * PUBLISHER with `subscriptions`: the last peer that had subscribed to `prefix` is gone, or has taken it back. If
   * it comes back before its end was noticed, nothing is told here: the last word about a prefix is the true one.
   * A peer to which the publisher itself has connected is not gone while its connection is lost, unless `immediate`.
   *
   * Peers are believed: if one takes back what it never had, that is told, even while others still have it.
   */
  unsubscribed?(prefix: Uint8Array): void;
  /** ROUTER: this message was not sent. */
  refused?(frames: Frames, reason: RefusalReason): void;
}

/** Key pairs for CURVE (26/CURVEZMQ): Z85 text of 40 characters, as `curveKeyPair()` of zeromq makes them. */
export type CurveOptions =
  | { readonly secretKey: string; readonly server: true }
  | { readonly publicKey: string; readonly secretKey: string; readonly serverKey: string };

/** Options that users may set on the sockets of any role. All are optional. */
export interface SocketSettings {
  /** Messages that may wait in ZeroMQ for one peer. Default 1000. */
  sendHighWaterMark?: number;
  /** Messages that may wait in ZeroMQ to be read, per peer. Default 1000. */
  receiveHighWaterMark?: number;
  /** Messages that may wait in front of ZeroMQ, when it takes no more. Default 10,000. */
  maxQueued?: number;
  /** Largest frame accepted from a peer, in bytes; a peer that sends more is disconnected. Default 64 MiB. */
  maxFrameBytes?: number;
  /** First pause before a lost connection is tried again, in ms. Default 100. */
  reconnectIntervalMs?: number;
  /** Longest pause between such tries, doubling from the first, in ms. Default 2000. */
  reconnectMaxIntervalMs?: number;
  /**
   * Interval of ZMTP's own pings, in ms; 0 for none. They find connections that died without a
   * word, but not a peer whose process is blocked. Default 0.
   */
  pingIntervalMs?: number;
  /** Take and make IPv6 connections besides IPv4 ones; needed for endpoints such as `tcp://[::1]:5555`. Default false. */
  ipv6?: boolean;
  /** Encryption and authentication. Default none. */
  curve?: CurveOptions | undefined;
}

/** What a role asks for when it opens a socket. */
export interface SocketSpec extends SocketSettings {
  readonly type: SocketType;
  /**
   * Queue messages only on established connections, and drop them with the connection, in both
   * directions: also what has arrived and was not read. Default false.
   */
  readonly immediate?: boolean;
  /**
   * Try again when a connection fails or is lost. Default true. With false the socket stays as it
   * is, so that what is queued for a lost connection is never sent; its owner opens another.
   */
  readonly reconnect?: boolean;
  /** Fixed routing id. Default: a fresh one per socket. */
  readonly routingId?: string;
  /** ROUTER: a peer that comes with a routing id in use takes it over. Default false. */
  readonly handover?: boolean;
  /**
   * ROUTER: tell which of the connections that it accepted end (`SocketHandlers.departed`), if the transport
   * can: ZeroMQ can where it is built with its draft API. Default false.
   */
  readonly departures?: boolean;
  /**
   * PUBLISHER: tell what peers subscribe to (`SocketHandlers.subscribed` and `unsubscribed`). Default false.
   *
   * Only for peers that can be trusted: what they send up waits in ZeroMQ to be read, and `receiveHighWaterMark`
   * does not bound it. Anything that is no subscription is read and ignored.
   */
  readonly subscriptions?: boolean;
}

/** An open socket. */
export interface TransportSocket {
  /**
   * Binds; returns the endpoint with its real port.
   *
   * @throws BindError if the endpoint cannot be bound
   */
  bind(endpoint: string): string;
  /**
   * Connects in the background, and again whenever the connection is lost. An endpoint that ZeroMQ
   * does not take is reported as `failed`.
   */
  connect(endpoint: string): void;
  /** SUBSCRIBER: receive what begins with `prefix`. */
  subscribe(prefix: Uint8Array): void;
  /**
   * Sends, in order. False, with nothing sent, when the queue is at `maxQueued` or the socket closes.
   *
   * @param isWanted - asked when the message has got to the front of the queue: false drops it, so that
   * what was given up while it waited is not sent late
   */
  send(frames: Frames, isWanted?: () => boolean): boolean;
  /** Closes, once; gives what is queued up to `lingerMs` to leave. */
  close(lingerMs: number): Promise<void>;
}

/** Opens sockets. */
export interface Transport {
  open(spec: SocketSpec, handlers: SocketHandlers): TransportSocket;
  /**
   * True while messages that have arrived are still being handed over. A transport that cannot see
   * what waits says whether anything was handed over since it was last asked.
   */
  backlog(): boolean;
}
