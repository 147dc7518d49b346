/**
 * The portable half of the pub-sub snapshot: wire format, machines, and their wiring to any transport. It imports neither `zeromq` nor
 * `node:*`, and runs in the simulator and in a browser.
 *
 * @module
 */
export * from "./beat.js";
export {
  type ClientAction,
  type ClientEvent,
  type ClientState,
  clientLife,
} from "./client-life.js";
export { SnapshotClientMachine } from "./client-machine.js";
export type {
  ClientInput,
  ClientOutput,
  LeaveReason,
  SnapshotClientEvent,
  SnapshotClientStats,
  UpdateFailure,
  UpdateRequest,
} from "./client-messages.js";
export {
  type ResolvedSnapshotClientOptions,
  resolveSnapshotClientOptions,
  type SnapshotClientOptions,
} from "./client-options.js";
export { ChangeView, EntryView } from "./client-view.js";
export {
  type SnapshotClientOwner,
  type SnapshotClientSurroundings,
  type WiredSnapshotClient,
  wireSnapshotClient,
} from "./client-wiring.js";
export { type SnapshotEndpoints, threeEndpoints } from "./endpoints.js";
export { Entry } from "./entry.js";
export { loadMap } from "./load-map.js";
export * from "./packs.js";
export * from "./properties.js";
export { ServerMachine } from "./server-machine.js";
export type {
  FollowerLossReason,
  ServerInput,
  ServerOutput,
  SnapshotServerCounters,
  SnapshotServerEvent,
} from "./server-messages.js";
export {
  type ResolvedServerOptions,
  resolveServerOptions,
  type ServerOptions,
  type ServerSurroundings,
} from "./server-options.js";
export {
  type ServerMachineSurroundings,
  type ServerPair,
  type SnapshotServerStatus,
  type WiredServer,
  wireServer,
} from "./server-wiring.js";
export type { KnownUpdate, MapStore, StoredEntry, StoredMap } from "./store.js";
export { Watcher } from "./watchers.js";
export * from "./wire.js";
