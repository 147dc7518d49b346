import { type Frames, frameText, textFrame } from "@seaworthy/core";
import { type Beat, decodeBeat, subtreeOfBeat } from "../src/beat.js";
import { decodeAnswer } from "../src/packs.js";
import { encodeUpdateTerms, type Property } from "../src/properties.js";
import { ServerMachine } from "../src/server-machine.js";
import type { ServerInput, ServerOutput, SnapshotServerEvent } from "../src/server-messages.js";
import { resolveServerOptions, type ServerOptions, type ServerSurroundings } from "../src/server-options.js";
import {
  type Command,
  type CommandName,
  decodeRefusal,
  decodeUpdate,
  EMPTY,
  type KeyValue,
  type Refusal,
} from "../src/wire.js";

/** A UUID that is made of a number. */
export function uuidOf(n: number): Uint8Array {
  const uuid = new Uint8Array(16).fill(0xee);
  new DataView(uuid.buffer).setUint32(0, n);
  return uuid;
}

/** A client's update, as it is read by the server. */
export interface UpdateWish {
  readonly uuid?: Uint8Array;
  readonly ttlMs?: number;
  readonly ifSequence?: number;
  readonly properties?: readonly Property[];
}

/** An update as the server reads it. */
export function wish(key: string, value: string, more: UpdateWish = {}): KeyValue {
  return {
    type: "key-value",
    key: textFrame(key),
    sequence: 0,
    uuid: more.uuid ?? EMPTY,
    properties: encodeUpdateTerms(more.properties ?? [], more.ttlMs ?? 0, more.ifSequence),
    value: textFrame(value),
  };
}

type Surroundings = ServerSurroundings & {
  /** Serves from the beginning. Default true. */
  readonly serves?: boolean;
};

/** So often may a machine be woken in vain at one time. */
const MAX_VAIN_TICKS = 20;

/** A server's machine in virtual time, with a ROUTER that has as much room for each client as the test says. */
export class ServerDriver {
  readonly machine: ServerMachine;
  now = 0;
  /** What each client has got, by its name. */
  readonly got = new Map<string, (KeyValue | Command)[]>();
  /** Messages that there is room for; clients that are not in it have room for all. */
  readonly room = new Map<string, number>();
  /** Clients that are gone. */
  readonly gone = new Set<string>();
  /** How many items the messages with several of them had. */
  readonly packs: number[] = [];
  readonly published: KeyValue[] = [];
  readonly stores: (ServerOutput & { type: "store" | "store-all" })[] = [];
  readonly events: SnapshotServerEvent[] = [];
  /** What was said over the link to the peer, and done with it. */
  readonly linkSent: Frames[] = [];
  readonly words: string[] = [];
  /** Messages that the ROUTER has not come to. */
  readonly queue: (ServerOutput & { type: "send" })[] = [];
  /** The ROUTER comes to nothing by itself. */
  holds = false;
  /** How often a message was refused for want of room. */
  refusals = 0;
  #isDraining = false;
  /** Outputs so far. */
  #steps = 0;

  constructor(options: ServerOptions = {}, { serves = true, ...surroundings }: Surroundings = {}) {
    this.machine = new ServerMachine(resolveServerOptions("Server", options, surroundings));
    if (serves) this.activate();
  }

  activate(life = "life"): this {
    return this.feed({ type: "activate", life });
  }

  feed(input: ServerInput | { type: "stalled"; ms: number }): this {
    this.machine.handle(input, this.now);
    return this.#perform();
  }

  /** Time goes on, and the machine is woken at each of its deadlines, which must come to something. */
  until(now: number): this {
    let vain = 0;
    for (;;) {
      const { deadline } = this.machine;
      if (deadline === undefined || deadline > now) break;
      const before = this.now;
      this.now = Math.max(before, deadline);
      const steps = this.#steps;
      this.wake();
      const isVain = this.now === before && steps === this.#steps;
      vain = isVain ? vain + 1 : 0;
      if (vain > MAX_VAIN_TICKS) throw new Error(`woken at ${deadline} again and again, and nothing done`);
    }
    this.now = now;
    return this;
  }

  run(ms: number): this {
    return this.until(this.now + ms);
  }

  /** Time goes on, and nobody wakes the machine. */
  standStill(ms: number): this {
    this.now += ms;
    return this;
  }

  /** The machine is woken, though perhaps late. */
  wake(): this {
    this.machine.tick(this.now);
    return this.#perform();
  }

  // Clients.

  /** A client says something over the connection for snapshots. */
  say(
    client: string,
    message: (ServerInput & { type: "message" })["message"],
    more: { maySay?: boolean; retryAfterMs?: number } = {},
  ): this {
    const route = textFrame(client);
    const { maySay = true, retryAfterMs } = more;
    return this.feed({ type: "message", route, message, maySay, retryAfterMs });
  }

  /** A client of ours asks for a snapshot. */
  ask(client: string, subtree = "", credit = 1_000_000, packBytes = 0): this {
    const terms = { credit, packBytes, follows: false };
    return this.say(client, { type: "snapshot-request", subtree: textFrame(subtree), terms });
  }

  /** A client of others does. */
  askPlainly(client: string, subtree = ""): this {
    return this.say(client, { type: "snapshot-request", subtree: textFrame(subtree), terms: undefined });
  }

