/**
 * One side of the echo that driver.ts measures: a process that serves or asks, over the socket
 * driver or over bare zeromq.js, and answers its parent over IPC.
 * Arguments: server | client, bare | driver, and for a client the endpoint.
 */
import { ZmqTransport } from "@seaworthy/core/node";
import { Dealer, Router } from "zeromq";
import { askDriver, highWaterMarks, type Job, type Runner, request } from "./asking.js";

/** What a process tells its parent: that it is ready and where it serves, or how long a job took. */
export type Report = { readonly endpoint: string } | { readonly elapsedMs: number };

const ANY_PORT = "tcp://127.0.0.1:*";
function serveBare(): string {
  const router = new Router({ linger: 0, ...highWaterMarks });
  router.bindSync(ANY_PORT);
  void (async () => {
    for await (const frames of router) await router.send(frames);
  })();
  return router.lastEndpoint ?? ANY_PORT;
}

function serveDriver(): string {
  const router = new ZmqTransport("Bench").open(
    { type: "router", ...highWaterMarks },
    {
      message: (frames) => router.send(frames),
      refused: (_frames, reason) => {
        throw new Error(`a reply was refused: ${reason}`);
      },
    },
  );
  return router.bind(ANY_PORT);
}

function askBare(endpoint: string): Runner {
  const dealer = new Dealer({ linger: 0, ...highWaterMarks });
  dealer.connect(endpoint);
  return async ({ count, inFlight }) => {
    let sent = 0;
    let received = 0;
    let wake: (() => void) | undefined;
    const sender = (async () => {
      while (sent < count) {
        if (sent - received >= inFlight) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        await dealer.send(request(sent++));
      }
    })();
    for await (const _reply of dealer) {
      received += 1;
      wake?.();
      wake = undefined;
      if (received === count) break;
    }
    await sender;
  };
}

const report = (message: Report): void => {
  process.send?.(message);
};

// Nobody is left behind when the parent is stopped.
process.on("disconnect", () => process.exit());

const [side, variant, endpoint = ""] = process.argv.slice(2);
if (side === "server") report({ endpoint: variant === "bare" ? serveBare() : serveDriver() });
else {
  const run = variant === "bare" ? askBare(endpoint) : askDriver(endpoint);
  process.on("message", async (job: Job) => {
    const startedAt = performance.now();
    await run(job);
    report({ elapsedMs: performance.now() - startedAt });
  });
  report({ endpoint });
}
