import { once } from "node:events";
import {
  MajordomoBroker,
  type MajordomoBrokerOptions,
  MajordomoClient,
  MajordomoWorker,
} from "@seaworthy/majordomo";
import { describe, expect, it } from "vitest";
import { freePort } from "../harness/ports.js";
import { newReq } from "./bare.js";
import { keep } from "./keep.js";
import { VERSIONS, type Version } from "./mdp-frames.js";
import { askReq, BareMdpClient, BareMdpWorker, Device, echo, type WorkerHabits } from "./mdp-peers.js";

interface OurBroker {
  readonly broker: MajordomoBroker;
  readonly endpoint: string;
}

/** With the patience that a busy machine needs, unless told otherwise. */
async function newBroker(options: MajordomoBrokerOptions = {}, at = "tcp://127.0.0.1:*"): Promise<OurBroker> {
  const broker = keep(
    new MajordomoBroker({
      heartbeatMs: 100,
      peerHeartbeatMs: 10_000,
      requestTtlMs: 60_000,
      lingerMs: 0,
      ...options,
    }),
  );
  return { broker, endpoint: await broker.bind(at) };
}

/** Resolves when the broker has told of something by which this has become true. */
async function until(broker: MajordomoBroker, isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await once(broker, "status");
}

/** A worker on a bare socket that has been taken in. */
async function newWorker({ broker, endpoint }: OurBroker, habits: WorkerHabits = {}): Promise<BareMdpWorker> {
  const before = broker.stats().workers;
  const worker = keep(new BareMdpWorker(endpoint, habits));
  await until(broker, () => broker.stats().workers > before);
  return worker;
}

const kinds: readonly [string, (endpoint: string) => (text: string) => Promise<string>][] = [
  ["a REQ of 0.1", (endpoint) => reqAsker(endpoint)],
  ["a REQ of 0.1 with correlation ids", (endpoint) => reqAsker(endpoint, { correlate: true, relaxed: true })],
  ["a REQ of 0.1 behind a device", (endpoint) => reqAsker(keep(new Device(endpoint)).endpoint)],
  ["a DEALER of 0.1", (endpoint) => dealerAsker(endpoint, "0.1")],
  ["a DEALER of 0.1 behind a device", (endpoint) => dealerAsker(keep(new Device(endpoint)).endpoint, "0.1")],
  ["a DEALER of 0.2", (endpoint) => dealerAsker(endpoint, "0.2")],
  ["a DEALER of 0.2 behind a device", (endpoint) => dealerAsker(keep(new Device(endpoint)).endpoint, "0.2")],
  [
    "a DEALER of 0.2 behind two devices",
    (endpoint) => {
      const near = keep(new Device(endpoint));
      return dealerAsker(keep(new Device(near.endpoint)).endpoint, "0.2");
    },
  ],
];

function reqAsker(endpoint: string, options = {}): (text: string) => Promise<string> {
  const req = keep(newReq(endpoint, options));
  return (text) => askReq(req, "echo", text, "", "more");
}

function dealerAsker(endpoint: string, version: Version): (text: string) => Promise<string> {
  const client = keep(new BareMdpClient(endpoint, version));
  return async (text) => {
    const [reply, ...more] = await client.ask("echo", text, "", "more");
    if (reply === undefined || more.length > 0 || client.strange.length > 0) throw new Error("not one reply");
    return reply;
  };
}

