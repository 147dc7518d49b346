/**
 * A load balancer for requests: the guide's Simple Pirate pattern over zeromq, queue and worker.
 *
 * @module
 */
export {
  AlreadyAnsweredError,
  BindError,
  type Body,
  ClosedError,
  type CurveOptions,
  type DropReason,
  LimitError,
  SeaworthyError,
  type SocketSettings,
} from "@seaworthy/core";
export type { IncomingRequest, NonEmptyFrames, ServeOptions, WorkerHandler } from "@seaworthy/core/node";
export { SimplePirateQueue, type SimplePirateQueueLoad } from "./queue.js";
export type { SimplePirateQueueEvent, SimplePirateQueueStats, UnsentReason } from "./queue-messages.js";
export type { SimplePirateQueueOptions } from "./queue-options.js";
export { SimplePirateWorker, type SimplePirateWorkerLoad } from "./worker.js";
export type { SimplePirateWorkerEvent, SimplePirateWorkerStats } from "./worker-messages.js";
export type { SimplePirateWorkerOptions } from "./worker-options.js";
