/**
 * One process of those that freelance.ts measures; it answers its parent over IPC. Arguments:
 *
 *     bare-servers <count>              servers of FLP on bare ROUTER sockets, which answer with what they got
 *     servers <count> flp|plain <slow>  servers of ours; `one`: the first takes 50 ms for each request, `all`: each of
 *                                       them takes 50 ms for one request in 50
 *     client bare|ours <endpoints>      does jobs
 *     asker <options> <endpoints>       does one job with a client of ours, and tells how long each request took
 */
import { setTimeout as sleep } from "node:timers/promises";
import { FreelanceClient, type FreelanceClientOptions, FreelanceServer } from "@seaworthy/freelance";
import { Router } from "zeromq";
import { freePort } from "../harness/ports.js";
import { highWaterMarks, type Job } from "./asking.js";
import { quantile } from "./figures.js";

/** Where the servers are. */
export interface Servers {
  readonly endpoints: readonly string[];
}

/** What a job took. */
export interface JobDone {
  readonly elapsedMs: number;
  /** Processor time of the client's process, the thread of ZeroMQ included. */
  readonly cpuMs: number;
}

/** A job whose requests come with a pause between. */
export interface PacedJob extends Job {
  /** From one reply to the next request, in each of those that are in flight at a time. */
  readonly pauseMs: number;
}

/** How long requests took. */
export interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly hedges: number;
}

const SLOW_MS = 50;
const ONE_IN = 50;
const BODY = Buffer.from("hello world");

async function bareServer(): Promise<string> {
  const endpoint = `tcp://127.0.0.1:${await freePort()}`;
  const router = new Router({ linger: 0, routingId: endpoint, ...highWaterMarks });
  router.bindSync(endpoint);
  void (async () => {
    for await (const frames of router) {
      if (String(frames[1]) === "PING") await router.send([frames[0] as Buffer, "PONG"]);
      else await router.send(frames);
    }
  })();
  return endpoint;
}

async function server(protocol: "flp" | "plain", isSlow: () => boolean): Promise<string> {
  const server = new FreelanceServer({ protocol });
  const endpoint = await server.bind("tcp://127.0.0.1:*");
  const handler = async ({ body }: { body: Buffer[] }): Promise<Buffer[]> => {
    if (isSlow()) await sleep(SLOW_MS);
    return body;
  };
  void server.serve(handler, { concurrency: 10_000 });
  return endpoint;
}

/** Asks once, and resolves when the reply is there. */
type Ask = () => Promise<unknown>;

/** A promise for each request and every server in its turn; no time limits, no books of servers. */
async function bareClient(endpoints: readonly string[]): Promise<Ask> {
  const router = new Router({ linger: 0, mandatory: true, ...highWaterMarks });
  for (const endpoint of endpoints) router.connect(endpoint);
  const names = endpoints.map((endpoint) => Buffer.from(endpoint));
  for (const name of names) {
    // Nothing tells when ZeroMQ knows the name of a peer.
    while (!(await isSent(router, [name, "PING"]))) await sleep(1);
    await router.receive();
  }
  const waiting = new Map<number, (body: Buffer[]) => void>();
  const queue: Buffer[][] = [];
  let isPumping = false;
  const pump = async (): Promise<void> => {
    isPumping = true;
    for (let frames = queue.shift(); frames !== undefined; frames = queue.shift()) await router.send(frames);
    isPumping = false;
  };
  void (async () => {
    for await (const [, control, ...body] of router) {
      const sequence = (control as Buffer).readUInt32BE(16);
      waiting.get(sequence)?.(body);
      waiting.delete(sequence);
    }
  })();
  let sequence = 0;
  return () =>
    new Promise((resolve) => {
      const control = Buffer.alloc(20);
      control.writeUInt32BE(++sequence, 16);
      waiting.set(sequence, resolve);
      queue.push([names[sequence % names.length] as Buffer, control, BODY]);
      if (!isPumping) void pump();
    });
}

function isSent(router: Router, frames: (Buffer | string)[]): Promise<boolean> {
  return router.send(frames).then(
    () => true,
    () => false,
  );
}

async function ourClient(
  endpoints: readonly string[],
  options: FreelanceClientOptions = {},
): Promise<FreelanceClient> {
  const client = new FreelanceClient({ timeoutMs: 60_000, ...options });
  for (const endpoint of endpoints) client.connect(endpoint);
  const wanted = options.strategy === "failover" ? 1 : endpoints.length;
  while (client.stats().aliveServers < wanted) await sleep(1);
  return client;
}

/** So many requests, with as many in flight as it says; returns how long each took, in ms. */
async function work(ask: Ask, { count, inFlight, pauseMs }: PacedJob): Promise<number[]> {
  const times: number[] = [];
  let sent = 0;
  const one = async (): Promise<void> => {
    while (sent < count) {
      sent += 1;
      const startedAt = performance.now();
      await ask();
      times.push(performance.now() - startedAt);
      if (pauseMs > 0) await sleep(pauseMs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return times;
}

async function doJobs(kind: string, endpoints: readonly string[]): Promise<void> {
  let ask: Ask;
  if (kind === "bare") ask = await bareClient(endpoints);
  else {
    const client = await ourClient(endpoints);
    ask = () => client.request(BODY);
  }
  process.on("message", async (job: Job) => {
    const startedAt = performance.now();
    const cpuBefore = process.cpuUsage();
    await work(ask, { ...job, pauseMs: 0 });
    const { user, system } = process.cpuUsage(cpuBefore);
    const elapsedMs = performance.now() - startedAt;
    process.send?.({ elapsedMs, cpuMs: (user + system) / 1000 } satisfies JobDone);
  });
  process.send?.({});
}

async function doOneJob(options: FreelanceClientOptions, endpoints: readonly string[]): Promise<void> {
  const client = await ourClient(endpoints, options);
  process.once("message", async (job: PacedJob) => {
    const ask = (): Promise<unknown> => client.request(BODY);
    // Nothing is known of the servers at first.
    await work(ask, { ...job, count: job.count / 10 });
    const times = await work(ask, job);
    const { hedges } = client.stats();
    const [p50Ms, p99Ms] = [quantile(times, 0.5), quantile(times, 0.99)];
    process.send?.({ p50Ms, p99Ms, hedges } satisfies Latencies);
  });
  process.send?.({});
}

const many = (count: string, make: (index: number) => Promise<string>): Promise<string[]> =>
  Promise.all(Array.from({ length: Number(count) }, (_, index) => make(index)));

// Nobody is left behind when the parent is stopped.
process.on("disconnect", () => process.exit());

const [role, first = "", second = "", third] = process.argv.slice(2);
if (role === "bare-servers") process.send?.({ endpoints: await many(first, bareServer) } satisfies Servers);
else if (role === "servers") {
  let requests = 0;
  const nowAndThen = (): boolean => ++requests % ONE_IN === 0;
  const isSlow = (index: number) => (third === "one" ? () => index === 0 : nowAndThen);
  const endpoints = await many(first, (index) => server(second as "flp" | "plain", isSlow(index)));
  process.send?.({ endpoints } satisfies Servers);
} else if (role === "client") await doJobs(first, second.split(","));
else await doOneJob(JSON.parse(first) as FreelanceClientOptions, second.split(","));
