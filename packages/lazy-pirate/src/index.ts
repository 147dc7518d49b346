/**
 * Requests that end: the guide's Lazy Pirate pattern over zeromq, client and server.
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
  NotConnectedError,
  RemoteError,
  type ReplaceReason,
  type ReplyCacheOptions,
  type RequestEffort,
  RequestTimeoutError,
  SeaworthyError,
  type SocketSettings,
} from "@seaworthy/core";
export type { NonEmptyFrames, ServeOptions } from "@seaworthy/core/node";
export { LazyPirateClient, type LazyPirateRequestOptions } from "./client.js";
export type { LazyPirateClientEvent, LazyPirateClientStats, RequestFailure } from "./client-messages.js";
export type { LazyPirateClientOptions } from "./client-options.js";
export type { LazyPirateRequestError } from "./errors.js";
export { LazyPirateRequest } from "./request.js";
export { type LazyPirateHandler, LazyPirateServer } from "./server.js";
export type { LazyPirateServerEvent, LazyPirateServerStats } from "./server-messages.js";
export type { LazyPirateServerOptions } from "./server-options.js";
