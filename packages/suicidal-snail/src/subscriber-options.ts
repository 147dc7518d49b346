import {
  choice,
  integer,
  milliseconds,
  nested,
  type OptionRule,
  type ResolvedSettings,
  resolveOptions,
  resolveSettings,
  type SocketSettings,
} from "@seaworthy/core";

/** What a subscriber does when it is too slow, or has lost something: see `SnailSubscriber`. */
export type SnailPolicy = "die" | "resync" | "report";

/** Whose messages a subscriber reads: of `SnailPublisher`, or the bare timestamps of the guide's publisher. */
export type SnailFormat = "snail" | "guide";

/** Options of a subscriber. */
export interface SnailSubscriberOptions {
  /** What to do when it is too slow, or has lost something. Default `die`, as the guide's subscriber does. */
  policy?: SnailPolicy | undefined;
  /**
   * Whose messages it reads. Default `snail`. With `guide` connect to one publisher only: nothing tells two apart, and if
   * their clocks disagree one is called late.
   */
  format?: SnailFormat | undefined;
  /**
   * How late a message may be when it arrives, and how long it may then wait for the application, in ms. Default 1000,
   * the guide's `MAX_ALLOWED_DELAY`.
   */
  maxDelayMs?: number | undefined;
  /** Messages that may wait for the application. Default 10,000. */
  maxQueued?: number | undefined;
  /** Topics, of all publishers together, that are kept track of. Default 1,000,000. */
  maxTopics?: number | undefined;
  /** Publishers, each life counted, that are kept track of. Default 1000. */
  maxPublishers?: number | undefined;
  /**
   * How long a message counts as one that may not have waited, against which the delay of others is measured, in ms. A delay
   * that grows by less than `maxDelayMs` in this time is taken for clocks that drift apart. A publisher that was silent
   * for so long may be forgotten to make room. Default 60,000.
   */
  clockWindowMs?: number | undefined;
  /**
   * Settings of the socket. `receiveHighWaterMark` (default 1000) is how many messages wait in ZeroMQ to be read, per
   * publisher; beyond it, and the publisher's own mark, messages are dropped, and the subscriber notices.
   */
  socket?: SocketSettings | undefined;
}

const schema = {
  policy: choice<SnailPolicy>("die", ["die", "resync", "report"]),
  format: choice<SnailFormat>("snail", ["snail", "guide"]),
  maxDelayMs: milliseconds(1000, { min: 1 }),
  maxQueued: integer(10_000),
  maxTopics: integer(1_000_000),
  maxPublishers: integer(1000),
  clockWindowMs: milliseconds(60_000, { min: 1 }),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Subscriber options with every default filled in. */
export type ResolvedSubscriberOptions = {
  readonly [K in keyof Omit<SnailSubscriberOptions, "socket">]-?: Exclude<
    SnailSubscriberOptions[K],
    undefined
  >;
} & { readonly socket: ResolvedSettings };

const OWNER = "SnailSubscriber";

/**
 * Checks the options of a subscriber and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveSubscriberOptions(options: SnailSubscriberOptions = {}): ResolvedSubscriberOptions {
  const { socket, ...rest } = resolveOptions(OWNER, schema, options);
  return { ...rest, socket: resolveSettings(`${OWNER}: socket`, socket) };
}
