import { once } from "node:events";
import { MajordomoWorker, type MajordomoWorkerOptions } from "@seaworthy/majordomo";
import { describe, expect, it } from "vitest";
import { freePort } from "../harness/ports.js";
import { gate, newReq } from "./bare.js";
import { keep } from "./keep.js";
import { BareMdpBroker, type BrokerHabits } from "./mdp-broker.js";
import { VERSIONS } from "./mdp-frames.js";
import { askReq, BareMdpClient } from "./mdp-peers.js";

describe.each(VERSIONS)("our worker, with a bare broker of %s", (version) => {
  const newBroker = (habits: BrokerHabits = {}): BareMdpBroker =>
    keep(new BareMdpBroker({ version, ...habits }));

  /** With the patience that a busy machine needs, unless told otherwise. */
  function newWorker({ endpoint }: BareMdpBroker, options: MajordomoWorkerOptions = {}): MajordomoWorker {
    const protocol = version === "0.1" ? "auto" : "0.2";
    const settings = { protocol, heartbeatMs: 50, peerHeartbeatMs: 10_000, lingerMs: 0 } as const;
    const worker = keep(new MajordomoWorker("echo", { ...settings, ...options }));
    worker.connect(endpoint);
    return worker;
  }

  /** A client of the broker's version: asks one after the other. */
  function newAsker({ endpoint }: BareMdpBroker): (...body: string[]) => Promise<string[]> {
    const client = keep(new BareMdpClient(endpoint, version));
    return (...body) => client.ask("echo", ...body);
  }

  it.each([1, 5])("with %i hands: READY once, then one request at a time", async (concurrency) => {
    const broker = newBroker();
    const worker = newWorker(broker);
    let running = 0;
    let most = 0;
    void worker.serve(
      async ({ body }) => {
        running += 1;
        most = Math.max(most, running);
        await Promise.resolve();
        running -= 1;
        return body;
      },
      { concurrency },
    );
    const askers = [1, 2, 3].map(() => newAsker(broker));
    const asked = askers.map(async (ask, who) => {
      for (let turn = 0; turn < 30; turn++)
        expect(await ask(`${who}/${turn}`, "", "more")).toEqual([`${who}/${turn}||more`]);
    });
    await Promise.all(asked);
    expect(broker.count("ready")).toBe(1);
    expect(broker.count("final")).toBe(90);
    expect(broker.invalid).toEqual([]);
    expect(most).toBe(1);
    expect(worker.stats()).toMatchObject({
      answered: 90,
      sessions: 1,
      sessionsLost: 0,
      malformed: 0,
      refused: 0,
    });
  });

  it("says nothing that the RFC has no words for, but the notice behind its READY", async () => {
    const broker = newBroker({ heartbeatMs: 20 });
    const worker = newWorker(broker, { heartbeatMs: 20, lingerMs: 60_000 });
    void worker.serve(({ body }) => body, { concurrency: 3 });
    await newAsker(broker)("x");
    // Now it could take more at a time, for which there is no word.
    void worker.serve(({ body }) => body, { concurrency: 2 });
    const before = broker.count("heartbeat");
    await broker.until(() => broker.count("heartbeat") >= before + 5);
    await worker.close();
    await broker.until(() => broker.count("disconnect") > 0);
    for (const { word, frames } of broker.heard) {
      if (word === "ready") {
        expect(String(frames[0])).toBe("echo");
        expect(frames).toHaveLength(2);
      } else if (word !== "final") expect(frames).toEqual([]);
    }
    expect(broker.invalid).toEqual([]);
  });

  it("sends the address back as it came, with however many frames", async () => {
    const broker = newBroker({ hops: ["hop", "further", "away"] });
    void newWorker(broker).serve(({ body }) => body);
    const ask = newAsker(broker);
    for (let turn = 0; turn < 20; turn++) expect(await ask(`${turn}`)).toEqual([`${turn}`]);
    expect(broker.invalid).toEqual([]);
  });

  it("sends heartbeats at work, when the broker says nothing, and stays", async () => {
    const broker = newBroker({ heartbeatMs: 20 });
    const worker = newWorker(broker, { heartbeatMs: 20, peerHeartbeatMs: 100 });
    const isLongSilent = gate();
    void worker.serve(async ({ body }) => {
      await isLongSilent.opened;
      return body;
    });
    const reply = newAsker(broker)("x");
    await broker.until(() => broker.count("ready") === 1);
    const before = broker.count("heartbeat");
    // Many more of its intervals than it would let a broker be silent that it judges.
    await broker.until(() => broker.count("heartbeat") >= before + 25);
    isLongSilent.open();
    expect(await reply).toEqual(["x"]);
    expect(broker.count("ready")).toBe(1);
    expect(worker.stats()).toMatchObject({ answered: 1, sessionsLost: 0 });
  });

  it("closes its socket when it is told to disconnect, and comes again on a new one", async () => {
    const broker = newBroker();
    const worker = newWorker(broker, { reconnect: { initialMs: 10, maxMs: 20 } });
    void worker.serve(({ body }) => body);
    for (let times = 1; times <= 4; times++) {
      await broker.until(() => broker.count("ready") === times);
      broker.dismiss();
    }
    await broker.until(() => broker.count("ready") === 5);
    expect(await newAsker(broker)("x")).toEqual(["x"]);
    expect(new Set(broker.readies).size).toBe(5);
    // And it said nothing more on those that it was to close.
    const last = new Map(broker.heard.map(({ id, word }) => [id, word]));
    for (const id of broker.readies.slice(0, -1)) expect(["ready", "heartbeat"]).toContain(last.get(id));
    expect(broker.count("disconnect")).toBe(0);
  });

  it("told to disconnect at work: its handler is told, and the reply goes nowhere", async () => {
    const broker = newBroker();
    const worker = newWorker(broker);
    const isTold = gate();
    void worker.serve(async ({ body, signal }) => {
      if (String(body[0]) === "short") return body;
      if (!signal.aborted) await once(signal, "abort");
      isTold.open();
      return body;
    });
    const unlucky = keep(new BareMdpClient(broker.endpoint, version));
    const running = once(worker, "session-lost");
    await unlucky.send("echo", "long");
    await broker.until(() => broker.asked.length === 1 && broker.count("ready") === 1);
    broker.dismiss();
    await isTold.opened;
    expect((await running)[0]).toMatchObject({ how: "dismissed" });
    expect(await newAsker(broker)("short")).toEqual(["short"]);
    expect(unlucky.replies).toEqual([]);
    expect(broker.count("final")).toBe(1);
    expect(worker.stats()).toMatchObject({ repliesDropped: 1, answered: 1 });
  });

  it("comes back to a broker that was silent, under another name, and hears it out", async () => {
    const broker = newBroker({ heartbeatMs: 2 ** 30 });
    const pauses = { reconnect: { initialMs: 5, maxMs: 20 } };
    const worker = newWorker(broker, { heartbeatMs: 20, peerHeartbeatMs: 30, ...pauses });
    void worker.serve(({ body }) => body);
    const [lost] = await once(worker, "session-lost");
    expect(lost).toMatchObject({ how: "silent" });
    await broker.until(() => broker.readies.length >= 2);
    expect(new Set(broker.readies).size).toBe(broker.readies.length);
    broker.sayToReady("heartbeat");
    await broker.until(() => broker.count("heartbeat") > 0);
  });

  it("registers with a broker that was restarted", async () => {
    const endpoint = `tcp://127.0.0.1:${await freePort()}`;
    const broker = newBroker({ endpoint });
    const worker = newWorker(broker, { reconnect: { initialMs: 5, maxMs: 20 } });
    void worker.serve(({ body }) => body);
    expect(await newAsker(broker)("x")).toEqual(["x"]);
    const lost = once(worker, "session-lost");
    broker.close();
    await lost;
    const next = newBroker({ endpoint });
    expect(await newAsker(next)("y")).toEqual(["y"]);
    expect(next.count("ready")).toBe(1);
  });

  it("a handler that throws costs the client its reply, and nobody else anything", async () => {
    const broker = newBroker();
    const worker = newWorker(broker);
    void worker.serve(({ body }) => {
      if (String(body[0]) === "bad") throw new Error("no such thing");
      return body;
    });
    const failed = once(worker, "handler-failed");
    const unlucky = keep(new BareMdpClient(broker.endpoint, version));
    await unlucky.send("echo", "bad");
    expect((await failed)[0]).toMatchObject({ message: "no such thing" });
    const asked = [newAsker(broker), newAsker(broker)].map((ask, who) => ask(`${who}`));
    expect(await Promise.all(asked)).toEqual([["0"], ["1"]]);
    // Toward this broker that takes a new session: it would think the worker busy for ever.
    expect(broker.count("disconnect")).toBe(1);
    expect(broker.count("ready")).toBe(2);
    expect(new Set(broker.readies).size).toBe(2);
    expect(unlucky.replies).toEqual([]);
    expect(broker.invalid).toEqual([]);
  });

  it("finishes what it has when it closes, and takes its leave", async () => {
    const broker = newBroker();
    const worker = newWorker(broker, { lingerMs: 60_000 });
    const [isRunning, mayEnd] = [gate(), gate()];
    void worker.serve(async ({ body }) => {
      isRunning.open();
      await mayEnd.opened;
      return body;
    });
    const reply = newAsker(broker)("x");
    await isRunning.opened;
    const closed = worker.close();
    mayEnd.open();
    expect(await reply).toEqual(["x"]);
    await closed;
    await broker.until(() => broker.count("disconnect") === 1);
    expect(broker.heard.at(-1)).toMatchObject({ word: "disconnect" });
    expect(await keep(new BareMdpClient(broker.endpoint, version)).ask("mmi.service", "echo")).toEqual([
      "404",
    ]);
  });

  it("PARTIALs are said as they are made in 0.2, and as one reply in 0.1", async () => {
    const broker = newBroker();
    const worker = newWorker(broker);
    void worker.serve(async (request) => {
      await request.partial("1");
      await request.partial(["2", "more"]);
      return "3";
    });
    const parts = version === "0.1" ? ["1|2|more|3"] : ["1", "2|more", "3"];
    expect(await newAsker(broker)("x")).toEqual(parts);
    expect(broker.count("partial")).toBe(parts.length - 1);
  });
});

describe("our worker that speaks another version than its broker", () => {
  it("gets no requests, and does not disturb the broker", async () => {
    const broker = keep(new BareMdpBroker({ version: "0.1" }));
    const pauses = { reconnect: { initialMs: 5, maxMs: 20 } };
    const worker = keep(
      new MajordomoWorker("echo", { protocol: "0.2", peerHeartbeatMs: 20, heartbeatMs: 20, ...pauses }),
    );
    worker.connect(broker.endpoint);
    void worker.serve(({ body }) => body);
    await once(worker, "session-lost");
    expect(broker.readies).toEqual([]);
    expect(await askReq(keep(newReq(broker.endpoint)), "mmi.service", "echo")).toBe("404");
    expect(broker.invalid.length).toBeGreaterThan(0);
  });
});
