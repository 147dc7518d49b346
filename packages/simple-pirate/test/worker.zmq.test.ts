import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import {
  encryptsForWorkers,
  refusesReplies,
  refusesWrongUse,
  runsThreeAtATime,
  servesTwoQueues,
  takesOneAtATime,
} from "../../core/test/support/pirates.js";
import { next, signal } from "../../core/test/support/queue-peers.js";
import { SimplePirateWorker } from "../src/index.js";
import {
  BareClient,
  BareQueue,
  closing,
  newQueue,
  newWorker,
  pirates,
  READY,
  record,
  reported,
} from "./peers.js";

describe("requests", () => {
  it("concurrency n is n sessions, and never more than n handlers", () => runsThreeAtATime(pirates));

  it("`for await` takes one at a time", () =>
    takesOneAtATime(pirates, { running: 1, waiting: 0, sessions: 1, ready: 0 }));

  it("no session is opened before the application asks for a request", async () => {
    const { queue, backend } = await newQueue();
    const worker = newWorker(backend);
    expect(worker.stats().sessions).toBe(0);
    const joined = reported(queue, "worker-joined");
    void worker.serve(({ body }) => body);
    expect(worker.stats().sessions).toBe(1);
    await joined;
  });

  it("a handler that throws gives no answer, and its session is ready for the next request", async () => {
    const { queue, frontend, backend } = await newQueue();
    const worker = newWorker(backend);
    void worker.serve(({ body }) => {
      if (String(body[0]) === "bad") throw new Error("out of order");
      return body;
    });
    const client = new BareClient(frontend);
    const failed = reported(worker, "handler-failed");
    const lost = reported(queue, "request-lost");
    void client.ask("bad");
    expect(await client.ask("good")).toBe("good");
    expect((await failed)[0]).toMatchObject({ message: "out of order" });
    expect((await lost)[0]).toMatchObject({ reason: "worker-ready" });
    expect(worker.stats()).toMatchObject({ requests: 2, answered: 1, failed: 1, sessions: 1 });
  });

  it("may be dropped, or answered once", async () => {
    const { queue, frontend, backend } = await newQueue();
    const worker = newWorker(backend);
    const client = new BareClient(frontend);
    void client.ask("x");
    (await next(worker)).drop();
    const reply = client.ask("y");
    const request = await next(worker);
    expect(String(request.body)).toBe("y");
    await request.reply("z");
    await expect(request.reply("z")).rejects.toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
    expect(() => request.drop()).toThrow("already");
    expect(await reply).toBe("z");
    expect(worker.stats()).toMatchObject({ dropped: 1, answered: 1 });
    expect(queue.stats()).toMatchObject({ lost: 1, answered: 1 });
  });

  it("too large a reply is refused by the limit's name, and the request is still to be answered", () =>
    refusesReplies(pirates));

  it("too large a request is refused, and its session is ready for the next one", async () => {
    const { queue, frontend, backend } = await newQueue();
    const worker = newWorker(backend, { maxBodyBytes: 10 });
    void worker.serve(({ body }) => body);
    const client = new BareClient(frontend);
    const refused = reported(worker, "request-refused");
    void client.ask("x".repeat(11));
    expect(await client.ask("short")).toBe("short");
    expect((await refused)[0]).toMatchObject({ reason: "body-too-large", endpoint: backend });
    expect(worker.stats()).toMatchObject({ refused: 1, answered: 1 });
    expect(queue.stats()).toMatchObject({ lost: 1, workers: 1 });
  });

  it("of several queues are all served", () => servesTwoQueues(pirates));

  it("of several queues are run one after another where the concurrency is 1", async () => {
    const [a, b] = [new BareQueue(), new BareQueue()];
    const worker = newWorker(a.endpoint);
    worker.connect(b.endpoint);
    const requests = worker[Symbol.asyncIterator]();
    const first = requests.next();
    const [[sessionA], [sessionB]] = await Promise.all([a.receive(), b.receive()]);
    await a.send(sessionA, "client", "", "a");
    const { value: request } = await first;
    const read = reported(worker, "message-dropped");
    await b.send(sessionB, "client", "", "b");
    await b.send(sessionB, "garbage");
    await read;
    expect(worker.stats()).toMatchObject({ running: 1, waiting: 1, sessions: 2 });
    await request?.reply("1");
    await (await requests.next()).value?.reply("2");
    expect((await a.receive()).slice(1)).toEqual(["client", "", "1"]);
    expect((await b.receive()).slice(1)).toEqual(["client", "", "2"]);
  });

  it("may be encrypted on their way to workers", () =>
    encryptsForWorkers(pirates, (backend) => newWorker(backend, { connectTimeoutMs: 100 })));
});

