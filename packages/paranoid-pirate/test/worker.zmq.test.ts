import { describe, expect, it } from "vitest";
import { curveKeyPair } from "zeromq";
import { type IncomingRequest, ParanoidPirateWorker } from "../src/index.js";
import { BareClient, BareQueue, closing, newQueue, newWorker, READY, record, reported } from "./peers.js";

/** A promise and the way to resolve it. */
function signal<T = void>(): { promise: Promise<T>; fire: (value: T) => void } {
  let fire = (_value: T): void => undefined;
  const promise = new Promise<T>((resolve) => {
    fire = resolve;
  });
  return { promise, fire };
}

const next = async (worker: ParanoidPirateWorker): Promise<IncomingRequest> => {
  const { value } = await worker[Symbol.asyncIterator]().next();
  if (value === undefined) throw new Error("the worker is closed");
  return value;
};

describe("requests", () => {
  it("concurrency n is n sessions, and never more than n handlers", async () => {
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
  });

  it("`for await` takes one at a time", async () => {
    const { frontend, backend } = await newQueue();
    const worker = newWorker(backend);
    const client = new BareClient(frontend);
    const replies = Promise.all(["a", "b", "stop"].map((text) => client.ask(text)));
    for await (const request of worker) {
      expect(worker.stats()).toMatchObject({ running: 1, waiting: 0, sessions: 1 });
      await request.reply([...request.body, "!"]);
      if (String(request.body[0]) === "stop") break;
    }
    expect(await replies).toEqual(["a|!", "b|!", "stop|!"]);
    expect(worker.stats()).toMatchObject({ requests: 3, answered: 3 });
  });

  it("a handler that throws gives the request to another worker", async () => {
    const { queue, frontend, backend } = await newQueue();
    const [broken, working] = [newWorker(backend), newWorker(backend)];
    const [first, both] = [reported(queue, "worker-joined"), reported(queue, "worker-joined", 2)];
    void broken.serve(() => {
      throw new Error("out of order");
    });
    await first;
    void working.serve(() => "done by another");
    await both;
    const failed = reported(broken, "handler-failed");
    const redelivered = reported(queue, "request-redelivered");
    expect(await new BareClient(frontend).ask("x")).toBe("done by another");
    expect((await failed)[0]).toMatchObject({ message: "out of order" });
    expect((await redelivered)[0]).toMatchObject({ deliveries: 1 });
  });

  it("that fail at every worker are given up after `maxDeliveries`", async () => {
    const { queue, frontend, backend } = await newQueue({ maxDeliveries: 3 });
    const worker = newWorker(backend);
    void worker.serve(() => {
      throw new Error("poison");
    });
    const givenUp = reported(queue, "request-given-up");
    void new BareClient(frontend).ask("x");
    expect((await givenUp)[0]).toMatchObject({ deliveries: 3 });
    expect(queue.stats()).toMatchObject({ delivered: 3, redelivered: 2, givenUp: 1, running: 0 });
    expect(worker.stats()).toMatchObject({ requests: 3, givenBack: 3, answered: 0 });
  });

  it("that the application drops go to another, too; and each is answered once", async () => {
    const { frontend, backend } = await newQueue();
    const worker = newWorker(backend);
    const reply = new BareClient(frontend).ask("x");
    (await next(worker)).drop();
    const request = await next(worker);
    await request.reply("y");
    await expect(request.reply("z")).rejects.toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
    expect(() => request.drop()).toThrow("already");
    expect(await reply).toBe("y");
  });

  it("too large a reply is refused by the limit's name, and the request is still to be answered", async () => {
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
  });

  it("of several queues are all served", async () => {
    const [a, b] = [await newQueue(), await newQueue()];
    const worker = newWorker(a.backend);
    worker.connect(b.backend);
    void worker.serve(({ body }) => body);
    expect(await new BareClient(a.frontend).ask("a")).toBe("a");
    expect(await new BareClient(b.frontend).ask("b")).toBe("b");
    expect(worker.stats().sessions).toBe(2);
  });

  it("may be encrypted on their way to workers", async () => {
    const [keys, mine] = [curveKeyPair(), curveKeyPair()];
    const { queue, frontend, backend } = await newQueue({
      backend: { curve: { server: true, secretKey: keys.secretKey } },
    });
    const plain = newWorker(backend, { heartbeatMs: 20 });
    const failed = reported(plain, "session-lost");
    void plain.serve(() => "stolen");
    expect((await failed)[0]).toMatchObject({ how: "failed" });
    const worker = newWorker(backend, { socket: { curve: { ...mine, serverKey: keys.publicKey } } });
    void worker.serve(() => "safe");
    expect(await new BareClient(frontend).ask("x")).toBe("safe");
    expect(queue.stats().workers).toBe(1);
  });
});

