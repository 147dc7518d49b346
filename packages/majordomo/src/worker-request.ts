import type { Body, Frames } from "@seaworthy/core";
import { type NonEmptyFrames, type WorkerAnswers, WorkerRequest } from "@seaworthy/core/node";

/** How a worker takes what the application has to say of a request. */
export interface MajordomoAnswers extends WorkerAnswers {
  /** Resolves when there is room for the next part. */
  partial(body: Frames): Promise<void>;
}

/** A request of a client, to be answered once, in parts if need be. */
export class MajordomoRequest extends WorkerRequest {
  /**
   * Fires when the reply will find nobody: the client is known to have given up, or the session with the broker is
   * over. It also fires when the worker begins to close; there are `lingerMs` then to reply, and what is
   * not answered by then the broker gives to another worker, if it is ours. The request of a handler that throws
   * or drops it after that goes to another at once.
   */
  declare readonly signal: AbortSignal;
  readonly #answers: MajordomoAnswers;

  /**
   * Made by the worker.
   *
   * @hidden
   */
  constructor(body: NonEmptyFrames, signal: AbortSignal, answers: MajordomoAnswers) {
    super(body, signal, answers);
    this.#answers = answers;
  }

  /**
   * Sends a part of the reply that is not the last; {@link reply} sends the last one. It reaches the client at once
   * if all on the way speak 18/MDP; otherwise the parts are kept, here or at the broker, and sent as one reply of all
   * their frames. Bytes are not copied: leave them unchanged afterwards.
   *
   * @returns a promise that resolves when there is room for the next part: wait for it, or parts pile up in memory.
   * Parts that find nobody any more are passed over in silence.
   * @throws (by rejecting) AlreadyAnsweredError; ClosedError once the worker is closed; LimitError for a part over
   * `maxBodyBytes`, or for parts that are kept and come to more than that; TypeError for what is no body
   */
  async partial(body: Body): Promise<void> {
    this.assertUnanswered();
    await this.#answers.partial(this.#answers.frames(body));
  }
}
