import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingRequest, ServeOptions, WorkerHandler } from "@seaworthy/core/node";
import { expect } from "vitest";
import { curveKeyPair } from "zeromq";
import { anyPort, BareClient, closing, next, READY, reported, signal } from "./queue-peers.js";

/** A queue of a pattern, as far as these scenes see it. */
interface Queue {
  bindFrontend(endpoint: string): Promise<string>;
  bindBackend(endpoint: string): Promise<string>;
  stats(): { readonly workers: number };
  close(): Promise<void>;
}

/** A worker of a pattern, as far as these scenes see it. */
interface Worker extends AsyncIterable<IncomingRequest> {
  connect(endpoint: string): void;
  serve(handler: WorkerHandler<IncomingRequest>, options?: ServeOptions): Promise<void>;
  stats(): { readonly sessions: number };
  close(): Promise<void>;
}

interface Lingering {
  readonly lingerMs?: number | undefined;
}

interface QueueOptions extends Lingering {
  readonly backend?: { readonly curve?: { readonly server: true; readonly secretKey: string } };
}

interface WorkerOptions extends Lingering {
  readonly maxBodyBytes?: number;
  readonly socket?: {
    readonly curve?: { readonly publicKey: string; readonly secretKey: string; readonly serverKey: string };
  };
}

/** How queues and workers of a pattern are made. They close at the end of the test, at once if not told otherwise. */
export interface Pirates<Q extends Queue, QO, W extends Worker, WO> {
  /** A queue, bound on both sides. */
  newQueue(options?: QO): Promise<{ queue: Q; frontend: string; backend: string }>;
  newWorker(backend: string, options?: WO): W;
}

/** Of either pattern. */
type AnyPirates = Pirates<Queue, QueueOptions, Worker, WorkerOptions>;

export function piratesOf<Q extends Queue, QO extends Lingering, W extends Worker, WO extends Lingering>(
  Queue: new (options?: QO) => Q,
  Worker: new (options?: WO) => W,
): Pirates<Q, QO, W, WO> {
  return {
    async newQueue(options) {
      const queue = closing(new Queue({ lingerMs: 0, ...(options as QO) }));
      const frontend = await queue.bindFrontend(anyPort);
      return { queue, frontend, backend: await queue.bindBackend(anyPort) };
    },
    newWorker(backend, options) {
      const worker = closing(new Worker({ lingerMs: 0, ...(options as WO) }));
      worker.connect(backend);
      return worker;
    },
  };
}

/** Has a bare worker say READY; resolves when the queue has taken it in. */
export async function ready<B extends { send(frame: string): Promise<void> }>(
  queue: object,
  worker: B,
): Promise<B> {
  const joined = reported(queue, "worker-joined");
  await worker.send(READY);
  await joined;
  return worker;
}

/** A worker that runs three requests at a time has three sessions, and never runs more. */
export async function runsThreeAtATime({ newQueue, newWorker }: AnyPirates): Promise<void> {
  const { queue, frontend, backend } = await newQueue();
  const joined = reported(queue, "worker-joined", 3);
  const worker = newWorker(backend);
  let [running, most] = [0, 0];
  let full = signal();
  void worker.serve(
    async ({ body }) => {
      running += 1;
      most = Math.max(most, running);
      if (running === 3) full.fire();
      await full.promise;
      running -= 1;
      if (running === 0) full = signal();
      return body;
    },
    { concurrency: 3 },
  );
  await joined;
  expect(queue.stats().workers).toBe(3);
  expect(worker.stats().sessions).toBe(3);
  const client = new BareClient(frontend);
  const questions = Array.from({ length: 30 }, (_, index) => String(index));
  expect(await Promise.all(questions.map((text) => client.ask(text)))).toEqual(questions);
  expect(most).toBe(3);
  expect(queue.stats().workers).toBe(3);
}

/** `for await` takes one request at a time; what the worker has meanwhile is given. */
export async function takesOneAtATime({ newQueue, newWorker }: AnyPirates, load: object): Promise<void> {
  const { frontend, backend } = await newQueue();
  const worker = newWorker(backend);
  const client = new BareClient(frontend);
  const replies = Promise.all(["a", "b", "stop"].map((text) => client.ask(text)));
  for await (const request of worker) {
    expect(worker.stats()).toMatchObject(load);
    await request.reply([...request.body, "!"]);
    if (String(request.body[0]) === "stop") break;
  }
  expect(await replies).toEqual(["a|!", "b|!", "stop|!"]);
  expect(worker.stats()).toMatchObject({ requests: 3, answered: 3 });
}

/** Too large a reply, and none, are refused; the request is still to be answered. */
export async function refusesReplies({ newQueue, newWorker }: AnyPirates): Promise<void> {
  const { frontend, backend } = await newQueue();
  const worker = newWorker(backend, { maxBodyBytes: 10 });
  const reply = new BareClient(frontend).ask("x");
  const request = await next(worker);
  await expect(request.reply("x".repeat(11))).rejects.toMatchObject({
    code: "ERR_LIMIT_REACHED",
    option: "maxBodyBytes",
    retryable: false,
  });
  await expect(request.reply(undefined as never)).rejects.toThrow(TypeError);
  await request.reply("short");
  expect(await reply).toBe("short");
}

