import { failureText } from "@seaworthy/core";
import { type Answers, IncomingRequest, type NonEmptyFrames } from "@seaworthy/core/node";

/** What a request asks of its server. */
interface ServerAnswers extends Answers {
  fail(message: string): void;
}

/**
 * A request to be answered once: by `reply`, `fail` or `drop`. One that is never answered counts
 * against `maxUnanswered` for as long as the server lives, and its repeats wait with it.
 */
export class LazyPirateRequest extends IncomingRequest {
  /** The request id as hexadecimal text, the same on each retry; `undefined` if the client is not ours. */
  readonly id: string | undefined;
  readonly #fail: (message: string) => void;

  /**
   * Made by the server.
   *
   * @hidden
   */
  constructor(body: NonEmptyFrames, key: string | undefined, signal: AbortSignal, answers: ServerAnswers) {
    super(body, signal, answers);
    this.id = key === undefined ? undefined : Buffer.from(key, "latin1").toString("hex");
    this.#fail = answers.fail;
  }

  /**
   * Reports a failure: our clients reject with `ERR_HANDLER_FAILED` and the error's message as it is
   * (so keep secrets out of it), others time out.
   *
   * @throws AlreadyAnsweredError
   */
  fail(reason: unknown): void {
    this.assertUnanswered();
    const message = failureText(reason);
    this.answered();
    this.#fail(message);
  }
}
