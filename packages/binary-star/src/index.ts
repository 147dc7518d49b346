/**
 * Two servers of which one answers and the other takes over: the guide's Binary Star pattern over zeromq, with epochs, and the
 * client that moves between the two.
 *
 * @module
 */
export {
  AbortedError,
  AlreadyAnsweredError,
  type BackoffOptions,
  BindError,
  type Body,
  ClosedError,
  ConnectionLostError,
  type CurveOptions,
  LimitError,
  RemoteError,
  type ReplyCacheOptions,
  type RequestEffort,
  RequestTimeoutError,
  SeaworthyError,
  type SocketSettings,
  systemScheduler,
} from "@seaworthy/core";
export type { NonEmptyFrames, ServeOptions } from "@seaworthy/core/node";
export { type Arbiter, type Bid, type Lease, MemoryArbiter, type MemoryArbiterOptions } from "./arbiter.js";
export { BinaryStarClient, type BinaryStarRequestOptions } from "./client.js";
export type {
  BinaryStarClientEvent,
  BinaryStarClientStats,
  MoveReason,
  RequestFailure,
} from "./client-messages.js";
export type { BinaryStarClientOptions } from "./client-options.js";
export { type BinaryStarRequestError, NotActiveError } from "./errors.js";
export { type BinaryStarHooks, DeposedError } from "./hooks.js";
export { BinaryStarRequest } from "./request.js";
export {
  type BinaryStarHandler,
  BinaryStarServer,
  type BinaryStarServerOptions,
  type BinaryStarServerStats,
} from "./server.js";
export type { BinaryStarServerEvent } from "./server-wiring.js";
export {
  BinaryStar,
  type BinaryStarOptions,
  type BinaryStarView,
  type EpochOptions,
  openEpochs,
} from "./star.js";
export type {
  BinaryStarEvent,
  BinaryStarStats,
  ClaimReason,
  DeactivationReason,
} from "./star-messages.js";
export type { PublishedState, StarRole } from "./wire.js";
