import type {
  MapStore,
  SnapshotChange,
  SnapshotClientEvent,
  SnapshotServerEvent,
  SnapshotUpdateError,
} from "../src/index.js";

// What the README and the page of the site must name. The compiler sees to it that none is missing here.
export const serverEvents: Record<SnapshotServerEvent["type"], true> = {
  "snapshot-sent": true,
  "snapshot-abandoned": true,
  "update-refused": true,
  "entry-expired": true,
  "subtree-refused": true,
  "follower-joined": true,
  "follower-lost": true,
  "caught-up": true,
  "pending-ordered": true,
  "store-failed": true,
  "store-recovered": true,
  "process-stalled": true,
  "message-dropped": true,
};
export const clientEvents: Record<SnapshotClientEvent["type"], true> = {
  "join-began": true,
  "subtree-widened": true,
  joined: true,
  "server-left": true,
  "gap-noticed": true,
  "set-retried": true,
  "set-failed": true,
  "collector-failed": true,
  "watcher-overflowed": true,
  "process-stalled": true,
  "message-dropped": true,
};
export const errors: Record<SnapshotUpdateError["code"], true> = {
  ERR_SET_TIMEOUT: true,
  ERR_CONFLICT: true,
  ERR_REFUSED: true,
  ERR_UNSUPPORTED: true,
  ERR_LIMIT_REACHED: true,
  ERR_ABORTED: true,
  ERR_CLOSED: true,
};
export const store: Record<keyof MapStore, true> = { open: true, commit: true, replace: true, close: true };
export const change: Record<keyof SnapshotChange, true> = {
  type: true,
  key: true,
  keyText: true,
  entry: true,
  previous: true,
  sequence: true,
};
