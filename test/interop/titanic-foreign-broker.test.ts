import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { MemoryStore, type TitanicServer, type TitanicServerOptions } from "@seaworthy/titanic";
import { describe, expect, it } from "vitest";
import { freePort } from "../harness/ports.js";
import { keep } from "./keep.js";
import { BareMdpBroker, type BrokerHabits } from "./mdp-broker.js";
import { VERSIONS, type Version } from "./mdp-frames.js";
import { BareMdpWorker, echo } from "./mdp-peers.js";
import { newServer, SERVICES, TspClient } from "./tsp-peers.js";

const WAYS = VERSIONS.flatMap((version) => (["guide", "none"] as const).map((mmi) => ({ version, mmi })));

/** An address is free again a moment after its socket was closed. */
async function whenFree<T>(bind: () => T): Promise<T> {
  for (;;) {
    try {
      return bind();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
      await turn();
    }
  }
}

/** How brokers of one kind are made, and our server serves behind them. */
function way(version: Version, mmi: "guide" | "none") {
  const newBroker = (habits: BrokerHabits = {}): BareMdpBroker =>
    keep(new BareMdpBroker({ version, mmi, ...habits }));
  /** A broker of 0.2 alone is not found by guessing, and one without 8/MMI must not be asked. */
  const serve = (
    { endpoint }: BareMdpBroker,
    options: TitanicServerOptions & { store?: MemoryStore } = {},
  ): Promise<TitanicServer> =>
    newServer(endpoint, {
      protocol: version === "0.1" ? "auto" : "0.2",
      asksForWorkers: mmi === "guide",
      ...options,
    });
  return { newBroker, serve };
}

describe.each(WAYS)("our server, behind a bare broker of $version (8/MMI: $mmi)", ({ version, mmi }) => {
  const { newBroker, serve } = way(version, mmi);

  it("has requests taken in, executed, handed out and closed", async () => {
    const broker = newBroker();
    const server = await serve(broker);
    for (let index = 0; index < 2; index++)
      keep(new BareMdpWorker(broker.endpoint, { version, answer: echo }));
    const clients = Array.from({ length: 10 }, () => new TspClient(broker.endpoint, version));
    await Promise.all(
      clients.map(async (client, number) => {
        const id = await client.submit("echo", `${number}`, "", "more");
        expect(await client.reply(id)).toEqual(["200", `${number}`, "", "more"]);
        expect(await client.ask("titanic.close", id)).toEqual(["200"]);
        expect(await client.ask("titanic.reply", id)).toEqual(["400"]);
      }),
    );
    expect(broker.invalid).toEqual([]);
    expect(new Set(broker.asked)).not.toContain("titanic.submit");
    expect(server.stats()).toMatchObject({ accepted: 10, attempts: 10, completed: 10, closed: 10 });
    expect(await server.counts()).toEqual({ pending: 0, done: 0, dead: 0 });
  });

  it("what is closed while it waits in that broker's line is run, its reply dropped, and nothing left behind", async () => {
    const broker = newBroker();
    const server = await serve(broker);
    const worker = keep(new BareMdpWorker(broker.endpoint, { version, answer: () => undefined }));
    const client = new TspClient(broker.endpoint, version);
    const running = await client.submit("echo", "running");
    await worker.take(1);
    const closed: string[] = [];
    for (const text of ["one", "two"]) closed.push(await client.submit("echo", text));
    await broker.until(() => broker.asked.filter((name) => name === "echo").length === 3);
    for (const id of closed) expect(await client.ask("titanic.close", id)).toEqual(["200"]);
    const next = await client.submit("echo", "next");
    for (let taken = 1; taken <= 4; taken++) {
      const given = (await worker.take(taken))[taken - 1];
      await worker.reply(given as NonNullable<typeof given>, "done");
    }
    // 7/MDP has no word by which a request could be taken back.
    expect(worker.requests.map(({ body }) => String(body))).toEqual(["running", "one", "two", "next"]);
    for (const id of [running, next]) expect(await client.reply(id)).toEqual(["200", "done"]);
    for (const id of closed) expect(await client.ask("titanic.reply", id)).toEqual(["400"]);
    expect(broker.invalid).toEqual([]);
    expect(server.stats()).toMatchObject({ attempts: 4, completed: 2, closed: 2, inFlight: 0 });
    expect(await server.counts()).toEqual({ pending: 0, done: 2, dead: 0 });
  });

  it("waits for a worker to come, however often another attempt is over by then", async () => {
    const broker = newBroker();
    const server = await serve(broker, {
      // Where nothing is sent before there is a worker, one attempt is enough, however busy this machine is.
      timeoutMs: mmi === "guide" ? 30_000 : 100,
      maxAttempts: mmi === "guide" ? 1 : 1000,
      absence: { initialMs: 10, maxMs: 20 },
      backoff: { initialMs: 1, maxMs: 5 },
    });
    const client = new TspClient(broker.endpoint, version);
    const id = await client.submit("echo", "x");
    if (mmi === "guide") {
      // Asked for again and again, the broker says that there is nobody; nothing is sent to wait there.
      await broker.until(() => broker.asked.filter((name) => name === "mmi.service").length >= 3);
      expect(broker.asked).not.toContain("echo");
    } else {
      await broker.until(() => broker.asked.filter((name) => name === "echo").length >= 2);
    }
    expect(await client.ask("titanic.reply", id)).toEqual(["300"]);
    keep(new BareMdpWorker(broker.endpoint, { version, answer: echo }));
    expect(await client.reply(id)).toEqual(["200", "x"]);
    expect(server.stats()).toMatchObject({ completed: 1, buried: 0 });
    expect(await server.counts()).toEqual({ pending: 0, done: 1, dead: 0 });
  });

  it("a server that is started again goes on with what the last one had", async () => {
    const broker = newBroker();
    const store = new MemoryStore();
    const first = await serve(broker, { store, lingerMs: 10 });
    const slow = keep(new BareMdpWorker(broker.endpoint, { version, answer: () => undefined }));
    const client = new TspClient(broker.endpoint, version);
    const ids = [await client.submit("echo", "running"), await client.submit("echo", "waiting")];
    await slow.take(1);
    await first.close();
    slow.close();
    await serve(broker, { store });
    keep(new BareMdpWorker(broker.endpoint, { version, answer: echo }));
    // The broker still takes the closed worker for one that is at work, and gives its next request to the living one.
    expect(await Promise.all([client.reply(ids[0] as string)])).toEqual([["200", "running"]]);
    expect(await client.reply(ids[1] as string)).toEqual(["200", "waiting"]);
  });

  it("a broker that is started again is served again, with what was accepted before", async () => {
    const endpoint = `tcp://127.0.0.1:${await freePort()}`;
    const broker = newBroker({ endpoint });
    // What was on its way when the broker died has only its time to tell that it is lost.
    const server = await serve(broker, { timeoutMs: 1000, heartbeatMs: 50, liveness: 4 });
    const busy = keep(new BareMdpWorker(endpoint, { version, answer: () => undefined }));
    const id = await new TspClient(endpoint, version).submit("echo", "x");
    await busy.take(1);
    busy.close();
    broker.close();
    const successor = await whenFree(() => newBroker({ endpoint }));
    await successor.until(() => successor.readies.length >= SERVICES.length);
    keep(new BareMdpWorker(endpoint, { version, answer: echo }));
    expect(await new TspClient(endpoint, version).reply(id)).toEqual(["200", "x"]);
    expect(await server.counts()).toEqual({ pending: 0, done: 1, dead: 0 });
    expect(successor.invalid).toEqual([]);
  });
});

