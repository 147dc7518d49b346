import { checkEndpoint } from "../endpoint.js";
import { ClosedError, LimitError } from "../errors.js";
import { failureText } from "../failure-text.js";
import { type Body, bodyFrames, byteLength } from "../frames.js";
import type { StatusEvent } from "../status.js";
import type { WorkerCall, WorkerOwner } from "../worker-calls.js";
import { Inbox, type ServeOptions } from "./inbox.js";
import { type Answers, IncomingRequest, type NonEmptyFrames } from "./incoming-request.js";
import { Role } from "./role.js";
import { waitAtMost } from "./wait.js";

/** Answers a request: returns the reply's body. */
export type WorkerHandler<R extends IncomingRequest = IncomingRequest> = (request: R) => Body | Promise<Body>;

/** A worker's machine with its sockets. */
export interface WorkerEngine {
  feed(call: WorkerCall): void;
  /** Bytes of the reply to this request that have been given and wait for the rest of it. Default 0. */
  keptBytes?(ticket: number): number;
  /** Closes all sockets; resolves when they are. */
  close(): Promise<void>;
}

/** What a {@link WorkerRole} needs to know of its options. */
export interface WorkerRoleOptions {
  readonly maxBodyBytes: number;
  readonly lingerMs: number;
  /** Fires the signals of requests at hand when closing begins, and not when it can wait no longer. Default false. */
  readonly signalsClosing?: boolean;
}

/** How a worker takes what the application has to say of a request. */
export interface WorkerAnswers extends Answers {
  /**
   * The frames of a part of the reply.
   *
   * @throws TypeError for what is no body; LimitError if with it the reply is too large; ClosedError once the
   * worker is closed
   */
  frames(body: Body): Uint8Array[];
  /** There will be no reply: the handler threw. */
  fail(reason: string): void;
}

/** Makes what the application is handed. */
export type MakeRequest<R extends IncomingRequest> = (
  ticket: number,
  body: NonEmptyFrames,
  signal: AbortSignal,
  answers: WorkerAnswers,
) => R & WorkerRequest;

