import { randomBytes } from "node:crypto";
import { capability, context, Dealer, Publisher, Router, type Socket, Subscriber, XPublisher } from "zeromq";
import { framesEqual } from "../frames.js";
import { type ResolvedSpec, resolveSpec } from "../socket-settings.js";
import type { CurveOptions, SocketHandlers, SocketSpec, Transport, TransportSocket } from "../transport.js";
import { type DriverStats, noStats, SocketDriver } from "./driver.js";

function curveSocketOptions(curve: CurveOptions | undefined): object {
  if (curve === undefined) return {};
  if ("server" in curve) return { curveServer: true, curveSecretKey: curve.secretKey };
  return {
    curvePublicKey: curve.publicKey,
    curveSecretKey: curve.secretKey,
    curveServerKey: curve.serverKey,
  };
}

/** How long a receive may have lost its wake-up, in ms: see docs/decisions/0006. */
const RECEIVE_TIMEOUT_MS = 250;

/**
 * "Never" for a connection that is not to be made again, in ms. ZeroMQ's own -1 would throw away
 * what came over the lost connection and is not read yet.
 */
const NO_RECONNECT_MS = 24 * 3600 * 1000;

function reconnectOptions({ reconnect, reconnectIntervalMs, reconnectMaxIntervalMs }: ResolvedSpec): object {
  if (!reconnect) return { reconnectInterval: NO_RECONNECT_MS };
  const interval = Math.ceil(reconnectIntervalMs);
  return {
    reconnectInterval: interval,
    reconnectMaxInterval: Math.max(interval, Math.ceil(reconnectMaxIntervalMs)),
  };
}

/** ZMQ_DISCONNECT_MSG of libzmq's draft API: what a socket reads when a peer's connection has ended. */
const DISCONNECT_MESSAGE_OPTION = 111;

/** A ROUTER that reads `farewell`, under the peer's routing id, behind the last message of a lost connection. */
class WatchfulRouter extends Router {
  constructor(options: ConstructorParameters<typeof Router>[0], farewell: Buffer) {
    super(options);
    this.setStringOption(DISCONNECT_MESSAGE_OPTION, farewell);
  }
}

/** ZMQ_SNDHWM, which zeromq.js does not have for a SUB. */
const SEND_HIGH_WATER_MARK_OPTION = 23;
const UNLIMITED = 0;

/** A SUB whose publishers hear of all its prefixes: beyond a high-water mark ZeroMQ drops subscriptions without a word. */
class HeardSubscriber extends Subscriber {
  constructor(options: ConstructorParameters<typeof Subscriber>[0]) {
    super(options);
    this.setInt32Option(SEND_HIGH_WATER_MARK_OPTION, UNLIMITED);
  }
}

/** No peer can know it, so none can say that another, or itself, is gone. */
const FAREWELL_BYTES = 16;

function watched(handlers: SocketHandlers, farewell: Buffer): SocketHandlers {
  return {
    // Not copied by a spread, which misses the methods of a class.
    connection: (event) => handlers.connection?.(event),
    refused: (frames, reason) => handlers.refused?.(frames, reason),
    message(frames) {
      const [id, said] = frames as [Uint8Array, Uint8Array];
      if (frames.length === 2 && framesEqual(said, farewell)) handlers.departed?.(id);
      else handlers.message(frames);
    },
  };
}

/** First byte of what an XPUB reads in place of messages; the prefix follows. */
const UNSUBSCRIBED = 0;
const SUBSCRIBED = 1;

/**
 * Peers may send up anything. ZeroMQ takes every frame that begins like a subscription for one, and each ends the
 * message in which it is read: before it may stand frames of anybody's, and these mean nothing.
 */
function subscribedTo(handlers: SocketHandlers): SocketHandlers {
  return {
    connection: (event) => handlers.connection?.(event),
    message(frames) {
      const said = frames.at(-1) as Uint8Array;
      if (said[0] === SUBSCRIBED) handlers.subscribed?.(said.subarray(1));
      else if (said[0] === UNSUBSCRIBED) handlers.unsubscribed?.(said.subarray(1));
    },
  };
}

function openPublisher(isToldOfSubscriptions: boolean, options: object, reading: object): Socket {
  if (!isToldOfSubscriptions) return new Publisher(options);
  return new XPublisher({ ...options, ...reading, verbosity: "allSubs" });
}

