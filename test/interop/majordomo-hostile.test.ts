import { once } from "node:events";
import { MajordomoBroker, type MajordomoBrokerOptions } from "@seaworthy/majordomo";
import { describe, expect, it } from "vitest";
import { Dealer } from "zeromq";
import { type Frame, newReq } from "./bare.js";
import { keep } from "./keep.js";
import { clientFrames, VERSIONS, workerFrames } from "./mdp-frames.js";
import { askReq, BareMdpClient, BareMdpWorker, echo, type WorkerHabits } from "./mdp-peers.js";
import { noise } from "./noise.js";

const TEN_MB = Buffer.alloc(10_000_000, "x");

interface OurBroker {
  readonly broker: MajordomoBroker;
  readonly endpoint: string;
}

async function newBroker(options: MajordomoBrokerOptions = {}): Promise<OurBroker> {
  const patience = { peerHeartbeatMs: 20_000, requestTtlMs: 60_000, lingerMs: 0 };
  const broker = keep(new MajordomoBroker({ ...patience, ...options }));
  return { broker, endpoint: await broker.bind("tcp://127.0.0.1:*") };
}

/** Resolves when the broker has told of something by which this has become true. */
async function until(broker: MajordomoBroker, isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await once(broker, "status");
}

/** A worker on a bare socket that has been taken in. */
async function newWorker({ broker, endpoint }: OurBroker, habits: WorkerHabits = {}): Promise<BareMdpWorker> {
  const before = broker.stats().workers;
  const worker = keep(new BareMdpWorker(endpoint, { answer: echo, ...habits }));
  await until(broker, () => broker.stats().workers > before);
  return worker;
}

function newDealer(endpoint: string, routingId?: string): Dealer {
  const options = routingId === undefined ? {} : { routingId };
  const dealer = keep(new Dealer({ linger: 0, sendHighWaterMark: 0, ...options }));
  dealer.connect(endpoint);
  return dealer;
}

/** Waits until the broker has read all that was said over a socket: it answers what is asked behind it. */
async function hasRead(dealer: Dealer): Promise<void> {
  await dealer.send(clientFrames("0.1", "request", "mmi.mark", "x"));
  while (String((await dealer.receive())[2]) !== "mmi.mark");
}

/** So many plain clients ask the echo in turn. Returns what went wrong. */
async function honestClients(endpoint: string, clients: number, turns: number): Promise<string[]> {
  const wrong: string[] = [];
  const ask = async (who: number): Promise<void> => {
    const req = keep(newReq(endpoint));
    for (let turn = 0; turn < turns; turn++) {
      const reply = await askReq(req, "echo", `${who}`, `${turn}`);
      if (reply !== `${who}|${turn}`) wrong.push(`${who}|${turn} got ${reply}`);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, who) => ask(who)));
  return wrong;
}