describe.each(VERSIONS)("our server, behind a bare broker of %s that knows 8/MMI", (version) => {
  const { newBroker, serve } = way(version, "guide");

  it("asks again for a worker that has left, before attempts are used up", async () => {
    const broker = newBroker();
    const server = await serve(broker, {
      timeoutMs: 100,
      maxAttempts: 2,
      absence: { initialMs: 10, maxMs: 20 },
      backoff: { initialMs: 1, maxMs: 5 },
    });
    const client = new TspClient(broker.endpoint, version);
    const leaving = keep(new BareMdpWorker(broker.endpoint, { version, answer: echo }));
    expect(await client.reply(await client.submit("echo", "x"))).toEqual(["200", "x"]);
    await leaving.say("disconnect");
    await broker.until(() => broker.count("disconnect") === 1);
    leaving.close();
    const missed = once(server, "service-missed");
    const id = await client.submit("echo", "y");
    await missed;
    const questions = (): number => broker.asked.filter((name) => name === "mmi.service").length;
    const before = questions();
    await broker.until(() => questions() >= before + 5);
    keep(new BareMdpWorker(broker.endpoint, { version, answer: echo }));
    expect(await client.reply(id)).toEqual(["200", "y"]);
    expect(server.stats()).toMatchObject({ failed: 1, buried: 0 });
  });

  it("keeps no service waiting for another that hangs", async () => {
    const broker = newBroker();
    const server = await serve(broker, { maxInFlight: 30 });
    const hanging = { version, service: "hangs", answer: () => undefined };
    const hung = keep(new BareMdpWorker(broker.endpoint, hanging));
    const client = new TspClient(broker.endpoint, version);
    for (let index = 0; index < 50; index++) await client.submit("hangs", `${index}`);
    await hung.take(1);
    await broker.until(() => broker.asked.filter((name) => name === "hangs").length === 30);
    keep(new BareMdpWorker(broker.endpoint, { version, answer: echo }));
    const id = await client.submit("echo", "x");
    expect(await client.reply(id)).toEqual(["200", "x"]);
    expect(server.stats()).toMatchObject({ inFlight: 30, failed: 0, completed: 1 });
  });
});