function openSocket(spec: ResolvedSpec, farewell: Buffer | undefined): Socket {
  const { type, sendHighWaterMark, receiveHighWaterMark, pingIntervalMs, routingId } = spec;
  const common = {
    // Finite from the start, so that an abandoned socket cannot keep the process from ending;
    // close() sets what its caller allows.
    linger: 0,
    maxMessageSize: spec.maxFrameBytes,
    immediate: spec.immediate,
    ipv6: spec.ipv6,
    ...reconnectOptions(spec),
    ...(pingIntervalMs > 0 ? { heartbeatInterval: Math.ceil(pingIntervalMs) } : {}),
    ...curveSocketOptions(spec.curve),
  };
  // Each type gets the options that it has: zeromq.js throws at any other.
  const writing = { sendHighWaterMark, sendTimeout: 0 };
  const reading = { receiveHighWaterMark, receiveTimeout: RECEIVE_TIMEOUT_MS };
  if (type === "publisher") return openPublisher(spec.subscriptions, { ...common, ...writing }, reading);
  if (type === "subscriber") return new HeardSubscriber({ ...common, ...reading });
  const options = {
    ...common,
    ...writing,
    ...reading,
    ...(routingId === undefined ? {} : { routingId }),
  };
  if (type === "dealer") return new Dealer(options);
  const routerOptions = { ...options, mandatory: true, handover: spec.handover };
  return farewell === undefined ? new Router(routerOptions) : new WatchfulRouter(routerOptions, farewell);
}

/** What reads a socket for its owner: some read more than messages. */
function heardBy(handlers: SocketHandlers, socket: Socket, farewell: Buffer | undefined): SocketHandlers {
  if (socket instanceof XPublisher) return subscribedTo(handlers);
  return farewell === undefined ? handlers : watched(handlers, farewell);
}

/** Sockets of ZeroMQ's that each of ours takes: itself, and two over which it is watched. */
const SOCKETS_EACH = 3;
/** Sockets that are left to others in the process. */
const RESERVE = 32;
/** Sockets that all transports of the process have open. */
let openSockets = 0;

/** Where the last socket is gone between opening one and watching it, ZeroMQ can close none any more: it waits for a reader. */
function assertRoom(owner: string): void {
  const { maxSockets } = context;
  if ((openSockets + 1) * SOCKETS_EACH + RESERVE <= maxSockets) return;
  throw new Error(
    `${owner}: ${openSockets} sockets are open, and context.maxSockets of zeromq is ${maxSockets}`,
  );
}

/** Opens zeromq sockets for one role and looks after all of them. */
export class ZmqTransport implements Transport {
  /** Whether `departures` are told: this build of ZeroMQ has the draft API. */
  readonly tellsDepartures: boolean = capability.draft === true;
  readonly #owner: string;
  readonly #open = new Set<SocketDriver>();
  #receivedWhenAsked = 0;
  readonly #past: DriverStats = noStats();

  /** @param owner - the name that error messages begin with */
  constructor(owner: string) {
    this.#owner = owner;
  }

  open(spec: SocketSpec, handlers: SocketHandlers): TransportSocket {
    const resolved = resolveSpec(this.#owner, spec);
    assertRoom(this.#owner);
    const farewell = resolved.departures && this.tellsDepartures ? randomBytes(FAREWELL_BYTES) : undefined;
    const socket = openSocket(resolved, farewell);
    const driver = new SocketDriver(socket, heardBy(handlers, socket, farewell), resolved.maxQueued);
    this.#open.add(driver);
    openSockets += 1;
    return {
      bind: (endpoint) => driver.bind(endpoint),
      connect: (endpoint) => driver.connect(endpoint),
      subscribe: (prefix) => driver.subscribe(prefix),
      send: (frames, isWanted) => driver.send(frames, isWanted),
      close: async (lingerMs) => {
        await driver.close(lingerMs);
        if (!this.#open.delete(driver)) return;
        openSockets -= 1;
        addStats(this.#past, driver.stats);
      },
    };
  }

  /**
   * True if a message was handed over since this was last asked. The sockets themselves are not
   * asked: that would take away the wake-up that a pending receive waits for.
   */
  backlog(): boolean {
    const { received } = this.stats();
    const isComing = received !== this.#receivedWhenAsked;
    this.#receivedWhenAsked = received;
    return isComing;
  }

  /** What all sockets of this role, also closed ones, have done. */
  stats(): DriverStats {
    const total = { ...this.#past };
    for (const driver of this.#open) addStats(total, driver.stats);
    return total;
  }
}

function addStats(total: DriverStats, more: DriverStats): void {
  total.sent += more.sent;
  total.received += more.received;
  total.refused += more.refused;
  total.overflowed += more.overflowed;
  total.discarded += more.discarded;
  total.queued += more.queued;
}
