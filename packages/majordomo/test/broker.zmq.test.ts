import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, it } from "vitest";
import { Request } from "zeromq";
import { anyPort, BareDealer, closing, hasRead, reported } from "../../core/test/support/queue-peers.js";
import { MajordomoBroker } from "../src/index.js";
import { BareMdpClient, BareMdpWorker, newBroker, noticeOf, readyWorker, texts } from "./broker-peers.js";

/** Each kind of client as it sends a request, and as it gets a reply. */
const clients = [
  ["a DEALER of 0.1 without an envelope", ["", "MDPC01", "echo", "a", ""], ["", "MDPC01", "echo", "b", ""]],
  [
    "a DEALER of 0.1 with an envelope",
    ["x", "", "MDPC01", "echo", "a", ""],
    ["x", "", "MDPC01", "echo", "b", ""],
  ],
  [
    "a DEALER of 0.1 behind proxies",
    ["x", "y", "", "MDPC01", "echo", "a", ""],
    ["x", "y", "", "MDPC01", "echo", "b", ""],
  ],
  ["a DEALER of 0.2", ["MDPC02", "\x01", "echo", "a", ""], ["MDPC02", "\x03", "echo", "b", ""]],
  [
    "a DEALER of 0.2 with an envelope",
    ["x", "", "MDPC02", "\x01", "echo", "a", ""],
    ["x", "", "MDPC02", "\x03", "echo", "b", ""],
  ],
] as const;

const workers = [
  ["a worker of 0.1", { version: "0.1" }],
  ["a worker of 0.2", { version: "0.2" }],
  ["a worker of 0.1 with a notice", { version: "0.1", notice: noticeOf(1000, 5) }],
  ["a worker of 0.2 with a notice", { version: "0.2", notice: noticeOf(1000, 5) }],
] as const;

describe.each(workers)("both versions on one socket: %s", (_worker, introduction) => {
  it.each(clients)("answers %s", async (_client, question, answer) => {
    const { broker, endpoint } = await newBroker();
    const worker = await readyWorker(broker, endpoint, introduction);
    const client = new BareDealer(endpoint);
    await client.send([...question]);
    const request = await worker.request();
    expect(request.address).toHaveLength(16);
    expect(request.body).toEqual(["a", ""]);
    await worker.reply(request, "b", "");
    expect(texts(await client.receive())).toEqual(answer);
  });

  it("answers a REQ client of 0.1", async () => {
    const { broker, endpoint } = await newBroker();
    const worker = await readyWorker(broker, endpoint, introduction);
    const client = closing(new Request({ linger: 0 }));
    client.connect(endpoint);
    for (const text of ["first", "second"]) {
      await client.send(["MDPC01", "echo", text]);
      await worker.reply(await worker.request(), "re", text);
      expect(texts(await client.receive())).toEqual(["MDPC01", "echo", "re", text]);
    }
  });
});

