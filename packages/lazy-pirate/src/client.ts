import { randomBytes } from "node:crypto";
import { type Body, type RequestLimits, systemScheduler } from "@seaworthy/core";
import { type DriverStats, type NonEmptyFrames, RequestClientRole, ZmqTransport } from "@seaworthy/core/node";
import { LazyPirateClientMachine } from "./client-machine.js";
import type { LazyPirateClientEvent, LazyPirateClientStats } from "./client-messages.js";
import { type LazyPirateClientOptions, resolveClientOptions } from "./client-options.js";
import { type WiredClient, wireClient } from "./client-wiring.js";

/** What one request may set for itself. */
export interface LazyPirateRequestOptions extends RequestLimits {}

const OWNER = "LazyPirateClient";

interface LazyPirateClientEngine extends WiredClient {
  readonly machine: LazyPirateClientMachine;
  readonly transport: ZmqTransport;
}

/**
 * A client whose requests end: each in its own reply, or in a typed error within
 * `attempts × timeoutMs` and the pauses between. Talks to any REP or ROUTER server that sends the
 * envelope back, with up to `maxInFlight` requests in flight on one connection.
 *
 * A request is sent at most `attempts` times, so the server may run it more than once: make it
 * idempotent, or turn the reply cache of `LazyPirateServer` on.
 *
 * @example
 * ```ts
 * const client = new LazyPirateClient({ timeoutMs: 1000 });
 * client.connect("tcp://localhost:5555");
 * const [reply] = await client.request("hello");
 * await client.close();
 * ```
 */
export class LazyPirateClient extends RequestClientRole<LazyPirateClientEvent, LazyPirateClientEngine> {
  /**
   * @throws TypeError or RangeError that names the option at fault
   */
  constructor(options: LazyPirateClientOptions = {}) {
    const resolved = resolveClientOptions(options);
    const machine = new LazyPirateClientMachine(resolved, randomBytes(8).readBigUInt64BE(), Math.random);
    const transport = new ZmqTransport(OWNER);
    const { socket } = resolved;
    super("lazy-pirate", OWNER, resolved, {}, (owner) => ({
      machine,
      transport,
      ...wireClient(machine, { transport, scheduler: systemScheduler, socket, owner }),
    }));
  }

  /**
   * Adds a server. With several, the client talks to one at a time and goes to the next when that
   * one is silent, lost or cannot be reached.
   *
   * @throws ClosedError if the client is closed; TypeError or RangeError if the endpoint is not
   * of the form `transport://address`
   */
  override connect(endpoint: string): void {
    super.connect(endpoint);
  }

  /**
   * Takes a server out. Requests that it is working on may still be answered. An endpoint that is not
   * in use is let pass.
   *
   * @throws TypeError or RangeError if the endpoint is not of the form `transport://address`
   */
  override disconnect(endpoint: string): void {
    super.disconnect(endpoint);
  }

  /**
   * Sends a request and waits for its reply.
   *
   * Bytes are not copied: once given they must not be changed any more, not even when the promise has settled.
   * After a retry, a timeout or an abort they may still be on their way.
   *
   * @returns the frames of the reply
   * @throws (by rejecting) RequestTimeoutError, ConnectionLostError, NotConnectedError,
   * RemoteError, AbortedError, ClosedError, LimitError; TypeError or RangeError for wrong arguments
   */
  override request(body: Body, options: LazyPirateRequestOptions = {}): Promise<NonEmptyFrames> {
    return super.request(body, options);
  }

  /** Counters since construction, and how much is open now. */
  stats(): LazyPirateClientStats & { inFlight: number; connections: number; sockets: DriverStats } {
    const { stats, inFlight, connections } = this.engine.machine;
    return { ...stats, inFlight, connections, sockets: this.engine.transport.stats() };
  }
}
