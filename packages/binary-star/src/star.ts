import { ClosedError, checkEndpoint, milliseconds, resolveOptions, systemScheduler } from "@seaworthy/core";
import { Role, ZmqTransport } from "@seaworthy/core/node";
import type { Arbiter } from "./arbiter.js";
import { EpochFile } from "./epoch-file.js";
import { type BinaryStarHooks, Hooks } from "./hooks.js";
import { BinaryStarMachine } from "./star-machine.js";
import type { BinaryStarEvent, BinaryStarStats } from "./star-messages.js";
import { completeStarOptions, type StarOptions, starRules } from "./star-options.js";
import { type WiredStar, wireStar } from "./star-wiring.js";
import type { PublishedState, StarRole } from "./wire.js";

/** Where a node has its epochs from. */
export interface EpochOptions {
  /** Lets one node at a time be active, for splits that the two cannot judge by themselves. Default none. */
  arbiter?: Arbiter | undefined;
  /**
   * A file in which the node keeps the highest epoch that it knows, so that it claims higher ones after a restart, too. Default none:
   * a node that begins anew knows only what its peer tells it.
   */
  epochFile?: string | undefined;
}

/** Options of one node of a pair. */
export interface BinaryStarOptions extends StarOptions, EpochOptions, BinaryStarHooks {
  /** How long `close()` gives the node's last word to reach its peer, in ms. Default 1000. */
  lingerMs?: number | undefined;
}

/** What a node knows of itself and its peer. */
export interface BinaryStarView {
  readonly role: StarRole;
  /** As it is published. */
  readonly state: PublishedState;
  /** Requests may be answered now. */
  readonly isServing: boolean;
  /** That it is active in, or the highest that it knows of; 0 for none. */
  readonly epoch: number;
  /** `undefined` while the peer is not heard. */
  readonly peerState: PublishedState | undefined;
}

const OWNER = "BinaryStar";

/**
 * One node of a pair, for a service of any kind: says which of the two is active, and in which epoch.
 *
 * @example
 * ```ts
 * const star = new BinaryStar({ role: "primary", onActive: (epoch) => service.start(epoch), onPassive: () => service.stop() });
 * await star.bind("tcp://*:5003");
 * star.connect("tcp://backup:5004");
 * // With each request of a client:
 * if (star.vote()) answer(request);
 * ```
 */
export class BinaryStar extends Role<BinaryStarEvent> {
  readonly #machine: BinaryStarMachine;
  readonly #wired: WiredStar;
  readonly #hooks: Hooks;
  readonly #lingerMs: number;
  #closing: Promise<void> | undefined;

  /**
   * @throws TypeError or RangeError that names the option at fault; Error if the epoch file cannot be read, or holds something else
   */
  constructor(options: BinaryStarOptions) {
    super("binary-star");
    const { arbiter, epochFile, onActive, onPassive, transferState, ...given } = options;
    const schema = { ...starRules, lingerMs: milliseconds(1000) };
    const { lingerMs, ...rest } = resolveOptions(OWNER, schema, given);
    const resolved = completeStarOptions(OWNER, rest, given);
    const { store, beginning } = openEpochs(OWNER, { arbiter, epochFile });
    this.#lingerMs = lingerMs;
    this.#hooks = new Hooks(OWNER, { onActive, onPassive, transferState }, (input) =>
      this.#wired.feed(input),
    );
    this.#machine = new BinaryStarMachine(resolved, beginning);
    this.#wired = wireStar(this.#machine, {
      transport: new ZmqTransport(OWNER),
      scheduler: systemScheduler,
      socket: resolved.peerSocket,
      arbiter,
      store,
      owner: {
        activate: (epoch) => this.#hooks.activate(epoch),
        deactivate: (epoch, reason) => this.#hooks.deactivate(epoch, reason),
        transfer: (transfer) => this.#hooks.transfer(transfer),
        stopTransfer: () => this.#hooks.stopTransfer(),
        status: (event) => this.report(event),
      },
    });
  }

  /**
   * Publishes this node's states there, for the peer.
   *
   * @returns the endpoint with its real port, where `*` asked the system for one
   * @throws (by rejecting) BindError if it cannot be bound; TypeError or RangeError if it is no endpoint; ClosedError
   */
  async bind(endpoint: string): Promise<string> {
    checkEndpoint(OWNER, endpoint, "bind");
    this.#assertOpen();
    return this.#wired.bind(endpoint);
  }

  /**
   * Hears the peer's states from there. The node speaks from now on, and judges its peer.
   *
   * @throws TypeError or RangeError if it is no endpoint; ClosedError
   */
  connect(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "connect");
    this.#assertOpen();
    this.#wired.connect(endpoint);
  }

  /**
   * A client has asked for the service. Where the peer is dead, this is what makes the node active: say so for each request.
   *
   * @returns whether the request may be answered now; if not, leave it, and the client asks again, here or there
   */
  vote(): boolean {
    return this.#wired.vote();
  }

  /** Whether a request may be answered now. Ask again before an answer leaves: time has passed since the vote. */
  get isServing(): boolean {
    return this.#machine.isServing(this.#wired.now());
  }

  /** What the node knows of itself and its peer. */
  view(): BinaryStarView {
    const { role, published: state, epoch, peerState } = this.#machine;
    return { role, state, isServing: this.isServing, epoch, peerState };
  }

  /** Counters since construction. */
  stats(): BinaryStarStats {
    return { ...this.#machine.stats };
  }

  /** Leaves the pair: a peer that is passive takes over at once. */
  override close(): Promise<void> {
    // Closed from now on, also for whoever is told of what closing leads to.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#wired.close(this.#lingerMs);
    this.#hooks.close();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
  }
}

/** Checks where a node has its epochs from, and what it knows at the beginning. */
export function openEpochs(
  owner: string,
  { arbiter, epochFile }: EpochOptions,
): { store: EpochFile | undefined; beginning: { epoch: number; asksForEpochs: boolean } } {
  if (arbiter !== undefined && !isArbiter(arbiter))
    throw new TypeError(`${owner}: option "arbiter" must have acquire(), renew() and release()`);
  if (epochFile !== undefined && typeof epochFile !== "string")
    throw new TypeError(`${owner}: option "epochFile" must be a path`);
  const store = epochFile === undefined ? undefined : new EpochFile(epochFile);
  const asksForEpochs = arbiter !== undefined || store !== undefined;
  return { store, beginning: { epoch: store?.epoch ?? 0, asksForEpochs } };
}

function isArbiter(arbiter: Partial<Arbiter> | null): boolean {
  return (["acquire", "renew", "release"] as const).every((name) => typeof arbiter?.[name] === "function");
}
