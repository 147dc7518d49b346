import { channel } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import type { StatusEvent } from "../status.js";
import { throwUncaught } from "./uncaught.js";

/** The status events of a type, also where one member of the union stands for several types. */
type EventOf<E extends StatusEvent, T> = E extends unknown
  ? T extends E["type"]
    ? E & { readonly type: T }
    : never
  : never;

/** Events of a role: each status event under its own type, and all of them under `status`. */
export type StatusMap<E extends StatusEvent> = { [T in E["type"]]: [event: EventOf<E, T>] } & {
  status: [event: E];
};

/** What subscribers of the channel `seaworthy:<package>` of `node:diagnostics_channel` receive. */
export interface StatusMessage {
  /** The role that reports. */
  readonly role: object;
  readonly event: StatusEvent;
}

/** Base of all roles: an emitter of status events that also publishes them for diagnostics. */
export abstract class Role<E extends StatusEvent> extends EventEmitter<StatusMap<E>> {
  readonly #channel: ReturnType<typeof channel>;

  /** @param packageName - without scope: the channel is `seaworthy:<packageName>` */
  protected constructor(packageName: string) {
    super();
    this.#channel = channel(`seaworthy:${packageName}`);
  }

  /** Releases sockets and timers, once; further calls return the same promise. */
  abstract close(): Promise<void>;

  /** `await using` closes the role at the end of its scope. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Emits a status event. A listener that throws surfaces as an uncaught exception and breaks nothing here. */
  protected report(event: E): void {
    this.#emit(event.type, event);
    this.#emit("status", event);
    if (this.#channel.hasSubscribers) this.#channel.publish({ role: this, event } satisfies StatusMessage);
  }

  #emit(name: string, event: E): void {
    try {
      (this as unknown as EventEmitter).emit(name, event);
    } catch (error) {
      throwUncaught(error);
    }
  }
}
