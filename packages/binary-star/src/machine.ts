/**
 * The portable half of Binary Star: wire format, machines, and their wiring to any transport. It imports neither `zeromq` nor
 * `node:*`, and runs in the simulator and in a browser.
 *
 * @module
 */
export { type RequestEffort, RequestServerMachine } from "@seaworthy/core";
export {
  type Arbiter,
  type Bid,
  type Lease,
  LeaseBook,
  MemoryArbiter,
  type MemoryArbiterOptions,
} from "./arbiter.js";
export { Claim, nextEpoch } from "./claim.js";
export { BinaryStarClientMachine } from "./client-machine.js";
export type {
  Answer,
  BinaryStarClientEvent,
  BinaryStarClientInput,
  BinaryStarClientOutput,
  BinaryStarClientStats,
  MoveReason,
  RequestFailure,
} from "./client-messages.js";
export {
  type BinaryStarClientOptions,
  type ResolvedClientOptions,
  resolveClientOptions,
} from "./client-options.js";
export {
  type BinaryStarClientOwner,
  type BinaryStarClientSurroundings,
  type WiredClient,
  wireClient,
} from "./client-wiring.js";
export type { EpochStore } from "./epochs.js";
export { type RequestAction, type RequestEvent, type RequestState, requestLife } from "./request-life.js";
export {
  type ServerChoiceAction,
  type ServerChoiceEvent,
  type ServerChoiceState,
  serverChoiceLife,
} from "./server-choice-life.js";
export {
  type ResolvedStarServerOptions,
  resolveStarServerOptions,
  type StarServerOptions,
} from "./server-options.js";
export {
  type BinaryStarServerEvent,
  type BinaryStarServerMachines,
  type BinaryStarServerOwner,
  type BinaryStarServerSurroundings,
  type WiredStarServer,
  wireStarServer,
} from "./server-wiring.js";
export { type StarAction, type StarEvent, type StarState, starLife } from "./star-life.js";
export { type BinaryStarBeginning, BinaryStarMachine } from "./star-machine.js";
export type {
  BinaryStarEvent,
  BinaryStarInput,
  BinaryStarOutput,
  BinaryStarStats,
  ClaimReason,
  DeactivationReason,
} from "./star-messages.js";
export { type ResolvedStarOptions, resolveStarOptions, type StarOptions } from "./star-options.js";
export {
  type BinaryStarOwner,
  type BinaryStarSurroundings,
  type WiredStar,
  wireStar,
} from "./star-wiring.js";
export {
  decodeAnswer,
  decodeRequest,
  decodeState,
  encodeFailure,
  encodeRefusal,
  encodeReply,
  encodeRequest,
  encodeRequestId,
  encodeState,
  MAX_EPOCH,
  type PeerState,
  type PublishedState,
  RECORD_TOPIC,
  type Refusal,
  type StarRecord,
  type StarRole,
} from "./wire.js";
