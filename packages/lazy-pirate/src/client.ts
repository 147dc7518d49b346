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
import { LazyPirateClientMachine } from "./client-machine.js";
import type { LazyPirateClientEvent, LazyPirateClientStats, RequestFailure } from "./client-messages.js";
import {
  type LazyPirateClientOptions,
  type ResolvedClientOptions,
  resolveClientOptions,
  resolveLimits,
} from "./client-options.js";
import { type WiredClient, wireClient } from "./client-wiring.js";
import { ConnectionLostError, NotConnectedError } from "./errors.js";

/** What one request may set for itself. */
export interface LazyPirateRequestOptions extends RequestLimits {}

interface Call {
  resolve(body: NonEmptyFrames): void;
  reject(error: SeaworthyError): void;
  readonly signal: AbortSignal | undefined;
}

const OWNER = "LazyPirateClient";

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
export class LazyPirateClient extends Role<LazyPirateClientEvent> {
  readonly #options: ResolvedClientOptions;
  readonly #machine: LazyPirateClientMachine;
  readonly #transport = new ZmqTransport(OWNER);
  readonly #wired: WiredClient;
  readonly #calls: OpenCalls<Call> = new OpenCalls((call) => this.#wired.feed({ type: "abort", call }));
  #closing: Promise<void> | undefined;

  /**
   * @throws TypeError or RangeError that names the option at fault
   */
  constructor(options: LazyPirateClientOptions = {}) {
    super("lazy-pirate");
    this.#options = resolveClientOptions(options);
    this.#machine = new LazyPirateClientMachine(this.#options, randomBytes(8).readBigUInt64BE(), Math.random);
    this.#wired = wireClient(this.#machine, {
      transport: this.#transport,
      scheduler: systemScheduler,
      socket: this.#options.socket,
      owner: {
        answered: (call, body) => this.#calls.settle(call)?.resolve(body as NonEmptyFrames),
        failed: (call, failure) => this.#failed(call, failure),
        status: (event) => this.report(event),
      },
    });
  }

  /**
   * Adds a server. With several, the client talks to one at a time and goes to the next when that
   * one is silent, lost or cannot be reached.
   *
   * @throws ClosedError if the client is closed; TypeError or RangeError if the endpoint is not
   * of the form `transport://address`
   */
  connect(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "connect");
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    this.#wired.feed({ type: "connect", endpoint });
  }

  /**
   * Takes a server out. Requests that it is working on may still be answered. An endpoint that is not
   * in use is let pass.
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
   * After a retry, a timeout or an abort they may still be on their way.
   *
   * @returns the frames of the reply
   * @throws (by rejecting) RequestTimeoutError, ConnectionLostError, NotConnectedError,
   * RemoteError, AbortedError, ClosedError, LimitError; TypeError or RangeError for wrong arguments
   */
  async request(body: Body, options: LazyPirateRequestOptions = {}): Promise<NonEmptyFrames> {
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

  /** Counters since construction, and how much is open now. */
  stats(): LazyPirateClientStats & { inFlight: number; connections: number; sockets: DriverStats } {
    const { stats, inFlight, connections } = this.#machine;
    return { ...stats, inFlight, connections, sockets: this.#transport.stats() };
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

  #failed(number: number, failure: RequestFailure): void {
    const call = this.#calls.settle(number);
    call?.reject(failureError(failure, call.signal));
  }
}

function failureError(failure: RequestFailure, signal: AbortSignal | undefined): SeaworthyError {
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