describe("clients and workers", () => {
  it("PARTIALs of a worker of 0.2 reach clients of 0.2 as they come, and those of 0.1 in one REPLY", async () => {
    const { broker, endpoint } = await newBroker();
    const worker = await readyWorker(broker, endpoint, { version: "0.2" });
    const [streams, waits] = [new BareDealer(endpoint), closing(new Request({ linger: 0 }))];
    await streams.send(["MDPC02", "\x01", "echo", "x"]);
    const first = await worker.request();
    await worker.partial(first, "1");
    expect(texts(await streams.receive())).toEqual(["MDPC02", "\x02", "echo", "1"]);
    await worker.reply(first, "2");
    expect(texts(await streams.receive())).toEqual(["MDPC02", "\x03", "echo", "2"]);
    waits.connect(endpoint);
    await waits.send(["MDPC01", "echo", "x"]);
    const second = await worker.request();
    await worker.partial(second, "1");
    await worker.reply(second, "2");
    expect(texts(await waits.receive())).toEqual(["MDPC01", "echo", "1", "2"]);
  });

  it("each of 2,000 requests in flight gets its own reply, from workers of all kinds", async () => {
    const { broker, endpoint } = await newBroker();
    for (const [, introduction] of workers) void (await readyWorker(broker, endpoint, introduction)).echo();
    const [a, b] = [new BareMdpClient(endpoint), new BareMdpClient(endpoint)];
    const questions = Array.from({ length: 2000 }, (_, index) => String(index));
    const replies = questions.map((text, index) => (index % 2 === 0 ? a : b).ask("echo", text));
    expect(await Promise.all(replies)).toEqual(questions);
    expect(broker.stats()).toMatchObject({ requests: 2000, answered: 2000, redelivered: 0, dropped: 0 });
  }, 60_000);

  it("a worker of ours has as many requests as its credit, and hears of what was given up", async () => {
    // No heartbeat comes between what the test expects.
    const { broker, endpoint } = await newBroker({ heartbeatMs: 60_000 });
    const worker = await readyWorker(broker, endpoint, { notice: noticeOf(60_000, 2) });
    expect((await worker.next()).frames).toEqual([noticeOf(60_000, 0)]);
    const client = new BareMdpClient(endpoint);
    for (const text of ["1", "2", "3"]) void client.ask("echo", text);
    const [first] = [await worker.request(), await worker.request()];
    await hasRead(broker, (garbage) => client.send(garbage));
    expect(broker.stats()).toMatchObject({ running: 2, waiting: 1 });
    client.close();
    expect((await worker.next()).frames).toEqual([first?.address]);
    expect((await worker.next()).command).toBe("heartbeat");
  });

  it("many workers of ours are asked for longer intervals, and others are not", async () => {
    // None is silent for too long within a test: they beat only when they are told to.
    const options = { heartbeatMs: 50, maxHeartbeatsPerSecond: 20, liveness: 1000 };
    const { broker, endpoint } = await newBroker(options);
    const ours = { notice: noticeOf(50, 1) };
    const first = await readyWorker(broker, endpoint, ours);
    expect((await first.next()).frames).toEqual([noticeOf(50, 0)]);
    const second = await readyWorker(broker, endpoint, ours);
    expect((await second.next()).frames).toEqual([noticeOf(100, 100)]);
    let told = await first.next();
    // What was due before the second one came asks for nothing.
    while (told.frames[0]?.equals(noticeOf(50, 0))) told = await first.next();
    expect(told.frames, "with what is due next").toEqual([noticeOf(100, 100)]);
    const foreign = await readyWorker(broker, endpoint);
    expect(await foreign.next()).toEqual({ command: "heartbeat", frames: [] });
  });

  it("routing ids are bytes", async () => {
    const { broker, endpoint } = await newBroker();
    const joined = reported(broker, "worker-joined", 3);
    const ids = [Buffer.from([0xff, 0, 1]), Buffer.from([0xfe, 0, 1]), Buffer.from([0xff])];
    const all = ids.map((id) => new BareMdpWorker(endpoint, "0.1", id));
    for (const worker of all) await worker.say("ready", "echo");
    await joined;
    expect(new Set(broker.workers().map(({ id }) => id))).toEqual(new Set(["ff0001", "fe0001", "ff"]));
    for (const worker of all) void worker.echo();
    const client = new BareMdpClient(endpoint);
    expect(await Promise.all(["a", "b", "c"].map((text) => client.ask("echo", text)))).toEqual([
      "a",
      "b",
      "c",
    ]);
  });
});

describe("binding", () => {
  it("to several endpoints: whoever comes over one meets those of the others", async () => {
    const { broker, endpoint } = await newBroker();
    void (await readyWorker(broker, await broker.bind(anyPort))).echo();
    expect(await new BareMdpClient(endpoint).ask("echo", "x")).toBe("x");
  });

  it("a port in use, or what is no endpoint, is refused", async () => {
    const { endpoint } = await newBroker();
    const { broker } = await newBroker();
    const taken = { name: "BindError", code: "ERR_BIND", endpoint };
    await expect(broker.bind(endpoint)).rejects.toMatchObject(taken);
    await expect(broker.bind("localhost")).rejects.toThrow("MajordomoBroker: an endpoint");
    await expect(broker.bind("tcp://127.0.0.1")).rejects.toThrow("tcp://host:port");
  });
});

