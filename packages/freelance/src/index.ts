/**
 * A client that chooses among many servers, with no broker between: the guide's Freelance pattern over zeromq, client and
 * server.
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
  type ReplyCacheOptions,
  type RequestEffort,
  RequestTimeoutError,
  SeaworthyError,
  type SocketSettings,
} from "@seaworthy/core";
export type { NonEmptyFrames, ServeOptions } from "@seaworthy/core/node";
export { FreelanceClient, type FreelanceRequestOptions } from "./client.js";
export type {
  FreelanceClientEvent,
  FreelanceClientStats,
  FreelanceFailure,
  FreelanceServerStatistics,
  SendRefusal,
} from "./client-messages.js";
export type { FreelanceClientOptions, FreelanceStrategy } from "./client-options.js";
export type { FreelanceRequestError } from "./errors.js";
export {
  type FreelanceBindOptions,
  type FreelanceHandler,
  FreelanceRequest,
  FreelanceServer,
} from "./server.js";
export type { ServerState } from "./server-life.js";
export type { FreelanceServerEvent, FreelanceServerStats } from "./server-messages.js";
export type { FreelanceProtocol, FreelanceServerOptions } from "./server-options.js";
