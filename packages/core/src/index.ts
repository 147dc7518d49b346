/**
 * The portable half of Seaworthy's core: everything that machines, wire formats, simulations and
 * browsers need. It imports neither `zeromq` nor `node:*`. Sockets and role base classes are in
 * `@seaworthy/core/node`.
 *
 * @module
 */
export { AbortedCalls } from "./abort.js";
export { Addresses } from "./address.js";
export { Backoff, type BackoffOptions } from "./backoff.js";
export { ChurnMap } from "./churn-map.js";
export { type Clock, type Random, type Scheduler, systemScheduler } from "./clock.js";
export {
  type Connection,
  type ConnectionActions,
  Connections,
  noteEndpoint,
  type ReplaceReason,
  wasSilent,
} from "./connections.js";
export { type DeadlineEntry, DeadlineQueue } from "./deadline-queue.js";
export { checkEndpoint } from "./endpoint.js";
export {
  AbortedError,
  AlreadyAnsweredError,
  BindError,
  ClosedError,
  LimitError,
  SeaworthyError,
  type SeaworthyErrorOptions,
} from "./errors.js";
export { failureText } from "./failure-text.js";
export { FairQueue, type FairQueueItem, type FairQueueLimits } from "./fair-queue.js";
export { frameLimit } from "./frame-limit.js";
export {
  type Body,
  bodyFrames,
  byteLength,
  DELIMITER,
  delimiterIndex,
  type Enveloped,
  type Frames,
  frameKey,
  framesEqual,
  frameText,
  isAnonymous,
  keptFrame,
  keyFrame,
  MAX_ENVELOPE_FRAMES,
  type Malformed,
  malformed,
  memoryOf,
  openEnvelope,
  readableId,
  readUint32,
  readUint64,
  smallFrame,
  textFrame,
  writeUint32,
  writeUint64,
} from "./frames.js";
export { Heartbeat, type HeartbeatOptions } from "./heartbeat.js";
export { MachineHost, type MachineHostOptions } from "./host.js";
export { Link, LinkedList } from "./linked-list.js";
export { Fifo, type Machine, type Stalled } from "./machine.js";
export {
  type Bounds,
  checkOption,
  choice,
  flag,
  fraction,
  type Given,
  integer,
  MAX_DURATION_MS,
  milliseconds,
  nested,
  number,
  type OptionRule,
  type Resolved,
  resolveOptions,
} from "./options.js";
export {
  type Frontend,
  type FrontendInput,
  openFrontend,
  type QueueBounds,
  type QueueOwner,
  type QueueSockets,
  resolveQueueSockets,
} from "./queue-sockets.js";
export { ReplyCache, type ReplyCacheBounds, type ReplyCacheOptions } from "./reply-cache.js";
export type {
  RequestClientCall,
  RequestClientCode,
  RequestClientFailure,
  RequestClientInput,
  RequestClientOutput,
  RequestClientOwner,
} from "./request-client-messages.js";
export {
  type RequestClientMachine,
  type RequestClientSurroundings,
  type WiredRequestClient,
  wireRequestClient,
} from "./request-client-wiring.js";
export {
  type DeskRequest,
  type DropReason,
  RequestDesk,
  type RequestDeskLimits,
  type RequestDropped,
} from "./request-desk.js";
export {
  decodeReply,
  decodeRequest,
  type EnvelopedRequest,
  encodeFailure,
  encodeReply,
  encodeRequest,
  encodeRequestId,
  FAILURE_KIND,
  type FailureReply,
  REQUEST_KIND,
  type Reply,
  type RequestId,
  requestKind,
  withKind,
} from "./request-envelope.js";
export {
  ConnectionLostError,
  describeEffort,
  NotConnectedError,
  RemoteError,
  type RequestEffort,
  RequestError,
  RequestTimeoutError,
} from "./request-errors.js";
export {
  blankRequestId,
  isRequestId,
  REQUEST_ID_BYTES,
  REQUEST_ID_EPOCH,
  requestIdKey,
} from "./request-id.js";
export {
  type AttemptLimits,
  attemptRules,
  type RequestLimits,
  resolveRequestLimits,
} from "./request-limits.js";
export { RequestServerMachine } from "./request-server-machine.js";
export type {
  Outcome,
  RequestServerEvent,
  RequestServerInput,
  RequestServerOutput,
  RequestServerOwner,
  RequestServerRun,
  RequestServerStats,
} from "./request-server-messages.js";
export {
  completeRequestServerOptions,
  type RequestServerOptions,
  type ResolvedRequestServerOptions,
  requestServerRules,
  resolveRequestServerOptions,
} from "./request-server-options.js";
export { type Arrival, MAX_SEQUENCE, SequenceSource, SequenceTracker } from "./sequence.js";
export { SocketPool } from "./socket-pool.js";
export { type ResolvedSettings, type ResolvedSpec, resolveSettings, resolveSpec } from "./socket-settings.js";
export type { DiagramPart } from "./state-diagram.js";
export type { MessageDropped, StatusEvent } from "./status.js";
export {
  type Decision,
  go,
  type Ignored,
  type Impossible,
  ignore,
  impossible,
  type TableRow,
  type Transition,
  TransitionTable,
  type TransitionTableDefinition,
} from "./transition-table.js";
export type {
  ConnectionEvent,
  CurveOptions,
  RefusalReason,
  SocketHandlers,
  SocketSettings,
  SocketSpec,
  SocketType,
  Transport,
  TransportSocket,
} from "./transport.js";
export { Workbench, type WorkItem } from "./workbench.js";
export type { WorkerCall, WorkerOwner } from "./worker-calls.js";
