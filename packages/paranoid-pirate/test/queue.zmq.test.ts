import { describe, expect, it } from "vitest";
import { Request } from "zeromq";
import {
  closesWithItsScope,
  publishesEvents,
  refusesToBind,
  tellsRoutingIdsApart,
} from "../../core/test/support/pirates.js";
import { ParanoidPirateQueue, type ParanoidPirateQueueOptions } from "../src/index.js";
import {
  anyPort,
  BareClient,
  BareWorker,
  closing,
  HEARTBEAT,
  hasRead,
  newQueue,
  newWorker,
  pirates,
  READY,
  readyWorker,
  record,
  reported,
} from "./peers.js";

describe("clients and workers", () => {
  it("plain REQ clients are answered by plain workers, with as many frames as they like", async () => {
    const { queue, frontend, backend } = await newQueue();
    const worker = await readyWorker(queue, backend);
    const client = closing(new Request({ linger: 0 }));
    client.connect(frontend);
    await client.send(["a", "", "b"]);
    const [address, empty, ...body] = await worker.request();
    expect(body.map(String)).toEqual(["a", "", "b"]);
    await worker.send(address as Buffer, empty as Buffer, "c", "");
    expect((await client.receive()).map(String)).toEqual(["c", ""]);
  });

  it("each of 2,000 requests in flight gets its own reply, from ours and plain workers alike", {
    timeout: 60_000,
  }, async () => {
    const { queue, frontend, backend } = await newQueue({ maxWaitingMs: 600_000 });
    void (await readyWorker(queue, backend)).echo();
    void newWorker(backend).serve(({ body }) => body, { concurrency: 5 });
    const clients = [new BareClient(frontend), new BareClient(frontend)];
    const questions = Array.from({ length: 2000 }, (_, index) => String(index));
    const replies = await Promise.all(questions.map((text, index) => clients[index % 2]?.ask(text)));
    expect(replies).toEqual(questions);
    expect(queue.stats()).toMatchObject({ requests: 2000, answered: 2000, redelivered: 0, dropped: 0 });
  });

  it("fault: binary routing ids: workers whose ids are no text, and differ only as bytes", () =>
    tellsRoutingIdsApart(
      pirates,
      (backend, id) => new BareWorker(backend, id),
      (worker) => worker.request(),
    ));

  it("fault: a busy worker never gets a second request because of a heartbeat", async () => {
    const { queue, frontend, backend } = await newQueue();
    const worker = await readyWorker(queue, backend);
    const client = new BareClient(frontend);
    const first = client.ask("first");
    const request = await worker.request();
    const second = client.ask("second");
    await hasRead(queue, (garbage) => client.send(garbage));
    for (let count = 0; count < 3; count++) await worker.send(HEARTBEAT);
    await hasRead(queue, (garbage) => worker.send(garbage));
    expect(queue.stats()).toMatchObject({ delivered: 1, waiting: 1, running: 1, ready: 0 });
    await worker.reply(request, "1");
    expect(await first).toBe("1");
    await worker.reply(await worker.request(), "2");
    expect(await second).toBe("2");
  });
});

/** A request whose worker is gone is given to the next, once the queue knows, by this reason, that it is gone. */
async function outlivesWorker(options: ParanoidPirateQueueOptions, reason: string): Promise<void> {
  const { queue, frontend, backend } = await newQueue(options);
  expect(queue.stats().detectsDepartures).toBe(options.detectDepartures ?? true);
  const worker = await readyWorker(queue, backend);
  const reply = new BareClient(frontend).ask("x");
  await worker.request();
  const events = record(queue);
  const redelivered = reported(queue, "request-redelivered");
  worker.close();
  await redelivered;
  expect(events).toEqual([`worker-gone:${reason}`, "request-redelivered"]);
  void (await readyWorker(queue, backend)).echo();
  expect(await reply).toBe("x");
}

