/**
 * One process of those that queue.ts measures; it answers its parent over IPC. Arguments:
 *
 *     queue bare|paranoid|bare-simple|simple
 *     worker paranoid|simple <backend> <concurrency>
 *     client <frontend>
 *     holder <backend>      a Paranoid Pirate worker that tells when a request starts, and replies when told to
 */
import { ParanoidPirateQueue, ParanoidPirateWorker } from "@seaworthy/paranoid-pirate";
import { SimplePirateQueue, SimplePirateWorker } from "@seaworthy/simple-pirate";
import { Router } from "zeromq";
import { askDriver, highWaterMarks, type Job } from "./asking.js";

/** Where a queue listens. */
export interface Endpoints {
  readonly frontend: string;
  readonly backend: string;
}

/** How long a job took. */
export interface JobDone {
  readonly elapsedMs: number;
}

/** When a request started, on the clock that all processes of a machine share. */
export interface Started {
  readonly startedAtNs: string;
}

const ANY_PORT = "tcp://127.0.0.1:*";
/** A queue without bookkeeping sends no heartbeats, and nobody is to miss them. */
const NEVER_MS = 24 * 3600 * 1000;

/** Passes requests to the worker that has been ready for longest, and replies to clients; keeps no other books. */
function bareQueue(isControl: (frames: Buffer[]) => boolean, delimited: boolean): Endpoints {
  const options = { linger: 0, ...highWaterMarks };
  const frontend = new Router(options);
  const backend = new Router(options);
  frontend.bindSync(ANY_PORT);
  backend.bindSync(ANY_PORT);
  const ready: Buffer[] = [];
  let wake: (() => void) | undefined;
  const empty = Buffer.alloc(0);

  void (async () => {
    for await (const [worker, ...frames] of backend) {
      if (!isControl(frames)) await frontend.send(delimited ? frames.slice(1) : frames);
      else if (frames.at(-1)?.[0] !== 1) continue;
      ready.push(worker as Buffer);
      wake?.();
    }
  })();
  void (async () => {
    for await (const frames of frontend) {
      while (ready.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const worker = ready.shift() as Buffer;
      await backend.send(delimited ? [worker, empty, ...frames] : [worker, ...frames]);
    }
  })();
  return { frontend: frontend.lastEndpoint ?? "", backend: backend.lastEndpoint ?? "" };
}

async function startQueue(kind: string): Promise<Endpoints> {
  if (kind === "bare") return bareQueue((frames) => frames.length < 3, false);
  if (kind === "bare-simple") return bareQueue((frames) => frames.length < 4, true);
  const queue = kind === "simple" ? new SimplePirateQueue() : new ParanoidPirateQueue();
  return { frontend: await queue.bindFrontend(ANY_PORT), backend: await queue.bindBackend(ANY_PORT) };
}

function startWorker(kind: string, backend: string, concurrency: number): void {
  const worker =
    kind === "simple" ? new SimplePirateWorker() : new ParanoidPirateWorker({ peerHeartbeatMs: NEVER_MS });
  let opened = 0;
  worker.on("session-opened", () => {
    opened += 1;
    if (opened === concurrency) process.send?.({});
  });
  worker.connect(backend);
  void worker.serve(({ body }) => body, { concurrency });
}

function startHolder(backend: string): void {
  const worker = new ParanoidPirateWorker({ heartbeatMs: 100 });
  worker.once("session-opened", () => process.send?.({}));
  worker.connect(backend);
  void worker.serve(async ({ body }) => {
    process.send?.({ startedAtNs: String(process.hrtime.bigint()) } satisfies Started);
    await new Promise((resolve) => process.once("message", resolve));
    return body;
  });
}

// Nobody is left behind when the parent is stopped.
process.on("disconnect", () => process.exit());

const [role, ...args] = process.argv.slice(2);
if (role === "queue") process.send?.(await startQueue(args[0] ?? ""));
else if (role === "worker") startWorker(args[0] ?? "", args[1] ?? "", Number(args[2]));
else if (role === "holder") startHolder(args[0] ?? "");
else {
  const run = askDriver(args[0] ?? "");
  process.on("message", async (job: Job) => {
    const startedAt = performance.now();
    await run(job);
    process.send?.({ elapsedMs: performance.now() - startedAt } satisfies JobDone);
  });
  process.send?.({});
}
