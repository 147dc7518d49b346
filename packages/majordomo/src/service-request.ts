import type { DeadlineEntry, FairQueueItem, Frames, Link, LinkedList } from "@seaworthy/core";
import type { CollectedParts } from "./collected-parts.js";
import type { Service } from "./service.js";
import type { MdpVersion } from "./wire.js";
import type { WorkerRecord } from "./worker-record.js";

/** A request that the broker has at hand: it waits for a worker, or a worker has it. */
export interface ServiceRequest extends FairQueueItem {
  /** Key of the connection that it came over first: each has its turn. */
  readonly lane: string;
  /** What it and its retries have in common, if its client is ours. */
  readonly key: string | undefined;
  readonly service: Service;
  readonly bytes: number;
  /** When it came, in ms. */
  readonly receivedAt: number;
  /** How long it may wait for a worker, in ms. */
  ttlMs: number;
  /** The way back for the reply: that of its latest retry. */
  route: Frames;
  version: MdpVersion;
  /** Whose connection `route` leads to. */
  client: ClientRecord;
  /** Its place among what that client asked for. */
  readonly mark: Link<ServiceRequest>;
  body: Frames;
  /** By how much the envelope of its latest retry is larger than its own, which `bytes` has. */
  joinedBytes: number;
  /** How often it has been given to a worker. */
  deliveries: number;
  /** The delivery whose reply is waited for, or `undefined` while it waits for a worker. */
  holding: Holding | undefined;
  /** Its time to wait for a worker, while it does. */
  timer: DeadlineEntry<ServiceRequest> | undefined;
  /** If the connection of its client is lost, and no retry has come: when its client is believed to be gone. */
  farewell: DeadlineEntry<ServiceRequest> | undefined;
  /** How often a delivery did not count, since the worker had not begun it. */
  returns: number;
  /** What came of its reply, if the client is to get that together with the end. */
  collected: CollectedParts | undefined;
  /** Answered, or not to be answered any more. */
  isOver: boolean;
}

/** The connection of a client that has requests at hand. */
export interface ClientRecord {
  readonly key: string;
  /** Its routing id: one frame for all that it asked for. */
  readonly id: Uint8Array;
  readonly requests: LinkedList<ServiceRequest>;
}

/** A request at a worker. */
export interface Holding {
  /**
   * Numbers the deliveries of this broker, from 1. A worker knows the request by it: one that is given a request
   * again, while it is still busy with an earlier delivery of it, is not to confuse the two.
   */
  readonly number: number;
  readonly request: ServiceRequest;
  /** Which delivery of the request this is, from 1. */
  readonly delivery: number;
  readonly worker: WorkerRecord;
  /** PARTIALs that came. */
  parts: number;
}
