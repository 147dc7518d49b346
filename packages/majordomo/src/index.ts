/**
 * A broker of services: the guide's Majordomo pattern (7/MDP, 18/MDP and 8/MMI) over zeromq, broker, worker and
 * client.
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
  type CurveOptions,
  LimitError,
  RemoteError,
  type RequestEffort,
  RequestTimeoutError,
  SeaworthyError,
  type SocketSettings,
} from "@seaworthy/core";
export type { NonEmptyFrames, ServeOptions } from "@seaworthy/core/node";
export { MajordomoBroker, type MajordomoBrokerLoad } from "./broker.js";
export type {
  DropReason,
  GoneReason,
  MajordomoBrokerEvent,
  MajordomoBrokerStats,
  ServiceInfo,
  WorkerInfo,
} from "./broker-messages.js";
export type { MajordomoBrokerOptions } from "./broker-options.js";
export { MajordomoClient, type MajordomoRequestOptions } from "./client.js";
export type {
  AttemptEnd,
  MajordomoClientEvent,
  MajordomoClientStats,
  StreamBreak,
} from "./client-messages.js";
export type { MajordomoClientOptions } from "./client-options.js";
export {
  BrokerLimitError,
  BrokerUnreachableError,
  type MajordomoRequestError,
  NoServiceError,
  NotSupportedError,
  StreamInterruptedError,
  WorkersFailedError,
} from "./errors.js";
export type { ThreadHandler, ThreadRequest } from "./thread-messages.js";
export type { MdpVersion } from "./wire.js";
export {
  type MajordomoHandler,
  MajordomoWorker,
  type MajordomoWorkerLoad,
  type ThreadServeOptions,
} from "./worker.js";
export type { MajordomoWorkerEvent, MajordomoWorkerStats } from "./worker-messages.js";
export type { MajordomoWorkerOptions } from "./worker-options.js";
export { MajordomoRequest } from "./worker-request.js";
