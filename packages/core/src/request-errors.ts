import { SeaworthyError } from "./errors.js";

/** How far a request got before it failed. */
export interface RequestEffort {
  /** Attempts begun. */
  readonly attempts: number;
  /** How many of them were handed to a connection: the server may have run the request so often. */
  readonly sent: number;
  /** Endpoints that were tried, in order. */
  readonly endpoints: readonly string[];
}

/** Base of the errors that tell how far a request got. */
export abstract class RequestError<Code extends string>
  extends SeaworthyError<Code>
  implements RequestEffort
{
  readonly attempts: number;
  readonly sent: number;
  readonly endpoints: readonly string[];

  constructor(code: Code, message: string, effort: RequestEffort, retryable = true) {
    super(code, message, { retryable });
    this.attempts = effort.attempts;
    this.sent = effort.sent;
    this.endpoints = effort.endpoints;
  }
}

/** No reply came within any of the attempts. Where `sent` is 0 no connection took the request. */
export class RequestTimeoutError extends RequestError<"ERR_REQUEST_TIMEOUT"> {
  override name = "RequestTimeoutError";

  constructor(effort: RequestEffort) {
    super("ERR_REQUEST_TIMEOUT", `no reply after ${describeEffort(effort)}`, effort);
  }
}

/**
 * Every connection that had the last attempt broke, or was given up: for want of room, or for another server. Its reply
 * cannot come any more.
 */
export class ConnectionLostError extends RequestError<"ERR_CONNECTION_LOST"> {
  override name = "ConnectionLostError";

  constructor(effort: RequestEffort) {
    super(
      "ERR_CONNECTION_LOST",
      `the connection was lost under the last attempt, after ${describeEffort(effort)}`,
      effort,
    );
  }
}

/** With `immediate`: no server could take the request when it was made; it was not sent. */
export class NotConnectedError extends RequestError<"ERR_NOT_CONNECTED"> {
  override name = "NotConnectedError";

  constructor(effort: RequestEffort) {
    super("ERR_NOT_CONNECTED", "no server is connected", effort);
  }
}

/** The handler of a Seaworthy server or worker threw; the message is what it said. Trying again is up to the caller. */
export class RemoteError extends SeaworthyError<"ERR_HANDLER_FAILED"> {
  override name = "RemoteError";

  constructor(message: string) {
    super("ERR_HANDLER_FAILED", message);
  }
}

/** An effort in words, for error messages. */
export function describeEffort({ attempts, sent, endpoints }: RequestEffort): string {
  const tried = endpoints.join(", ") || "no connection";
  return `${attempts} ${attempts === 1 ? "attempt" : "attempts"}, ${sent} of them sent (${tried})`;
}
