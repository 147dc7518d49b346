import { type DeskRequest, Link } from "@seaworthy/core";

/** What the queue knows of one worker: a session of a worker's process. */
export class WorkerRecord {
  readonly id: Uint8Array;
  readonly key: string;
  /** Its place among those that are ready, or among those that are busy. */
  readonly place: Link<WorkerRecord> = new Link(this as WorkerRecord);
  /** What it was given and has not replied to. */
  request: DeskRequest | undefined;

  constructor(id: Uint8Array, key: string) {
    this.id = id;
    this.key = key;
  }
}
