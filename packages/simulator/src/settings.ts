import {
  choice,
  flag,
  integer,
  milliseconds,
  nested,
  type OptionRule,
  resolveOptions,
  type SocketSpec,
  type SocketType,
} from "@seaworthy/core";

/** Any string, or none. */
const optionalText: OptionRule<string | undefined> = {
  fallback: undefined,
  check: (value) => (typeof value === "string" ? undefined : { kind: "type", expected: "a string" }),
};

const types: readonly SocketType[] = ["dealer", "router", "publisher", "subscriber"];

const schema = {
  type: choice<SocketType>("dealer", types),
  immediate: flag(false),
  reconnect: flag(true),
  routingId: optionalText,
  handover: flag(false),
  sendHighWaterMark: integer(1000),
  receiveHighWaterMark: integer(1000),
  maxQueued: integer(10_000),
  maxFrameBytes: integer(64 * 1024 * 1024),
  reconnectIntervalMs: milliseconds(100, { min: 1 }),
  reconnectMaxIntervalMs: milliseconds(2000, { min: 1 }),
  pingIntervalMs: milliseconds(0),
  // Accepted, so that wiring runs unchanged; the simulated network has nobody who listens in.
  curve: nested({}) as OptionRule<object>,
};

/** All that was asked of a socket, defaults filled in. */
export interface ResolvedSpec {
  readonly type: SocketType;
  readonly immediate: boolean;
  readonly reconnect: boolean;
  readonly routingId: string | undefined;
  readonly handover: boolean;
  readonly sendHighWaterMark: number;
  readonly receiveHighWaterMark: number;
  readonly maxQueued: number;
  readonly maxFrameBytes: number;
  readonly reconnectIntervalMs: number;
  readonly reconnectMaxIntervalMs: number;
  readonly pingIntervalMs: number;
}

/** @throws TypeError or RangeError that names the option at fault */
export function resolveSpec(owner: string, spec: SocketSpec): ResolvedSpec {
  return resolveOptions(owner, schema, spec);
}
