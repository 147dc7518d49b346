import { existsSync } from "node:fs";
import type { ThreadHandler } from "../src/thread-messages.js";

// Whoever computes does not let the event loop of its thread turn.
function compute(until: string): string {
  let rounds = 0;
  while (!existsSync(until)) rounds += 1;
  return rounds > 0 ? "computed" : "had nothing to do";
}

function exhaustMemory(): never {
  const waste: number[][] = [];
  for (;;) waste.push(new Array<number>(1e6).fill(Math.PI));
}

/** What became of the parts of the last request whose handler did not wait for them. */
let fates: Promise<string[]> = Promise.resolve([]);

/** What the first frame names, with the second as its argument. */
const handler: ThreadHandler = async ({ body: [what, argument], signal, partial }) => {
  switch (String(what)) {
    case "echo":
      return argument ?? "";
    case "compute":
      return compute(String(argument));
    case "throw":
      throw new Error(String(argument));
    case "exit":
      return process.exit(3);
    case "throw-null-later":
      return new Promise(() => {
        setImmediate(() => {
          throw null;
        });
      });
    case "exhaust-memory":
      return exhaustMemory();
    case "parts":
      await partial("first");
      await partial(["second", Buffer.from("of two frames")]);
      // Nobody waits for this one, and it is still sent before the end.
      void partial("third");
      return "end";
    case "late": {
      const inTime = partial("in time").then(() => "passed");
      const late = new Promise<string>((resolve) => {
        setImmediate(() => partial("too late").catch(({ code }) => resolve(code)));
      });
      fates = Promise.all([inTime, late]);
      return "end";
    }
    case "what-became-of-it":
      return (await fates).join(", ");
    case "too-much":
      await partial("x".repeat(1000));
      return String(signal.aborted);
    case "nothing":
      return undefined as unknown as string;
    default:
      await partial("waiting");
      // What the thread is told in one go may have fired the signal by now.
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return String(signal.reason.cause);
  }
};

export default handler;