describe("a queue that does what ours does not", () => {
  it("a second request to a session waits for its turn, and beyond `maxHeld` is refused", async () => {
    const queue = new BareQueue();
    const worker = newWorker(queue.endpoint, { maxHeld: 2 });
    const held = reported(worker, "request-held");
    const refused = reported(worker, "request-refused");
    const requests = worker[Symbol.asyncIterator]();
    const first = requests.next();
    const [id, ready] = await queue.receive();
    expect(ready).toBe(READY);
    for (const text of ["1", "2", "3"]) await queue.send(id, "client", "", text);
    expect((await refused)[0]).toMatchObject({ reason: "queue-full", endpoint: queue.endpoint });
    await held;
    expect(worker.stats()).toMatchObject({ running: 1, waiting: 1, refused: 1 });
    for (let taken = first; ; taken = requests.next()) {
      const { value: request } = await taken;
      await request?.reply(request.body);
      if (String(request?.body) === "2") break;
    }
    expect((await queue.receive()).slice(1)).toEqual(["client", "", "1"]);
    expect((await queue.receive()).slice(1)).toEqual(["client", "", "2"]);
  });

  it("garbage is dropped, and the session is as it was", async () => {
    const queue = new BareQueue();
    const worker = newWorker(queue.endpoint);
    const dropped = reported(worker, "message-dropped", 4);
    void worker.serve(({ body }) => body);
    const [id] = await queue.receive();
    for (const frames of [["garbage"], ["client", ""], ["", "no address"], [READY]]) {
      await queue.send(id, ...frames);
    }
    await dropped;
    await queue.send(id, "client", "", "x");
    expect((await queue.receive()).slice(1)).toEqual(["client", "", "x"]);
    expect(worker.stats()).toMatchObject({ malformed: 4, requests: 1, answered: 1 });
  });

  it("one that accepts connections and says nothing is left after `connectTimeoutMs`", async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => void sockets.add(socket)).listen(0, "127.0.0.1");
    closing({
      close() {
        for (const socket of sockets) socket.destroy();
        server.close();
      },
    });
    await once(server, "listening");
    const endpoint = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const worker = newWorker(endpoint, { connectTimeoutMs: 20, socket: { reconnectIntervalMs: 1 } });
    const lost = reported(worker, "session-lost", 2);
    void worker.serve(({ body }) => body);
    const event = { how: "failed", reason: "it took too long", endpoint };
    expect(await lost).toMatchObject([event, event]);
    expect(worker.stats().sessions).toBe(1);
  });
});

describe("a queue that goes", () => {
  it("and comes back on the same ports finds all sessions there again", async () => {
    const first = await newQueue();
    // All have lost their connections before the first one tries again.
    const worker = newWorker(first.backend, { socket: { reconnectIntervalMs: 100 } });
    const opened = reported(worker, "session-opened", 4);
    void worker.serve(({ body }) => body, { concurrency: 4 });
    await opened;
    // Each has lost its connection, and has tried in vain to have another.
    const lost = reported(worker, "session-lost", 8);
    await first.queue.close();
    const hows = (await lost).map((event) => "how" in event && event.how);
    expect(hows.slice(0, 4)).toEqual(["disconnected", "disconnected", "disconnected", "disconnected"]);
    const second = await newQueue();
    const reopened = reported(worker, "session-opened", 4);
    const joined = reported(second.queue, "worker-joined", 4);
    await second.queue.bindBackend(first.backend);
    await Promise.all([reopened, joined]);
    expect(await new BareClient(second.frontend).ask("x")).toBe("x");
    expect(second.queue.stats().workers).toBe(4);
    expect(worker.stats().sessions).toBe(4);
  });

  it("under a request fires the request's signal, and the late reply is dropped", async () => {
    const queue = new BareQueue();
    const worker = newWorker(queue.endpoint);
    const taken = next(worker);
    const [id] = await queue.receive();
    await queue.send(id, "client", "", "x");
    const request = await taken;
    expect(request.signal.aborted).toBe(false);
    const aborted = once(request.signal, "abort");
    queue.close();
    await aborted;
    expect(request.signal.reason).toMatchObject({ code: "ERR_CLOSED" });
    const dropped = reported(worker, "reply-dropped");
    await request.reply("late");
    await dropped;
    expect(worker.stats()).toMatchObject({ answered: 0, repliesDropped: 1, sessionsLost: 1 });
  });

  it("under a request is not asked for another one until the handler is done", async () => {
    const first = await newQueue();
    const worker = newWorker(first.backend, { socket: { reconnectIntervalMs: 1 } });
    const events = record(worker);
    void new BareClient(first.frontend).ask("x");
    const request = await next(worker);
    const lost = reported(worker, "session-lost");
    await first.queue.close();
    await lost;
    const second = await newQueue();
    await second.queue.bindBackend(first.backend);
    // Another worker has all the time that it takes to connect, and to do work.
    const other = newWorker(first.backend);
    void other.serve(({ body }) => body);
    expect(await new BareClient(second.frontend).ask("y")).toBe("y");
    expect(second.queue.stats().workers).toBe(1);
    const reopened = reported(worker, "session-opened");
    request.drop();
    await reopened;
    expect(events.map((event) => event.split(":")[0])).toEqual([
      "session-opened",
      "session-lost",
      "session-opened",
    ]);
  });
});