  command(client: string, name: CommandName, number = 0): this {
    return this.say(client, { type: "command", name, number, uuid: EMPTY, properties: EMPTY });
  }

  set(client: string, key: string, value: string, more: UpdateWish = {}): this {
    return this.say(client, wish(key, value, more));
  }

  /** An update comes over the collector. */
  collect(key: string, value: string, more: UpdateWish = {}): this {
    return this.feed({ type: "collected", message: wish(key, value, more) });
  }

  /** The passive server asks to follow. */
  follow(client: string, credit = 1_000_000, packBytes = 0): this {
    const terms = { credit, packBytes, follows: true };
    return this.say(client, { type: "snapshot-request", subtree: EMPTY, terms });
  }

  /** All that a client got since this was last asked. */
  take(client: string): (KeyValue | Command)[] {
    return this.got.get(client)?.splice(0) ?? [];
  }

  /** The commands that a client got since this was last asked, in words; everything else is forgotten. */
  heard(client: string): string[] {
    return this.take(client)
      .filter((message) => message.type === "command")
      .map(inWords);
  }

  /** The one refusal that a client got. */
  refusal(client: string): Refusal & { uuid: Uint8Array; number: number } {
    const [only, ...others] = this.take(client);
    if (only?.type !== "command" || only.name !== "SORRY" || others.length > 0)
      throw new Error(`${client} was not refused once`);
    const refusal = decodeRefusal(only.properties);
    if ("type" in refusal) throw new Error(refusal.reason);
    return { ...refusal, uuid: only.uuid, number: only.number };
  }

  /** The map as the server has it. */
  get map(): Record<string, string> {
    return Object.fromEntries(
      Array.from(this.machine.map.values(), ({ key, value }) => [frameText(key), frameText(value)]),
    );
  }

  /** Updates that were published since this was last asked, in words. */
  updates(): string[] {
    const all = this.published.splice(0).filter(({ sequence }) => sequence > 0);
    return all.map(({ key, sequence, value }) => `${sequence} ${frameText(key)}=${frameText(value)}`);
  }

  /** Heartbeats that were published since this was last asked: those on `HUGZ` without a subtree. */
  beats(): (Beat & { subtree: string | undefined })[] {
    return this.published.splice(0).flatMap(({ key, properties }) => {
      const beat = decodeBeat(properties);
      const subtree = subtreeOfBeat(key);
      return beat === undefined ? [] : [{ ...beat, subtree: subtree && frameText(subtree) }];
    });
  }

  /** Status events of a type. */
  told<T extends SnapshotServerEvent["type"]>(type: T): (SnapshotServerEvent & { type: T })[] {
    return this.events.filter((event): event is SnapshotServerEvent & { type: T } => event.type === type);
  }

  /** The ROUTER comes to what was sent. */
  drain(): this {
    // What follows from one message waits behind those that were there before it.
    if (this.#isDraining) return this;
    this.#isDraining = true;
    for (let output = this.queue.shift(); output !== undefined; output = this.queue.shift())
      this.#route(output);
    this.#isDraining = false;
    return this;
  }

  #perform(): this {
    for (let output = this.machine.take(); output !== undefined; output = this.machine.take())
      this.#do(output);
    return this.holds ? this : this.drain();
  }

  #route({ frames, flush, end }: ServerOutput & { type: "send" }): void {
    const mayEnd = end === undefined || this.machine.mayEnd(end);
    if (flush !== undefined) this.feed({ type: "flushed", snapshot: flush });
    if (!mayEnd) return;
    const client = frameText(frames[0] as Uint8Array);
    const room = this.room.get(client) ?? Number.POSITIVE_INFINITY;
    if (this.gone.has(client)) this.feed({ type: "refused", frames, reason: "peer-unknown" });
    else if (room === 0) {
      this.refusals += 1;
      this.feed({ type: "refused", frames, reason: "peer-full" });
    } else {
      this.room.set(client, room - 1);
      this.#deliver(client, frames.slice(1));
    }
  }

  #deliver(client: string, frames: Frames): void {
    const message = decodeAnswer([...frames]);
    if (message.type === "malformed") throw new Error(message.reason);
    const got = this.got.get(client) ?? [];
    if (message.type === "items") {
      got.push(...message.items);
      this.packs.push(message.items.length);
    } else got.push(message);
    this.got.set(client, got);
  }

  #do(output: ServerOutput): void {
    this.#steps += 1;
    switch (output.type) {
      case "send":
        return void this.queue.push(output);
      case "publish": {
        const message = decodeUpdate([...output.frames]);
        if (message.type === "malformed") throw new Error(message.reason);
        return void this.published.push(message);
      }
      case "store":
      case "store-all":
        return void this.stores.push(output);
      case "link-send":
        return void this.linkSent.push(output.frames);
      case "status":
        return void this.events.push(output.event);
      case "follow-failed":
        return void this.words.push(`follow-failed: ${output.reason}`);
      default:
        this.words.push(output.type);
    }
  }
}

/** A message in words. */
export function inWords(message: KeyValue | Command): string {
  if (message.type === "key-value")
    return `${message.sequence} ${frameText(message.key)}=${frameText(message.value)}`;
  if (message.name !== "SORRY") return `${message.name} ${message.number}`;
  return `SORRY ${decodeRefusal(message.properties).reason}`;
}
