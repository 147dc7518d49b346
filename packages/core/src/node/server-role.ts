import { checkEndpoint } from "../endpoint.js";
import { ClosedError, LimitError } from "../errors.js";
import { type Body, bodyFrames, byteLength } from "../frames.js";
import type { RequestServerInput, RequestServerOwner, RequestServerRun } from "../request-server-messages.js";
import type { StatusEvent } from "../status.js";
import { Inbox, type ServeOptions } from "./inbox.js";
import { Role } from "./role.js";
import type { ServerAnswers, ServerRequest } from "./server-request.js";
import { waitAtMost } from "./wait.js";

/** Answers a request: returns the reply's body. What it throws is reported to our clients. */
export type ServerHandler<R extends ServerRequest = ServerRequest> = (request: R) => Body | Promise<Body>;

/** What the application has to say to a server's machine. */
export type RequestServerCall = Extract<
  RequestServerInput,
  { type: "demand" | "reply" | "fail" | "drop" | "close" }
>;

/** A server's machine with its sockets. */
export interface RequestServerEngine {
  /** The machine: closing waits until it has nothing that runs. */
  readonly machine: { readonly running: number };
  feed(call: RequestServerCall): void;
  /** Gives queued replies up to `lingerMs` to leave, then closes the sockets. */
  close(lingerMs: number): Promise<void>;
}

/** What a {@link RequestServerRole} needs to know of its options. */
export interface RequestServerRoleOptions {
  readonly maxBodyBytes: number;
  readonly lingerMs: number;
}

/** Makes what the application is handed. */
export type MakeServerRequest<R extends ServerRequest> = (
  run: RequestServerRun,
  signal: AbortSignal,
  answers: ServerAnswers,
) => R;

/** Base of the servers: takes requests from clients, hands them to the application, sends its replies. */
export abstract class RequestServerRole<
    E extends StatusEvent,
    R extends ServerRequest = ServerRequest,
    G extends RequestServerEngine = RequestServerEngine,
  >
  extends Role<E>
  implements AsyncIterable<R>
{
  /**
   * What `start` made.
   *
   * @hidden
   */
  protected readonly engine: G;
  /** The name that error messages begin with. */
  readonly #owner: string;
  readonly #options: RequestServerRoleOptions;
  readonly #makeRequest: MakeServerRequest<R>;
  readonly #inbox: Inbox<R> = new Inbox({
    demand: (count) => this.engine.feed({ type: "demand", count }),
    withdraw: (count) => this.engine.feed({ type: "demand", count: -count }),
  });
  /** Of the requests handed out since the last revocation. */
  #abort = new AbortController();
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  /**
   * @param packageName - without scope
   * @param start - makes the engine
   */
  protected constructor(
    packageName: string,
    owner: string,
    options: RequestServerRoleOptions,
    start: (owner: RequestServerOwner<E>) => G,
    makeRequest: MakeServerRequest<R>,
  ) {
    super(packageName);
    this.#owner = owner;
    this.#options = options;
    this.#makeRequest = makeRequest;
    this.engine = start({
      run: (request) => this.#inbox.hand(this.#request(request)),
      revoke: (reason) => this.revoke(reason),
      status: (event) => this.report(event),
    });
  }

  /**
   * Answers requests with what `handler` returns, until the server is closed. If it throws, our
   * clients get its message as `ERR_HANDLER_FAILED`; others get no answer.
   *
   * @returns a promise that resolves when the server has been told to close and no handler of this call runs
   * @throws (by rejecting) TypeError or RangeError that names the option at fault
   */
  async serve(handler: ServerHandler<R>, options: ServeOptions = {}): Promise<void> {
    await this.#inbox.serve(this.#owner, handler, options, async (request) => {
      try {
        const body = await handler(request);
        if (!request.isAnswered) await request.reply(body);
      } catch (error) {
        if (!request.isAnswered) request.fail(error);
      }
    });
  }

  /** The requests as they come; each call of `next()` takes one. Ends when the server is closed. */
  [Symbol.asyncIterator](): AsyncIterator<R, undefined> {
    return this.#inbox.iterator();
  }

  /**
   * Takes no more requests, lets running handlers finish for up to `lingerMs`, then fires the
   * requests' `signal` and closes the socket. Requests still queued are refused: their clients ask again.
   */
  override close(): Promise<void> {
    // Closed from now on, also for whoever is told of what closing leads to.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  /** @throws TypeError or RangeError if nobody can listen there; ClosedError once the server is told to close */
  protected assertBindable(endpoint: string): void {
    checkEndpoint(this.#owner, endpoint, "bind");
    this.assertOpen();
  }

  /** @throws ClosedError once the server is told to close */
  protected assertOpen(): void {
    if (this.#closing !== undefined) throw new ClosedError(this.#owner);
  }

  /**
   * Fires the signal of all requests that were handed out until now; later ones have a fresh one. The machine
   * is told to `revoke` before, so that nothing that they are answered with from now on is sent.
   */
  protected revoke(reason: Error): void {
    const revoked = this.#abort;
    if (!this.#isClosed) this.#abort = new AbortController();
    revoked.abort(reason);
  }

  async #close(): Promise<void> {
    const { lingerMs } = this.#options;
    const deadline = performance.now() + lingerMs;
    this.engine.feed({ type: "close" });
    this.#inbox.close();
    if (this.engine.machine.running > 0) {
      await waitAtMost(lingerMs, (done) => {
        this.#idle = done;
      });
    }
    this.#isClosed = true;
    this.#abort.abort(new ClosedError(this.#owner));
    await this.engine.close(Math.max(0, deadline - performance.now()));
  }

  #request(run: RequestServerRun): R {
    const { ticket } = run;
    const finish = (call: RequestServerCall): void => {
      this.engine.feed(call);
      if (this.engine.machine.running === 0) this.#idle?.();
    };
    return this.#makeRequest(run, this.#abort.signal, {
      reply: (reply) => finish({ type: "reply", ticket, body: this.#frames(reply) }),
      fail: (message) => finish({ type: "fail", ticket, message }),
      drop: () => finish({ type: "drop", ticket }),
    });
  }

  #frames(reply: Body): Uint8Array[] {
    const frames = bodyFrames(reply);
    const { maxBodyBytes } = this.#options;
    if (byteLength(frames) > maxBodyBytes) {
      throw new LimitError("maxBodyBytes", maxBodyBytes, "reply body is too large", false);
    }
    if (this.#isClosed) throw new ClosedError(this.#owner);
    return frames;
  }
}