/** Base of the workers: takes requests from queues, hands them to the application, sends its replies. */
export abstract class WorkerRole<E extends StatusEvent, R extends IncomingRequest = IncomingRequest>
  extends Role<E>
  implements AsyncIterable<R>
{
  /** The name that error messages begin with. */
  readonly #owner: string;
  readonly #options: WorkerRoleOptions;
  readonly #engine: WorkerEngine;
  readonly #makeRequest: MakeRequest<R>;
  readonly #inbox: Inbox<R & WorkerRequest> = new Inbox({
    demand: (count) => this.#engine.feed({ type: "demand", count }),
    withdraw: (count, concurrency) => this.#engine.feed({ type: "withdraw", count, concurrency }),
  });
  readonly #tickets = new Map<number, AbortController>();
  #closing: Promise<void> | undefined;
  #left: (() => void) | undefined;

  /**
   * @param packageName - without scope
   * @param start - makes the engine
   * @param makeRequest - by default makes requests that can be answered, dropped and failed
   */
  protected constructor(
    packageName: string,
    owner: string,
    options: WorkerRoleOptions,
    start: (owner: WorkerOwner<E>) => WorkerEngine,
    makeRequest?: MakeRequest<R>,
  ) {
    super(packageName);
    this.#owner = owner;
    this.#options = options;
    this.#makeRequest = makeRequest ?? (plainRequest as MakeRequest<IncomingRequest> as MakeRequest<R>);
    this.#engine = start({
      run: (ticket, body) => this.#inbox.hand(this.#request(ticket, body as NonEmptyFrames)),
      revoke: (ticket, reason = new ClosedError("the session with the queue")) =>
        this.#tickets.get(ticket)?.abort(reason),
      closed: () => this.#left?.(),
      status: (event) => this.report(event),
    });
  }

  /**
   * Works for a queue; several calls, several queues. With several, requests of all of them are run as the
   * application takes them, and those that it has no hands for wait here.
   *
   * @throws ClosedError if the worker is closed; TypeError or RangeError if the endpoint is not of the form
   * `transport://address`
   */
  connect(endpoint: string): void {
    checkEndpoint(this.#owner, endpoint, "connect");
    if (this.#closing !== undefined) throw new ClosedError(this.#owner);
    this.#engine.feed({ type: "connect", endpoint });
  }

  /**
   * Leaves a queue: takes nothing more from it, and replies to what it has of it, other than what can be given
   * back (Majordomo) and was not begun. An endpoint that is not in use is let pass.
   *
   * @throws TypeError or RangeError if the endpoint is not of the form `transport://address`
   */
  disconnect(endpoint: string): void {
    checkEndpoint(this.#owner, endpoint, "connect");
    this.#engine.feed({ type: "disconnect", endpoint });
  }

  /**
   * Answers requests with what `handler` returns, until the worker is closed. For each handler that may run
   * at a time the worker opens a session with each queue, and it opens none before this call (or an
   * iteration) asks for requests. If a handler throws, its request is dropped.
   *
   * @returns a promise that resolves when the worker has been told to close and no handler of this call runs
   * @throws (by rejecting) TypeError or RangeError that names the option at fault
   */
  async serve(handler: WorkerHandler<R>, options: ServeOptions = {}): Promise<void> {
    await this.#inbox.serve(this.#owner, handler, options, async (request) => {
      try {
        const body = await handler(request);
        if (!request.isAnswered) await request.reply(body);
      } catch (error) {
        if (!request.isAnswered) request.fail(error);
      }
    });
  }

  /**
   * The requests as they come; each call of `next()` takes one. Ends when the worker is closed. Whoever stops
   * before that asks for no more, and a Majordomo broker of ours is told so. Other sessions have said READY, and the
   * next request of each waits here: close the worker, or `disconnect()` it, when it is to take no more.
   */
  [Symbol.asyncIterator](): AsyncIterator<R, undefined> {
    return this.#inbox.iterator();
  }

  /**
   * Takes no more requests, lets those at hand finish for up to `lingerMs`, tells the queues, and closes the
   * sockets.
   */
  override close(): Promise<void> {
    // Closed from now on, also for whoever is told of what closing leads to.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#inbox.close();
    const left = new Promise<void>((resolve) => {
      this.#left = resolve;
    });
    this.#engine.feed({ type: "close" });
    // Only now: what is dropped because of the signal is to be dropped by a worker that is closing.
    if (this.#options.signalsClosing) this.#signalClosing();
    await waitAtMost(this.#options.lingerMs, (done) => void left.then(done));
    this.#signalClosing();
    this.#tickets.clear();
    await this.#engine.close();
  }

  #signalClosing(): void {
    for (const abort of this.#tickets.values()) abort.abort(new ClosedError(this.#owner));
  }

  #request(ticket: number, body: NonEmptyFrames): R & WorkerRequest {
    const abort = new AbortController();
    this.#tickets.set(ticket, abort);
    const finish = (call: WorkerCall): void => {
      // Once the worker is closed there is nobody left to tell.
      if (this.#tickets.delete(ticket)) this.#engine.feed(call);
    };
    const frames = (part: Body): Uint8Array[] => this.#frames(ticket, part);
    return this.#makeRequest(ticket, body, abort.signal, {
      frames,
      reply: (reply) => finish({ type: "reply", ticket, body: frames(reply) }),
      drop: () => finish({ type: "drop", ticket }),
      fail: (reason) => finish({ type: "drop", ticket, reason }),
    });
  }

  #frames(ticket: number, body: Body): Uint8Array[] {
    const frames = bodyFrames(body);
    const { maxBodyBytes } = this.#options;
    const keptBytes = this.#engine.keptBytes?.(ticket) ?? 0;
    if (keptBytes + byteLength(frames) > maxBodyBytes) {
      throw new LimitError("maxBodyBytes", maxBodyBytes, "reply body is too large", false);
    }
    if (!this.#tickets.has(ticket)) throw new ClosedError(this.#owner);
    return frames;
  }
}

/** A request whose handler may throw. */
export class WorkerRequest extends IncomingRequest {
  readonly #fail: (reason: string) => void;

  /**
   * Made by the role.
   *
   * @hidden
   */
  constructor(body: NonEmptyFrames, signal: AbortSignal, answers: Answers & Pick<WorkerAnswers, "fail">) {
    super(body, signal, answers);
    this.#fail = answers.fail;
  }

  /**
   * Gives no answer, and says why, as a handler does that throws.
   *
   * @throws AlreadyAnsweredError
   */
  fail(reason: unknown): void {
    this.assertUnanswered();
    const text = failureText(reason);
    this.answered();
    this.#fail(text);
  }
}

const plainRequest: MakeRequest<IncomingRequest> = (_ticket, body, signal, answers) =>
  new WorkerRequest(body, signal, answers);
