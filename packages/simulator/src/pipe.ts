import { Fifo, type Frames } from "@seaworthy/core";
import type { End } from "./connection.js";

/** ROUTER with `departures`: what is read of a peer's connection after its last message. */
export const FAREWELL: Frames = Object.freeze([]);

/** A socket's two queues for one peer. */
export class Pipe {
  /** Messages that wait to leave. */
  readonly out: Fifo<Frames> = new Fifo();
  /** Messages that wait to be handled. */
  readonly in: Fifo<Frames> = new Fifo();
  /** The connection that it is on at present. */
  end: End | undefined;
  /** ROUTER: the peer's routing id, and the same as a key; unset until the handshake. */
  routingId: Uint8Array | undefined;
  routingKey = "";
  /** Nothing comes or goes any more; what has come may still wait to be handled. */
  isGone = false;
  /** ROUTER: another peer has the same routing id, and nobody listens to this one. */
  isIgnored = false;
  /** PUBLISHER: what the peer has subscribed to. */
  readonly subscriptions: Uint8Array[] = [];
}
