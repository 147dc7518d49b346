import { randomBytes } from "node:crypto";
import {
  type Body,
  bodyFrames,
  byteLength,
  ClosedError,
  checkEndpoint,
  LimitError,
  systemScheduler,
} from "@seaworthy/core";
import { type DriverStats, Role, ZmqTransport } from "@seaworthy/core/node";
import { PublisherMachine } from "./publisher-machine.js";
import type { SnailPublisherEvent, SnailPublisherStats } from "./publisher-messages.js";
import {
  type ResolvedPublisherOptions,
  resolvePublisherOptions,
  type SnailPublisherOptions,
} from "./publisher-options.js";
import { type WiredPublisher, wirePublisher } from "./publisher-wiring.js";

const OWNER = "SnailPublisher";

/**
 * A publisher whose subscribers notice what they lose and how late they are: each message has a number within its
 * topic, and the time at which it was published.
 *
 * @example
 * ```ts
 * const publisher = new SnailPublisher();
 * await publisher.bind("tcp://*:5556");
 * publisher.publish("weather.london", "12 °C");
 * ```
 */
export class SnailPublisher extends Role<SnailPublisherEvent> {
  readonly #options: ResolvedPublisherOptions;
  readonly #transport = new ZmqTransport(OWNER);
  readonly #machine: PublisherMachine;
  readonly #wired: WiredPublisher;
  #closing: Promise<void> | undefined;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: SnailPublisherOptions = {}) {
    super("suicidal-snail");
    this.#options = resolvePublisherOptions(options);
    this.#machine = new PublisherMachine(this.#options, randomBytes(8).readBigUInt64BE());
    this.#wired = wirePublisher(this.#machine, {
      transport: this.#transport,
      scheduler: systemScheduler,
      socket: this.#options.socket,
      owner: { status: (event) => this.report(event) },
    });
  }

  /**
   * Binds, and returns the endpoint with its real port.
   *
   * @throws (by rejecting) BindError if the endpoint cannot be bound; ClosedError; TypeError or RangeError if it is not
   * of the form `transport://address`
   */
  async bind(endpoint: string): Promise<string> {
    this.#check(endpoint, "bind");
    return this.#wired.bind(endpoint);
  }

  /**
   * Connects to a proxy that is bound, or to a bare SUB socket: a `SnailSubscriber` does not bind.
   *
   * @throws ClosedError; TypeError or RangeError if the endpoint is not of the form `transport://address`
   */
  connect(endpoint: string): void {
    this.#check(endpoint, "connect");
    this.#wired.connect(endpoint);
  }

  /**
   * Publishes a message to whoever has subscribed to the beginning of its topic. It never waits: what a subscriber has no
   * room for is dropped for this one. Bytes of the body are not copied, and must not be changed any more.
   *
   * @param topic - text stands for its UTF-8 bytes
   * @throws LimitError (`maxBodyBytes`; or `socket.maxQueued`, if too much waits to be handed to ZeroMQ: nothing was
   * published then); ClosedError; TypeError for wrong arguments
   */
  publish(topic: string | Uint8Array, body: Body): void {
    if (typeof topic !== "string" && !(topic instanceof Uint8Array))
      throw new TypeError(`${OWNER}: a topic must be a string or a Uint8Array`);
    const frames = bodyFrames(body);
    const { maxBodyBytes, socket } = this.#options;
    if (byteLength(frames) > maxBodyBytes)
      throw new LimitError("maxBodyBytes", maxBodyBytes, "body is too large", false);
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    if (!this.#wired.publish(topic, frames))
      throw new LimitError("socket.maxQueued", socket.maxQueued, "too many messages wait for the socket");
  }

  /** Counters since construction, and how many topics are remembered now. */
  stats(): SnailPublisherStats & { topics: number; sockets: DriverStats } {
    const { stats, topicCount } = this.#machine;
    return { ...stats, topics: topicCount, sockets: this.#transport.stats() };
  }

  /** Lets what was published leave, for up to `lingerMs`, and closes the socket. */
  override close(): Promise<void> {
    this.#closing ??= this.#wired.close(this.#options.lingerMs);
    return this.#closing;
  }

  #check(endpoint: string, verb: "bind" | "connect"): void {
    checkEndpoint(OWNER, endpoint, verb);
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
  }
}