describe.each(VERSIONS)("our broker, with bare workers of %s", (version) => {
  it.each(kinds)("serves %s", async (_kind, newAsker) => {
    const ours = await newBroker();
    const workers = [
      await newWorker(ours, { version, answer: echo }),
      await newWorker(ours, { version, answer: echo }),
    ];
    const ask = newAsker(ours.endpoint);
    for (let turn = 0; turn < 20; turn++) expect(await ask(`${turn}`)).toBe(`${turn}||more`);
    for (const { requests, strange, sessions } of workers) {
      expect(requests).toHaveLength(10);
      expect(strange).toEqual([]);
      expect(sessions).toBe(1);
    }
    expect(ours.broker.stats()).toMatchObject({
      answered: 20,
      delivered: 20,
      malformed: 0,
      repliesDropped: 0,
    });
  });

  it.each(VERSIONS)("has many requests of a DEALER of %s in flight, in order", async (clientVersion) => {
    const ours = await newBroker();
    const worker = await newWorker(ours, { version, answer: echo });
    const client = keep(new BareMdpClient(ours.endpoint, clientVersion));
    const texts = Array.from({ length: 1000 }, (_, index) => `${index}`);
    await Promise.all(texts.map((text) => client.send("echo", text)));
    await client.until(() => client.replies.length === texts.length);
    expect(client.texts).toEqual(texts);
    expect([...client.strange, ...worker.strange]).toEqual([]);
    expect(ours.broker.stats()).toMatchObject({ delivered: 1000, answered: 1000, dropped: 0 });
  });

  it("says to a worker nothing but what the RFC has words for, and has heartbeats for it at work", async () => {
    const ours = await newBroker({ heartbeatMs: 20 });
    const worker = await newWorker(ours, { version });
    await worker.until(() => worker.commands.length >= 3);
    const reply = askReq(keep(newReq(ours.endpoint)), "echo", "question", "more");
    const [given] = await worker.take(1);
    const before = worker.commands.length;
    await worker.until(() => worker.commands.length >= before + 3);
    expect(given?.body.map(String)).toEqual(["question", "more"]);
    await worker.reply(given as NonNullable<typeof given>, "answer");
    expect(await reply).toBe("answer");
    expect(new Set(worker.commands)).toEqual(new Set(["heartbeat"]));
    expect(worker.strange).toEqual([]);
  });

  it("sends a worker away that it has never seen, and takes it in on its new socket", async () => {
    const { broker, endpoint } = await newBroker();
    const joined = once(broker, "worker-joined");
    const worker = keep(new BareMdpWorker(endpoint, { version, answer: echo, isRegistered: true }));
    await joined;
    expect(worker.commands[0]).toBe("disconnect");
    expect(worker.sessions).toBe(1);
    expect(await askReq(keep(newReq(endpoint)), "echo", "x")).toBe("x");
    expect(broker.stats()).toMatchObject({ workers: 1, expelled: 1 });
  });

  it("tells its workers when it closes, and they serve the next one on its port", async () => {
    const ours = await newBroker({}, `tcp://127.0.0.1:${await freePort()}`);
    const worker = await newWorker(ours, { version, answer: echo });
    await ours.broker.close();
    const broker = keep(new MajordomoBroker({ lingerMs: 0 }));
    const joined = once(broker, "worker-joined");
    await broker.bind(ours.endpoint);
    await joined;
    expect(await askReq(keep(newReq(ours.endpoint)), "echo", "x")).toBe("x");
    expect(worker.commands).toContain("disconnect");
    expect(worker.strange).toEqual([]);
  });

  it("sends a worker away that says READY again, which then comes on a new socket", async () => {
    const ours = await newBroker();
    const worker = await newWorker(ours, { version, answer: echo });
    const again = once(ours.broker, "worker-joined");
    await worker.say("ready", "echo");
    await again;
    expect(worker.sessions).toBe(2);
    expect(worker.commands.filter((word) => word === "disconnect")).toHaveLength(1);
    expect(await askReq(keep(newReq(ours.endpoint)), "echo", "x")).toBe("x");
    expect(ours.broker.stats()).toMatchObject({ workers: 1, expelled: 1 });
  });

  it("says nothing more to a worker that has said DISCONNECT, and gives what it had to another", async () => {
    const ours = await newBroker({ heartbeatMs: 20 });
    const leaving = await newWorker(ours, { version, heartbeatMs: 2 ** 30 });
    const reply = askReq(keep(newReq(ours.endpoint)), "echo", "x");
    await leaving.take(1);
    const gone = once(ours.broker, "worker-gone");
    await leaving.say("disconnect");
    expect((await gone)[0]).toMatchObject({ reason: "disconnected" });
    const staying = await newWorker(ours, { version, answer: echo });
    expect(await reply).toBe("x");
    const said = leaving.commands.length;
    await staying.until(() => staying.commands.length >= 5);
    expect(leaving.commands).toHaveLength(said);
    expect(leaving.commands).not.toContain("disconnect");
    expect(leaving.requests).toHaveLength(1);
    expect([...leaving.strange, ...staying.strange]).toEqual([]);
  });

  it("sends a worker for `mmi.x` away, each time that it comes again", async () => {
    const { broker, endpoint } = await newBroker();
    const worker = keep(new BareMdpWorker(endpoint, { version, service: "mmi.x", answer: echo }));
    await worker.until(() => worker.sessions >= 5);
    expect(await askReq(keep(newReq(endpoint)), "mmi.x", "x")).toBe("501");
    expect(await askReq(keep(newReq(endpoint)), "mmi.service", "mmi.x")).toBe("404");
    expect(worker.requests).toEqual([]);
    expect(broker.stats()).toMatchObject({ workers: 0, services: 0 });
  });

  it("a worker at work says nothing, counts as dead, and its reply is taken all the same", async () => {
    const ours = await newBroker({ peerHeartbeatMs: 200, maxDeliveries: 1 + 1 });
    const worker = await newWorker(ours, { version, isSilentAtWork: true, heartbeatMs: 20 });
    const expired = once(ours.broker, "worker-expired");
    const reply = askReq(keep(newReq(ours.endpoint)), "echo", "question");
    const [given] = await worker.take(1);
    await expired;
    await worker.reply(given as NonNullable<typeof given>, "answer");
    expect(await reply).toBe("answer");
    expect(ours.broker.stats()).toMatchObject({
      answered: 1,
      delivered: 1,
      waiting: 0,
      running: 0,
      workers: 1,
    });
  });

  it("a worker at work that was silent for far too long is sent away, and comes again for its request", async () => {
    const ours = await newBroker({ peerHeartbeatMs: 50 });
    const worker = await newWorker(ours, { version, isSilentAtWork: true, heartbeatMs: 20 });
    const gone = once(ours.broker, "worker-gone");
    const reply = askReq(keep(newReq(ours.endpoint)), "echo", "question");
    const [given] = await worker.take(1);
    expect((await gone)[0]).toMatchObject({ reason: "silent" });
    await worker.reply(given as NonNullable<typeof given>, "too late");
    const [, again] = await worker.take(2);
    await worker.reply(again as NonNullable<typeof again>, "second time");
    expect(await reply).toBe("second time");
    expect(worker.sessions).toBe(2);
    expect(ours.broker.stats()).toMatchObject({ answered: 1, delivered: 2, redelivered: 1, workers: 1 });
  });
});

