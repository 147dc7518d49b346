import { Router } from "zeromq";
import { freePort } from "../harness/ports.js";
import { type Frame, Mouth, Watch } from "./bare.js";

// Clients and servers on bare zeromq sockets, written from 10/FLP and from what the guide's programs do.

/** What a server said to a {@link BareFlpClient}. */
interface Word {
  readonly from: string;
  readonly frames: Buffer[];
}

/** A client of 10/FLP: one ROUTER for all servers, which it knows by their endpoints. */
export class BareFlpClient {
  readonly words: Word[] = [];
  // A send that had to wait for room beside a pending receive might never be woken: see docs/decisions/0006.
  readonly #router = new Router({ linger: 0, mandatory: true, sendHighWaterMark: 0 });
  readonly #mouth = new Mouth(this.#router);
  readonly #watch = new Watch();

  constructor(...endpoints: readonly string[]) {
    for (const endpoint of endpoints) this.#router.connect(endpoint);
    void this.#read();
  }

  /** Says something to a server, as soon as ZeroMQ knows its name. */
  async say(endpoint: string, ...frames: readonly Frame[]): Promise<void> {
    for (;;) {
      try {
        return await this.#mouth.say([endpoint, ...frames]);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EHOSTUNREACH") throw error;
        // Nothing tells when the name has come: it does so some time after the handshake.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  /** Asks a server in the guide's manner, and returns what it says with the same control frame. */
  async ask(endpoint: string, control: string, ...body: readonly Frame[]): Promise<string[]> {
    const isAnswer = ({ from, frames }: Word): boolean => from === endpoint && String(frames[0]) === control;
    const before = this.words.filter(isAnswer).length;
    await this.say(endpoint, control, ...body);
    await this.until(() => this.words.filter(isAnswer).length > before);
    return (this.words.findLast(isAnswer) as Word).frames.slice(1).map(String);
  }

  /** Resolves when this has become true by something that came. */
  until(isTrue: () => boolean): Promise<void> {
    return this.#watch.until(isTrue);
  }

  close(): void {
    this.#router.close();
  }

  async #read(): Promise<void> {
    for await (const [from, ...frames] of this.#router) {
      this.words.push({ from: String(from), frames });
      this.#watch.look();
    }
  }
}

/** What a {@link BareFlpServer} was asked. */
interface Asked {
  readonly client: Buffer;
  readonly control: Buffer;
  readonly body: Buffer[];
}

/** What a server says to a request besides the client's routing id, or nothing. */
type Answer = (asked: Asked) => readonly Frame[] | undefined;

/** What the guide's flserver3 says. */
export const ok: Answer = ({ control }) => [control, "OK"];

/** What most servers say in tests. */
const echo: Answer = ({ control, body }) => [control, ...body];

/** A server of 10/FLP, whose routing id is its endpoint. */
export class BareFlpServer {
  readonly endpoint: string;
  readonly requests: Asked[] = [];
  pings = 0;
  /** Whether it says PONG. */
  answersPings = true;
  answer: Answer;
  readonly #router: Router;
  readonly #mouth: Mouth;
  readonly #watch = new Watch();
  #client: Buffer | undefined;

  private constructor(endpoint: string, answer: Answer) {
    this.endpoint = endpoint;
    this.answer = answer;
    this.#router = new Router({ linger: 0, routingId: endpoint, sendHighWaterMark: 0 });
    this.#router.bindSync(endpoint);
    this.#mouth = new Mouth(this.#router);
    void this.#read();
  }

  static async open(answer: Answer = echo): Promise<BareFlpServer> {
    return new BareFlpServer(`tcp://127.0.0.1:${await freePort()}`, answer);
  }

  /** Says something to the client that it last heard of. */
  async say(...frames: readonly Frame[]): Promise<void> {
    if (this.#client === undefined) throw new Error("no client was heard yet");
    await this.#mouth.say([this.#client, ...frames]);
  }

  /** Resolves when this has become true by something that came. */
  until(isTrue: () => boolean): Promise<void> {
    return this.#watch.until(isTrue);
  }

  close(): void {
    this.#router.close();
  }

  async #read(): Promise<void> {
    for await (const [client, control, ...body] of this.#router) {
      const asked = { client: client as Buffer, control: control as Buffer, body };
      this.#client = asked.client;
      if (String(control) === "PING") {
        this.pings += 1;
        if (this.answersPings) void this.#mouth.say([asked.client, "PONG"]);
      } else {
        this.requests.push(asked);
        const reply = this.answer(asked);
        if (reply !== undefined) void this.#mouth.say([asked.client, ...reply]);
      }
      this.#watch.look();
    }
  }
}
