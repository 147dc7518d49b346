import { once } from "node:events";
import { Dealer, Publisher, Subscriber } from "zeromq";
import type { SnapshotEndpoints } from "../src/endpoints.js";

/** An item, an update or a heartbeat, as RFC 12 has it. */
export interface Item {
  readonly key: string;
  readonly sequence: number;
  readonly uuid: Buffer;
  readonly properties: string;
  readonly value: string;
}

function read([key, sequence, uuid, properties, value]: Buffer[]): Item {
  return {
    key: `${key}`,
    sequence: Number((sequence as Buffer).readBigUInt64BE()),
    uuid: uuid as Buffer,
    properties: `${properties}`,
    value: `${value}`,
  };
}

/** A client of RFC 12 on bare sockets. */
export class BareClient {
  readonly dealer: Dealer;
  readonly subscriber = new Subscriber({ linger: 0 });
  readonly publisher = new Publisher({ linger: 0 });

  constructor({ snapshot, publisher, collector }: SnapshotEndpoints, receiveHighWaterMark = 1000) {
    this.dealer = new Dealer({ linger: 0, receiveHighWaterMark });
    this.dealer.connect(snapshot);
    this.subscriber.connect(publisher);
    this.publisher.connect(collector);
  }

  /** The subscription is known to be live: a heartbeat has come. */
  async subscribe(subtree = ""): Promise<Item> {
    this.subscriber.subscribe(subtree, "HUGZ");
    return this.update(({ key }) => key === "HUGZ");
  }

  /** The next update, or heartbeat, for which this holds. */
  async update(test: (item: Item) => boolean = ({ key }) => key !== "HUGZ"): Promise<Item> {
    for (;;) {
      const item = read(await this.subscriber.receive());
      if (test(item)) return item;
    }
  }

  async ask(subtree = ""): Promise<void> {
    await this.dealer.send(["ICANHAZ?", subtree]);
  }

  /** All of a snapshot, and its end. */
  async snapshot(subtree = "", pause: (count: number) => Promise<void> = async () => {}): Promise<Item[]> {
    await this.ask(subtree);
    const items: Item[] = [];
    for (;;) {
      const item = read(await this.dealer.receive());
      items.push(item);
      if (item.key === "KTHXBAI") return items;
      await pause(items.length);
    }
  }

  /** Sets a key as the guide's clients do: published to the collector. */
  async set(key: string, value: string, uuid: Buffer | string = "", properties = ""): Promise<void> {
    await this.publisher.send([key, Buffer.alloc(8), uuid, properties, value]);
  }

  /** The collector has subscribed to what is published here, and has published all that was said to find that out. */
  async isCollected(): Promise<void> {
    // A PUB says nothing of it: publish until it is seen among the updates. What was said meanwhile is still to come.
    let [said, seen] = [0, 0];
    const reading = (async () => {
      do seen = (await this.update(({ key }) => key === "hello")).uuid.readUInt32BE();
      while (seen < said);
    })();
    while (seen === 0) {
      const uuid = Buffer.alloc(16);
      uuid.writeUInt32BE(++said);
      await this.set("hello", "", uuid);
      await Promise.race([
        reading,
        once(process, "never", { signal: AbortSignal.timeout(10) }).catch(() => {}),
      ]);
    }
    await reading;
  }

  close(): void {
    for (const socket of [this.dealer, this.subscriber, this.publisher]) socket.close();
  }
}
