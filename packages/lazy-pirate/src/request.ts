import type { Body } from "@seaworthy/core";
import type { NonEmptyFrames } from "./client.js";
import { AlreadyAnsweredError } from "./errors.js";

/** What a request asks of its server. */
interface Answers {
  reply(body: Body): void;
  fail(message: string): void;
  drop(): void;
}

/**
 * A request to be answered once: by `reply`, `fail` or `drop`. One that is never answered counts
 * against `maxUnanswered` for as long as the server lives, and its repeats wait with it.
 */
export class LazyPirateRequest {
  /** The frames that the client sent. */
  readonly body: NonEmptyFrames;
  /** The request id as hexadecimal text, the same on each retry; `undefined` if the client is not ours. */
  readonly id: string | undefined;
  /** Fires when the server has closed and an answer can no longer be sent. */
  readonly signal: AbortSignal;
  readonly #answers: Answers;
  #answered = false;

  /**
   * Made by the server.
   *
   * @hidden
   */
  constructor(body: NonEmptyFrames, key: string | undefined, signal: AbortSignal, answers: Answers) {
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
   * Sends the reply. Bytes are not copied: leave them unchanged afterwards.
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
   * Reports a failure: our clients reject with `ERR_HANDLER_FAILED` and the error's message as it is
   * (so keep secrets out of it), others time out.
   *
   * @throws AlreadyAnsweredError
   */
  fail(reason: unknown): void {
    if (this.#answered) throw new AlreadyAnsweredError();
    const message = failureText(reason);
    this.#answered = true;
    this.#answers.fail(message);
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

/** What was thrown, in words. Anything can be thrown, also what cannot be made a string. */
function failureText(reason: unknown): string {
  try {
    return reason instanceof Error ? String(reason.message) : String(reason);
  } catch {
    return "the handler failed with a value that has no text";
  }
}
