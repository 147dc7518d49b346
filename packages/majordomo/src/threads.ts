import { createRequire } from "node:module";
import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type Body, failureText } from "@seaworthy/core";
import {
  type FromThread,
  ownFrames,
  type ThreadResult,
  type ThreadTask,
  type ToThread,
} from "./thread-messages.js";
import type { MajordomoRequest } from "./worker-request.js";

/** The same program, run from source or as it was built. */
const host = new URL(
  import.meta.url.endsWith(".ts") ? "./thread-host.ts" : "./thread-host.js",
  import.meta.url,
);

/** What is used of Piscina, in our words: its own types do not pass under `exactOptionalPropertyTypes`. */
interface Pool {
  /** What was thrown and is as good as false, as `null` is, it does not take for an error: then there is no result. */
  run(task: ThreadTask, options?: { transferList: MessagePort[] }): Promise<ThreadResult | null | undefined>;
  destroy(): Promise<void>;
  on(event: "error", listener: (error: unknown) => void): void;
}

type PiscinaModule = {
  readonly Piscina: new (options: {
    filename: string;
    minThreads: number;
    maxThreads: number;
    atomics: "disabled";
    recordTiming: boolean;
  }) => Pool;
};

const require = createRequire(import.meta.url);

/** Runs the handler of a module in threads. A thread that dies takes one request with it, and is replaced. */
export class ThreadPool {
  readonly #handler: string;
  readonly #threads: number;
  readonly #onError: (error: unknown) => void;
  #pool: Pool | undefined;

  /** @param onError - told of what was thrown in a thread that had no request */
  constructor(handler: URL, threads: number, onError: (error: unknown) => void) {
    this.#handler = handler.href;
    this.#threads = threads;
    this.#onError = onError;
  }

  /**
   * Starts the threads and loads the module in them.
   *
   * @throws (by rejecting) what loading it throws; TypeError if its default export is no function
   */
  async open(): Promise<void> {
    // Only now: whoever needs no threads does not load it.
    const { Piscina } = require("piscina") as PiscinaModule;
    const pool = new Piscina({
      filename: host.href,
      minThreads: this.#threads,
      maxThreads: this.#threads,
      // A thread that sleeps between requests in any other way would stop timers of the handler's module.
      atomics: "disabled",
      recordTiming: false,
    });
    pool.on("error", this.#onError);
    this.#pool = pool;
    const task = { handler: this.#handler };
    await Promise.all(Array.from({ length: this.#threads }, async () => resultOf(await pool.run(task))));
  }

  /**
   * Answers a request.
   *
   * @throws (by rejecting) what the handler threw, or what its thread died of
   */
  async run(request: MajordomoRequest): Promise<Body> {
    const { port1: port, port2 } = new MessageChannel();
    const relay = new Relay(request, port);
    try {
      const body = ownFrames(request.body);
      const task = { handler: this.#handler, request: { body, port: port2 } };
      const pool = this.#pool as Pool;
      const result = resultOf(await pool.run(task, { transferList: [port2] }));
      await relay.finish();
      if (result.body !== undefined) return result.body;
      throw new Error(result.failure);
    } finally {
      relay.close();
    }
  }

  /** Ends the threads, whatever they are doing. */
  async close(): Promise<void> {
    await this.#pool?.destroy();
  }
}

function resultOf(result: ThreadResult | null | undefined): ThreadResult {
  if (result) return result;
  throw new Error("the thread failed with null, or with another value that says nothing");
}

/** Passes on what a thread and its request have to say to one another. */
class Relay {
  readonly #request: MajordomoRequest;
  readonly #port: MessagePort;
  readonly #abort = (): void => this.#tellAbort(this.#request.signal.reason);
  /** Parts go one by one, in order. */
  #parts: Promise<void> = Promise.resolve();
  #fault: { readonly error: unknown } | undefined;

  constructor(request: MajordomoRequest, port: MessagePort) {
    this.#request = request;
    this.#port = port;
    port.on("message", (part: FromThread) => this.#relay(part));
    if (request.signal.aborted) this.#abort();
    else request.signal.addEventListener("abort", this.#abort, { once: true });
  }

  /**
   * The thread is done. All parts are passed on before the end of the reply.
   *
   * @throws (by rejecting) what was wrong with a part
   */
  async finish(): Promise<void> {
    // What has come over another channel than the result may not have been read yet.
    for (let next = receiveMessageOnPort(this.#port); next; next = receiveMessageOnPort(this.#port)) {
      this.#relay(next.message as FromThread);
    }
    await this.#parts;
    if (this.#fault !== undefined) throw this.#fault.error;
  }

  close(): void {
    this.#request.signal.removeEventListener("abort", this.#abort);
    this.#port.close();
  }

  #relay(part: FromThread): void {
    this.#parts = this.#parts.then(async () => {
      try {
        if (this.#fault === undefined) await this.#request.partial(part);
      } catch (error) {
        this.#fault = { error };
        this.#tellAbort(error);
      }
      this.#tell({ type: "passed" });
    });
  }

  #tellAbort(reason: unknown): void {
    this.#tell({ type: "abort", reason: failureText(reason) });
  }

  #tell(message: ToThread): void {
    this.#port.postMessage(message);
  }
}
