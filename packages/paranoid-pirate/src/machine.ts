/**
 * The portable half of Paranoid Pirate: wire format, machines, and their wiring to any transport. It
 * imports neither `zeromq` nor `node:*`, and runs in the simulator and in a browser.
 *
 * @module
 */
export { ParanoidPirateQueueMachine } from "./queue-machine.js";
export type {
  GoneReason,
  ParanoidPirateQueueEvent,
  ParanoidPirateQueueInput,
  ParanoidPirateQueueOutput,
  ParanoidPirateQueueStats,
} from "./queue-messages.js";
export {
  type ParanoidPirateQueueOptions,
  type ResolvedQueueOptions,
  resolveQueueOptions,
} from "./queue-options.js";
export { type ParanoidPirateQueueSurroundings, type WiredQueue, wireQueue } from "./queue-wiring.js";
export { type SessionAction, type SessionEvent, type SessionState, sessionLife } from "./session-life.js";
export {
  decodeFromQueue,
  decodeFromWorker,
  encodeAddressed,
  encodeHeartbeat,
  encodeLeave,
  encodeReady,
  type HeartbeatCommand,
  type QueueCommand,
  type WorkerCommand,
  workerProcess,
  workerRoutingId,
} from "./wire.js";
export { type WorkerAction, type WorkerEvent, type WorkerState, workerLife } from "./worker-life.js";
export { ParanoidPirateWorkerMachine } from "./worker-machine.js";
export type {
  ParanoidPirateWorkerEvent,
  ParanoidPirateWorkerInput,
  ParanoidPirateWorkerOutput,
  ParanoidPirateWorkerStats,
  WorkerSpeech,
} from "./worker-messages.js";
export {
  type ParanoidPirateWorkerOptions,
  type ResolvedWorkerOptions,
  resolveWorkerOptions,
} from "./worker-options.js";
export { type ParanoidPirateWorkerSurroundings, type WiredWorker, wireWorker } from "./worker-wiring.js";
