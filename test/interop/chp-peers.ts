import { Dealer, Router, Subscriber, XPublisher } from "zeromq";
import { type Frame, Mouth, Watch } from "./bare.js";

// A server and a client on bare zeromq sockets, written from RFC 12, and from what the guide's programs do where it leaves that open.

/** How often a server says that it lives, in ms. */
export const HEARTBEAT_MS = 50;
const ANY_PORT = "tcp://127.0.0.1:*";

/** A message of RFC 12 with five frames, in words. */
export interface Item {
  readonly key: string;
  readonly sequence: number;
  /** As hexadecimal digits. */
  readonly uuid: string;
  readonly properties: string;
  readonly value: string;
}

/** A sequence number: 8 bytes in network order. */
export function number(sequence: number): Buffer {
  const frame = Buffer.alloc(8);
  frame.writeBigUInt64BE(BigInt(sequence));
  return frame;
}

/** Frames are text, byte for byte. */
function read(frames: readonly Buffer[]): Item {
  if (frames.length !== 5) throw new Error(`a message of ${frames.length} frames`);
  const [key, sequence, uuid, properties, value] = frames as [Buffer, Buffer, Buffer, Buffer, Buffer];
  if (sequence.length !== 8 || (uuid.length !== 0 && uuid.length !== 16)) throw new Error("no CHP");
  return {
    key: key.toString("latin1"),
    sequence: Number(sequence.readBigUInt64BE()),
    uuid: uuid.toString("hex"),
    properties: properties.toString("latin1"),
    value: value.toString("latin1"),
  };
}

function write({ key, sequence, uuid, properties, value }: Item): Buffer[] {
  const [name, lines, body] = [key, properties, value].map((text) => Buffer.from(text, "latin1"));
  return [name, number(sequence), Buffer.from(uuid, "hex"), lines, body] as Buffer[];
}

const bound = <T extends Router | XPublisher | Subscriber>(socket: T): [T, string] => {
  socket.bindSync(ANY_PORT);
  return [socket, socket.lastEndpoint as string];
};

/** What a {@link BareServer} does otherwise than RFC 12 has it, as the guide's do or might. */
export interface Faults {
  /** `HUGZ` has the number of the last update, as the guide's have it. */
  readonly hugzIsNumbered?: boolean;
  /** Snapshots are of the whole map, whatever is asked for. */
  readonly ignoresSubtree?: boolean;
  /** `KTHXBAI` has no subtree, as the guide's has none. */
  readonly endIsEmpty?: boolean;
  /** Each update is published twice. */
  readonly publishesTwice?: boolean;
}

/** A server: one map, nothing acknowledged, nobody waited for. */
export class BareServer {
  readonly endpoints: { readonly snapshot: string; readonly publisher: string; readonly collector: string };
  readonly map = new Map<string, Item>();
  /** What was asked of the snapshots. */
  readonly requests: string[][] = [];
  /** What was collected. */
  readonly collected: Item[] = [];
  /** What was subscribed to. */
  readonly subscriptions: string[] = [];
  sequence = 0;
  /** Of the next updates so many are not published. */
  loses = 0;
  /** Of the next snapshots so many break off after their first item. */
  cutsShort = 0;
  readonly #faults: Faults;
  readonly #router: Router;
  readonly #mouth: Mouth;
  readonly #publisher: XPublisher;
  readonly #collector: Subscriber;
  readonly #watch = new Watch();
  readonly #beating: NodeJS.Timeout;
  #published: Promise<void> = Promise.resolve();

  constructor(faults: Faults = {}) {
    this.#faults = faults;
    const [router, snapshot] = bound(new Router({ linger: 0, sendHighWaterMark: 0 }));
    const [publisher, updates] = bound(new XPublisher({ linger: 0, sendHighWaterMark: 0 }));
    const [collector, collected] = bound(new Subscriber({ receiveHighWaterMark: 0 }));
    this.endpoints = { snapshot, publisher: updates, collector: collected };
    this.#router = router;
    this.#mouth = new Mouth(router);
    this.#publisher = publisher;
    this.#collector = collector;
    collector.subscribe();
    void this.#giveSnapshots();
    void this.#noteSubscriptions();
    void this.#collect();
    this.#beating = setInterval(() => this.beat(), HEARTBEAT_MS);
  }

