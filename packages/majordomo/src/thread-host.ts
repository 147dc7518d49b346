/** What runs in the threads of a `ThreadPool`. It must not lead to `zeromq`, which has no place in them. */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { MessagePort } from "node:worker_threads";
import { AbortedError, type Body, bodyFrames, Fifo, failureText } from "@seaworthy/core";
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

async function load(url: string): Promise<ThreadHandler> {
  const { default: handler } = await importModule(url);
  if (typeof handler === "function") return handler as ThreadHandler;
  throw new TypeError(`MajordomoWorker.serve: the default export of ${url} must be a function`);
}

function requestIn(body: readonly Uint8Array[], port: MessagePort): ThreadRequest {
  const abort = new AbortController();
  const passed = new Fifo<() => void>();
  port.on("message", (message: ToThread) => {
    if (message.type === "passed") passed.shift()?.();
    else abort.abort(new AbortedError(message.reason));
  });
  const frames = body.map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  );
  return {
    body: frames as [Buffer, ...Buffer[]],
    signal: abort.signal,
    partial(part: Body) {
      port.postMessage(ownFrames(bodyFrames(part)));
      return new Promise((resolve) => passed.push(resolve));
    },
  };
}

/** Lets the handler answer a request. */
export default async function answer({ handler: url, request }: ThreadTask): Promise<ThreadResult> {
  const handler = await load(url);
  if (request === undefined) return {};
  try {
    const body = await handler(requestIn(request.body, request.port));
    return { body: ownFrames(bodyFrames(body)) };
  } catch (error) {
    return { failure: failureText(error) };
  }
}
