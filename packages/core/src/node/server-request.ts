import { failureText } from "../failure-text.js";
import type { RequestServerRun } from "../request-server-messages.js";
import { type Answers, IncomingRequest, type NonEmptyFrames } from "./incoming-request.js";

/** How a server takes what the application has to say of a request. */
export interface ServerAnswers extends Answers {
  /** There will be no reply: the handler threw. */
  fail(message: string): void;
}

/**
 * A request to be answered once: by `reply`, `fail` or `drop`. One that is never answered counts
 * against `maxUnanswered` for as long as the server lives, and its repeats wait with it.
 */
export class ServerRequest extends IncomingRequest {
  /** The request id as hexadecimal text, the same on each retry; `undefined` if the client is not ours. */
  readonly id: string | undefined;
  readonly #fail: (message: string) => void;

  /**
   * Made by the server.
   *
   * @hidden
   */
  constructor({ body, key }: RequestServerRun, signal: AbortSignal, answers: ServerAnswers) {
    super(body as NonEmptyFrames, signal, answers);
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
