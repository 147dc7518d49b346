import { randomBytes } from "node:crypto";
import {
  AbortedError,
  type Body,
  bodyFrames,
  byteLength,
  ClosedError,
  checkEndpoint,
  type Frames,
  LimitError,
  systemScheduler,
} from "@seaworthy/core";
import { type DriverStats, type NonEmptyFrames, OpenCalls, Role, ZmqTransport } from "@seaworthy/core/node";
import { checkId, idempotencyFrame, submittedService } from "./client-arguments.js";
import type { CallInput } from "./client-call.js";
import { failureError } from "./client-failures.js";
import { TitanicClientMachine } from "./client-machine.js";
import type { TitanicClientEvent, TitanicClientStats } from "./client-messages.js";
import {
  checkOptions,
  type ResolvedTitanicOptions,
  resolveAskLimits,
  resolveTitanicOptions,
  resolveWait,
  type TitanicClientOptions,
  type TitanicRequestOptions,
  type TitanicWaitOptions,
} from "./client-options.js";
import { type CallOutput, type WiredTitanicClient, wireTitanicClient } from "./client-wiring.js";

/** What handing a request in may set for itself. */
export interface TitanicSubmitOptions extends TitanicRequestOptions {
  /**
   * What the caller knows the request by, 1 to 255 bytes. However often a request is handed in under a key, it is taken
   * in once, for as long as the server knows the key: until `keyRetentionMs` after it was closed, or until its reply is
   * forgotten that nobody closed.
   */
  idempotencyKey?: string | undefined;
}

/** What a whole call may set for itself. */
export interface TitanicCallOptions extends TitanicWaitOptions {
  /** As with {@link TitanicSubmitOptions}: with it the call survives the end of this process. */
  idempotencyKey?: string | undefined;
  /**
   * Is given the reply before the request is closed, to record it. If it rejects, so does the call, with the same, and
   * the request is not closed: called again with the key, the reply comes again.
   */
  onReply?: ((reply: NonEmptyFrames) => void | Promise<void>) | undefined;
}

