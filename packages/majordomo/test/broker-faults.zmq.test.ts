import { describe, expect, it } from "vitest";
import { Dealer } from "zeromq";
import { BareDealer, closing, hasRead, record, reported } from "../../core/test/support/queue-peers.js";
import { BareMdpClient, BareMdpWorker, newBroker, noticeOf, readyWorker, texts } from "./broker-peers.js";

const MiB = 1024 * 1024;

describe("workers that die", () => {
  it("the end of a worker's connection is known at once, and its request goes to another", async () => {
    // No heartbeat is missed within a test.
    const { broker, endpoint } = await newBroker({ heartbeatMs: 60_000 });
    expect(broker.stats().detectsDepartures).toBe(true);
    const worker = await readyWorker(broker, endpoint);
    const client = new BareMdpClient(endpoint);
    const reply = client.ask("echo", "x");
    await worker.request();
    const events = record(broker);
    const redelivered = reported(broker, "request-redelivered");
    worker.close();
    await redelivered;
    expect(events).toEqual(["worker-gone:departed", "request-redelivered"]);
    expect(await client.ask("mmi.service", "echo")).toBe("404");
    void (await readyWorker(broker, endpoint)).echo();
    expect(await reply).toBe("x");
  });

  it("and without that, when a heartbeat finds nobody", async () => {
    const options = { heartbeatMs: 50, liveness: 1000, detectDepartures: false };
    const { broker, endpoint } = await newBroker(options);
    expect(broker.stats().detectsDepartures).toBe(false);
    const worker = await readyWorker(broker, endpoint);
    const reply = new BareMdpClient(endpoint).ask("echo", "x");
    await worker.request();
    const events = record(broker);
    const redelivered = reported(broker, "request-redelivered");
    worker.close();
    await redelivered;
    expect(events).toEqual(["worker-gone:peer-unknown", "request-redelivered"]);
    void (await readyWorker(broker, endpoint)).echo();
    expect(await reply).toBe("x");
  });

  it("and when it is there, but silent: whoever replies first is heard, and it may come back", async () => {
    // Once it has expired, there are 1500 ms in which it may come back.
    const { broker, endpoint } = await newBroker({ heartbeatMs: 500, peerHeartbeatMs: 500 });
    const frozen = await readyWorker(broker, endpoint);
    const reply = new BareMdpClient(endpoint).ask("echo", "x");
    const expired = reported(broker, "worker-expired");
    const request = await frozen.request();
    await expired;
    const other = await readyWorker(broker, endpoint);
    await other.reply(await other.request(), "by another");
    expect(await reply).toBe("by another");
    const [returned, dropped] = [reported(broker, "worker-returned"), reported(broker, "reply-dropped")];
    await frozen.reply(request, "late");
    await returned;
    expect((await dropped)[0]).toMatchObject({ reason: "late" });
  });

  it("a worker of ours that leaves gives back what it has, and is told when nothing more comes", async () => {
    const { broker, endpoint } = await newBroker({ maxDeliveries: 1, heartbeatMs: 60_000 });
    const worker = await readyWorker(broker, endpoint, { notice: noticeOf(1000, 2) });
    const client = new BareMdpClient(endpoint);
    const replies = Promise.all(["a", "b"].map((text) => client.ask("echo", text)));
    for (let count = 0; count < 2; count++) await worker.request();
    const redelivered = reported(broker, "request-redelivered", 2);
    await worker.say("disconnect");
    await redelivered;
    await worker.until("disconnect");
    void (await readyWorker(broker, endpoint)).echo();
    expect(await replies).toEqual(["a", "b"]);
  });
});

