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
import { BinaryStarClientMachine } from "./client-machine.js";
import type { BinaryStarClientEvent, BinaryStarClientStats, RequestFailure } from "./client-messages.js";
import {
  type BinaryStarClientOptions,
  type ResolvedClientOptions,
  resolveClientOptions,
  resolveLimits,
} from "./client-options.js";
import { type WiredClient, wireClient } from "./client-wiring.js";
import { ConnectionLostError, NotActiveError } from "./errors.js";

/** What one request may set for itself. */
export interface BinaryStarRequestOptions extends RequestLimits {}

interface Call {
  resolve(body: NonEmptyFrames): void;
  reject(error: SeaworthyError): void;
  readonly signal: AbortSignal | undefined;
}

const OWNER = "BinaryStarClient";

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
export class BinaryStarClient extends Role<BinaryStarClientEvent> {
  readonly #options: ResolvedClientOptions;
  readonly #machine: BinaryStarClientMachine;
  readonly #transport = new ZmqTransport(OWNER);
  readonly #wired: WiredClient;
  readonly #calls: OpenCalls<Call> = new OpenCalls((call) => this.#wired.feed({ type: "abort", call }));
  #closing: Promise<void> | undefined;

  /**
   * @throws TypeError or RangeError that names the option at fault
   */
  constructor(options: BinaryStarClientOptions = {}) {
    super("binary-star");
    this.#options = resolveClientOptions(options);
    this.#machine = new BinaryStarClientMachine(this.#options, randomBytes(8).readBigUInt64BE(), Math.random);
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
   * Adds a server: the primary first, which the client then tries first. One alone works, as do more than two.
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
   * Takes a server out. If it is the one in use, what is in flight is sent to the next one. An endpoint that is not in
   * use is let pass.
   *
   * @throws TypeError or RangeError if the endpoint is not of the form `transport://address`
   */
  disconnect(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "connect");
    this.#wired.feed({ type: "disconnect", endpoint });
  }

  /** The endpoint of the server that the client is connected to, whether that is active or not; `undefined` for none. */
  get server(): string | undefined {
    return this.#machine.server;
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
  async request(body: Body, options: BinaryStarRequestOptions = {}): Promise<NonEmptyFrames> {
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
  stats(): BinaryStarClientStats & { inFlight: number; sockets: DriverStats } {
    const { stats, inFlight } = this.#machine;
    return { ...stats, inFlight, sockets: this.#transport.stats() };
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
    case "ERR_NOT_ACTIVE":
      return new NotActiveError(failure);
    case "ERR_HANDLER_FAILED":
      return new RemoteError(failure.message ?? "");
    case "ERR_ABORTED":
      return new AbortedError(signal?.reason);
    case "ERR_CLOSED":
      return new ClosedError(OWNER);
  }
}
