/**
 * The portable half of Simple Pirate: wire format, machines, and their wiring to any transport. It
 * imports neither `zeromq` nor `node:*`, and runs in the simulator and in a browser.
 *
 * @module
 */
export { SimplePirateQueueMachine } from "./queue-machine.js";
export type {
  SimplePirateQueueEvent,
  SimplePirateQueueInput,
  SimplePirateQueueOutput,
  SimplePirateQueueStats,
  UnsentReason,
} from "./queue-messages.js";
export {
  type ResolvedQueueOptions,
  resolveQueueOptions,
  type SimplePirateQueueOptions,
} from "./queue-options.js";
export {
  type SimplePirateQueueSurroundings,
  type WiredQueue,
  wireQueue,
} from "./queue-wiring.js";
export { type SessionAction, type SessionEvent, type SessionState, sessionLife } from "./session-life.js";
export {
  decodeFromWorker,
  decodeRequest,
  encodeReady,
  encodeReply,
  encodeRequest,
  type WorkerReady,
  type WorkerReply,
  type WorkerRequest,
} from "./wire.js";
export { SimplePirateWorkerMachine } from "./worker-machine.js";
export type {
  SimplePirateWorkerEvent,
  SimplePirateWorkerInput,
  SimplePirateWorkerOutput,
  SimplePirateWorkerStats,
} from "./worker-messages.js";
export {
  type ResolvedWorkerOptions,
  resolveWorkerOptions,
  type SimplePirateWorkerOptions,
} from "./worker-options.js";
export { type SimplePirateWorkerSurroundings, type WiredWorker, wireWorker } from "./worker-wiring.js";
