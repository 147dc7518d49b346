import { randomBytes } from "node:crypto";
import {
  AbortedError,
  type Body,
  bodyFrames,
  byteLength,
  ClosedError,
  checkEndpoint,
  LimitError,
  memoryOf,
  type RequestLimits,
  type SeaworthyError,
  systemScheduler,
} from "@seaworthy/core";
import { type DriverStats, type NonEmptyFrames, OpenCalls, Role, ZmqTransport } from "@seaworthy/core/node";
import { MajordomoClientMachine } from "./client-machine.js";
import type { MajordomoClientEvent, MajordomoClientStats } from "./client-messages.js";
import {
  askedService,
  type MajordomoClientOptions,
  type ResolvedClientOptions,
  resolveClientOptions,
  resolveLimits,
} from "./client-options.js";
import { type WiredClient, wireClient } from "./client-wiring.js";
import { NotSupportedError } from "./errors.js";
import { requestError } from "./request-error.js";
import { StreamReader } from "./stream-reader.js";
import { MMI_SERVICE } from "./wire.js";

/** What one request may set for itself. */
export interface MajordomoRequestOptions extends RequestLimits {}

interface Call {
  readonly signal: AbortSignal | undefined;
  part(body: NonEmptyFrames): void;
  answered(body: NonEmptyFrames): void;
  failed(error: SeaworthyError): void;
}

const OWNER = "MajordomoClient";

/**
 * A client of Majordomo brokers: asks for a service by name, and each request ends in its own reply or in a
 * typed error, within `attempts × timeoutMs` and the pauses between. With a broker of Seaworthy up to
 * `maxInFlight` requests are in flight on one connection; with another, one on each of `maxSockets`.
 *
 * A request is sent at most `attempts` times, and a broker may give it to another worker when one is lost, so
 * it may run more than once: make it idempotent.
 *
 * @example
 * ```ts
 * const client = new MajordomoClient({ timeoutMs: 1000 });
 * client.connect("tcp://localhost:5555");
 * const [reply] = await client.request("echo", "hello");
 * await client.close();
 * ```
 */