describe("workers that die", () => {
  it("fault: no request is lost with its worker: the end of its connection is known at once", () =>
    // No heartbeat is missed within a test.
    outlivesWorker({ heartbeatMs: 60_000 }, "departed"));

  it("and without that, when a heartbeat finds nobody", () =>
    outlivesWorker({ heartbeatMs: 50, liveness: 1000, detectDepartures: false }, "peer-unknown"));

  it("nor with a process of many sessions, all of which die with it", async () => {
    const { queue, frontend, backend } = await newQueue({ maxDeliveries: 2, heartbeatMs: 60_000 });
    const sessions: BareWorker[] = [];
    for (let index = 0; index < 40; index++) {
      sessions.push(await readyWorker(queue, backend, Buffer.from(`SWPP1-process-${index}`)));
    }
    const client = new BareClient(frontend);
    const texts = ["a", "b", "c", "d", "e"];
    const replies = texts.map((text) => client.ask(text));
    await Promise.all(sessions.slice(0, texts.length).map((session) => session.request()));
    void (await readyWorker(queue, backend, Buffer.from("SWPP1-other-0"))).echo();
    for (const session of sessions) session.close();
    expect(await Promise.all(replies)).toEqual(texts);
    expect(queue.stats()).toMatchObject({ redelivered: 5, givenUp: 0, answered: 5 });
  });

  it("and when it is there, but silent: whoever replies first is heard, and it may come back", async () => {
    // Once it has expired, there are 1500 ms in which it may come back.
    const { queue, frontend, backend } = await newQueue({ heartbeatMs: 500 });
    const frozen = await readyWorker(queue, backend);
    const client = new BareClient(frontend);
    const reply = client.ask("x");
    const expired = reported(queue, "worker-expired");
    const request = await frozen.request();
    await expired;
    const other = await readyWorker(queue, backend);
    await other.reply(await other.request(), "by another");
    expect(await reply).toBe("by another");
    const returned = reported(queue, "worker-returned");
    const dropped = reported(queue, "reply-dropped");
    await frozen.reply(request, "late");
    await returned;
    expect((await dropped)[0]).toMatchObject({ reason: "late" });
  });

  it("fault: purge removes every expired worker, not only those before the first live one", async () => {
    const { queue, frontend, backend } = await newQueue({ heartbeatMs: 100 });
    const expired = reported(queue, "worker-expired", 3);
    await readyWorker(queue, backend);
    const joined = reported(queue, "worker-joined");
    // It says that it may be silent for long, so that a busy machine does not make it late.
    const live = newWorker(backend, { heartbeatMs: 60_000, liveness: 1000 });
    void live.serve(({ body }) => body);
    await joined;
    await readyWorker(queue, backend);
    await readyWorker(queue, backend);
    await expired;
    expect(queue.stats()).toMatchObject({ ready: 1, expired: 3 });
    const client = new BareClient(frontend);
    expect(await Promise.all(["a", "b", "c"].map((text) => client.ask(text)))).toEqual(["a", "b", "c"]);
    expect(queue.stats().redelivered).toBe(0);
  });

  it("a request that kills all its workers is given up after `maxDeliveries`", async () => {
    const { queue, frontend, backend } = await newQueue({ maxDeliveries: 2 });
    void new BareClient(frontend).ask("poison");
    const givenUp = reported(queue, "request-given-up");
    for (let count = 0; count < 2; count++) {
      const worker = await readyWorker(queue, backend);
      await worker.request();
      worker.close();
    }
    expect((await givenUp)[0]).toMatchObject({ deliveries: 2 });
    expect(queue.stats()).toMatchObject({ waiting: 0, running: 0, delivered: 2, givenUp: 1 });
  });
});

