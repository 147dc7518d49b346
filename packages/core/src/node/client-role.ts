import { checkEndpoint } from "../endpoint.js";
import { AbortedError, ClosedError, LimitError, type SeaworthyError } from "../errors.js";
import { type Body, bodyFrames, byteLength } from "../frames.js";
import type {
  RequestClientCall,
  RequestClientCode,
  RequestClientFailure,
  RequestClientOwner,
} from "../request-client-messages.js";
import {
  ConnectionLostError,
  NotConnectedError,
  RemoteError,
  type RequestEffort,
  RequestTimeoutError,
} from "../request-errors.js";
import { type AttemptLimits, type RequestLimits, resolveRequestLimits } from "../request-limits.js";
import type { StatusEvent } from "../status.js";
import { OpenCalls } from "./calls.js";
import type { NonEmptyFrames } from "./incoming-request.js";
import { Role } from "./role.js";

/** A client's machine with its sockets. */
export interface RequestClientEngine {
  feed(call: RequestClientCall): void;
  /** Ends what is in flight and closes all sockets. */
  close(): Promise<void>;
}

/** What a {@link RequestClientRole} needs to know of its options: the limits are those of requests that have none. */
export interface RequestClientRoleOptions extends AttemptLimits {
  readonly maxBodyBytes: number;
  readonly maxInFlight: number;
  readonly lingerMs: number;
}

/** Makes the errors of the codes that only one pattern has. */
export type OwnRequestErrors<Own extends string> = {
  readonly [Code in Own]: (effort: RequestEffort) => SeaworthyError<Code>;
};

interface Call {
  resolve(body: NonEmptyFrames): void;
  reject(error: SeaworthyError): void;
  readonly signal: AbortSignal | undefined;
}

/** Base of the clients: gives each request to its machine, and each end of a request to its call. */
export abstract class RequestClientRole<
  E extends StatusEvent,
  G extends RequestClientEngine = RequestClientEngine,
  Own extends string = never,
> extends Role<E> {
  /**
   * What `start` made.
   *
   * @hidden
   */
  protected readonly engine: G;
  readonly #owner: string;
  readonly #options: RequestClientRoleOptions;
  readonly #ownErrors: OwnRequestErrors<Own>;
  readonly #calls: OpenCalls<Call> = new OpenCalls((call) => this.engine.feed({ type: "abort", call }));
  #closing: Promise<void> | undefined;

  /**
   * @param packageName - without scope
   * @param owner - the name that error messages begin with
   * @param ownErrors - for the codes in `Own`
   * @param start - makes the engine
   */
  protected constructor(
    packageName: string,
    owner: string,
    options: RequestClientRoleOptions,
    ownErrors: OwnRequestErrors<Own>,
    start: (owner: RequestClientOwner<E, RequestClientFailure<RequestClientCode | Own>>) => G,
  ) {
    super(packageName);
    this.#owner = owner;
    this.#options = options;
    this.#ownErrors = ownErrors;
    this.engine = start({
      answered: (call, body) => this.#calls.settle(call)?.resolve(body as NonEmptyFrames),
      failed: (number, failure) => {
        const call = this.#calls.settle(number);
        call?.reject(this.#errorOf(failure, call.signal));
      },
      status: (event) => this.report(event),
    });
  }

  /**
   * Adds a server.
   *
   * @throws ClosedError if the client is closed; TypeError or RangeError if the endpoint is not
   * of the form `transport://address`
   */
  connect(endpoint: string): void {
    this.assertConnectable(endpoint);
    this.engine.feed({ type: "connect", endpoint });
  }

  /**
   * Takes a server out. An endpoint that is not in use is let pass.
   *
   * @throws TypeError or RangeError if the endpoint is not of the form `transport://address`
   */
  disconnect(endpoint: string): void {
    checkEndpoint(this.#owner, endpoint, "connect");
    this.engine.feed({ type: "disconnect", endpoint });
  }

  /**
   * Sends a request and waits for its reply.
   *
   * Bytes are not copied: once given they must not be changed any more, not even when the promise has settled.
   * After a retry, a timeout or an abort they may still be on their way.
   *
   * @returns the frames of the reply
   * @throws (by rejecting) the errors that the pattern tells of; TypeError or RangeError for wrong arguments
   */
  async request(body: Body, options: RequestLimits = {}): Promise<NonEmptyFrames> {
    const { signal } = options;
    const limits = resolveRequestLimits(`${this.#owner}.request`, this.#options, options);
    const frames = bodyFrames(body);
    const { maxBodyBytes, maxInFlight } = this.#options;
    if (byteLength(frames) > maxBodyBytes) {
      throw new LimitError("maxBodyBytes", maxBodyBytes, "request body is too large", false);
    }
    if (this.#closing !== undefined) throw new ClosedError(this.#owner);
    if (signal?.aborted) throw new AbortedError(signal.reason);
    if (this.#calls.size >= maxInFlight)
      throw new LimitError("maxInFlight", maxInFlight, "too many requests");
    return new Promise((resolve, reject) => {
      const call = this.#calls.add({ resolve, reject, signal });
      this.engine.feed({ type: "request", call, body: frames, ...limits });
    });
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

  /** @throws TypeError or RangeError if it is no endpoint; ClosedError once the client is told to close */
  protected assertConnectable(endpoint: string): void {
    checkEndpoint(this.#owner, endpoint, "connect");
    if (this.#closing !== undefined) throw new ClosedError(this.#owner);
  }

  async #close(): Promise<void> {
    await this.#calls.whenIdle(this.#options.lingerMs);
    await this.engine.close();
  }

  #errorOf(
    failure: RequestClientFailure<RequestClientCode | Own>,
    signal: AbortSignal | undefined,
  ): SeaworthyError {
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
        return new ClosedError(this.#owner);
      default:
        return this.#ownErrors[failure.code as Own](failure);
    }
  }
}