describe("closing", () => {
  it("lets requests at hand be answered, drops those that wait, and says DISCONNECT to all workers", async () => {
    const { broker, endpoint } = await newBroker({ lingerMs: 60_000 });
    const [worker, idle] = [
      await readyWorker(broker, endpoint),
      await readyWorker(broker, endpoint, { service: "idle", version: "0.2" }),
    ];
    const client = new BareMdpClient(endpoint);
    const reply = client.ask("echo", "at hand");
    const request = await worker.request();
    void client.ask("echo", "waits");
    await hasRead(broker, (garbage) => client.send(garbage));
    const dropped = reported(broker, "request-dropped");
    const closed = broker.close();
    expect((await dropped)[0]).toMatchObject({ reason: "closing" });
    await worker.reply(request, "answered");
    expect(await reply).toBe("answered");
    await Promise.all([worker.until("disconnect"), idle.until("disconnect")]);
    await closed;
    expect(broker.close()).toBe(closed);
    await expect(broker.bind(anyPort)).rejects.toMatchObject({ name: "ClosedError", code: "ERR_CLOSED" });
  });

  it.each([0, 20])(
    "says DISCONNECT also when it waits no longer than %i ms for a busy worker",
    async (lingerMs) => {
      const { broker, endpoint } = await newBroker({ lingerMs });
      const all = [];
      for (let count = 0; count < 50; count++) all.push(await readyWorker(broker, endpoint));
      void new BareMdpClient(endpoint).ask("echo", "x");
      await all[0]?.request();
      const goodbyes = Promise.all(all.map((worker) => worker.until("disconnect")));
      await broker.close();
      await goodbyes;
      expect(broker.stats()).toMatchObject({ running: 1, answered: 0 });
    },
  );

  it("does not wait for a worker that dies meanwhile", async () => {
    const { broker, endpoint } = await newBroker({ lingerMs: 60_000 });
    const worker = await readyWorker(broker, endpoint);
    void new BareMdpClient(endpoint).ask("echo", "x");
    await worker.request();
    const closed = broker.close();
    worker.close();
    await closed;
    expect(broker.stats()).toMatchObject({ running: 0, waiting: 0, dropped: 1 });
  });

  it("`await using` closes", async () => {
    let broker: MajordomoBroker;
    {
      await using scoped = new MajordomoBroker();
      broker = scoped;
    }
    await expect(broker.bind(anyPort)).rejects.toMatchObject({ name: "ClosedError" });
  });
});

describe("status", () => {
  it("events are published on the diagnostics channel, and snapshots tell what is there", async () => {
    const messages: unknown[] = [];
    const listen = (message: unknown) => messages.push(message);
    subscribe("seaworthy:majordomo", listen);
    try {
      const { broker, endpoint } = await newBroker({ heartbeatMs: 60_000 });
      void (await readyWorker(broker, endpoint)).echo();
      expect(await new BareMdpClient(endpoint).ask("echo", "x")).toBe("x");
      const event = expect.objectContaining({
        type: "service-added",
        service: "echo",
        at: expect.any(Number),
      });
      expect(messages).toContainEqual({ role: broker, event });
      expect(broker.services()).toEqual([{ name: "echo", workers: 1, free: 1, waiting: 0, running: 0 }]);
      expect(broker.workers()).toMatchObject([
        { service: "echo", protocol: "0.1", silentMs: expect.any(Number) },
      ]);
      expect(broker.stats()).toMatchObject({
        ...{ requests: 1, delivered: 1, answered: 1, workers: 1, services: 1, waiting: 0, running: 0 },
        ...{ heldBytes: 0, sockets: { sent: 2, refused: 0 } },
      });
    } finally {
      unsubscribe("seaworthy:majordomo", listen);
    }
  });
});