describe("limits", () => {
  it("a request that has waited too long is dropped with an event, and not run", async () => {
    const { queue, frontend, backend } = await newQueue({ maxWaitingMs: 30 });
    const dropped = reported(queue, "request-dropped");
    const client = new BareClient(frontend);
    void client.ask("old");
    const [event] = await dropped;
    expect(event).toMatchObject({ reason: "too-old" });
    const worker = await readyWorker(queue, backend);
    void client.ask("new");
    expect(String((await worker.request()).at(-1))).toBe("new");
  });

  it("no room, too large a body, and a client that has gone: each is dropped with an event", async () => {
    const { queue, frontend } = await newQueue({ maxWaiting: 1, maxBodyBytes: 10 });
    const events = record(queue);
    const dropped = reported(queue, "request-dropped", 3);
    const client = new BareClient(frontend);
    for (const text of ["large".repeat(3), "stays", "too many"]) void client.ask(text);
    await hasRead(queue, (garbage) => client.send(garbage));
    expect(queue.stats()).toMatchObject({ requests: 3, waiting: 1, dropped: 2 });
    client.close();
    await dropped;
    expect(events.filter((event) => event.startsWith("request-dropped"))).toEqual([
      "request-dropped:body-too-large",
      "request-dropped:queue-full",
      "request-dropped:client-gone",
    ]);
    expect(queue.stats().waiting).toBe(0);
  });

  it("more workers than `maxWorkers` are refused with an event", async () => {
    const { queue, backend } = await newQueue({ maxWorkers: 1 });
    await readyWorker(queue, backend);
    const refused = reported(queue, "worker-refused");
    await new BareWorker(backend, Buffer.from("second")).send(READY);
    expect((await refused)[0]).toMatchObject({ worker: "second" });
  });

  it("a reply whose client has gone is counted", async () => {
    const { queue, frontend, backend } = await newQueue();
    const worker = await readyWorker(queue, backend);
    const client = new BareClient(frontend);
    void client.ask("x");
    const request = await worker.request();
    void client.ask("waits");
    await hasRead(queue, (garbage) => client.send(garbage));
    const dropped = reported(queue, "request-dropped");
    client.close();
    expect((await dropped)[0]).toMatchObject({ reason: "client-gone" });
    const undeliverable = reported(queue, "reply-undeliverable");
    await worker.reply(request, "nobody there");
    expect((await undeliverable)[0]).toMatchObject({ reason: "peer-unknown" });
  });
});

describe("binding", () => {
  it("to several endpoints on either side", async () => {
    const { queue, frontend, backend } = await newQueue();
    const [frontend2, backend2] = [await queue.bindFrontend(anyPort), await queue.bindBackend(anyPort)];
    const workers = [await readyWorker(queue, backend), await readyWorker(queue, backend2)];
    for (const worker of workers) void worker.echo();
    expect(await new BareClient(frontend).ask("one")).toBe("one");
    expect(await new BareClient(frontend2).ask("two")).toBe("two");
  });

  it("a port in use, or what is no endpoint, is refused", () =>
    refusesToBind(pirates, "ParanoidPirateQueue"));
});

describe("closing", () => {
  it("lets requests at hand be answered, and drops those that wait", async () => {
    const { queue, frontend, backend } = await newQueue({ lingerMs: 60_000 });
    const worker = await readyWorker(queue, backend);
    const client = new BareClient(frontend);
    const reply = client.ask("at hand");
    const request = await worker.request();
    void client.ask("waits");
    await hasRead(queue, (garbage) => client.send(garbage));
    const dropped = reported(queue, "request-dropped");
    const closed = queue.close();
    expect((await dropped)[0]).toMatchObject({ reason: "closing" });
    await worker.reply(request, "answered");
    expect(await reply).toBe("answered");
    await closed;
    expect(queue.close()).toBe(closed);
    await expect(queue.bindFrontend(anyPort)).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await expect(queue.bindBackend(anyPort)).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  it("does not wait for a worker that dies meanwhile", async () => {
    // Long enough for the request to reach it alive, on a busy machine, too.
    const { queue, frontend, backend } = await newQueue({ lingerMs: 60_000, heartbeatMs: 200 });
    const worker = await readyWorker(queue, backend);
    void new BareClient(frontend).ask("x");
    await worker.request();
    await queue.close();
    expect(queue.stats()).toMatchObject({ running: 0, expired: 1 });
  });

  it("`await using` closes", () => closesWithItsScope(() => new ParanoidPirateQueue()));
});

describe("status", () => {
  it("events are published on the diagnostics channel with their role, and stats tell what is there", () =>
    publishesEvents(
      "paranoid-pirate",
      () => newQueue({ heartbeatMs: 60_000 }),
      async (queue, backend, id) => void (await readyWorker(queue, backend, id)).echo(),
      { requests: 1, delivered: 1, answered: 1, workers: 1, ready: 1, waiting: 0, running: 0 },
    ));
});
