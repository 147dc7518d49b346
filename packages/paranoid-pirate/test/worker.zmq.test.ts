import { describe, expect, it } from "vitest";
import {
  encryptsForWorkers,
  refusesReplies,
  refusesWrongUse,
  runsThreeAtATime,
  servesTwoQueues,
  takesOneAtATime,
} from "../../core/test/support/pirates.js";
import { next } from "../../core/test/support/queue-peers.js";
import { ParanoidPirateWorker } from "../src/index.js";
import { BareClient, BareQueue, newQueue, newWorker, pirates, READY, record, reported } from "./peers.js";

describe("requests", () => {
  it("concurrency n is n sessions, and never more than n handlers", () => runsThreeAtATime(pirates));

  it("`for await` takes one at a time", () =>
    takesOneAtATime(pirates, { running: 1, waiting: 0, sessions: 1 }));

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

  it("a worker whose handlers all throw costs no request, however many wait while the others are busy", async () => {
    const { queue, frontend, backend } = await newQueue();
    const joined = reported(queue, "worker-joined", 2);
    void newWorker(backend).serve(() => {
      throw new Error("out of order");
    });
    // It has its hands full until the other has failed.
    const sound = newWorker(backend);
    const failed = reported(queue, "request-redelivered");
    void sound.serve(async ({ body }) => {
      await failed;
      return body;
    });
    await joined;
    const clients = Array.from({ length: 21 }, () => new BareClient(frontend));
    const replies = await Promise.all(clients.map((client, n) => client.ask(`${n}`)));
    expect(replies).toEqual(Array.from({ length: 21 }, (_, n) => `${n}`));
    expect(queue.stats()).toMatchObject({ answered: 21, givenUp: 0 });
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

  it("too large a reply is refused by the limit's name, and the request is still to be answered", () =>
    refusesReplies(pirates));

  it("of several queues are all served", () => servesTwoQueues(pirates));

  it("may be encrypted on their way to workers", () =>
    encryptsForWorkers(pirates, (backend) => newWorker(backend, { heartbeatMs: 20 })));
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
  it("is refused by name", () => refusesWrongUse(new ParanoidPirateWorker(), "ParanoidPirateWorker"));
});