describe("leaving", () => {
  it("one queue by `disconnect`, while the others are served", async () => {
    const [a, b] = [await newQueue(), await newQueue()];
    const worker = newWorker(a.backend);
    worker.connect(b.backend);
    const opened = reported(worker, "session-opened", 2);
    void worker.serve(({ body }) => body);
    await opened;
    expect(await new BareClient(a.frontend).ask("x")).toBe("x");
    worker.disconnect(a.backend);
    expect(worker.stats().sessions).toBe(1);
    expect(await new BareClient(b.frontend).ask("y")).toBe("y");
    expect(() => worker.disconnect("nonsense")).toThrow("transport://address");
  });

  it("by `disconnect` with a request in hand replies to it first", async () => {
    const { frontend, backend } = await newQueue();
    const worker = newWorker(backend, { lingerMs: 60_000 });
    const reply = new BareClient(frontend).ask("x");
    const request = await next(worker);
    worker.disconnect(backend);
    expect(worker.stats().sessions).toBe(1);
    await request.reply("finished");
    expect(worker.stats().sessions).toBe(0);
    expect(await reply).toBe("finished");
  });

  it("lets handlers finish, and their replies leave, before it closes", async () => {
    const { frontend, backend } = await newQueue();
    const worker = newWorker(backend, { lingerMs: 60_000 });
    const release = signal();
    const started = signal();
    let running = 0;
    const serving = worker.serve(
      async ({ body }) => {
        running += 1;
        if (running === 3) started.fire();
        await release.promise;
        // More than the sockets of the system take at once.
        return [...body, Buffer.alloc(8_000_000)];
      },
      { concurrency: 3 },
    );
    const client = new BareClient(frontend);
    const replies = Promise.all(["a", "b", "c"].map((text) => client.ask(text)));
    await started.promise;
    const closed = worker.close();
    expect(() => worker.connect(backend)).toThrow("closed");
    release.fire();
    await closed;
    await serving;
    expect((await replies).map((reply) => reply.split("|")[0])).toEqual(["a", "b", "c"]);
    expect(worker.close()).toBe(closed);
    expect(worker.stats()).toMatchObject({ answered: 3, sessions: 0, running: 0 });
    for await (const _request of worker) throw new Error("a closed worker takes no requests");
  });

  it("with nothing in hand waits for nobody", async () => {
    const { queue, backend } = await newQueue();
    const worker = newWorker(backend, { lingerMs: 60_000 });
    const joined = reported(queue, "worker-joined", 2);
    const serving = worker.serve(({ body }) => body, { concurrency: 2 });
    await joined;
    await worker.close();
    await serving;
    expect(worker.stats().sessions).toBe(0);
  });

  it("a handler that outlives it is told, and can no longer answer", async () => {
    const { queue, frontend, backend } = await newQueue();
    const worker = newWorker(backend, { lingerMs: 0 });
    void new BareClient(frontend).ask("x");
    const request = await next(worker);
    const lost = reported(queue, "request-lost");
    await worker.close();
    expect(request.signal.aborted).toBe(true);
    await expect(request.reply("y")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    // Its client has to ask again.
    expect((await lost)[0]).toMatchObject({ reason: "worker-departed" });
    expect(queue.stats()).toMatchObject({ busy: 0, answered: 0 });
  });
});

describe("wrong use", () => {
  it("is refused by name", () => refusesWrongUse(new SimplePirateWorker(), "SimplePirateWorker"));
});
