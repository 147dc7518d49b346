import { describe, expect, it } from "vitest";
import { Request } from "zeromq";
import {
  closesWithItsScope,
  publishesEvents,
  refusesToBind,
  tellsRoutingIdsApart,
} from "../../core/test/support/pirates.js";
import { SimplePirateQueue } from "../src/index.js";
import {
  anyPort,
  askAll,
  BareClient,
  BareDealer,
  BareWorker,
  closing,
  hasRead,
  newQueue,
  newWorker,
  pirates,
  READY,
  readyWorker,
  reported,
  serve,
} from "./peers.js";

describe("clients and workers", () => {
  it("plain REQ clients are answered by plain REQ workers, with as many frames as they like", async () => {
    const { queue, frontend, backend } = await newQueue();
    const worker = await readyWorker(queue, backend);
    const client = closing(new Request({ linger: 0 }));
    client.connect(frontend);
    await client.send(["a", "", "b"]);
    const request = await worker.receive();
    expect(request.slice(1).map(String)).toEqual(["", "a", "", "b"]);
    await worker.reply(request, "c", "");
    expect((await client.receive()).map(String)).toEqual(["c", ""]);
  });

  it("each of 2,000 requests in flight gets its own reply, from ours and plain workers alike", async () => {
    const { queue, frontend, backend } = await newQueue({ maxWaitingMs: 600_000 });
    const joined = reported(queue, "worker-joined", 6);
    const bare = new BareWorker(backend);
    await bare.send(READY);
    void bare.echo();
    const ours = newWorker(backend);
    void ours.serve(({ body }) => body, { concurrency: 5 });
    await joined;
    const clients = [new BareClient(frontend), new BareClient(frontend)];
    const questions = Array.from({ length: 2000 }, (_, index) => String(index));
    const replies = await Promise.all(questions.map((text, index) => clients[index % 2]?.ask(text)));
    expect(replies).toEqual(questions);
    const counted = { requests: 2000, dispatched: 2000, answered: 2000, lost: 0, dropped: 0 };
    expect(queue.stats()).toMatchObject({ ...counted, workers: 6, ready: 6, busy: 0 });
    expect(ours.stats().answered).toBeGreaterThan(0);
    expect(ours.stats().answered).toBeLessThan(2000);
  });

  it("each request goes to the worker that has been ready for longest", async () => {
    const { queue, frontend, backend } = await newQueue();
    const [a, b, c] = [
      await readyWorker(queue, backend),
      await readyWorker(queue, backend),
      await readyWorker(queue, backend),
    ];
    const client = new BareClient(frontend);
    const replies = ["1", "2", "3"].map((text) => client.ask(text));
    const requests = [await a.receive(), await b.receive(), await c.receive()] as const;
    expect(requests.map((request) => String(request.at(-1)))).toEqual(["1", "2", "3"]);
    await b.send(requests[1]);
    await replies[1];
    await c.send(requests[2]);
    await replies[2];
    await a.send(requests[0]);
    await replies[0];
    for (const text of ["4", "5", "6"]) void client.ask(text);
    const next = [await b.receive(), await c.receive(), await a.receive()];
    expect(next.map((request) => String(request.at(-1)))).toEqual(["4", "5", "6"]);
  });

  it("fault: a worker that says READY twice is listed once", async () => {
    const { queue, frontend, backend } = await newQueue();
    const worker = new BareDealer(backend);
    for (let count = 0; count < 2; count++) await worker.send(["", READY]);
    await hasRead(queue, (garbage) => worker.send(garbage));
    expect(queue.stats()).toMatchObject({ workers: 1, ready: 1 });
    await askAll(queue, new BareClient(frontend), ["1", "2"]);
    expect(queue.stats()).toMatchObject({ dispatched: 1, waiting: 1, busy: 1, ready: 0 });
  });

  it("and one that says READY with a request in hand has lost it, and gets the next", async () => {
    const { queue, frontend, backend } = await newQueue();
    const worker = new BareDealer(backend);
    await worker.send(["", READY]);
    await askAll(queue, new BareClient(frontend), ["1", "2"]);
    const lost = reported(queue, "request-lost");
    expect((await worker.receive()).at(-1)?.toString()).toBe("1");
    await worker.send(["", READY]);
    expect((await lost)[0]).toMatchObject({ reason: "worker-ready" });
    expect((await worker.receive()).at(-1)?.toString()).toBe("2");
    expect(queue.stats()).toMatchObject({ lost: 1, busy: 1, workers: 1 });
  });

  it("fault: only a reply to the request that its worker has is passed on", async () => {
    const { queue, frontend, backend } = await newQueue();
    const [honest, thief] = [await readyWorker(queue, backend), new BareDealer(backend)];
    await thief.send(["", READY]);
    const client = new BareClient(frontend);
    const replies = Promise.all([client.ask("1"), client.ask("2")]);
    const [first, second] = [await honest.receive(), await thief.receive()];
    const dropped = reported(queue, "reply-dropped", 3);
    // To the other's request, to nobody's, and to a client by the name that it may have.
    await thief.send(["", first[0] as Buffer, "", "stolen"]);
    await thief.send(["", Buffer.alloc(16), "", "made up"]);
    await thief.send(["", "client", "", "to whom it may concern"]);
    expect(await dropped).toMatchObject([
      { reason: "unknown" },
      { reason: "unknown" },
      { reason: "unknown" },
    ]);
    expect(queue.stats()).toMatchObject({ answered: 0, busy: 2, repliesDropped: 3 });
    await honest.reply(first, "one");
    await thief.send([...second.slice(0, 3), "two"]);
    expect(await replies).toEqual(["one", "two"]);
  });

  it("fault: a reply that comes twice is passed on once", async () => {
    const { queue, frontend, backend } = await newQueue();
    const worker = new BareDealer(backend);
    await worker.send(["", READY]);
    const client = new BareClient(frontend);
    const reply = client.ask("1");
    const request = await worker.receive();
    const dropped = reported(queue, "reply-dropped");
    for (let count = 0; count < 2; count++) await worker.send(request);
    expect(await reply).toBe("1");
    await dropped;
    expect(queue.stats()).toMatchObject({ answered: 1, repliesDropped: 1, ready: 1, workers: 1 });
  });
});

