import type { RequestServerOptions } from "@seaworthy/core";
import type {
  BinaryStarClientEvent,
  BinaryStarEvent,
  BinaryStarRequestError,
  BinaryStarServerEvent,
  BinaryStarServerOptions,
} from "../src/index.js";
import type { StarOptions } from "../src/machine.js";

// What the README and the page of the site must name. The compiler sees to it that none is missing here.
export const nodeEvents: Record<BinaryStarEvent["type"], true> = {
  "became-active": true,
  "stopped-serving": true,
  "became-passive": true,
  "state-changed": true,
  "peer-heard": true,
  "peer-changed": true,
  "peer-expired": true,
  "split-brain-resolved": true,
  "double-passive-resolved": true,
  "claim-denied": true,
  "epoch-not-kept": true,
  "renewal-failed": true,
  "activation-failed": true,
  "transfer-failed": true,
  "roles-clashed": true,
  "request-rejected": true,
  "process-stalled": true,
  "message-dropped": true,
};
/** Those that a server has besides. */
export const serverEvents: Record<Exclude<BinaryStarServerEvent["type"], BinaryStarEvent["type"]>, true> = {
  "reply-fenced": true,
  "request-refused": true,
  "handler-failed": true,
  "reply-undeliverable": true,
  "repeat-answered": true,
  "repeat-joined": true,
};
export const clientEvents: Record<BinaryStarClientEvent["type"], true> = {
  "connection-opened": true,
  "connection-lost": true,
  "connection-failed": true,
  "settling-began": true,
  "server-changed": true,
  "request-refused": true,
  "request-retried": true,
  "request-failed": true,
  "reply-dropped": true,
  "send-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
export const errors: Record<BinaryStarRequestError["code"], true> = {
  ERR_REQUEST_TIMEOUT: true,
  ERR_CONNECTION_LOST: true,
  ERR_NOT_ACTIVE: true,
  ERR_HANDLER_FAILED: true,
  ERR_ABORTED: true,
  ERR_CLOSED: true,
  ERR_LIMIT_REACHED: true,
};
/** Options that only the class takes, and that have no default. */
export const hooks: Record<
  Exclude<keyof BinaryStarServerOptions, keyof RequestServerOptions | keyof StarOptions>,
  undefined
> = {
  arbiter: undefined,
  epochFile: undefined,
  onActive: undefined,
  onPassive: undefined,
  transferState: undefined,
};