interface Call {
  readonly signal: AbortSignal | undefined;
  readonly onReply: TitanicCallOptions["onReply"];
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** A call as the machine gets it, without its number. */
type Unnumbered = CallInput extends infer I ? (I extends unknown ? Omit<I, "call"> : never) : never;

const OWNER = "TitanicClient";

/** How long the news that calls are given up may take to leave, in ms. */
const FAREWELL_MS = 100;

/**
 * A client of Titanic servers (9/TSP), behind Majordomo brokers: hands requests in, which from then on survive the end
 * of this process and of any other, and fetches their replies, now or later, from here or elsewhere.
 *
 * With servers of Seaworthy a request that is sent again is not taken in twice: each has a key, the caller's or a random
 * one. The `titanic.request` of RFC 9 has no keys, so that there a request may be taken in as often as it is sent.
 *
 * @example
 * ```ts
 * const client = new TitanicClient();
 * client.connect("tcp://localhost:5555");
 * const [reply] = await client.call("echo", "hello", { idempotencyKey: "order 1" });
 * await client.close();
 * ```
 */
export class TitanicClient extends Role<TitanicClientEvent> {
  readonly #options: ResolvedTitanicOptions;
  readonly #machine: TitanicClientMachine;
  readonly #transport = new ZmqTransport(OWNER);
  readonly #wired: WiredTitanicClient;
  readonly #calls: OpenCalls<Call> = new OpenCalls((call) => this.#wired.feed({ type: "abort", call }));
  #closing: Promise<void> | undefined;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: TitanicClientOptions = {}) {
    super("titanic");
    this.#options = resolveTitanicOptions(options);
    this.#machine = new TitanicClientMachine(this.#options, () => randomBytes(KEY_BYTES), Math.random);
    this.#wired = wireTitanicClient(this.#machine, {
      transport: this.#transport,
      scheduler: systemScheduler,
      epoch: randomBytes(8).readBigUInt64BE(),
      random: Math.random,
      options: this.#options,
      owner: { told: (output) => this.#told(output), status: (event) => this.report(event) },
    });
  }

  /**
   * Adds a broker. With several, the client talks to one at a time and goes to the next when that one is silent, lost,
   * closing, or cannot be reached.
   *
   * @throws ClosedError if the client is closed; TypeError or RangeError if the endpoint is not of the form
   * `transport://address`
   */
  connect(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "connect");
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    this.#wired.connect(endpoint);
  }

  /**
   * Takes a broker out. An endpoint that is not in use is let pass.
   *
   * @throws TypeError or RangeError if the endpoint is not of the form `transport://address`
   */
  disconnect(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "connect");
    this.#wired.disconnect(endpoint);
  }

  /**
   * Hands a request in. When this resolves, the request survives all crashes, and will run at least once.
   *
   * It is tried `attempts` times, within `attempts × timeoutMs` and the pauses between. When it rejects, the request
   * may have been taken in all the same; hand it in again under the same key to be sure.
   *
   * Bytes are not copied: once given they must not be changed any more, as with `MajordomoClient.request`.
   *
   * @param service - the name of the service that is to work on it, 1 to 255 bytes
   * @returns the id of the request: 32 hexadecimal digits in upper case, or what a server that is not ours writes
   * @throws (by rejecting) a {@link TitanicRequestError}; TypeError or RangeError for wrong arguments
   */
  async submit(service: string, body: Body, options: TitanicSubmitOptions = {}): Promise<string> {
    const { idempotencyKey, ...rest } = checkOptions("submit", options);
    const limits = resolveAskLimits("submit", this.#options, rest);
    const submission = this.#submission(service, body, idempotencyKey);
    return this.#begin<string>({ type: "submit", ...submission, ...limits }, rest.signal);
  }

  /**
   * Asks for the reply of a request once.
   *
   * @param id - as `submit()` returned it
   * @returns the frames of the reply, or `undefined` if there is none yet
   * @throws (by rejecting) a {@link TitanicRequestError}; TypeError or RangeError for wrong arguments
   */
  async reply(id: string, options: TitanicRequestOptions = {}): Promise<NonEmptyFrames | undefined> {
    const limits = resolveAskLimits("reply", this.#options, options);
    return this.#begin({ type: "reply", id: checkId(id), ...limits }, options.signal);
  }

  /**
   * Asks for the reply of a request again and again, with the pauses of `poll`, until there is one. Servers that fail
   * and brokers that cannot be reached do not end it: it goes on for as long as it takes, unless `timeoutMs` or the
   * signal end it.
   *
   * @param id - as `submit()` returned it
   * @returns the frames of the reply
   * @throws (by rejecting) UnknownRequestError, DeadLetterError, WaitTimeoutError, LimitError if the reply is too large,
   * AbortedError, ClosedError; TypeError or RangeError for wrong arguments
   */
  async waitForReply(id: string, options: TitanicWaitOptions = {}): Promise<NonEmptyFrames> {
    const limitMs = resolveWait("waitForReply", options);
    return this.#begin({ type: "wait", id: checkId(id), limitMs }, options.signal);
  }

  /**
   * Hands a request in, waits for its reply as {@link waitForReply} does, and closes the request.
   *
   * Called again with the same key, after this process has ended or the call has failed, it gets the reply of the same
   * request, which does not run again for that. If that request was closed already it rejects with RequestClosedError:
   * use `onReply` to record a reply before that.
   *
   * When the reply has come (and `onReply` is done with it), nothing loses it any more: if the request cannot be closed
   * within `attempts × timeoutMs`, that is left to the server, which forgets replies after a time (`request-left`).
   *
   * @param service - the name of the service that is to work on it, 1 to 255 bytes
   * @returns the frames of the reply
   * @throws (by rejecting) a {@link TitanicRequestError}, or what `onReply` threw; TypeError or RangeError for wrong
   * arguments
   */
  async call(service: string, body: Body, options: TitanicCallOptions = {}): Promise<NonEmptyFrames> {
    const { idempotencyKey, onReply, ...rest } = checkOptions("call", options);
    const limitMs = resolveWait("call", rest);
    if (onReply !== undefined && typeof onReply !== "function") {
      throw new TypeError(`${OWNER}.call: option "onReply" must be a function, got ${typeof onReply}`);
    }
    const submission = this.#submission(service, body, idempotencyKey);
    const records = onReply !== undefined;
    return this.#begin({ type: "call", ...submission, limitMs, records }, rest.signal, onReply);
  }

  /** Counters since construction, and how much is open now. */
  stats(): TitanicClientStats & { inFlight: number; connections: number; sockets: DriverStats } {
    const { stats, inFlight } = this.#machine;
    const { connections } = this.#wired.majordomo;
    return { ...stats, inFlight, connections, sockets: this.#transport.stats() };
  }

  /**
   * Takes no more calls, lets those in flight finish for up to `lingerMs`, rejects the rest with `ERR_CLOSED`, and closes
   * the sockets. Requests that were taken in go on.
   */
  override close(): Promise<void>;
  /**
   * Closes a request: the server forgets it, its reply with it. One that runs meanwhile leaves no reply behind, one that
   * waits in the store does not run. One that has been sent to its service is taken back, where the broker is ours; if
   * another server sent it, as soon as that one hears of it: at once as a rule, at the latest when it renews its lease.
   * An id that the server does not know is let pass.
   *
   * @param id - as `submit()` returned it; without an argument, it is the client that is closed
   * @throws (by rejecting) a {@link TitanicRequestError}; TypeError or RangeError for wrong arguments
   */
  override close(id: string, options?: TitanicRequestOptions): Promise<void>;
  override close(...args: [id?: string, options?: TitanicRequestOptions]): Promise<void> {
    // Not by whether it is undefined: an id that got lost must not close the client.
    if (args.length > 0) return this.#closeRequest(...(args as [string, TitanicRequestOptions?]));
    // Closed from now on, also for whoever is told of what closing leads to.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  async #closeRequest(id: string, options: TitanicRequestOptions = {}): Promise<void> {
    const limits = resolveAskLimits("close", this.#options, options);
    return this.#begin({ type: "close-request", id: checkId(id), ...limits }, options.signal);
  }

  async #close(): Promise<void> {
    const { lingerMs } = this.#options;
    await this.#calls.whenIdle(lingerMs);
    await this.#wired.close(Math.min(lingerMs, FAREWELL_MS));
  }

  #submission(
    service: string,
    body: Body,
    idempotencyKey: string | undefined,
  ): { service: Uint8Array; body: Frames; key: Uint8Array | undefined } {
    const name = submittedService(service);
    const key = idempotencyFrame(idempotencyKey);
    const frames = bodyFrames(body);
    const { maxBodyBytes } = this.#options;
    if (byteLength(frames) > maxBodyBytes)
      throw new LimitError("maxBodyBytes", maxBodyBytes, "request body is too large", false);
    return { service: name, body: frames, key };
  }

  #begin<T>(input: Unnumbered, signal?: AbortSignal, onReply?: TitanicCallOptions["onReply"]): Promise<T> {
    const { maxInFlight } = this.#options;
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    if (signal?.aborted) throw new AbortedError(signal.reason);
    if (this.#calls.size >= maxInFlight) throw new LimitError("maxInFlight", maxInFlight, "too many calls");
    return new Promise<T>((resolve, reject) => {
      const call = this.#calls.add({ signal, onReply, resolve: resolve as (value: unknown) => void, reject });
      this.#wired.feed({ ...input, call } as CallInput);
    });
  }

  #told(output: CallOutput): void {
    if (output.type === "record") {
      void this.#record(output.call, replyFrames(output.body));
      return;
    }
    const call = this.#calls.settle(output.call);
    if (call === undefined) return;
    switch (output.type) {
      case "submitted":
        return call.resolve(output.id);
      case "replied":
        return call.resolve(replyFrames(output.body));
      case "failed":
        return call.reject(failureError(output.failure, call.signal));
      default:
        return call.resolve(undefined);
    }
  }

  async #record(call: number, reply: NonEmptyFrames): Promise<void> {
    try {
      await this.#calls.get(call)?.onReply?.(reply);
      this.#wired.feed({ type: "recorded", call });
    } catch (error) {
      this.#calls.settle(call)?.reject(error);
      this.#wired.feed({ type: "abort", call });
    }
  }
}

/** Bytes of the keys of requests for which the caller has none. */
const KEY_BYTES = 16;

/** A reply without a body is as one with an empty body. */
function replyFrames(body: Uint8Array[]): NonEmptyFrames {
  return (body.length === 0 ? [Buffer.alloc(0)] : body) as NonEmptyFrames;
}
