import type { Body } from "@seaworthy/core";
import { AlreadyAnsweredError } from "./errors.js";

/** What a request asks of its server. */
interface Answers {
  reply(body: Body): void;
  fail(message: string): void;
  drop(): void;
}

/** A request to be answered once: by `reply`, `fail` or `drop`. */
export class LazyPirateRequest {
  /** The frames that the client sent. */
  readonly body: Buffer[];
  /** The request id as hexadecimal text, the same on each retry; `undefined` if the client is not ours. */
  readonly id: string | undefined;
  /** Fires when the server has closed and an answer can no longer be sent. */
  readonly signal: AbortSignal;
  readonly #answers: Answers;
  #answered = false;

  /** Made by the server. */
  constructor(body: Buffer[], key: string | undefined, signal: AbortSignal, answers: Answers) {
    this.body = body;
    this.id = key === undefined ? undefined : Buffer.from(key, "latin1").toString("hex");
    this.signal = signal;
    this.#answers = answers;
  }

  /** Whether it has been answered, failed or dropped. */
  get isAnswered(): boolean {
    return this.#answered;
  }

  /**
   * Sends the reply.
   *
   * @returns a promise that resolves when the reply is in the socket's queue; whether it arrives is not known
   * @throws (by rejecting) AlreadyAnsweredError; ClosedError once the server is closed; LimitError for a
   * body over `maxBodyBytes`; TypeError for what is no body
   */
  async reply(body: Body): Promise<void> {
    if (this.#answered) throw new AlreadyAnsweredError();
    this.#answers.reply(body);
    this.#answered = true;
  }

  /**
   * Reports a failure: our clients reject with `ERR_HANDLER_FAILED` and this message, others time out.
   *
   * @throws AlreadyAnsweredError
   */
  fail(reason: unknown): void {
    if (this.#answered) throw new AlreadyAnsweredError();
    this.#answered = true;
    this.#answers.fail(reason instanceof Error ? reason.message : String(reason));
  }

  /**
   * Gives no answer at all: the client times out and may ask again.
   *
   * @throws AlreadyAnsweredError
   */
  drop(): void {
    if (this.#answered) throw new AlreadyAnsweredError();
    this.#answered = true;
    this.#answers.drop();
  }
}
