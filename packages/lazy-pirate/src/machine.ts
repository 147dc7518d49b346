/**
 * The portable half of Lazy Pirate: wire format, machines, and their wiring to any transport. It
 * imports neither `zeromq` nor `node:*`, and runs in the simulator and in a browser.
 *
 * @module
 */
export {
  type Outcome,
  REQUEST_ID_BYTES,
  type ReplaceReason,
  type ReplyCacheOptions,
  type RequestEffort,
  RequestServerMachine as LazyPirateServerMachine,
} from "@seaworthy/core";
export { LazyPirateClientMachine } from "./client-machine.js";
export type {
  LazyPirateClientEvent,
  LazyPirateClientInput,
  LazyPirateClientOutput,
  LazyPirateClientStats,
  RequestFailure,
} from "./client-messages.js";
export {
  type LazyPirateClientOptions,
  type ResolvedClientOptions,
  resolveClientOptions,
} from "./client-options.js";
export {
  type LazyPirateClientOwner,
  type LazyPirateClientSurroundings,
  type WiredClient,
  wireClient,
} from "./client-wiring.js";
export { type RequestAction, type RequestEvent, type RequestState, requestLife } from "./request-life.js";
export type {
  LazyPirateServerEvent,
  LazyPirateServerInput,
  LazyPirateServerOutput,
  LazyPirateServerStats,
} from "./server-messages.js";
export {
  type LazyPirateServerOptions,
  type ResolvedServerOptions,
  resolveServerOptions,
} from "./server-options.js";
export {
  type LazyPirateServerOwner,
  type LazyPirateServerSurroundings,
  type WiredServer,
  wireServer,
} from "./server-wiring.js";
export {
  decodeReply,
  decodeRequest,
  encodeFailure,
  encodeReply,
  encodeRequest,
  encodeRequestId,
  type FailureReply,
  type Reply,
  type Request,
  type RequestId,
} from "./wire.js";
