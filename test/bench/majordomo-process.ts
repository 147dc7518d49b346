/**
 * One process of those that majordomo.ts measures; it answers its parent over IPC. Arguments:
 *
 *     broker bare|ours [heartbeat interval]
 *     worker <endpoint> <credit>           a bare socket that echoes
 *     idle-workers <endpoint> <count> <heartbeat interval>   workers that nobody asks anything
 *     client <endpoint> <body size>        a bare socket that asks
 */
import { setTimeout as sleep } from "node:timers/promises";
import { MajordomoBroker, MajordomoWorker } from "@seaworthy/majordomo";
import {
  decodeFromBroker,
  encodeFinal,
  encodeHeartbeat,
  encodeReady,
  encodeRequest,
  encodeRequestHeader,
} from "@seaworthy/majordomo/machine";
import { context, Dealer } from "zeromq";
import { askDriver, highWaterMarks, type Job } from "./asking.js";
import { startBareBroker } from "./bare-broker.js";

/** Where a broker listens. */
export interface Listening {
  readonly endpoint: string;
}

/** How long a job took. */
export interface JobDone {
  readonly elapsedMs: number;
}

/** What a broker has used and has, in answer to any message. */
export interface Usage {
  /** Of the processor, since its start, in ms. */
  readonly cpuMs: number;
  /** After a garbage collection, in bytes. */
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly workers: number;
  readonly waiting: number;
}

const ANY_PORT = "tcp://127.0.0.1:*";
const SERVICE = "echo";
const service = Buffer.from(SERVICE);
const HEARTBEAT_MS = 1000;

async function startBroker(kind: string, heartbeatMs: number): Promise<void> {
  if (kind === "bare")
    return void process.send?.({ endpoint: startBareBroker(ANY_PORT) } satisfies Listening);
  const limits = { maxWaiting: 1_000_000, maxWorkers: 20_000, requestTtlMs: 600_000 };
  const broker = new MajordomoBroker({ ...limits, heartbeatMs, socket: highWaterMarks });
  const endpoint = await broker.bind(ANY_PORT);
  process.send?.({ endpoint } satisfies Listening);
  process.on("message", () => {
    globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
    const { workers, waiting } = broker.stats();
    process.send?.({
      cpuMs: (user + system) / 1000,
      heapBytes: heapUsed + external + arrayBuffers,
      rssBytes: rss,
      workers,
      waiting,
    } satisfies Usage);
  });
}

function startWorker(endpoint: string, credit: number): void {
  const socket = new Dealer({ linger: 0, ...highWaterMarks });
  socket.connect(endpoint);
  const replies: Uint8Array[][] = [];
  let isSending = false;
  async function send(): Promise<void> {
    isSending = true;
    for (let next = replies.shift(); next !== undefined; next = replies.shift()) await socket.send(next);
    isSending = false;
  }
  function say(frames: readonly Uint8Array[]): void {
    replies.push([...frames]);
    if (!isSending) void send();
  }
  say(encodeReady("0.2", service, { heartbeatMs: HEARTBEAT_MS, credit }));
  setInterval(() => say(encodeHeartbeat("0.2", undefined)), HEARTBEAT_MS);
  void (async () => {
    for await (const frames of socket) {
      const command = decodeFromBroker(frames);
      if (command.type === "request") say(encodeFinal("0.2", command.address, command.body));
    }
  })();
  process.send?.({});
}

/** They come one after the other, spread over the interval, as the workers of many processes do. */
async function startIdleWorkers(endpoint: string, count: number, heartbeatMs: number): Promise<void> {
  // Each has one for messages, and two for news of its connection.
  context.maxSockets = 4 * count + 16;
  for (let index = 0; index < count; index++) {
    const worker = new MajordomoWorker(SERVICE, { heartbeatMs });
    worker.connect(endpoint);
    void worker.serve(({ body }) => body);
    await sleep(heartbeatMs / count);
  }
  process.send?.({});
}

function startClient(endpoint: string, bodyBytes: number): void {
  const body = Buffer.alloc(bodyBytes, "hello world");
  const ask = (sequence: number) => {
    const numbers = { epoch: BigInt(process.pid), sequence: BigInt(sequence), first: 0, second: 0 };
    return encodeRequest("0.2", service, encodeRequestHeader({ kind: "message", ...numbers }), [body]);
  };
  const run = askDriver(endpoint, ask);
  process.on("message", async (job: Job) => {
    const startedAt = performance.now();
    await run(job);
    process.send?.({ elapsedMs: performance.now() - startedAt } satisfies JobDone);
  });
  process.send?.({});
}

// Nobody is left behind when the parent is stopped.
process.on("disconnect", () => process.exit());

const [role, first = "", second = "0", third = "0"] = process.argv.slice(2);
if (role === "broker") await startBroker(first, Number(second) || HEARTBEAT_MS);
else if (role === "worker") startWorker(first, Number(second));
else if (role === "idle-workers") await startIdleWorkers(first, Number(second), Number(third));
else startClient(first, Number(second));