describe("binary routing ids", () => {
  it("fault: of workers: they are no text, and may differ only as bytes", () =>
    tellsRoutingIdsApart(
      pirates,
      (backend, id) => new BareWorker(backend, id),
      (worker) => worker.receive(),
    ));

  it("fault: a client whose routing id begins with the byte 1 gets its replies", async () => {
    const { queue, frontend, backend } = await newQueue();
    void (await readyWorker(queue, backend)).echo();
    const ids = [Buffer.from([1]), Buffer.from([1, 0]), Buffer.from([1, 0xff, 0])];
    const clients = ids.map((id) => new BareClient(frontend, id));
    const asked = clients.map((client, index) => client.ask(String(index)));
    expect(await Promise.all(asked)).toEqual(["0", "1", "2"]);
  });
});

describe("binding", () => {
  it("to several endpoints on either side", async () => {
    const { queue, frontend, backend } = await newQueue();
    const [frontend2, backend2] = [await queue.bindFrontend(anyPort), await queue.bindBackend(anyPort)];
    const workers = [await readyWorker(queue, backend), await readyWorker(queue, backend2)];
    const clients = [new BareClient(frontend), new BareClient(frontend2)];
    const replies = Promise.all(clients.map((client, index) => client.ask(String(index))));
    const served = await Promise.all(workers.map((worker) => serve(worker, 1)));
    expect(served.flat().sort()).toEqual(["0", "1"]);
    expect(await replies).toEqual(["0", "1"]);
  });

  it("a port in use, or what is no endpoint, is refused", () => refusesToBind(pirates, "SimplePirateQueue"));
});

describe("closing", () => {
  it("lets requests at hand be answered, and drops those that wait or still come", async () => {
    const { queue, frontend, backend } = await newQueue({ lingerMs: 60_000 });
    const worker = await readyWorker(queue, backend);
    const client = new BareClient(frontend);
    const reply = client.ask("at hand");
    const request = await worker.receive();
    await askAll(queue, client, ["waits"]);
    const dropped = reported(queue, "request-dropped", 2);
    const closed = queue.close();
    void client.ask("comes late");
    expect(await dropped).toMatchObject([{ reason: "closing" }, { reason: "closing" }]);
    await worker.reply(request, "answered");
    expect(await reply).toBe("answered");
    await closed;
    expect(queue.close()).toBe(closed);
    await expect(queue.bindFrontend(anyPort)).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await expect(queue.bindBackend(anyPort)).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  it("waits for a worker that does not reply for `lingerMs` at most", async () => {
    const { queue, frontend, backend } = await newQueue({ lingerMs: 50 });
    const worker = await readyWorker(queue, backend);
    void new BareClient(frontend).ask("x");
    await worker.receive();
    await queue.close();
    expect(queue.stats()).toMatchObject({ busy: 1, answered: 0 });
  });

  it("waits for nobody while all workers are ready", async () => {
    const { queue, backend } = await newQueue({ lingerMs: 60_000 });
    await readyWorker(queue, backend);
    await queue.close();
    expect(queue.stats()).toMatchObject({ ready: 1, busy: 0 });
  });

  it("`await using` closes", () => closesWithItsScope(() => new SimplePirateQueue()));
});

describe("status", () => {
  it("events are published on the diagnostics channel with their role, and stats tell what is there", () =>
    publishesEvents(
      "simple-pirate",
      newQueue,
      async (queue, backend, id) => void (await readyWorker(queue, backend, id)).echo(),
      { requests: 1, dispatched: 1, answered: 1, workers: 1, ready: 1, busy: 0, waiting: 0 },
    ));
});
