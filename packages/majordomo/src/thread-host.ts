/** What runs in the threads of a `ThreadPool`. It must not lead to `zeromq`, which has no place in them. */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { MessagePort } from "node:worker_threads";
import {
  AbortedError,
  AlreadyAnsweredError,
  type Body,
  bodyFrames,
  Fifo,
  failureText,
} from "@seaworthy/core";
import {
  ownFrames,
  type ThreadHandler,
  type ThreadRequest,
  type ThreadResult,
  type ThreadTask,
  type ToThread,
} from "./thread-messages.js";

const require = createRequire(import.meta.url);

/** Loaders for TypeScript may be at work in `require` of all threads, but in `import` of the first one only. */
async function importModule(url: string): Promise<{ default?: unknown }> {
  try {
    return await import(url);
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code !== "ERR_UNKNOWN_FILE_EXTENSION") throw error;
    return require(fileURLToPath(url));
  }
}

const loaded = new Map<string, ThreadHandler>();

async function load(url: string): Promise<ThreadHandler> {
  const { default: handler } = await importModule(url);
  if (typeof handler === "function") {
    loaded.set(url, handler as ThreadHandler);
    return handler as ThreadHandler;
  }
  throw new TypeError(`MajordomoWorker.serve: the default export of ${url} must be a function`);
}

/** A request in this thread, and what is left of it on the way. */
class RequestInThread {
  readonly request: ThreadRequest;
  readonly #port: MessagePort;
  readonly #abort = new AbortController();
  readonly #passed = new Fifo<() => void>();
  #isAnswered = false;

  constructor(body: readonly Uint8Array[], port: MessagePort) {
    this.#port = port;
    port.on("message", (message: ToThread) => {
      if (message.type === "passed") this.#passed.shift()?.();
      else this.#abort.abort(new AbortedError(message.reason));
    });
    // The request is over, and what has been said of it has found its way or never will.
    port.on("close", () => {
      for (let pass = this.#passed.shift(); pass !== undefined; pass = this.#passed.shift()) pass();
    });
    const frames = body.map(({ buffer, byteOffset, byteLength }) =>
      Buffer.from(buffer, byteOffset, byteLength),
    );
    this.request = {
      body: frames as [Buffer, ...Buffer[]],
      signal: this.#abort.signal,
      partial: (part) => this.#partial(part),
    };
  }

  /** The handler has returned, or thrown. */
  answered(): void {
    this.#isAnswered = true;
  }

  async #partial(part: Body): Promise<void> {
    if (this.#isAnswered) throw new AlreadyAnsweredError();
    this.#port.postMessage(ownFrames(bodyFrames(part)));
    await new Promise<void>((resolve) => this.#passed.push(resolve));
  }
}

/** Lets the handler answer a request. */
export default async function answer({ handler: url, request }: ThreadTask): Promise<ThreadResult> {
  const handler = loaded.get(url) ?? (await load(url));
  if (request === undefined) return {};
  const asked = new RequestInThread(request.body, request.port);
  try {
    const body = await handler(asked.request);
    return { body: ownFrames(bodyFrames(body)) };
  } catch (error) {
    return { failure: failureText(error) };
  } finally {
    asked.answered();
  }
}
