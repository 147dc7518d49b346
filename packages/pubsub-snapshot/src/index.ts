/**
 * A map that many processes share: the guide's Clone pattern (12/CHP) over zeromq, with updates that are acknowledged, and a pair of servers that carries the
 * map over the failure of one.
 *
 * @module
 */
export type {
  Arbiter,
  BinaryStarEvent,
  BinaryStarStats,
  EpochOptions,
  PublishedState,
  StarRole,
} from "@seaworthy/binary-star";
export {
  AbortedError,
  type BackoffOptions,
  BindError,
  ClosedError,
  type CurveOptions,
  LimitError,
  SeaworthyError,
  type SocketSettings,
} from "@seaworthy/core";
export {
  type SnapshotChange,
  SnapshotClient,
  type SnapshotEntry,
} from "./client.js";
export type {
  SnapshotDeleteOptions,
  SnapshotReadyOptions,
  SnapshotSetOptions,
  SnapshotWatchOptions,
} from "./client-arguments.js";
export type { LeaveReason, SnapshotClientEvent, SnapshotClientStats } from "./client-messages.js";
export type { SnapshotClientOptions } from "./client-options.js";
export type { SnapshotEndpoints } from "./endpoints.js";
export {
  ConflictError,
  RefusedError,
  SetTimeoutError,
  type SnapshotUpdateError,
  UnsupportedError,
} from "./errors.js";
export {
  type SnapshotPairOptions,
  SnapshotServer,
  type SnapshotServerOptions,
  type SnapshotServerStats,
  type SnapshotServerView,
} from "./server.js";
export type { FollowerLossReason, SnapshotServerCounters, SnapshotServerEvent } from "./server-messages.js";
export type { ServerOptions } from "./server-options.js";
export type { SnapshotServerStatus } from "./server-wiring.js";
export type { KnownUpdate, MapStore, StoredEntry, StoredMap } from "./store.js";
export type { RefusalReason } from "./wire.js";
