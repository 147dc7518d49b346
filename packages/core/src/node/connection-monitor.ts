import type { Event, Observer } from "zeromq";
import type { ConnectionEvent } from "../transport.js";

/**
 * Reads the events of one socket, which must be read once they are asked for, and tells what they
 * mean for its connections. The end of a connection is told only when `quiet` says that everything
 * that came over it was handed over; what happens meanwhile waits its turn.
 */
export class ConnectionMonitor {
  /** Established connections per address: on a bound socket many share one. */
  readonly #up = new Map<string, number>();
  /** Addresses at which the next `disconnect` ends a handshake that failed, not a connection. */
  readonly #failed = new Set<string>();
  /** Addresses of which an attempt or a connection has ended, so that a pause is no news. */
  readonly #ended = new Set<string>();
  /** Endpoints as they were given to be connected. */
  readonly #given = new Set<string>();
  readonly #tell: (event: ConnectionEvent) => void;
  readonly #quiet: () => Promise<void>;
  #held: ConnectionEvent[] = [];

  constructor(tell: (event: ConnectionEvent) => void, quiet: () => Promise<void>) {
    this.#tell = tell;
    this.#quiet = quiet;
  }

  /** Reads events until the socket is closed. */
  async run(events: Observer): Promise<void> {
    for (;;) {
      let event: Event;
      try {
        event = await events.receive();
      } catch {
        return; // the socket was closed
      }
      if (event.type === "end") return;
      this.#observe(event);
    }
  }

  /** An endpoint is to be connected. */
  expect(endpoint: string): void {
    this.#given.add(endpoint);
  }

  /** Tells of an event in its turn. */
  report(event: ConnectionEvent): void {
    if (this.#held.length > 0) this.#held.push(event);
    else if (event.type === "down") {
      this.#held.push(event);
      void this.#reportHeld();
    } else this.#tell(event);
  }

  #observe(event: Event): void {
    switch (event.type) {
      case "handshake":
        this.#up.set(event.address, (this.#up.get(event.address) ?? 0) + 1);
        this.report({ type: "up", endpoint: event.address });
        break;
      case "disconnect":
        this.#ended.add(event.address);
        if (this.#wasUp(event.address)) this.report({ type: "down", endpoint: event.address });
        break;
      case "handshake:error:protocol":
      case "handshake:error:auth":
      case "handshake:error:other":
        this.#failed.add(event.address);
        this.report({ type: "failed", endpoint: event.address, reason: event.error.message });
        break;
      case "close":
        this.#ended.add(event.address);
        this.report({ type: "failed", endpoint: event.address });
        break;
      case "connect:retry":
        // A pause with nothing before it: not even an attempt was possible.
        if (this.#ended.delete(event.address)) break;
        // After a loss, libzmq tells the address that a host name stands for: the name has been resolved.
        if (!this.#given.has(event.address)) break;
        this.report({ type: "failed", endpoint: event.address, reason: "the address cannot be resolved" });
        break;
    }
  }

  /** Takes note of a lost connection; false if it had not been established. */
  #wasUp(address: string): boolean {
    if (this.#failed.delete(address)) return false;
    const count = this.#up.get(address) ?? 0;
    if (count > 1) this.#up.set(address, count - 1);
    else this.#up.delete(address);
    return count > 0;
  }

  async #reportHeld(): Promise<void> {
    while (this.#held.length > 0) {
      const count = this.#held.length;
      await this.#quiet();
      const events = this.#held.slice(0, count);
      this.#held = this.#held.slice(count);
      for (const event of events) this.#tell(event);
    }
  }
}