/** A worker works for two queues. */
export async function servesTwoQueues({ newQueue, newWorker }: AnyPirates): Promise<void> {
  const [a, b] = [await newQueue(), await newQueue()];
  const worker = newWorker(a.backend);
  worker.connect(b.backend);
  void worker.serve(({ body }) => body);
  expect(await new BareClient(a.frontend).ask("a")).toBe("a");
  expect(await new BareClient(b.frontend).ask("b")).toBe("b");
  expect(worker.stats().sessions).toBe(2);
}

/** A queue with a key takes only workers that have it; another one fails, which should not take it long. */
export async function encryptsForWorkers(
  { newQueue, newWorker }: AnyPirates,
  newPlainWorker: (backend: string) => Worker,
): Promise<void> {
  const [keys, mine] = [curveKeyPair(), curveKeyPair()];
  const { queue, frontend, backend } = await newQueue({
    backend: { curve: { server: true, secretKey: keys.secretKey } },
  });
  const plain = newPlainWorker(backend);
  const failed = reported(plain, "session-lost");
  void plain.serve(() => "stolen");
  expect((await failed)[0]).toMatchObject({ how: "failed" });
  const worker = newWorker(backend, { socket: { curve: { ...mine, serverKey: keys.publicKey } } });
  void worker.serve(() => "safe");
  expect(await new BareClient(frontend).ask("x")).toBe("safe");
  expect(queue.stats().workers).toBe(1);
}

/** What a worker, of this class, cannot use it refuses by name. */
export async function refusesWrongUse(worker: Worker, name: string): Promise<void> {
  closing(worker);
  expect(() => worker.connect("localhost")).toThrow(`${name}: an endpoint`);
  expect(() => worker.connect("tcp://*:5556")).toThrow("a host and a port to connect to");
  await expect(worker.serve(undefined as never)).rejects.toThrow("the handler must be a function");
  await expect(worker.serve(() => "x", { concurrency: 0 })).rejects.toThrow('option "concurrency"');
}

/** A queue, of this class, binds no port that is in use, nor what is no endpoint. */
export async function refusesToBind({ newQueue }: AnyPirates, name: string): Promise<void> {
  const { queue, frontend, backend } = await newQueue();
  const taken = { name: "BindError", code: "ERR_BIND" };
  await expect(queue.bindBackend(frontend)).rejects.toMatchObject({ ...taken, endpoint: frontend });
  await expect(queue.bindFrontend(backend)).rejects.toMatchObject({ ...taken, endpoint: backend });
  await expect(queue.bindFrontend("localhost")).rejects.toThrow(`${name}: an endpoint`);
  await expect(queue.bindBackend("tcp://127.0.0.1")).rejects.toThrow("tcp://host:port");
}

/** `await using` closes a queue. */
export async function closesWithItsScope(create: () => Queue & AsyncDisposable): Promise<void> {
  let queue: Queue;
  {
    await using scoped = create();
    queue = scoped;
  }
  await expect(queue.bindFrontend(anyPort)).rejects.toMatchObject({ name: "ClosedError" });
}

/**
 * Events are published on the channel of a pattern, with the role. `serve` has a bare worker with this routing id answer requests;
 * in the end there is what `stats` says.
 */
export async function publishesEvents<Q extends Queue>(
  pattern: string,
  newQueue: () => Promise<{ queue: Q; frontend: string; backend: string }>,
  serve: (queue: Q, backend: string, routingId: Buffer) => Promise<void>,
  stats: object,
): Promise<void> {
  const messages: unknown[] = [];
  const listen = (message: unknown) => messages.push(message);
  subscribe(`seaworthy:${pattern}`, listen);
  try {
    const { queue, frontend, backend } = await newQueue();
    await serve(queue, backend, Buffer.from("w"));
    expect(await new BareClient(frontend).ask("x")).toBe("x");
    const event = expect.objectContaining({ type: "worker-joined", worker: "w", at: expect.any(Number) });
    expect(messages).toContainEqual({ role: queue, event });
    expect(queue.stats()).toMatchObject({ ...stats, sockets: { sent: 2, refused: 0 } });
  } finally {
    unsubscribe(`seaworthy:${pattern}`, listen);
  }
}

/** Bare workers whose routing ids are no text, and differ only as bytes, each get a request, and its reply is theirs. */
export async function tellsRoutingIdsApart<
  B extends { send(frame: string): Promise<void>; reply(request: Buffer[], text: string): Promise<void> },
>(
  { newQueue }: AnyPirates,
  connect: (backend: string, routingId: Buffer) => B,
  receive: (worker: B) => Promise<Buffer[]>,
): Promise<void> {
  const { queue, frontend, backend } = await newQueue();
  const ids = [Buffer.from([0xff, 0x00, 0x01]), Buffer.from([0xfe, 0x00, 0x01]), Buffer.from([0xff])];
  const joined = reported(queue, "worker-joined", 3);
  const workers = ids.map((id) => connect(backend, id));
  for (const worker of workers) await worker.send(READY);
  expect(new Set((await joined).map((event) => "worker" in event && event.worker))).toEqual(
    new Set(["ff0001", "fe0001", "ff"]),
  );
  const client = new BareClient(frontend);
  const replies = Promise.all(["a", "b", "c"].map((text) => client.ask(text)));
  const requests = await Promise.all(workers.map(receive));
  for (const [index, request] of requests.entries()) {
    await workers[index]?.reply(request, `${request.at(-1)} by ${index}`);
  }
  const told = (await replies).map((reply) => reply.split(" by "));
  expect(told.map(([text]) => text)).toEqual(["a", "b", "c"]);
  expect(new Set(told.map(([, by]) => by))).toEqual(new Set(["0", "1", "2"]));
}
