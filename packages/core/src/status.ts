/**
 * Base of all status events: what happened (kebab-case, past tense) and when, on the role's
 * monotonic clock in ms. Each machine has a union of these; a role emits them, publishes them on
 * its diagnostics channel, and a simulation writes the same ones into its log.
 */
export interface StatusEvent {
  readonly type: string;
  /** When, in ms on the role's clock. */
  readonly at: number;
}

/** A peer's message was not what the protocol allows; it was counted and dropped. */
export interface MessageDropped extends StatusEvent {
  readonly type: "message-dropped";
  readonly reason: string;
}