describe("a queue that goes", () => {
  it("and comes back on the same ports finds its workers there again, after pauses that grow", async () => {
    const first = await newQueue();
    // Its port may be taken back a moment after its connections have ended.
    const worker = newWorker(first.backend, { reconnect: { initialMs: 100, jitter: 0 } });
    const opened = reported(worker, "session-opened");
    void worker.serve(({ body }) => body);
    await opened;
    const lost = reported(worker, "session-lost", 3);
    await first.queue.close();
    expect(await lost).toMatchObject([
      { how: "disconnected", pauseMs: 100, endpoint: first.backend },
      { how: "failed", pauseMs: 200 },
      { how: "failed", pauseMs: 400 },
    ]);
    const second = await newQueue();
    const reopened = reported(worker, "session-opened");
    await second.queue.bindBackend(first.backend);
    await reopened;
    expect(await new BareClient(second.frontend).ask("x")).toBe("x");
  });

  it("under a request fires the request's signal, and the late reply is dropped", async () => {
    const queue = new BareQueue();
    const worker = newWorker(queue.endpoint);
    const taken = next(worker);
    const [id, ready] = await queue.next();
    expect(String(ready)).toBe(READY);
    await queue.send(id, "client", "", "x");
    const request = await taken;
    expect(request.signal.aborted).toBe(false);
    const aborted = new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    queue.close();
    await aborted;
    expect(request.signal.reason).toMatchObject({ code: "ERR_CLOSED" });
    const dropped = reported(worker, "reply-dropped");
    await request.reply("late");
    await dropped;
    expect(worker.stats()).toMatchObject({ answered: 0, repliesDropped: 1, sessionsLost: 1 });
  });

  it("silent is left for a new connection", async () => {
    const queue = new BareQueue();
    const worker = newWorker(queue.endpoint, { heartbeatMs: 50 });
    const opened = reported(worker, "session-opened");
    void worker.serve(() => "x");
    await opened;
    const lost = reported(worker, "session-lost");
    const [first] = await queue.receive();
    expect((await lost)[0]).toMatchObject({ how: "silent" });
    let [id, frame] = await queue.receive();
    while (id.equals(first)) [id, frame] = await queue.receive();
    expect(String(frame)).toBe(READY);
  });
});

describe("leaving", () => {
  it("loses nothing and makes nobody wait, in the middle of a stream of requests", async () => {
    // Whatever had to wait for a heartbeat to be missed would wait for a minute.
    const { queue, frontend, backend } = await newQueue({ heartbeatMs: 60_000, detectDepartures: false });
    const join = async (): Promise<[ParanoidPirateWorker, Promise<void>]> => {
      const joined = reported(queue, "worker-joined", 4);
      const worker = newWorker(backend, { heartbeatMs: 60_000, lingerMs: 60_000 });
      const serving = worker.serve(({ body }) => body, { concurrency: 4 });
      await joined;
      return [worker, serving];
    };
    const events = record(queue);
    let [worker, serving] = await join();
    const client = new BareClient(frontend);
    const [replies, wanted]: [string[], string[]] = [[], []];
    let isOver = false;
    const asking = Array.from({ length: 50 }, async (_, lane) => {
      for (let round = 0; !isOver; round++) {
        const text = `${lane}.${round}`;
        wanted.push(text);
        replies.push(await client.ask(text));
      }
    });
    for (let round = 0; round < 10; round++) {
      const [another, servingToo] = await join();
      await worker.close();
      await serving;
      [worker, serving] = [another, servingToo];
    }
    isOver = true;
    await Promise.all(asking);
    expect(replies.sort()).toEqual(wanted.sort());
    expect(events.filter((event) => event === "worker-left")).toHaveLength(40);
    expect(events.filter((event) => /gone|expired|given-up|dropped/.test(event))).toEqual([]);
    expect(queue.stats()).toMatchObject({ workers: 4, running: 0, answered: wanted.length });
  });

  it("one queue by `disconnect`, while the others are served", async () => {
    const [a, b] = [await newQueue(), await newQueue()];
    const worker = newWorker(a.backend);
    worker.connect(b.backend);
    const opened = reported(worker, "session-opened", 2);
    void worker.serve(({ body }) => body);
    await opened;
    expect(await new BareClient(a.frontend).ask("x")).toBe("x");
    const left = reported(a.queue, "worker-left");
    const closed = reported(worker, "session-closed");
    worker.disconnect(a.backend);
    await left;
    expect((await closed)[0]).toMatchObject({ endpoint: a.backend });
    expect(a.queue.stats().workers).toBe(0);
    expect(await new BareClient(b.frontend).ask("y")).toBe("y");
    expect(() => worker.disconnect("nonsense")).toThrow("transport://address");
  });

  it("lets running handlers finish, and takes nothing more", async () => {
    const { frontend, backend } = await newQueue();
    const worker = newWorker(backend, { lingerMs: 60_000 });
    const reply = new BareClient(frontend).ask("x");
    const request = await next(worker);
    const closed = worker.close();
    expect(() => worker.connect(backend)).toThrow("closed");
    await request.reply("finished");
    expect(await reply).toBe("finished");
    await closed;
    expect(worker.close()).toBe(closed);
    for await (const _request of worker) throw new Error("a closed worker takes no requests");
  });

  it("a handler that outlives it is told, and can no longer answer; another gets the request", async () => {
    const { frontend, backend } = await newQueue({ heartbeatMs: 60_000 });
    const worker = newWorker(backend, { lingerMs: 0 });
    const reply = new BareClient(frontend).ask("x");
    const request = await next(worker);
    await worker.close();
    expect(request.signal.aborted).toBe(true);
    await expect(request.reply("y")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    void newWorker(backend).serve(() => "by another");
    expect(await reply).toBe("by another");
  });
});

describe("wrong use", () => {
  it("is refused by name", async () => {
    const worker = closing(new ParanoidPirateWorker());
    expect(() => worker.connect("localhost")).toThrow("ParanoidPirateWorker: an endpoint");
    expect(() => worker.connect("tcp://*:5556")).toThrow("a host and a port to connect to");
    await expect(worker.serve(undefined as never)).rejects.toThrow("the handler must be a function");
    await expect(worker.serve(() => "x", { concurrency: 0 })).rejects.toThrow('option "concurrency"');
  });
});