/** A worker's reply in parts, of 0.2; in 0.1 it has but one. */
const PARTS = { "0.1": [["a", "b", "c", "d"]], "0.2": [["a", "b"], ["c"], ["d"]] };

describe.each(VERSIONS)("PARTIALs of a worker of %s", (version) => {
  const answer = (): string[][] => PARTS[version];

  it("reach a DEALER of 0.2 as they are, and clients of 0.1 in one reply", async () => {
    const ours = await newBroker();
    await newWorker(ours, { version, answer });
    const whole = "a|b|c|d";
    expect(await askReq(keep(newReq(ours.endpoint)), "echo", "x")).toBe(whole);
    expect(await keep(new BareMdpClient(ours.endpoint, "0.1")).ask("echo", "x")).toEqual([whole]);
    const client = keep(new BareMdpClient(ours.endpoint, "0.2"));
    expect(await client.ask("echo", "x")).toEqual(PARTS[version].map((part) => part.join("|")));
    expect(client.replies.map(({ word }) => word)).toEqual(
      version === "0.1" ? ["final"] : ["partial", "partial", "final"],
    );
    expect(client.strange).toEqual([]);
  });

  it.each(["auto", ...VERSIONS] as const)("reach our client that speaks %s", async (protocol) => {
    const ours = await newBroker();
    await newWorker(ours, { version, answer });
    const client = keep(new MajordomoClient({ lingerMs: 0, protocol, timeoutMs: 30_000 }));
    client.connect(ours.endpoint);
    expect((await client.request("echo", "x")).map(String)).toEqual(["a", "b", "c", "d"]);
    const parts: string[] = [];
    for await (const part of client.stream("echo", "x")) parts.push(part.map(String).join("|"));
    const isWhole = protocol === "0.1" || version === "0.1";
    expect(parts).toEqual(isWhole ? ["a|b|c|d"] : ["a|b", "c", "d"]);
  });
});

describe("our broker and our client with a device between them", () => {
  it.each(["auto", ...VERSIONS] as const)("know each other all the same: %s", async (protocol) => {
    const ours = await newBroker();
    await newWorker(ours, { version: "0.2", answer: (body) => [["part"], body] });
    const client = keep(new MajordomoClient({ lingerMs: 0, protocol, timeoutMs: 30_000 }));
    client.connect(keep(new Device(ours.endpoint)).endpoint);
    const recognised = once(client, "broker-recognised");
    const texts = Array.from({ length: 100 }, (_, index) => `${index}`);
    const replies = await Promise.all(texts.map((text) => client.request("echo", text)));
    expect((await recognised)[0]).toMatchObject({ ours: true });
    expect(replies.map(String)).toEqual(texts.map((text) => `part,${text}`));
    const parts: string[] = [];
    for await (const part of client.stream("echo", "x")) parts.push(String(part));
    expect(parts).toEqual(protocol === "0.1" ? ["part,x"] : ["part", "x"]);
    expect(client.stats()).toMatchObject({ connections: 1, retries: 0, lateReplies: 0, dropped: 0 });
  });

  it("and the client is told that there is no such service", async () => {
    const { endpoint } = await newBroker({ requestTtlMs: 20 });
    const client = keep(new MajordomoClient({ lingerMs: 0, timeoutMs: 30_000, attempts: 1 }));
    client.connect(keep(new Device(endpoint)).endpoint);
    await expect(client.request("tea", "x")).rejects.toMatchObject({ code: "ERR_NO_SERVICE" });
  });
});

