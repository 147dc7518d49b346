import { Fifo, frameText, keyFrame } from "@seaworthy/core";
import {
  type ClientOutput,
  noClientStats,
  type SnapshotClientEvent,
  type SnapshotClientStats,
  type UpdateFailure,
} from "./client-messages.js";
import type { PendingSet, SetsOwner, Way } from "./sets.js";
import type { Watcher, WatchersOwner } from "./watchers.js";

/** An event before it is known when it happens. */
type Untimed<E> = E extends unknown ? Omit<E, "at"> : never;

/** What a client's machine puts out, and what it counts. */
export class ClientOutbox implements SetsOwner, WatchersOwner {
  readonly stats: SnapshotClientStats = noClientStats();
  now = 0;
  readonly #outputs = new Fifo<ClientOutput>();

  put(output: ClientOutput): void {
    this.#outputs.push(output);
  }

  take(): ClientOutput | undefined {
    return this.#outputs.shift();
  }

  report(event: Untimed<SnapshotClientEvent>): void {
    this.put({ type: "status", event: { ...event, at: this.now } as SnapshotClientEvent });
  }

  /** A message is not what the protocol allows. */
  drop(reason: string): void {
    this.stats.dropped += 1;
    this.report({ type: "message-dropped", reason });
  }

  send({ call, uuid, update }: PendingSet, { join, socket }: Way): void {
    this.put({ type: "send", join, socket, call, uuid, update });
  }

  retried({ call, sent }: PendingSet): void {
    this.report({ type: "set-retried", call, sent });
  }

  ordered(call: number, sequence: number): void {
    this.put({ type: "ordered", call, sequence });
  }

  failed(call: number, failure: UpdateFailure): void {
    this.put({ type: "failed", call, failure });
    this.report({ type: "set-failed", call, code: failure.code });
  }

  changed(watcher: Watcher): void {
    this.put({ type: "changed", watcher });
  }

  overflowed({ name, maxQueued }: Watcher): void {
    this.stats.overflows += 1;
    this.report({ type: "watcher-overflowed", key: frameText(keyFrame(name)), maxQueued });
  }
}
