/**
 * The portable half of Freelance: wire format, machines, and their wiring to any transport. It
 * imports neither `zeromq` nor `node:*`, and runs in the simulator and in a browser.
 *
 * @module
 */
export {
  type EnvelopedRequest,
  type FailureReply,
  REQUEST_ID_BYTES,
  type Reply,
  type RequestEffort,
  type RequestId,
} from "@seaworthy/core";
export { type CallAction, type CallEvent, type CallState, callLife } from "./call-life.js";
export { FreelanceClientMachine } from "./client-machine.js";
export type {
  FreelanceClientEvent,
  FreelanceClientInput,
  FreelanceClientOutput,
  FreelanceClientStats,
  FreelanceFailure,
  FreelanceServerStatistics,
  SendRefusal,
} from "./client-messages.js";
export {
  type FreelanceClientOptions,
  type FreelanceStrategy,
  type ResolvedClientOptions,
  resolveClientOptions,
} from "./client-options.js";
export {
  type FreelanceClientOwner,
  type FreelanceClientSurroundings,
  type WiredClient,
  wireClient,
} from "./client-wiring.js";
export { HEDGE_BURST } from "./hedging.js";
export { type ServerAction, type ServerEvent, type ServerState, serverLife } from "./server-life.js";
export { FreelanceServerMachine } from "./server-machine.js";
export type {
  FreelanceServerEvent,
  FreelanceServerInput,
  FreelanceServerOutput,
  FreelanceServerStats,
} from "./server-messages.js";
export {
  type FreelanceProtocol,
  type FreelanceServerOptions,
  type ResolvedServerOptions,
  resolveServerOptions,
} from "./server-options.js";
export {
  type FreelanceServerOwner,
  type FreelanceServerSurroundings,
  type WiredServer,
  wireServer,
} from "./server-wiring.js";
export {
  decodeFailoverReply,
  decodeFlpRequest,
  decodePlainRequest,
  decodeShotgunReply,
  decodeTrackedReply,
  encodeFailoverRequest,
  encodeFlpFailure,
  encodeFlpReply,
  encodePing,
  encodePlainFailure,
  encodePlainReply,
  encodePong,
  encodeShotgunRequest,
  encodeTrackedRequest,
  type Ping,
  type Pong,
  SEQUENCED_KIND,
} from "./wire.js";
