import { once } from "node:events";
import { Publisher, Router, Subscriber } from "zeromq";
import type { SnapshotEndpoints } from "../src/index.js";

type Five = [key: Buffer, sequence: Buffer, uuid: Buffer, properties: Buffer, value: Buffer];

/** A sequence number as the guide's programs write it. */
export function numbered(sequence: number): Buffer {
  const frame = Buffer.alloc(8);
  frame.writeBigUInt64BE(BigInt(sequence));
  return frame;
}

/**
 * A server as the guide's, on bare sockets. It does what is wrong with that one if it is told to: it loses updates, and
 * gives the whole map for every subtree.
 */
export class BareServer {
  readonly map = new Map<string, Five>();
  /** Requests for snapshots. */
  readonly requests: string[] = [];
  /** Updates that are numbered and not published. */
  readonly losing = new Set<string>();
  sequence = 0;
  /** Snapshots are given. */
  isAnswering = true;
  readonly #snapshots = new Router({ linger: 0 });
  readonly #publisher = new Publisher({ linger: 0 });
  readonly #collector = new Subscriber({ linger: 0 });
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();

  async start(endpoint = "tcp://127.0.0.1:*", heartbeatMs = 20): Promise<SnapshotEndpoints> {
    for (const socket of [this.#snapshots, this.#publisher, this.#collector]) await socket.bind(endpoint);
    this.#collector.subscribe();
    void this.#serve();
    void this.#collect();
    this.#timer = setInterval(() => this.#publish("HUGZ", this.sequence, "", "", ""), heartbeatMs);
    return {
      snapshot: this.#snapshots.lastEndpoint ?? "",
      publisher: this.#publisher.lastEndpoint ?? "",
      collector: this.#collector.lastEndpoint ?? "",
    };
  }

  /** Orders an update of its own. */
  set(key: string, value: string, uuid: Buffer | string = "", properties: Buffer | string = ""): void {
    this.sequence += 1;
    const five = [key, numbered(this.sequence), uuid, properties, value].map((frame) =>
      Buffer.from(frame),
    ) as Five;
    if (value === "") this.map.delete(key);
    else this.map.set(key, five);
    if (!this.losing.has(key)) this.#publish(key, this.sequence, uuid, properties, value);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const socket of [this.#snapshots, this.#publisher, this.#collector]) socket.close();
  }

  async #serve(): Promise<void> {
    for await (const [route, command, subtree] of this.#snapshots) {
      this.requests.push(`${command} ${subtree}`);
      if (!this.isAnswering) continue;
      for (const five of [...this.map.values()]) await this.#snapshots.send([route as Buffer, ...five]);
      // No value: the guide's server forgets the subtree.
      await this.#snapshots.send([route as Buffer, "KTHXBAI", numbered(this.sequence), "", "", ""]);
    }
  }

  async #collect(): Promise<void> {
    for await (const [key, , uuid, properties, value] of this.#collector)
      this.set(`${key}`, `${value}`, uuid, properties);
  }

  #publish(
    key: string,
    sequence: number,
    uuid: Buffer | string,
    properties: Buffer | string,
    value: string,
  ): void {
    const frames = [key, numbered(sequence), uuid, properties, value];
    this.#sending = this.#sending.then(() => this.#publisher.send(frames)).catch(() => {});
  }
}

/** Waits for a status event of a role. */
export async function event<T>(role: NodeJS.EventEmitter, name: string): Promise<T> {
  const [first] = await once(role, name);
  return first as T;
}