describe("what peers should not do", () => {
  it("a client that sends without reading does not stop others", async () => {
    const { broker, endpoint } = await newBroker({ socket: { sendHighWaterMark: 10 } });
    void (await readyWorker(broker, endpoint)).echo();
    const greedy = closing(new Dealer({ linger: 0, receiveHighWaterMark: 1 }));
    greedy.connect(endpoint);
    const undeliverable = reported(broker, "reply-undeliverable", 20);
    const body = Buffer.alloc(100_000);
    const sending = (async () => {
      for (let count = 0; count < 1000; count++) await greedy.send(["", "MDPC01", "echo", body]);
    })();
    expect((await undeliverable)[0]).toMatchObject({ reason: "peer-full" });
    const other = new BareMdpClient(endpoint);
    expect(await Promise.all(["a", "b"].map((text) => other.ask("echo", text)))).toEqual(["a", "b"]);
    expect(broker.workers()).toHaveLength(1);
    await sending;
  }, 60_000);

  it("short and meaningless messages are counted, and change nothing", async () => {
    const { broker, endpoint } = await newBroker();
    void (await readyWorker(broker, endpoint)).echo();
    const peer = new BareDealer(endpoint);
    const garbage = [
      [""],
      ["", ""],
      ["MDPC01"],
      ["MDPC02"],
      ["MDPW02", ""],
      ["", "MDPW01"],
      ["", "MDPC01", "echo"],
    ];
    const dropped = reported(broker, "message-dropped", garbage.length);
    for (const frames of garbage) await peer.send(frames);
    await dropped;
    expect(broker.stats()).toMatchObject({ malformed: garbage.length, workers: 1, requests: 0 });
    expect(await new BareMdpClient(endpoint).ask("echo", "x")).toBe("x");
  });

  it("a worker that registers under mmi. is disconnected", async () => {
    const { broker, endpoint } = await newBroker();
    for (const version of ["0.1", "0.2"] as const) {
      const worker = new BareMdpWorker(endpoint, version);
      await worker.say("ready", "mmi.mine");
      expect(await worker.next()).toEqual({ command: "disconnect", frames: [] });
    }
    expect(broker.stats()).toMatchObject({ workers: 0, refused: 2 });
    expect(await new BareMdpClient(endpoint).ask("mmi.mine", "")).toBe("501");
  });

  it("a worker that says READY twice, or speaks before it, is disconnected, and may register anew", async () => {
    const { broker, endpoint } = await newBroker();
    const twice = await readyWorker(broker, endpoint);
    await twice.say("ready", "echo");
    await twice.until("disconnect");
    const early = new BareMdpWorker(endpoint, "0.2");
    await early.say("heartbeat");
    await early.until("disconnect");
    void (await readyWorker(broker, endpoint)).echo();
    expect(await new BareMdpClient(endpoint).ask("echo", "x")).toBe("x");
    expect(broker.stats()).toMatchObject({ expelled: 2, workers: 1 });
  });
});

describe("limits", () => {
  it("frames of 10 MB pass, and larger bodies than `maxBodyBytes` are dropped with an event", async () => {
    const { broker, endpoint } = await newBroker({ maxBodyBytes: 11 * MiB });
    void (await readyWorker(broker, endpoint)).echo();
    const client = new BareDealer(endpoint);
    const large = Buffer.alloc(10 * MiB, "x");
    await client.send(["", "MDPC01", "echo", large]);
    expect((await client.receive()).at(-1)?.equals(large)).toBe(true);
    const dropped = reported(broker, "request-dropped");
    await client.send(["", "MDPC01", "echo", large, large]);
    expect((await dropped)[0]).toMatchObject({ reason: "limit" });
  });

  it("who sends a frame over the limit is cut off, and nobody else notices", async () => {
    const { broker, endpoint } = await newBroker({ maxBodyBytes: MiB, socket: { maxFrameBytes: 2 * MiB } });
    void (await readyWorker(broker, endpoint)).echo();
    const client = new BareDealer(endpoint);
    await client.send(["", "MDPC01", "nobody", "waits"]);
    const dropped = reported(broker, "request-dropped");
    await client.send(["", "MDPC01", "echo", Buffer.alloc(3 * MiB)]);
    expect((await dropped)[0]).toMatchObject({ reason: "client-gone" });
    expect(await new BareMdpClient(endpoint).ask("echo", "x")).toBe("x");
    expect(broker.stats()).toMatchObject({ requests: 2, workers: 1 });
  });

  it("a request that has waited too long is dropped with an event, and not run", async () => {
    const { broker, endpoint } = await newBroker({ requestTtlMs: 30 });
    const dropped = reported(broker, "request-dropped");
    const client = new BareMdpClient(endpoint);
    void client.ask("echo", "old");
    expect((await dropped)[0]).toMatchObject({ reason: "no-worker" });
    const worker = await readyWorker(broker, endpoint);
    void client.ask("echo", "new");
    expect((await worker.request()).body).toEqual(["new"]);
  });
});

describe("peers that come back under their routing id", () => {
  it("a client gets its reply over its new connection", async () => {
    const { broker, endpoint } = await newBroker();
    const worker = await readyWorker(broker, endpoint);
    const id = Buffer.from("fixed");
    const before = new BareDealer(endpoint, id);
    await before.send(["", "MDPC01", "echo", "x"]);
    const request = await worker.request();
    const after = new BareDealer(endpoint, id);
    await hasRead(broker, (garbage) => after.send(garbage));
    before.close();
    await worker.reply(request, "y");
    expect(texts(await after.receive())).toEqual(["", "MDPC01", "echo", "y"]);
  });

  it("a worker takes its old connection's place, after it was told once to register anew", async () => {
    const { broker, endpoint } = await newBroker();
    const id = Buffer.from("worker");
    const joined = reported(broker, "worker-joined", 2);
    await new BareMdpWorker(endpoint, "0.1", id).say("ready", "echo");
    await reported(broker, "worker-joined");
    const after = new BareMdpWorker(endpoint, "0.1", id);
    await after.say("ready", "echo");
    await after.until("disconnect");
    await after.say("ready", "echo");
    await joined;
    void after.echo();
    expect(await new BareMdpClient(endpoint).ask("echo", "x")).toBe("x");
  });
});
