/**
 * One side of the echo that driver.ts measures: a process that serves or asks, over the socket
 * driver or over bare zeromq.js, and answers its parent over IPC.
 * Arguments: server | client, bare | driver, and for a client the endpoint.
 */
import { ZmqTransport } from "@seaworthy/core/node";
import { Dealer, Router } from "zeromq";

/** What the parent asks of a client: `count` round trips, at most `inFlight` of them at a time. */
export interface Job {
  readonly count: number;
  readonly inFlight: number;
}

/** What a process tells its parent: that it is ready and where it serves, or how long a job took. */
export type Report = { readonly endpoint: string } | { readonly elapsedMs: number };

type Runner = (job: Job) => Promise<void>;

const ANY_PORT = "tcp://127.0.0.1:*";
/**
 * Above the 1,000 in flight by a margin: ZeroMQ learns only every half mark what a peer has read, so
 * that a ROUTER drops or refuses messages well before as many as the mark really wait.
 */
const highWaterMarks = { sendHighWaterMark: 10_000, receiveHighWaterMark: 10_000 };
const body = Buffer.from("hello world");
const delimiter = Buffer.alloc(0);

/** `[20-byte id][][11-byte body]`, a new id each time. */
function request(sequence: number): Buffer[] {
  const id = Buffer.alloc(20);
  id.writeUInt32BE(sequence, 16);
  return [id, delimiter, body];
}

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

function askDriver(endpoint: string): Runner {
  let onReply = (): void => {};
  const dealer = new ZmqTransport("Bench").open(
    { type: "dealer", ...highWaterMarks },
    { message: () => onReply() },
  );
  dealer.connect(endpoint);
  return ({ count, inFlight }) =>
    new Promise<void>((resolve) => {
      let sent = 0;
      let received = 0;
      onReply = () => {
        received += 1;
        if (sent < count) dealer.send(request(sent++));
        else if (received === count) resolve();
      };
      while (sent < Math.min(inFlight, count)) dealer.send(request(sent++));
    });
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