  /** Orders an update, as if a client had published it. */
  order(key: string, value: string, properties = "", uuid = ""): void {
    this.sequence += 1;
    const item = { key, sequence: this.sequence, uuid, properties, value };
    if (value === "") this.map.delete(key);
    else this.map.set(key, item);
    if (this.loses > 0) this.loses -= 1;
    else
      for (let times = this.#faults.publishesTwice ? 2 : 1; times > 0; times--) this.publish(...write(item));
  }

  beat(): void {
    this.publish("HUGZ", number(this.#faults.hugzIsNumbered ? this.sequence : 0), "", "", "");
  }

  /** Says no more that it lives. */
  fallSilent(): void {
    clearInterval(this.#beating);
  }

  /** Publishes whatever it is. */
  publish(...frames: readonly Frame[]): void {
    this.#published = this.#published.then(async () => {
      if (!this.#publisher.closed) await this.#publisher.send([...frames]);
    });
  }

  /** Sends whatever it is to whoever asked for the last snapshot. */
  async say(route: Buffer, ...frames: readonly Frame[]): Promise<void> {
    await this.#mouth.say([route, ...frames]).catch(() => undefined);
  }

  /** Called with each request for a snapshot, in place of the answer. */
  answers: ((route: Buffer) => void) | undefined;

  /** Resolves when this has become true by something that came. */
  until(isTrue: () => boolean): Promise<void> {
    return this.#watch.until(isTrue);
  }

  close(): void {
    clearInterval(this.#beating);
    for (const socket of [this.#router, this.#publisher, this.#collector]) socket.close();
  }

  async #giveSnapshots(): Promise<void> {
    for await (const [route, ...frames] of this.#router) {
      this.requests.push(frames.map(String));
      this.#watch.look();
      if (this.answers) this.answers(route as Buffer);
      else await this.#giveSnapshot(route as Buffer, String(frames[1]));
    }
  }

  async #giveSnapshot(route: Buffer, subtree: string): Promise<void> {
    // Updates go on while it is sent.
    const { sequence } = this;
    const isCutShort = this.cutsShort > 0;
    if (isCutShort) this.cutsShort -= 1;
    for (const item of [...this.map.values()]) {
      if (!this.#faults.ignoresSubtree && !item.key.startsWith(subtree)) continue;
      await this.say(route, ...write({ ...item, uuid: "" }));
      if (isCutShort) return;
    }
    const value = this.#faults.endIsEmpty ? "" : subtree;
    const end = { key: "KTHXBAI", sequence, uuid: "", properties: "", value };
    await this.say(route, ...write(end));
  }

  async #noteSubscriptions(): Promise<void> {
    for await (const [frame] of this.#publisher) {
      if (frame?.[0] === 1) this.subscriptions.push(frame.toString("latin1", 1));
      this.#watch.look();
    }
  }

  async #collect(): Promise<void> {
    for await (const frames of this.#collector) {
      const item = read(frames);
      this.collected.push(item);
      this.order(item.key, item.value, item.properties, item.uuid);
      this.#watch.look();
    }
  }
}

/** A client: takes any update with a higher number, and publishes its own. */
export class BareClient {
  /** The items of the snapshot, without the end. */
  readonly items: Item[] = [];
  /** The end. */
  end: Item | undefined;
  /** What was published, heartbeats aside. */
  readonly updates: Item[] = [];
  readonly beats: Item[] = [];
  readonly map = new Map<string, string>();
  sequence = 0;
  readonly #subtree: string;
  readonly #dealer = new Dealer({ linger: 0, receiveHighWaterMark: 10 });
  readonly #subscriber = new Subscriber({ receiveHighWaterMark: 0 });
  /** An XPUB, so that it knows when the collector listens. */
  readonly #publisher = new XPublisher({ linger: 0 });
  readonly #watch = new Watch();
  #published: Promise<void> = Promise.resolve();

  constructor(endpoints: BareServer["endpoints"], subtree = "") {
    this.#subtree = subtree;
    this.#subscriber.subscribe(subtree, "HUGZ");
    this.#subscriber.connect(endpoints.publisher);
    this.#dealer.connect(endpoints.snapshot);
    this.#publisher.connect(endpoints.collector);
    void this.#listen();
  }

  /** Resolves when the map is there, and updates can be published. It is asked for when the subscription is known to be live. */
  async joins(): Promise<this> {
    await this.#publisher.receive();
    await this.until(() => this.beats.length > 0);
    await this.#dealer.send(["ICANHAZ?", this.#subtree]);
    for await (const frames of this.#dealer) {
      const item = read(frames);
      if (item.key === "KTHXBAI") {
        this.end = item;
        break;
      }
      this.items.push(item);
      this.map.set(item.key, item.value);
    }
    this.sequence = (this.end as Item).sequence;
    for (const update of this.updates) this.#apply(update);
    return this;
  }

  /** Publishes an update to the collector. */
  publish(key: string, value: string, properties = "", uuid = ""): void {
    this.say(...write({ key, sequence: 0, uuid, properties, value }));
  }

  /** Publishes whatever it is. */
  say(...frames: readonly Frame[]): void {
    this.#published = this.#published.then(() => this.#publisher.send([...frames]));
  }

  /** Resolves when this has become true by something that came. */
  until(isTrue: () => boolean): Promise<void> {
    return this.#watch.until(isTrue);
  }

  close(): void {
    for (const socket of [this.#dealer, this.#subscriber, this.#publisher]) socket.close();
  }

  async #listen(): Promise<void> {
    for await (const frames of this.#subscriber) {
      const item = read(frames);
      if (item.key === "HUGZ" && item.value === "") this.beats.push(item);
      // Higher than no number: heartbeats of ours, to whoever takes everything.
      else if (item.sequence > 0) {
        this.updates.push(item);
        if (this.end !== undefined) this.#apply(item);
      }
      this.#watch.look();
    }
  }

  #apply({ key, sequence, value }: Item): void {
    if (sequence <= this.sequence) return;
    this.sequence = sequence;
    if (value === "") this.map.delete(key);
    else this.map.set(key, value);
  }
}
