import { Subscriber, XPublisher } from "zeromq";
import { type Frame, Watch } from "./bare.js";

// Publishers and subscribers on bare zeromq sockets, written from the description of the wire.

const END = 1;

/** What a header says. */
export interface Header {
  readonly flags: number;
  readonly epoch: bigint;
  readonly series: bigint;
  readonly sequence: bigint;
  readonly atUs: bigint;
}

/** 36 bytes: `SW`, version 1, flags, epoch, series, sequence, time. */
export function header({
  flags = 0,
  epoch = 7n,
  series = 1n,
  sequence = 1n,
  atUs = 0n,
}: Partial<Header> = {}): Buffer {
  const bytes = Buffer.alloc(36);
  bytes.write("SW\x01", "latin1");
  bytes[3] = flags;
  for (const [index, value] of [epoch, series, sequence, atUs].entries())
    bytes.writeBigUInt64BE(value, 4 + 8 * index);
  return bytes;
}

/** The header of an END. */
export function end(of: Partial<Header>): Buffer {
  return header({ ...of, flags: END });
}

/** Reads a header. */
export function headerIn(bytes: Buffer): Header & { readonly magic: string } {
  if (bytes.length !== 36) throw new Error(`a header of ${bytes.length} bytes`);
  const [epoch, series, sequence, atUs] = [4, 12, 20, 28].map((at) => bytes.readBigUInt64BE(at)) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  return {
    magic: bytes.toString("latin1", 0, 3),
    flags: bytes[3] as number,
    ...{ epoch, series, sequence, atUs },
  };
}

/** A publisher that says what it is told; an XPUB, so that it knows who listens. */
export class BarePublisher {
  readonly endpoint: string;
  readonly #socket = new XPublisher({ linger: 0, sendHighWaterMark: 100_000 });
  readonly #prefixes: string[] = [];
  readonly #watch = new Watch();

  constructor(endpoint = "tcp://127.0.0.1:*") {
    this.#socket.bindSync(endpoint);
    this.endpoint = this.#socket.lastEndpoint as string;
    void this.#read();
  }

  async say(...frames: readonly Frame[]): Promise<void> {
    await this.#socket.send([...frames]);
  }

  /** Resolves when somebody listens to what begins so. */
  heardBy(prefix = ""): Promise<void> {
    return this.#watch.until(() => this.#prefixes.includes(prefix));
  }

  close(): void {
    this.#socket.close();
  }

  async #read(): Promise<void> {
    for await (const [word] of this.#socket) {
      if (word?.[0] === 1) this.#prefixes.push(String(word.subarray(1)));
      this.#watch.look();
    }
  }
}

/** A SUB that keeps what it gets. */
export class BareSubscriber {
  readonly messages: Buffer[][] = [];
  readonly #socket = new Subscriber({ linger: 0, receiveHighWaterMark: 100_000 });
  readonly #watch = new Watch();

  constructor(endpoint: string, ...prefixes: readonly string[]) {
    this.#socket.subscribe(...prefixes);
    this.#socket.connect(endpoint);
    void this.#read();
  }

  /** Resolves when this has become true by something that came. */
  until(isTrue: () => boolean): Promise<void> {
    return this.#watch.until(isTrue);
  }

  close(): void {
    this.#socket.close();
  }

  async #read(): Promise<void> {
    for await (const frames of this.#socket) {
      this.messages.push(frames);
      this.#watch.look();
    }
  }
}