export class MajordomoClient extends Role<MajordomoClientEvent> {
  readonly #options: ResolvedClientOptions;
  readonly #machine: MajordomoClientMachine;
  readonly #transport = new ZmqTransport(OWNER);
  readonly #wired: WiredClient;
  readonly #calls: OpenCalls<Call> = new OpenCalls((call) => this.#wired.feed({ type: "abort", call }));
  #closing: Promise<void> | undefined;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: MajordomoClientOptions = {}) {
    super("majordomo");
    this.#options = resolveClientOptions(options);
    this.#machine = new MajordomoClientMachine(this.#options, randomBytes(8).readBigUInt64BE(), Math.random);
    this.#wired = wireClient(this.#machine, {
      transport: this.#transport,
      scheduler: systemScheduler,
      socket: this.#options.socket,
      heartbeatMs: this.#options.heartbeatMs,
      owner: {
        part: (call, body) => this.#calls.get(call)?.part(body as NonEmptyFrames),
        answered: (call, body) => this.#calls.settle(call)?.answered(body as NonEmptyFrames),
        failed: (number, failure) => {
          const call = this.#calls.settle(number);
          call?.failed(requestError(OWNER, failure, call.signal));
        },
        status: (event) => this.report(event),
      },
    });
  }

  /**
   * Adds a broker. With several, the client talks to one at a time and goes to the next when that one is
   * silent, lost, closing, or cannot be reached.
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
   * Takes a broker out. Requests that it has may still be answered. An endpoint that is not in use is let pass.
   *
   * @throws TypeError or RangeError if the endpoint is not of the form `transport://address`
   */
  disconnect(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "connect");
    this.#wired.feed({ type: "disconnect", endpoint });
  }

  /**
   * Sends a request to a service and waits for its reply. A reply that comes in parts is returned as a whole.
   *
   * Bytes are not copied: once given they must not be changed any more, not even when the promise has settled.
   * After a retry, a timeout or an abort they may still be on their way.
   *
   * @param service - its name, 1 to 255 bytes
   * @returns the frames of the reply
   * @throws (by rejecting) a {@link MajordomoRequestError}; TypeError or RangeError for wrong arguments
   */
  async request(service: string, body: Body, options: MajordomoRequestOptions = {}): Promise<NonEmptyFrames> {
    return new Promise((resolve, reject) => {
      this.#begin("request", service, body, options, { part() {}, answered: resolve, failed: reject });
    });
  }

  /**
   * Sends a request to a service and reads its reply in parts as they come, the last one included. It is sent
   * when the first part is asked for, and tried again only until that has come. Ending the loop early, or
   * `return()`, or the signal, tells a broker of Seaworthy that the request is given up; a `next()` that waits
   * when `return()` is called ends as after the last part.
   *
   * There is no flow control: whoever reads more slowly than the worker sends comes to `maxStreamParts` or
   * `maxStreamBytes`, and gets `ERR_LIMIT_REACHED` after the parts that came before. Over MDP 0.1 a reply has
   * one part.
   *
   * Bytes are not copied: once given they must not be changed any more, as with {@link request}.
   *
   * @param service - its name, 1 to 255 bytes
   * @returns an iterable of parts, each a list of frames
   * @throws (from the iteration) a {@link MajordomoRequestError}, StreamInterruptedError among them; TypeError
   * or RangeError for wrong arguments
   */
  stream(
    service: string,
    body: Body,
    options: MajordomoRequestOptions = {},
  ): AsyncGenerator<NonEmptyFrames, void, undefined> {
    return new StreamReader<NonEmptyFrames>({
      begin: (parts) =>
        this.#begin("stream", service, body, options, {
          part: (part) => parts.push(part),
          answered(part) {
            parts.push(part);
            parts.end();
          },
          failed: (error) => (error instanceof AbortedError ? parts.abort(error) : parts.end(error)),
        }),
      read: (call, part) => this.#wired.feed({ type: "read", call, bytes: memoryOf(part) }),
      cancel: (call) => this.#wired.feed({ type: "abort", call }),
    });
  }

  /**
   * Whether the broker has a worker for a service now (8/MMI).
   *
   * @throws (by rejecting) NotSupportedError if the broker does not tell; otherwise as {@link request}
   */
  async hasService(service: string, options: MajordomoRequestOptions = {}): Promise<boolean> {
    const [status] = await this.request(MMI_SERVICE, askedService(service), options);
    const text = String(status);
    if (text !== "200" && text !== "404") throw new NotSupportedError(text);
    return text === "200";
  }

  /** Counters since construction, and how much is open now. */
  stats(): MajordomoClientStats & { inFlight: number; connections: number; sockets: DriverStats } {
    const { stats, inFlight, connections } = this.#machine;
    return { ...stats, inFlight, connections, sockets: this.#transport.stats() };
  }

  /**
   * Takes no more requests, lets those in flight finish for up to `lingerMs`, rejects the rest with
   * `ERR_CLOSED` and tells brokers of Seaworthy so, and closes the sockets.
   */
  override close(): Promise<void> {
    // Closed from now on, also for whoever is told of what closing leads to.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { lingerMs } = this.#options;
    await this.#calls.whenIdle(lingerMs);
    await this.#wired.close(Math.min(lingerMs, FAREWELL_MS));
  }

  #begin(
    method: "request" | "stream",
    service: string,
    body: Body,
    options: MajordomoRequestOptions,
    ends: Omit<Call, "signal">,
  ): number {
    const { signal } = options;
    const limits = resolveLimits(method, this.#options, options);
    const name = askedService(service);
    const frames = bodyFrames(body);
    const { maxBodyBytes, maxInFlight } = this.#options;
    if (byteLength(frames) > maxBodyBytes)
      throw new LimitError("maxBodyBytes", maxBodyBytes, "request body is too large", false);
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    if (signal?.aborted) throw new AbortedError(signal.reason);
    if (this.#calls.size >= maxInFlight)
      throw new LimitError("maxInFlight", maxInFlight, "too many requests");
    const call = this.#calls.add({ signal, ...ends });
    const isStream = method === "stream";
    this.#wired.feed({ type: "request", call, service: name, body: frames, isStream, ...limits });
    return call;
  }
}

/** How long the news that requests are given up may take to leave, in ms. */
const FAREWELL_MS = 100;
