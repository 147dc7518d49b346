import { Router } from "zeromq";
import { closing } from "../../core/test/support/queue-peers.js";

const EMPTY = Buffer.alloc(0);
const KINDS = [
  "message",
  "cancel",
  "handler-failed",
  "no-worker",
  "too-old",
  "given-up",
  "limit",
  "closing",
  "dropped",
] as const;

/** A client's request as it came. */
export interface BareRequest {
  /** The routing id of the socket that it came over. */
  readonly peer: string;
  /** All frames in front of the MDP header. */
  readonly envelope: Buffer[];
  /** The frame before the empty one, if there is an envelope. */
  readonly header: Buffer | undefined;
  readonly protocol: string;
  readonly service: string;
  readonly body: Buffer[];
}

/** How it deals with what a client asks of it first. */
type BareBrokerKind =
  /** As a broker of Seaworthy. */
  | "ours"
  /** As the guide's broker in C: 501 for what it does not know of 8/MMI. */
  | "guide"
  /** As one that has never heard of 8/MMI: nobody offers such a service. */
  | "mute";

/** The side of a broker that clients see, on a bare ROUTER, from the texts of 7/MDP, 18/MDP and 8/MMI. */
export class BareClientBroker {
  readonly endpoint: string;
  /** Names that `mmi.service` says 200 to; without them it is not implemented. */
  services: Set<string> | undefined = new Set(["echo"]);
  /** Questions whether it is ours. */
  introductions = 0;
  /** Cancelled requests, by their sequence number. */
  readonly cancelled: bigint[] = [];
  readonly #kind: BareBrokerKind;
  readonly #router: Router;
  readonly #requests: BareRequest[] = [];
  readonly #waiting: (() => void)[] = [];
  #sending: Promise<void> = Promise.resolve();
  #isFrozen = false;

  private constructor(kind: BareBrokerKind, router: Router) {
    this.#kind = kind;
    this.#router = closing(router);
    this.endpoint = router.lastEndpoint as string;
    void this.#read();
  }

  static async listen(kind: BareBrokerKind, endpoint = "tcp://127.0.0.1:*"): Promise<BareClientBroker> {
    // A ROUTER drops what is above its high-water mark without a word.
    const router = new Router({ linger: 0, mandatory: true, sendHighWaterMark: 0 });
    await router.bind(endpoint);
    return new BareClientBroker(kind, router);
  }

  close(): void {
    this.#router.close();
  }

  /** From now on it takes what comes and says nothing: its process hangs. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** The next request that is none of 8/MMI. */
  async next(): Promise<BareRequest> {
    await this.until(() => this.#requests.length > 0);
    return this.#requests.shift() as BareRequest;
  }

  /** The next so many requests. */
  async take(count: number): Promise<BareRequest[]> {
    const requests: BareRequest[] = [];
    while (requests.length < count) requests.push(await this.next());
    return requests;
  }

  /** Answers each request with its own body, from now on. */
  async echo(): Promise<void> {
    for (;;) {
      const request = await this.next();
      this.reply(request, request.body);
    }
  }

  /** Resolves when the condition holds, looked at after each message. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const look = (): void => {
        if (condition()) resolve();
        else this.#waiting.push(look);
      };
      this.#waiting.push(look);
    });
  }

  /** The whole reply, or its last part. */
  reply(request: BareRequest, body: (string | Buffer)[], index = 0, delivery = 1): void {
    this.#say(request, "message", index, delivery, 3, body);
  }

  /** A part that is not the last (18/MDP). */
  partial(request: BareRequest, body: (string | Buffer)[], index: number, delivery = 1): void {
    this.#say(request, "message", index, delivery, 2, body);
  }

  /** Why there is no reply, as a broker of ours says it. */
  refuse(request: BareRequest, kind: (typeof KINDS)[number], text = ""): void {
    this.#say(request, kind, 0, 1, 3, [text]);
  }

  /** Frames as they are, to the socket that a request came over. */
  send({ envelope: [peer] }: BareRequest, ...frames: (string | Buffer)[]): void {
    this.#send([peer as Buffer, ...frames]);
  }

  #say(
    request: BareRequest,
    kind: (typeof KINDS)[number],
    first: number,
    second: number,
    command: number,
    body: (string | Buffer)[],
  ): void {
    const { envelope, header, protocol, service } = request;
    const way = [...envelope];
    if (header !== undefined) {
      const back = Buffer.from(header);
      back[3] = KINDS.indexOf(kind);
      back.writeUInt32BE(first, 20);
      back.writeUInt32BE(second, 24);
      way[1] = back;
    }
    const commands = protocol === "MDPC02" ? [Buffer.of(command)] : [];
    this.#send([...way, protocol, ...commands, service, ...body]);
  }

  #send(frames: (string | Buffer)[]): void {
    this.#sending = this.#sending.then(() => this.#router.send(frames)).catch(() => {});
  }

  async #read(): Promise<void> {
    try {
      for await (const frames of this.#router) {
        if (this.#isFrozen) continue;
        this.#took(parse(frames as Buffer[]));
        for (const look of this.#waiting.splice(0)) look();
      }
    } catch {
      // The socket was closed.
    }
  }

  #took(request: BareRequest): void {
    const { service, header } = request;
    if (service.startsWith("mmi.")) this.#manage(request);
    else if (header?.[3] === 1) this.cancelled.push(header.readBigUInt64BE(12));
    else this.#requests.push(request);
  }

  #manage(request: BareRequest): void {
    const { service, body } = request;
    if (service === "mmi.seaworthy") this.introductions += 1;
    if (this.#kind === "mute") return;
    if (service === "mmi.service" && this.services !== undefined) {
      return this.reply(request, [this.services.has(String(body[0])) ? "200" : "404"]);
    }
    if (service !== "mmi.seaworthy" || this.#kind === "guide") return this.reply(request, ["501"]);
    this.reply(request, ["200", Buffer.from("535701000000006400000000", "hex")]);
  }
}

function parse(frames: Buffer[]): BareRequest {
  // 0.2 begins with its header; 0.1, and whatever has an envelope, has an empty frame in front of it.
  const isBare = String(frames[1]) === "MDPC02";
  const at = isBare ? 1 : frames.findIndex((frame, index) => index > 0 && frame.equals(EMPTY)) + 1;
  const protocol = String(frames[at]);
  const rest = at + (protocol === "MDPC02" ? 2 : 1);
  const envelope = frames.slice(0, at);
  return {
    peer: (frames[0] as Buffer).toString("hex"),
    envelope,
    header: envelope.length === 3 ? envelope[1] : undefined,
    protocol,
    service: String(frames[rest]),
    body: frames.slice(rest + 1),
  };
}
