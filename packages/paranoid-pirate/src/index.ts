/**
 * A queue that outlives its workers: the guide's Paranoid Pirate pattern (6/PPP) over zeromq, queue and worker.
 *
 * @module
 */
export {
  AlreadyAnsweredError,
  type BackoffOptions,
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
export { ParanoidPirateQueue, type ParanoidPirateQueueLoad } from "./queue.js";
export type { GoneReason, ParanoidPirateQueueEvent, ParanoidPirateQueueStats } from "./queue-messages.js";
export type { ParanoidPirateQueueOptions } from "./queue-options.js";
export { ParanoidPirateWorker, type ParanoidPirateWorkerLoad } from "./worker.js";
export type { ParanoidPirateWorkerEvent, ParanoidPirateWorkerStats } from "./worker-messages.js";
export type { ParanoidPirateWorkerOptions } from "./worker-options.js";
