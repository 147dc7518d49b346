/**
 * The portable half of Majordomo: wire format, machines, and their wiring to any transport. It imports neither
 * `zeromq` nor `node:*`, and runs in the simulator and in a browser.
 *
 * @module
 */
export { MajordomoBrokerMachine } from "./broker-machine.js";
export type {
  DropReason,
  GoneReason,
  MajordomoBrokerEvent,
  MajordomoBrokerInput,
  MajordomoBrokerOutput,
  MajordomoBrokerStats,
  ServiceInfo,
  WorkerInfo,
} from "./broker-messages.js";
export {
  type MajordomoBrokerOptions,
  type ResolvedBrokerOptions,
  resolveBrokerOptions,
} from "./broker-options.js";
export {
  type ClientCancel,
  type ClientRequest,
  decodeAtBroker,
  encodeBrokerDisconnect,
  encodeBrokerHeartbeat,
  encodeToClient,
  encodeToWorker,
  type PartKind,
  type WorkerCommand,
  type WorkerSaid,
} from "./broker-wire.js";
export { type MajordomoBrokerSurroundings, type WiredBroker, wireBroker } from "./broker-wiring.js";
export { MajordomoClientMachine } from "./client-machine.js";
export type {
  AttemptEnd,
  FailureCause,
  MajordomoClientEvent,
  MajordomoClientInput,
  MajordomoClientOutput,
  MajordomoClientStats,
  RequestFailure,
  StreamBreak,
} from "./client-messages.js";
export {
  type MajordomoClientOptions,
  type ResolvedClientOptions,
  resolveClientOptions,
} from "./client-options.js";
export { decodeReply, encodeRequest, type ReplyPart } from "./client-wire.js";
export {
  type MajordomoClientOwner,
  type MajordomoClientSurroundings,
  type WiredClient,
  wireClient,
} from "./client-wiring.js";
export {
  type BrokerNotice,
  decodeBrokerNotice,
  decodeNotice,
  encodeBrokerNotice,
  encodeNotice,
  type Notice,
} from "./notice.js";
export { requestError } from "./request-error.js";
export {
  answerHeader,
  decodeRequestHeader,
  encodeRequestHeader,
  type HeaderKind,
  type RefusalKind,
  type RequestHeader,
} from "./request-header.js";
export { type RequestAction, type RequestEvent, type RequestState, requestLife } from "./request-life.js";
export { type SessionAction, type SessionEvent, type SessionState, sessionLife } from "./session-life.js";
export type { MdpVersion } from "./wire.js";
export { type WorkerAction, type WorkerEvent, type WorkerState, workerLife } from "./worker-life.js";
export { MajordomoWorkerMachine } from "./worker-machine.js";
export type {
  MajordomoWorkerEvent,
  MajordomoWorkerInput,
  MajordomoWorkerOutput,
  MajordomoWorkerStats,
  WorkerSpeech,
} from "./worker-messages.js";
export {
  type MajordomoWorkerOptions,
  type ResolvedWorkerOptions,
  resolveWorkerOptions,
} from "./worker-options.js";
export {
  type BrokerCommand,
  decodeFromBroker,
  encodeDisconnect,
  encodeFinal,
  encodeHeartbeat,
  encodePartial,
  encodeReady,
  type WorkerOutcome,
} from "./worker-wire.js";
export {
  type MajordomoWorkerOwner,
  type MajordomoWorkerSurroundings,
  type WiredWorker,
  wireWorker,
} from "./worker-wiring.js";
