import type { RequestServerRun } from "@seaworthy/core";
import { type ServerAnswers, ServerRequest } from "@seaworthy/core/node";

/** A request that came while its server was active. Its `signal` fires, with a `DeposedError`, when the server no longer is. */
export class BinaryStarRequest extends ServerRequest {
  /** The epoch that the server is active in: give it to storage with each write that the request leads to. */
  readonly epoch: number;

  /**
   * Made by the server.
   *
   * @hidden
   */
  constructor(run: RequestServerRun, signal: AbortSignal, answers: ServerAnswers) {
    super(run, signal, answers);
    this.epoch = run.tag;
  }
}