describe("our broker", () => {
  it("20,000 random messages, of as many peers as like: it serves others meanwhile, and its books are in order", async () => {
    const ours = await newBroker({ maxServices: 10, requestTtlMs: 1000 });
    await newWorker(ours);
    const hostile = Array.from({ length: 10 }, () => newDealer(ours.endpoint));
    const flood = async (dealer: Dealer, seed: number): Promise<void> => {
      for (const message of noise(2000, seed)) await dealer.send(message);
      await hasRead(dealer);
    };
    const flooded = Promise.all(hostile.map(flood));
    expect(await honestClients(ours.endpoint, 3, 50)).toEqual([]);
    await flooded;
    const { broker } = ours;
    const read = broker.stats();
    expect(read.malformed).toBeGreaterThan(10_000);
    // Some got further than that.
    expect(read.expelled).toBeGreaterThan(0);
    expect(read.requests).toBeGreaterThan(150);
    for (const dealer of hostile) dealer.close();
    await until(broker, () => broker.stats().workers === 1 && broker.stats().waiting === 0);
    expect(await honestClients(ours.endpoint, 3, 10)).toEqual([]);
    expect(broker.stats()).toMatchObject({
      workers: 1,
      services: 1,
      running: 0,
      heldBytes: 0,
      answered: 180,
    });
  });

  it("frames that are missing or too many, in each command of each version", async () => {
    const ours = await newBroker();
    const { broker, endpoint } = ours;
    await newWorker(ours);
    const address = Buffer.alloc(16, 1);
    const whole = VERSIONS.flatMap((version): Frame[][] => [
      clientFrames(version, "request", "echo", "x"),
      workerFrames(version, "ready", "other"),
      workerFrames(version, "final", address, "", "x"),
      workerFrames(version, "heartbeat"),
      workerFrames(version, "disconnect"),
    ]);
    const hostile = newDealer(endpoint);
    let sent = 0;
    for (const message of whole) {
      for (let cut = 0; cut < message.length; cut++) {
        // Each frame left out, all behind it left out, doubled, and with something behind it.
        const variants = [
          message.toSpliced(cut, 1),
          message.slice(0, cut),
          message.toSpliced(cut, 0, message[cut] as Frame),
          message.toSpliced(cut + 1, 0, "more", ""),
        ];
        for (const frames of variants.filter(({ length }) => length > 0)) {
          await hostile.send(frames);
          sent += 1;
        }
      }
    }
    await hasRead(hostile);
    expect(sent).toBeGreaterThan(130);
    expect(broker.stats().malformed).toBeGreaterThan(50);
    hostile.close();
    await until(broker, () => broker.stats().workers === 1 && broker.stats().waiting === 0);
    expect(await honestClients(endpoint, 2, 10)).toEqual([]);
  });

  it.each(VERSIONS)("10 MB in each frame of each command of %s", async (version) => {
    const ours = await newBroker();
    const { broker, endpoint } = ours;
    await newWorker(ours);
    const messages = [
      clientFrames(version, "request", "nobody", "x"),
      workerFrames(version, "ready", "other"),
      workerFrames(version, "final", Buffer.alloc(16, 1), "", "x"),
      workerFrames(version, "heartbeat"),
    ];
    const hostile = newDealer(endpoint);
    for (const message of messages) {
      for (let at = 0; at < message.length; at++) await hostile.send(message.toSpliced(at, 1, TEN_MB));
    }
    await hostile.send([TEN_MB, "", "MDPC01", "nobody", "x"]);
    await hostile.send([TEN_MB, TEN_MB, TEN_MB]);
    await hasRead(hostile);
    expect(await honestClients(endpoint, 2, 10)).toEqual([]);
    // And as a body, which is right, it comes back.
    const client = keep(new BareMdpClient(endpoint, version));
    await client.send("echo", TEN_MB);
    await client.until(() => client.replies.length === 1);
    expect(client.replies[0]?.body[0]?.equals(TEN_MB)).toBe(true);
    hostile.close();
    await until(broker, () => broker.stats().heldBytes === 0);
    expect(broker.stats()).toMatchObject({ workers: 1, waiting: 0, running: 0 });
  });

  it("a client that sends and does not read: others are served, and its replies are not heaped up", async () => {
    const ours = await newBroker({ socket: { sendHighWaterMark: 100 } });
    const { broker, endpoint } = ours;
    await newWorker(ours);
    const greedy = keep(new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 1 }));
    greedy.connect(endpoint);
    const body = Buffer.alloc(20_000);
    const full = once(broker, "reply-undeliverable");
    const sending = (async () => {
      for (let count = 0; count < 3000; count++)
        await greedy.send(clientFrames("0.1", "request", "echo", body));
    })();
    await full;
    expect(await honestClients(endpoint, 3, 50)).toEqual([]);
    await sending;
    await until(broker, () => broker.stats().requests === 3150 && broker.stats().heldBytes === 0);
    const { answered, undeliverable } = broker.stats();
    expect(answered).toBe(3150);
    expect(undeliverable).toBeGreaterThan(1000);
  });

  it("a worker that claims a credit of 4 billion has `maxCredit` requests, which others get when it is gone", async () => {
    const ours = await newBroker({ maxCredit: 10 });
    const { broker, endpoint } = ours;
    const glutton = newDealer(endpoint);
    const credit = Buffer.from("5357010000ffffffffffffff", "hex");
    await glutton.send([...workerFrames("0.2", "ready", "echo"), credit]);
    await until(broker, () => broker.stats().workers === 1);
    const client = keep(new BareMdpClient(endpoint));
    const texts = Array.from({ length: 50 }, (_, index) => `${index}`);
    for (const text of texts) await client.send("echo", text);
    await client.ask("mmi.mark", "x");
    expect(broker.stats()).toMatchObject({ running: 10, waiting: 40, delivered: 10 });
    // It introduces itself once more, and again.
    for (let again = 0; again < 10; again++)
      await glutton.send([...workerFrames("0.2", "heartbeat"), credit]);
    await hasRead(glutton);
    expect(broker.stats()).toMatchObject({ running: 10, waiting: 40, delivered: 10 });
    await newWorker(ours);
    glutton.close();
    await client.until(() => client.replies.length === 51);
    expect(client.texts.slice(1).toSorted((a, b) => Number(a) - Number(b))).toEqual(texts);
  });

  it("two peers under one routing id disturb nobody else, and the one that stays is served", async () => {
    const ours = await newBroker();
    const { broker, endpoint } = ours;
    await newWorker(ours);
    const twins = [newDealer(endpoint, "twin"), newDealer(endpoint, "twin")];
    let isOver = false;
    const quarrel = twins.map(async (twin) => {
      while (!isOver) {
        await twin.send(clientFrames("0.1", "request", "echo", "whose is it?"));
        await twin.send([...workerFrames("0.1", "ready", "twins")]);
        await twin.receive();
      }
    });
    expect(await honestClients(endpoint, 3, 100)).toEqual([]);
    isOver = true;
    const [first, second] = twins as [Dealer, Dealer];
    first.close();
    await Promise.allSettled(quarrel.slice(0, 1));
    second.close();
    await Promise.allSettled(quarrel);
    const heir = newDealer(endpoint, "twin");
    await heir.send(clientFrames("0.1", "request", "echo", "mine"));
    for (;;) {
      const reply = (await heir.receive()).map(String);
      if (reply.at(-1) === "mine") break;
    }
    heir.close();
    await until(broker, () => broker.stats().workers === 1);
    expect(broker.stats()).toMatchObject({ waiting: 0, running: 0, heldBytes: 0 });
  });

  it("replies of a worker that was not given the request reach no client", async () => {
    const ours = await newBroker();
    const { broker, endpoint } = ours;
    const honest = await newWorker(ours, { answer: () => undefined });
    const client = keep(new BareMdpClient(endpoint, "0.2"));
    await client.send("echo", "question");
    const [given] = (await honest.take(1)) as [NonNullable<(typeof honest.requests)[0]>];
    for (const version of VERSIONS) {
      for (const word of version === "0.1" ? (["final"] as const) : (["partial", "final"] as const)) {
        const thief = newDealer(endpoint);
        await thief.send(workerFrames(version, "ready", "other"));
        // What it was not given, also with the mark of one of ours that the handler threw.
        await thief.send(workerFrames(version, word, given.address, "", "stolen"));
        await thief.send(workerFrames(version, "ready", "echo"));
        await thief.send(
          workerFrames(version, word, Buffer.concat([given.address, Buffer.of(1)]), "", "stolen"),
        );
        await hasRead(thief);
        thief.close();
      }
    }
    await until(broker, () => broker.stats().workers === 1);
    expect(broker.stats()).toMatchObject({ running: 1, answered: 0, repliesDropped: 6, expelled: 6 });
    await honest.reply(given, "answer");
    await client.until(() => client.replies.length > 0);
    expect(client.texts).toEqual(["answer"]);
    expect(client.strange).toEqual([]);
  });
});
