import { randomBytes } from "node:crypto";
import {
  AbortedError,
  type Body,
  bodyFrames,
  byteLength,
  ClosedError,
  checkEndpoint,
  LimitError,
  RemoteError,
  type RequestLimits,
  RequestTimeoutError,
  type SeaworthyError,
  systemScheduler,
} from "@seaworthy/core";
import { type DriverStats, type NonEmptyFrames, OpenCalls, Role, ZmqTransport } from "@seaworthy/core/node";
import { FreelanceClientMachine } from "./client-machine.js";
import type {
  FreelanceClientEvent,
  FreelanceClientStats,
  FreelanceFailure,
  FreelanceServerStatistics,
} from "./client-messages.js";
import {
  type FreelanceClientOptions,
  type ResolvedClientOptions,
  resolveClientOptions,
  resolveLimits,
} from "./client-options.js";
import { type WiredClient, wireClient } from "./client-wiring.js";
import { ConnectionLostError, NotConnectedError } from "./errors.js";

/** What one request may set for itself. */
export interface FreelanceRequestOptions extends RequestLimits {}

interface Call {
  resolve(body: NonEmptyFrames): void;
  reject(error: SeaworthyError): void;
  readonly signal: AbortSignal | undefined;
}

const OWNER = "FreelanceClient";

/**
 * A client of many servers that do the same, with no broker between. Each request ends in its own reply, or in a typed
 * error within `attempts × timeoutMs` and the pauses between. How servers are chosen is the `strategy`:
 *
 * - `failover` (guide model 1): one server gets everything; when it is lost or silent the next gets its turn. For any REP
 *   or ROUTER server.
 * - `shotgun` (guide model 2): each request goes to all connected servers, and the first reply wins. For any REP or ROUTER
 *   server whose requests may run many times.
 * - `tracked` (guide model 3, the default): each request goes to the server that is likely to be through with it first,
 *   among those that answer PINGs (10/FLP); to another if that one does not answer, and on demand (`hedgeAfterMs`)
 *   to a second one if it takes long. For `FreelanceServer`, and for FLP servers in any language. A server must have the
 *   very endpoint that is connected to as its routing id.
 *
 * A request is sent again when an attempt times out or its server is lost, so it may run more than once: make it
 * idempotent, or turn the reply cache of `FreelanceServer` on, which knows the repeats that come to one server.
 *
 * @example
 * ```ts
 * const client = new FreelanceClient();
 * for (const port of [5555, 5556, 5557]) client.connect(`tcp://localhost:${port}`);
 * const [reply] = await client.request("hello");
 * await client.close();
 * ```
 */
export class FreelanceClient extends Role<FreelanceClientEvent> {
  readonly #options: ResolvedClientOptions;
  readonly #machine: FreelanceClientMachine;
  readonly #transport = new ZmqTransport(OWNER);
  readonly #wired: WiredClient;
  readonly #calls: OpenCalls<Call> = new OpenCalls((call) => this.#wired.feed({ type: "abort", call }));
  #closing: Promise<void> | undefined;

  /**
   * @throws TypeError or RangeError that names the option at fault
   */
  constructor(options: FreelanceClientOptions = {}) {
    super("freelance");
    this.#options = resolveClientOptions(options);
    const { strategy, socket } = this.#options;
    this.#machine = new FreelanceClientMachine(this.#options, randomBytes(8).readBigUInt64BE(), Math.random);
    this.#wired = wireClient(this.#machine, {
      transport: this.#transport,
      scheduler: systemScheduler,
      strategy,
      socket,
      owner: {
        answered: (call, body) => this.#calls.settle(call)?.resolve(body as NonEmptyFrames),
        failed: (call, failure) => this.#failed(call, failure),
        status: (event) => this.report(event),
      },
    });
  }

  /**
   * Enters a server, also while requests are in flight. One that is entered twice is one server.
   *
   * @throws ClosedError if the client is closed; LimitError beyond `maxServers`; TypeError or RangeError if the endpoint
   * is not of the form `transport://address`
   */
  connect(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "connect");
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    const { maxServers } = this.#options;
    if (!this.#machine.has(endpoint) && this.#machine.serverCount >= maxServers)
      throw new LimitError("maxServers", maxServers, "too many servers");
    this.#wired.feed({ type: "connect", endpoint });
  }

  /**
   * Takes a server out. It gets no more requests; those that it has may still be answered, and its connection is kept
   * until they are. An endpoint that is not in use is let pass.
   *
   * @throws TypeError or RangeError if the endpoint is not of the form `transport://address`
   */
  disconnect(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "connect");
    this.#wired.feed({ type: "disconnect", endpoint });
  }

  /**
   * Sends a request and waits for its reply.
   *
   * Bytes are not copied: once given they must not be changed any more, not even when the promise has settled.
   * After a retry, a hedge, a timeout or an abort they may still be on their way.
   *
   * @returns the frames of the reply
   * @throws (by rejecting) RequestTimeoutError, ConnectionLostError, NotConnectedError,
   * RemoteError, AbortedError, ClosedError, LimitError; TypeError or RangeError for wrong arguments
   */
  async request(body: Body, options: FreelanceRequestOptions = {}): Promise<NonEmptyFrames> {
    const { signal } = options;
    const limits = resolveLimits(this.#options, options);
    const frames = bodyFrames(body);
    const { maxBodyBytes, maxInFlight } = this.#options;
    if (byteLength(frames) > maxBodyBytes) {
      throw new LimitError("maxBodyBytes", maxBodyBytes, "request body is too large", false);
    }
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    if (signal?.aborted) throw new AbortedError(signal.reason);
    if (this.#calls.size >= maxInFlight)
      throw new LimitError("maxInFlight", maxInFlight, "too many requests");
    return new Promise((resolve, reject) => {
      const call = this.#calls.add({ resolve, reject, signal });
      this.#wired.feed({ type: "request", call, body: frames, ...limits });
    });
  }

  /** What is known of each server, in the order in which they were entered. */
  servers(): FreelanceServerStatistics[] {
    return this.#machine.servers(systemScheduler.now());
  }

  /** Counters since construction, and how much is in flight and alive now. */
  stats(): FreelanceClientStats & {
    inFlight: number;
    servers: number;
    aliveServers: number;
    sockets: DriverStats;
  } {
    const { stats, inFlight, serverCount: servers, aliveCount: aliveServers } = this.#machine;
    return { ...stats, inFlight, servers, aliveServers, sockets: this.#transport.stats() };
  }

  /**
   * Takes no more requests, lets those in flight finish for up to `lingerMs`, rejects the rest
   * with `ERR_CLOSED`, and closes the sockets.
   */
  override close(): Promise<void> {
    // Closed from now on, also for whoever is told of what closing leads to.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#calls.whenIdle(this.#options.lingerMs);
    await this.#wired.close();
  }

  #failed(number: number, failure: FreelanceFailure): void {
    const call = this.#calls.settle(number);
    call?.reject(failureError(failure, call.signal));
  }
}

function failureError(failure: FreelanceFailure, signal: AbortSignal | undefined): SeaworthyError {
  switch (failure.code) {
    case "ERR_REQUEST_TIMEOUT":
      return new RequestTimeoutError(failure);
    case "ERR_CONNECTION_LOST":
      return new ConnectionLostError(failure);
    case "ERR_NOT_CONNECTED":
      return new NotConnectedError(failure);
    case "ERR_HANDLER_FAILED":
      return new RemoteError(failure.message ?? "");
    case "ERR_ABORTED":
      return new AbortedError(signal?.reason);
    case "ERR_CLOSED":
      return new ClosedError(OWNER);
  }
}
