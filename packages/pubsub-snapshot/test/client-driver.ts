import { frameKey, frameText, textFrame } from "@seaworthy/core";
import { MachineDriver } from "../../core/test/support/machine-driver.js";
import { type Beat, beatTopic, encodeBeat } from "../src/beat.js";
import { SnapshotClientMachine } from "../src/client-machine.js";
import type { ClientInput, ClientOutput, UpdateRequest } from "../src/client-messages.js";
import { resolveSnapshotClientOptions, type SnapshotClientOptions } from "../src/client-options.js";
import { threeEndpoints } from "../src/endpoints.js";
import { decodeAnswer, encodeItems } from "../src/packs.js";
import { encodeProperties, type Property, subtreeCounts, withLines } from "../src/properties.js";
import type { Watcher } from "../src/watchers.js";
import {
  type CommandName,
  decodeUpdate,
  EMPTY,
  encodeCommand,
  encodeForeignEnd,
  encodeKeyValue,
  encodeRefusal,
  type Refusal,
} from "../src/wire.js";

export const A = "tcp://a:5556";
export const B = "tcp://b:5556";

/** An update or an item, as the tests write it. */
export interface Said {
  readonly uuid?: Uint8Array | undefined;
  readonly properties?: readonly Property[];
  /** Of the subtree that the client follows. */
  readonly count?: number;
}

/** A client machine in virtual time, to which a server's frames are handed, with everything it put out. No jitter. */
export class ClientDriver extends MachineDriver<ClientInput, ClientOutput, SnapshotClientMachine> {
  readonly subtree: string;
  /** The join that messages come of. */
  join = 1;
  /** What the server says of itself. */
  life = "life-1";
  heartbeatMs = 1000;
  #calls = 0;

  constructor(options: SnapshotClientOptions = {}) {
    const resolved = resolveSnapshotClientOptions({ backoff: { initialMs: 100, jitter: 0 }, ...options });
    let uuids = 0;
    super(
      new SnapshotClientMachine(
        resolved,
        () => 0,
        () => uuid(++uuids),
      ),
    );
    this.subtree = options.subtree ?? "";
  }

  connect(...servers: string[]): this {
    for (const server of servers)
      this.feed({ type: "connect", endpoints: threeEndpoints("test", server, "connect") });
    return this;
  }

  /** Both connections of a join stand. */
  up(join = this.join): this {
    this.join = join;
    this.feed({ type: "up", join, socket: "publisher" });
    return this.feed({ type: "up", join, socket: "snapshot" });
  }

  down(socket: "snapshot" | "publisher" = "publisher", reason?: string): this {
    return this.feed({ type: "down", join: this.join, socket, reason });
  }

  /** Something comes over the connection for updates. */
  hear(frames: readonly Uint8Array[], join = this.join): this {
    const message = decodeUpdate([...frames]);
    if (message.type === "malformed")
      return this.feed({ type: "malformed", join, socket: "publisher", reason: message.reason });
    return this.feed({ type: "update", join, message });
  }

  /** Something comes over the connection for snapshots. */
  get(frames: readonly Uint8Array[], join = this.join): this {
    const message = decodeAnswer([...frames]);
    if (message.type === "malformed")
      return this.feed({ type: "malformed", join, socket: "snapshot", reason: message.reason });
    return this.feed({ type: "message", join, message });
  }

  /** A heartbeat of ours, on the subtree's topic. */
  beat(sequence: number, beat: Partial<Beat> & { readonly topic?: Uint8Array } = {}): this {
    const { topic = beatTopic(textFrame(this.subtree)), ...rest } = beat;
    const { life, heartbeatMs } = this;
    const full = { life, isActive: true, heartbeatMs, sequence, count: sequence, ...rest };
    return this.hear(encodeBeat(topic, full));
  }

  /** A heartbeat of the guide's server. */
  hugz(sequence: number): this {
    return this.hear(encodeKeyValue(textFrame("HUGZ"), sequence, EMPTY, EMPTY, EMPTY));
  }

  update(
    sequence: number,
    key: string,
    value: string,
    { uuid = EMPTY, properties = [], count }: Said = {},
  ): this {
    const lines = count === undefined ? [] : [subtreeCounts([[this.subtree.length, count]])];
    const frame = withLines(encodeProperties(properties), lines);
    return this.hear(encodeKeyValue(textFrame(key), sequence, uuid, frame, textFrame(value)));
  }

