import { randomBytes } from "node:crypto";
import { type Body, type RequestLimits, systemScheduler } from "@seaworthy/core";
import { type DriverStats, type NonEmptyFrames, RequestClientRole, ZmqTransport } from "@seaworthy/core/node";
import { BinaryStarClientMachine } from "./client-machine.js";
import type { BinaryStarClientEvent, BinaryStarClientStats } from "./client-messages.js";
import { type BinaryStarClientOptions, resolveClientOptions } from "./client-options.js";
import { type WiredClient, wireClient } from "./client-wiring.js";
import { NotActiveError } from "./errors.js";

/** What one request may set for itself. */
export interface BinaryStarRequestOptions extends RequestLimits {}

const OWNER = "BinaryStarClient";

interface BinaryStarClientEngine extends WiredClient {
  readonly machine: BinaryStarClientMachine;
  readonly transport: ZmqTransport;
}

/**
 * The client of a pair. It talks to one server at a time, with up to `maxInFlight` requests in flight. When that server
 * is lost, cannot be reached, or is silent for a whole attempt, the client waits for `settleMs` and goes to the other,
 * with all requests that are in flight. A server of ours that is not active says so: then the client asks it again
 * when it can take over, or goes to the other one at once.
 *
 * Every request ends within `attempts × timeoutMs + settleMs`, in its own reply or in a typed error. It is sent at most
 * `attempts` times, each time for `timeoutMs` at most. To wait for a server takes no attempts, but is part of the
 * whole, which may cut the last attempt short. A send that is refused is an attempt that is over at once.
 *
 * The servers may run a request more than once: make it idempotent, or know repeats by its id.
 *
 * @example
 * ```ts
 * const client = new BinaryStarClient();
 * client.connect("tcp://primary:5001");
 * client.connect("tcp://backup:5002");
 * const [reply] = await client.request("hello");
 * await client.close();
 * ```
 */
export class BinaryStarClient extends RequestClientRole<
  BinaryStarClientEvent,
  BinaryStarClientEngine,
  "ERR_NOT_ACTIVE"
> {
  /**
   * @throws TypeError or RangeError that names the option at fault
   */
  constructor(options: BinaryStarClientOptions = {}) {
    const resolved = resolveClientOptions(options);
    const machine = new BinaryStarClientMachine(resolved, randomBytes(8).readBigUInt64BE(), Math.random);
    const transport = new ZmqTransport(OWNER);
    const { socket } = resolved;
    super(
      "binary-star",
      OWNER,
      resolved,
      { ERR_NOT_ACTIVE: (effort) => new NotActiveError(effort) },
      (owner) => ({
        machine,
        transport,
        ...wireClient(machine, { transport, scheduler: systemScheduler, socket, owner }),
      }),
    );
  }

  /**
   * Adds a server: the primary first, which the client then tries first. One alone works, as do more than two.
   *
   * @throws ClosedError if the client is closed; TypeError or RangeError if the endpoint is not
   * of the form `transport://address`
   */
  override connect(endpoint: string): void {
    super.connect(endpoint);
  }

  /**
   * Takes a server out. If it is the one in use, what is in flight is sent to the next one. An endpoint that is not in
   * use is let pass.
   *
   * @throws TypeError or RangeError if the endpoint is not of the form `transport://address`
   */
  override disconnect(endpoint: string): void {
    super.disconnect(endpoint);
  }

  /** The endpoint of the server that the client is connected to, whether that is active or not; `undefined` for none. */
  get server(): string | undefined {
    return this.engine.machine.server;
  }

  /**
   * Sends a request and waits for its reply.
   *
   * Bytes are not copied: once given they must not be changed any more, not even when the promise has settled.
   * After a retry, a timeout or an abort they may still be on their way.
   *
   * @returns the frames of the reply
   * @throws (by rejecting) RequestTimeoutError, ConnectionLostError, NotActiveError, RemoteError, AbortedError,
   * ClosedError, LimitError; TypeError or RangeError for wrong arguments
   */
  override request(body: Body, options: BinaryStarRequestOptions = {}): Promise<NonEmptyFrames> {
    return super.request(body, options);
  }

  /** Counters since construction, and how much is open now. */
  stats(): BinaryStarClientStats & { inFlight: number; sockets: DriverStats } {
    const { stats, inFlight } = this.engine.machine;
    return { ...stats, inFlight, sockets: this.engine.transport.stats() };
  }
}
