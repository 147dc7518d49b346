/**
 * What is wrong:
 *
 * - `gap`: messages were lost on the way
 * - `delay`: a message was on its way for too long
 * - `queue`: a message has waited for the application for too long
 * - `queue-full`: too many messages waited for the application, and the oldest was dropped
 * - `too-many-topics`: there are more topics or publishers than are kept track of, so that losses may go unnoticed
 */
export type SnailReason = "gap" | "delay" | "queue" | "queue-full" | "too-many-topics";

/** What a subscriber has noticed. */
export interface SnailAlarm {
  readonly reason: SnailReason;
  /** Topic of the message at which it was noticed, as text. */
  readonly topic: string;
  /** The life of the publisher that this message came from; 0 with the format `guide`. */
  readonly epoch: bigint;
  /** Messages that are lost; `undefined` if some are, and it cannot be known how many. */
  readonly lost: number | undefined;
  /** How far behind the publisher the subscriber is, in ms. */
  readonly delayMs: number;
  /** When it was noticed, in ms on the role's clock. */
  readonly at: number;
}

/** What cannot be made good comes before what can. */
const ORDER: readonly SnailReason[] = ["queue-full", "gap", "too-many-topics", "delay", "queue"];

/** Two alarms that one message has to carry: the graver one, with the losses of both. */
export function mergedAlarm(one: SnailAlarm | undefined, other: SnailAlarm): SnailAlarm {
  if (one === undefined) return other;
  const graver = ORDER.indexOf(other.reason) < ORDER.indexOf(one.reason) ? other : one;
  const lost = one.lost === undefined || other.lost === undefined ? undefined : one.lost + other.lost;
  return { ...graver, lost, delayMs: Math.max(one.delayMs, other.delayMs) };
}
