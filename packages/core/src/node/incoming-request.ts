import { AlreadyAnsweredError } from "../errors.js";
import type { Body } from "../frames.js";

/** The frames of a body: at least one. */
export type NonEmptyFrames = [Buffer, ...Buffer[]];

/** How the role that handed a request out takes its answer. */
export interface Answers {
  /** @throws what is wrong with the body, or with the role; the request then is still to be answered */
  reply(body: Body): void;
  drop(): void;
}

/** A request that was handed to the application, to be answered once. */
export class IncomingRequest {
  /** The frames that the client sent. */
  readonly body: NonEmptyFrames;
  /** Fires when a reply can no longer be sent. */
  readonly signal: AbortSignal;
  readonly #answers: Answers;
  #answered = false;

  /**
   * Made by the role.
   *
   * @hidden
   */
  constructor(body: NonEmptyFrames, signal: AbortSignal, answers: Answers) {
    this.body = body;
    this.signal = signal;
    this.#answers = answers;
  }

  /** Whether it has been answered or dropped. */
  get isAnswered(): boolean {
    return this.#answered;
  }

  /**
   * Sends the reply. Bytes are not copied: leave them unchanged afterwards.
   *
   * @returns a promise that resolves when the reply is in the socket's queue; whether it arrives is not known
   * @throws (by rejecting) AlreadyAnsweredError; ClosedError once the role is closed; LimitError for a
   * body over `maxBodyBytes`; TypeError for what is no body
   */
  async reply(body: Body): Promise<void> {
    this.assertUnanswered();
    this.#answers.reply(body);
    this.#answered = true;
  }

  /**
   * Gives no answer: the client times out and may ask again.
   *
   * @throws AlreadyAnsweredError
   */
  drop(): void {
    this.assertUnanswered();
    this.#answered = true;
    this.#answers.drop();
  }

  /** @throws AlreadyAnsweredError */
  protected assertUnanswered(): void {
    if (this.#answered) throw new AlreadyAnsweredError();
  }

  /** Takes note of an answer of another kind. */
  protected answered(): void {
    this.#answered = true;
  }
}