  item(sequence: number, key: string, value: string, { uuid = EMPTY, properties = [] }: Said = {}): this {
    return this.get(
      encodeKeyValue(textFrame(key), sequence, uuid, encodeProperties(properties), textFrame(value)),
    );
  }

  /** Items in one message, as `[sequence, key, value]`. */
  items(...items: readonly (readonly [sequence: number, key: string, value: string])[]): this {
    const given = items.map(([sequence, key, value]) => ({
      ...{ key: textFrame(key), sequence, uuid: EMPTY, properties: EMPTY, value: textFrame(value) },
    }));
    return this.get(encodeItems(given));
  }

  command(name: CommandName, number = 0, id: Uint8Array = EMPTY): this {
    return this.get(encodeCommand(name, number, id));
  }

  refuse(refusal: Partial<Refusal> & Pick<Refusal, "reason">, id: Uint8Array = EMPTY, sequence = 0): this {
    return this.get(encodeRefusal(refusal, id, sequence));
  }

  foreignEnd(sequence: number, value = ""): this {
    return this.get(encodeForeignEnd(sequence, textFrame(value)));
  }

  /** Joined to a server of ours at A, whose map has these entries, set by updates 1, 2, …. */
  joined(entries: Readonly<Record<string, string>> = {}, join = 1): this {
    const names = Object.entries(entries);
    if (join === 1) this.connect(A);
    this.up(join).beat(names.length);
    for (const [index, [key, value]] of names.entries()) this.item(index + 1, key, value);
    return this.command("KTHXBAI", names.length);
  }

  /** Makes an update; returns its call number, which its UUID has as well. */
  set(key: string, value = "new", more: Partial<UpdateRequest> = {}): number {
    const call = ++this.#calls;
    const update = {
      key: textFrame(key),
      value: textFrame(value),
      properties: [],
      ttlMs: 0,
      expected: undefined,
      timeoutMs: 10_000,
      ...more,
    };
    this.feed({ type: "set", call, update });
    return call;
  }

  watch(name = "", maxQueued = 100): Watcher {
    return this.machine.watch(frameKey(textFrame(name)), maxQueued);
  }

  pass(ms: number): this {
    return this.until(this.now + ms);
  }

  /** The map, key by key. */
  get map(): Record<string, string> {
    return Object.fromEntries(
      this.machine.map.under("").map(({ keyText, value }) => [keyText, frameText(value)]),
    );
  }

  /** The servers that were connected to, in order. */
  get opened(): string[] {
    return this.of("open").map(({ endpoints }) => endpoints.snapshot);
  }

  /** What was subscribed to last. */
  get topics(): string[] {
    return this.of("subscribe").at(-1)?.topics.map(frameText) ?? [];
  }

  /** Status events as `type` or `type:reason`. */
  get statuses(): string[] {
    return this.of("status").map(({ event }) =>
      "reason" in event ? `${event.type}:${event.reason}` : event.type,
    );
  }

  /** Why servers were left. */
  get left(): string[] {
    return this.statuses
      .filter((status) => status.startsWith("server-left:"))
      .map((status) => status.slice(12));
  }

  /** Updates that were sent, as `call@join/socket`. */
  get sends(): string[] {
    return this.of("send").map(({ call, join, socket }) => `${call}@${join}/${socket}`);
  }

  /** What became of updates: `call=sequence` or `call:code`. */
  get outcomes(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type === "ordered") return [`${output.call}=${output.sequence}`];
      return output.type === "failed" ? [`${output.call}:${output.failure.code}`] : [];
    });
  }
}

/** The UUID of the update with this call number. */
export function uuid(call: number): Uint8Array {
  const frame = new Uint8Array(16);
  frame[0] = call;
  frame[1] = call >>> 8;
  return frame;
}

/** What a watcher has, as `+key=value`, or `-key`. */
export function changesOf(watcher: Watcher): string[] {
  const changes: string[] = [];
  for (let change = watcher.take(); change !== undefined; change = watcher.take())
    changes.push(
      change.entry === undefined
        ? `-${change.keyText}`
        : `+${change.keyText}=${frameText(change.entry.value)}`,
    );
  return changes;
}
