/**
 * Durable requests: the guide's Titanic pattern (9/TSP) over Majordomo, server, client and the contract of stores. The
 * stores that need a library of their own are in `@seaworthy/titanic/lmdb` and `@seaworthy/titanic/postgres`.
 *
 * @module
 */
export {
  AbortedError,
  type BackoffOptions,
  type Body,
  ClosedError,
  type CurveOptions,
  LimitError,
  RemoteError,
  RequestTimeoutError,
  SeaworthyError,
  type SocketSettings,
} from "@seaworthy/core";
export type { NonEmptyFrames } from "@seaworthy/core/node";
export {
  BrokerLimitError,
  BrokerUnreachableError,
  NoServiceError,
  WorkersFailedError,
} from "@seaworthy/majordomo";
export { type TitanicCallOptions, TitanicClient, type TitanicSubmitOptions } from "./client.js";
export type { CallStep, TitanicClientEvent, TitanicClientStats, TitanicDialect } from "./client-messages.js";
export type { TitanicClientOptions, TitanicRequestOptions, TitanicWaitOptions } from "./client-options.js";
export * from "./errors.js";
export { MemoryStore } from "./memory-store.js";
export { TitanicServer } from "./server.js";
export type {
  RefusalReason,
  TitanicServerEvent,
  TitanicServerLoad,
  TitanicServerStats,
} from "./server-messages.js";
export type { TitanicServerOptions } from "./server-options.js";
export type {
  Added,
  Claim,
  Claims,
  Found,
  Lease,
  NewRequest,
  RequestDetails,
  RequestInfo,
  RequestState,
  StoreCounts,
  StoreQuery,
  TitanicStore,
} from "./store.js";
export { StoreError, type StoreErrorCode } from "./store-errors.js";
