import { textFrame } from "@seaworthy/core";
import { MachineDriver } from "../../core/test/support/machine-driver.js";
import { MajordomoClientMachine } from "../src/client-machine.js";
import type { MajordomoClientInput, MajordomoClientOutput } from "../src/client-messages.js";
import { type MajordomoClientOptions, resolveClientOptions } from "../src/client-options.js";
import type { ReplyPart } from "../src/client-wire.js";
import { encodeNotice } from "../src/notice.js";
import type { HeaderKind } from "../src/request-header.js";
import { MMI_SEAWORTHY } from "../src/wire.js";

export const EPOCH = 0x0102_0304_0506_0708n;
const ECHO = textFrame("echo");

/** What a broker of ours says of a request. */
interface Said {
  readonly kind?: HeaderKind;
  readonly index?: number;
  readonly delivery?: number;
  readonly isFinal?: boolean;
  readonly text?: string;
  readonly epoch?: bigint;
}

/** A client machine in virtual time, with everything it put out. No jitter unless `random` says so. */
export class ClientDriver extends MachineDriver<
  MajordomoClientInput,
  MajordomoClientOutput,
  MajordomoClientMachine
> {
  #calls = 0;

  constructor(options: MajordomoClientOptions = {}, random: () => number = () => 0) {
    super(
      new MajordomoClientMachine(
        resolveClientOptions({
          timeoutMs: 1000,
          attempts: 3,
          backoff: { initialMs: 100, jitter: 0 },
          ...options,
        }),
        EPOCH,
        random,
      ),
    );
  }

  /** Makes a request; returns its call number. */
  request(
    limits: { timeoutMs?: number; attempts?: number; isStream?: boolean; service?: Uint8Array } = {},
  ): number {
    const call = ++this.#calls;
    this.feed({
      type: "request",
      call,
      service: ECHO,
      body: [Uint8Array.of(call)],
      timeoutMs: 1000,
      attempts: 3,
      isStream: false,
      ...limits,
    });
    return call;
  }

  connect(endpoint = "tcp://a:1"): this {
    return this.feed({ type: "connect", endpoint });
  }

  up(socket = 0): this {
    return this.feed({ type: "up", socket });
  }

  down(socket = 0, reason?: string): this {
    return this.feed({ type: "down", socket, reason });
  }

  /** A broker answers the question whether it is ours. */
  introduces(status: string, socket = 0, notice?: Uint8Array): this {
    const frames = notice === undefined ? [] : [notice];
    return this.bare([textFrame(status), ...frames], { socket, service: MMI_SEAWORTHY });
  }

  /** A broker of ours says that it is one. */
  isOurs(socket = 0): this {
    return this.introduces("200", socket, encodeNotice({ heartbeatMs: 1000, credit: 0 }));
  }

  /** A connection to a broker of ours that stands. */
  ours(endpoint = "tcp://a:1", socket = 0): this {
    return this.connect(endpoint).up(socket).isOurs(socket);
  }

  /** A connection to a foreign broker that stands. */
  foreign(endpoint = "tcp://a:1", socket = 0): this {
    return this.connect(endpoint).up(socket).introduces("501", socket);
  }

  /** A broker of ours says something of a request. */
  said(call: number, { kind = "message", ...said }: Said = {}, socket = 0): this {
    const { index = 0, delivery = 1, isFinal = true, text = `reply ${call}`, epoch = EPOCH } = said;
    const header = { kind, epoch, sequence: BigInt(call), first: index, second: delivery };
    const reply: ReplyPart = { type: "reply", header, service: ECHO, isFinal, body: [textFrame(text)] };
    return this.feed({ type: "received", socket, reply });
  }

  /** A part of a reply that is not the last. */
  part(call: number, index: number, delivery = 1, socket = 0): this {
    return this.said(call, { index, delivery, isFinal: false, text: `part ${index}` }, socket);
  }

  /** A reply without a header. */
  bare(body: Uint8Array[], { socket = 0, service = "echo", isFinal = true } = {}): this {
    const reply: ReplyPart = { type: "reply", header: undefined, service: textFrame(service), isFinal, body };
    return this.feed({ type: "received", socket, reply });
  }

  /** Any word that keeps the connection from being silent. */
  word(socket = 0): this {
    return this.feed({ type: "malformed", socket, reason: "a word" });
  }

  /** The status events as `type` or `type:reason`. */
  get statuses(): string[] {
    return this.of("status").map(({ event }) =>
      "reason" in event ? `${event.type}:${event.reason}` : event.type,
    );
  }

  /** What was sent, as `call@socket`. */
  get sends(): string[] {
    return this.of("send").map(({ call, socket }) => `${call}@${socket}`);
  }

  /** What was answered, as `call: frames`. */
  get answers(): string[] {
    return this.of("answered").map(({ call, body }) => `${call}: ${texts(body)}`);
  }

  /** Parts of streams, the last ones not among them. */
  get parts(): string[] {
    return this.of("part").map(({ call, body }) => `${call}: ${texts(body)}`);
  }

  /** What failed, as `call: code`. */
  get failures(): string[] {
    return this.of("failed").map(({ call, failure }) => `${call}: ${failure.code}`);
  }

  /** Requests that a broker was told to be given up, as `call@socket`. */
  get cancels(): string[] {
    return this.of("cancel").map(({ header, socket }) => `${header.sequence}@${socket}`);
  }

  get opened(): string[] {
    return this.of("open").map(({ socket, endpoint }) => `${socket} ${endpoint}`);
  }

  get discarded(): number[] {
    return this.of("discard").map(({ socket }) => socket);
  }
}

const texts = (frames: Uint8Array[]): string =>
  frames.map((frame) => Buffer.from(frame).toString()).join("|");
