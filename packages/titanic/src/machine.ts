/**
 * The portable half of Titanic: wire format, machines, their wiring to any transport, and the ledger that stores keep.
 * It imports neither `zeromq` nor `node:*`, and runs in the simulator and in a browser.
 *
 * @module
 */
export { type CallAction, type CallEvent, type CallState, callLife } from "./client-life.js";
export { TitanicClientMachine } from "./client-machine.js";
export type {
  CallStep,
  TitanicClientEvent,
  TitanicClientInput,
  TitanicClientOutput,
  TitanicClientStats,
  TitanicDialect,
  TitanicFailure,
} from "./client-messages.js";
export {
  type ResolvedTitanicOptions,
  resolveTitanicOptions,
  type TitanicClientOptions,
} from "./client-options.js";
export {
  type CallOutput,
  type TitanicClientOwner,
  type TitanicClientSurroundings,
  type WiredTitanicClient,
  wireTitanicClient,
} from "./client-wiring.js";
export { type DialectAction, type DialectEvent, type DialectState, dialectLife } from "./dialect-life.js";
export { Ledger } from "./ledger.js";
export { quickDigest } from "./ledger-digest.js";
export type { Changes, Ground, GroundEntry, LedgerLimits, LedgerSurroundings } from "./ledger-ground.js";
export { MemoryGround } from "./ledger-memory.js";
export { LedgerPort } from "./ledger-port.js";
export { TitanicServerMachine } from "./server-machine.js";
export type {
  StoreAction,
  StoreMethod,
  StoreOutcome,
  TitanicServerEvent,
  TitanicServerInput,
  TitanicServerLoad,
  TitanicServerOutput,
  TitanicServerStats,
} from "./server-messages.js";
export {
  type ResolvedServerOptions,
  resolveServerOptions,
  type TitanicServerOptions,
} from "./server-options.js";
export {
  type PerformStoreAction,
  type TitanicServerOwner,
  type TitanicServerSurroundings,
  type WiredServer,
  wireServer,
} from "./server-wiring.js";
export { type ServiceAction, type ServiceEvent, type ServiceState, serviceLife } from "./service-life.js";
export { StoreError, type StoreErrorCode } from "./store-errors.js";
export {
  decodeAnswer,
  decodeCommand,
  encodeAccepted,
  encodeClosed,
  encodeDead,
  encodeFailed,
  encodeId,
  encodePending,
  encodeReply,
  encodeSubmit,
  encodeUnknown,
  idText,
  parseId,
  TITANIC_VERBS,
  type TitanicAnswer,
  type TitanicCommand,
  type TitanicVerb,
  verbService,
} from "./wire.js";