describe("our broker and 8/MMI", () => {
  it("tells bare clients of all kinds which services it has, and that it knows no others", async () => {
    const ours = await newBroker();
    const worker = await newWorker(ours, { service: "coffee" });
    const req = keep(newReq(ours.endpoint));
    const dealer = keep(new BareMdpClient(ours.endpoint, "0.2"));
    const asks = [
      (name: string, body: string) => askReq(req, name, body),
      async (name: string, body: string) => (await dealer.ask(name, body)).join(),
    ];
    for (const ask of asks) {
      expect(await ask("mmi.service", "coffee")).toBe("200");
      expect(await ask("mmi.service", "tea")).toBe("404");
      expect(await ask("mmi.unheard-of", "coffee")).toBe("501");
      expect(await ask("mmi.", "")).toBe("501");
    }
    const gone = once(ours.broker, "worker-gone");
    await worker.say("disconnect");
    await gone;
    for (const ask of asks) expect(await ask("mmi.service", "coffee")).toBe("404");
    expect(ours.broker.stats()).toMatchObject({ mmi: 10, services: 0, malformed: 0 });
  });
});

describe("all at one broker", () => {
  it("clients and workers of all kinds, ours and bare: each gets its own replies", async () => {
    const ours = await newBroker({ heartbeatMs: 1000 });
    const { broker, endpoint } = ours;
    const bare = [];
    for (const version of VERSIONS) bare.push(await newWorker(ours, { version, answer: echo }));
    const workers = ["0.1", "0.2", "auto"] as const;
    for (const [index, protocol] of workers.entries()) {
      const worker = keep(new MajordomoWorker("echo", { protocol, lingerMs: 0 }));
      worker.connect(endpoint);
      void worker.serve(({ body }) => body, { concurrency: index + 1 });
    }
    await until(broker, () => broker.stats().workers === 5);
    const clients = (["0.1", "0.2", "auto"] as const).map((protocol) => {
      const client = keep(new MajordomoClient({ protocol, lingerMs: 0, timeoutMs: 60_000 }));
      client.connect(endpoint);
      return client;
    });
    const wrong: string[] = [];
    const turns = async (who: string, ask: (text: string) => Promise<string>): Promise<void> => {
      for (let turn = 0; turn < 50; turn++) {
        const reply = await ask(`${who}/${turn}`);
        if (!reply.startsWith(`${who}/${turn}`)) wrong.push(`${who}/${turn} got ${reply}`);
      }
    };
    const asked = kinds.map(([name, newAsker]) => turns(name, newAsker(endpoint)));
    for (const [index, client] of clients.entries()) {
      for (let lane = 0; lane < 10; lane++) {
        const ask = async (text: string): Promise<string> => String((await client.request("echo", text))[0]);
        asked.push(turns(`${index}.${lane}`, ask));
      }
    }
    await Promise.all(asked);
    expect(wrong).toEqual([]);
    expect(bare.flatMap(({ strange }) => strange)).toEqual([]);
    const total = 50 * (kinds.length + 30);
    const quiet = {
      redelivered: 0,
      dropped: 0,
      repliesDropped: 0,
      malformed: 0,
      expelled: 0,
      waiting: 0,
      running: 0,
    };
    expect(broker.stats()).toMatchObject({ answered: total, delivered: total, heldBytes: 0, ...quiet });
  });

  it("replies to a DEALER that shares several workers are all there, each once", async () => {
    const ours = await newBroker();
    for (const version of VERSIONS) {
      await newWorker(ours, { version, answer: echo });
      await newWorker(ours, { version, answer: echo });
    }
    const client = keep(new BareMdpClient(ours.endpoint, "0.1"));
    const texts = Array.from({ length: 500 }, (_, index) => `${index}`);
    await Promise.all(texts.map((text) => client.send("echo", text)));
    await client.until(() => client.replies.length === texts.length);
    expect(
      client.texts
        .map(Number)
        .sort((a, b) => a - b)
        .map(String),
    ).toEqual(texts);
    expect(client.strange).toEqual([]);
  });
});
