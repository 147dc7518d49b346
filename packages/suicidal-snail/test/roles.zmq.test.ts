import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { Publisher, Subscriber, XPublisher } from "zeromq";
import {
  SnailError,
  type SnailMessage,
  SnailPublisher,
  type SnailPublisherOptions,
  SnailSubscriber,
  type SnailSubscriberOptions,
} from "../src/index.js";
import { decodePublished, encodePublished, epochBytes } from "../src/machine.js";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((role) => role.close()));
});

async function newPublisher(
  options: SnailPublisherOptions = {},
  endpoint = "tcp://127.0.0.1:*",
): Promise<{ publisher: SnailPublisher; endpoint: string }> {
  const publisher = new SnailPublisher({ lingerMs: 0, ...options });
  open.push(publisher);
  return { publisher, endpoint: await publisher.bind(endpoint) };
}

function newSubscriber(options: SnailSubscriberOptions = {}, prefixes = [""]): SnailSubscriber {
  const socket = { reconnectIntervalMs: 10, reconnectMaxIntervalMs: 20, ...options.socket };
  // A busy machine may stand still for a while: what is tested here is not its speed.
  const subscriber = new SnailSubscriber({ maxDelayMs: 30_000, ...options, socket });
  open.push(subscriber);
  for (const prefix of prefixes) subscriber.subscribe(prefix);
  return subscriber;
}

/** How often it is said again, in ms: at full speed ZeroMQ drops what its thread has no processor to send. */
const AGAIN_MS = 5;

/** Publishes on a topic of its own until the subscriber hears of it. */
async function join(publisher: SnailPublisher, subscriber: SnailSubscriber, topic = "hello"): Promise<void> {
  const before = subscriber.stats().received;
  while (subscriber.stats().received === before) {
    publisher.publish(topic, "x");
    await sleep(AGAIN_MS);
  }
}

async function take(
  subscriber: SnailSubscriber,
  isLast: (message: SnailMessage) => boolean,
): Promise<SnailMessage[]> {
  const all: SnailMessage[] = [];
  for await (const message of subscriber) {
    if (message.topicText !== "hello") all.push(message);
    if (isLast(message)) break;
  }
  return all;
}

const isEndOf = ({ topicText }: SnailMessage): boolean => topicText === "end";

describe("publisher and subscriber", () => {
  it("high-water marks of 1,000,000: 10,000 messages on 10 topics, each once and in order", async () => {
    const { publisher, endpoint } = await newPublisher({ socket: { sendHighWaterMark: 1_000_000 } });
    const subscriber = newSubscriber({ socket: { receiveHighWaterMark: 1_000_000 }, maxQueued: 100_000 });
    subscriber.connect(endpoint);
    await join(publisher, subscriber);
    const taken = take(subscriber, isEndOf);
    for (let n = 0; n < 10_000; n++) {
      publisher.publish(`t${n % 10}`, [`${n}`, "more"]);
      if (n % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    publisher.publish("end", "x");
    const all = await taken;
    expect(all.slice(0, -1).map(({ body }) => Number(body[0]))).toEqual(
      Array.from({ length: 10_000 }, (_, n) => n),
    );
    expect(
      all.every(
        ({ alarm, body, topic }) => alarm === undefined && Buffer.isBuffer(body[0]) && Buffer.isBuffer(topic),
      ),
    ).toBe(true);
    expect(subscriber.stats()).toMatchObject({ gaps: 0, alarms: 0, publishers: 1, topics: 12, queued: 0 });
  });

  it("each of several calls of next() gets a message of its own", async () => {
    const { publisher, endpoint } = await newPublisher();
    const subscriber = newSubscriber();
    subscriber.connect(endpoint);
    const iterator = subscriber[Symbol.asyncIterator]();
    const both = Promise.all([iterator.next(), iterator.next()]);
    for (let n = 0; n < 2; n++) await join(publisher, subscriber);
    const [first, second] = (await both).map(({ value }) => value?.sequence ?? 0) as [number, number];
    expect(second).toBe(first + 1);
  });

  it("a high-water mark of 1: what is dropped is counted to the last message", async () => {
    const { publisher, endpoint } = await newPublisher({
      socket: { sendHighWaterMark: 1, maxQueued: 100_000 },
    });
    const subscriber = newSubscriber({
      policy: "report",
      maxQueued: 100_000,
      socket: { receiveHighWaterMark: 1 },
    });
    subscriber.connect(endpoint);
    await join(publisher, subscriber);
    for (let n = 0; n < 20_000; n++) publisher.publish("t", Buffer.alloc(1000));
    const got = take(subscriber, isEndOf);
    // The last ones find room as soon as the others have been read.
    const ending = (async () => {
      while (subscriber.stats().topics < 3) {
        await join(publisher, subscriber);
        publisher.publish("t", "last");
        publisher.publish("end", "x");
      }
    })();
    const all = (await got).filter(({ topicText }) => topicText === "t");
    await ending;
    const { lost } = subscriber.stats();
    expect(lost).toBeGreaterThan(0);
    const seen = all.map(({ sequence }) => sequence);
    const missing = all.reduce((sum, { alarm }) => sum + (alarm?.topic === "t" ? (alarm.lost ?? 0) : 0), 0);
    expect(missing).toBe((seen.at(-1) ?? 0) - seen.length);
  });

  it("the policy die: the iteration rejects with what happened, and the subscriber is closed", async () => {
    const bare = new Publisher();
    open.push(bare);
    await bare.bind("tcp://127.0.0.1:*");
    const subscriber = newSubscriber();
    subscriber.connect(bare.lastEndpoint as string);
    await sendUntilHeard(bare, subscriber);
    const iterator = subscriber[Symbol.asyncIterator]();
    await iterator.next();
    const failing = iterator.next();
    const other = iterator.next();
    const settled = Promise.allSettled([failing, other]);
    await bare.send(
      encodePublished(Buffer.from("t"), epochBytes(9n), { series: 1, sequence: 5, timeUs: 1 }, [
        Buffer.from("x"),
      ]) as Uint8Array[],
    );
    expect(await settled).toMatchObject([
      { reason: { code: "ERR_TOO_SLOW", reason: "gap", lost: 3, epoch: 9n } },
      { reason: { code: "ERR_TOO_SLOW" } },
    ]);
    await expect(iterator.next()).rejects.toBeInstanceOf(SnailError);
    expect(() => subscriber.subscribe("x")).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
    await subscriber.close();
  });

  it("the policy die: the iteration rejects also where a listener closes the subscriber because of the alarm", async () => {
    const bare = new Publisher();
    open.push(bare);
    await bare.bind("tcp://127.0.0.1:*");
    const subscriber = newSubscriber();
    subscriber.on("alarm-raised", () => void subscriber.close());
    subscriber.connect(bare.lastEndpoint as string);
    await sendUntilHeard(bare, subscriber);
    const iterator = subscriber[Symbol.asyncIterator]();
    await iterator.next();
    const failing = expect(iterator.next()).rejects.toMatchObject({ reason: "gap", lost: 3 });
    await bare.send(
      encodePublished(Buffer.from("t"), epochBytes(9n), { series: 1, sequence: 5, timeUs: 1 }, [
        Buffer.from("x"),
      ]) as Uint8Array[],
    );
    await failing;
  });

  async function sendUntilHeard(bare: Publisher, subscriber: SnailSubscriber): Promise<void> {
    const stamp = { series: 1, sequence: 1, timeUs: 1 };
    while (subscriber.stats().received === 0) {
      await bare.send(
        encodePublished(Buffer.from("t"), epochBytes(9n), stamp, [Buffer.from("x")]) as Uint8Array[],
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  it("a publisher that restarts is another epoch, and no gap", async () => {
    const { publisher, endpoint } = await newPublisher();
    const subscriber = newSubscriber();
    subscriber.connect(endpoint);
    await join(publisher, subscriber);
    const lost = once(subscriber, "connection-lost");
    await publisher.close();
    await lost;
    const next = await newPublisher({}, endpoint);
    await join(next.publisher, subscriber);
    expect(subscriber.stats()).toMatchObject({ publishers: 2, alarms: 0 });
  });

  it("two publishers, and only the topics subscribed to", async () => {
    const both = await Promise.all([newPublisher(), newPublisher()]);
    const subscriber = newSubscriber({}, ["hello", "a", "end"]);
    subscriber.subscribe(Buffer.from("a"));
    for (const { endpoint } of both) subscriber.connect(endpoint);
    const heard = new Set<bigint>();
    subscriber.on("publisher-heard", ({ epoch }) => heard.add(epoch));
    while (heard.size < 2) for (const { publisher } of both) await join(publisher, subscriber);
    for (const { publisher } of both) {
      for (const topic of ["a1", "b", "a1", "b", "a2"]) publisher.publish(topic, "x");
      publisher.publish("end", "x");
    }
    let ends = 0;
    const all = await take(subscriber, (message) => isEndOf(message) && ++ends === 2);
    expect(all.map(({ topicText }) => topicText).toSorted()).toEqual([
      "a1",
      "a1",
      "a1",
      "a1",
      "a2",
      "a2",
      "end",
      "end",
    ]);
  });

  it("a publisher may be the one that connects", async () => {
    const subscriber = new Subscriber();
    open.push(subscriber);
    await subscriber.bind("tcp://127.0.0.1:*");
    subscriber.subscribe("");
    const publisher = new SnailPublisher({ lingerMs: 0 });
    open.push(publisher);
    publisher.connect(subscriber.lastEndpoint as string);
    const read = subscriber.receive();
    let isRead = false;
    void read.then(() => {
      isRead = true;
    });
    while (!isRead) {
      publisher.publish("t", "x");
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(decodePublished(await read)).toMatchObject({ type: "published" });
  });
});

describe("the guide's publisher", () => {
  it("is read: one frame, a time", async () => {
    const guide = new XPublisher();
    open.push(guide);
    await guide.bind("tcp://127.0.0.1:*");
    const subscriber = newSubscriber({ format: "guide" });
    subscriber.connect(guide.lastEndpoint as string);
    await guide.receive();
    await guide.send(["garbage"]);
    await guide.send([`${Date.now() - 3_600_000}`]);
    const { value } = await subscriber[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ topicText: "", epoch: 0n, alarm: undefined });
    expect(subscriber.stats().dropped).toBe(1);
  });
});

describe("limits and the end", () => {
  it("a publisher refuses what is no topic, no body, or too large", async () => {
    const { publisher } = await newPublisher({ maxBodyBytes: 10 });
    expect(() => publisher.publish(5 as unknown as string, "x")).toThrow(TypeError);
    expect(() => publisher.publish("t", [])).toThrow(TypeError);
    expect(() => publisher.publish("t", "x".repeat(11))).toThrow(
      expect.objectContaining({ option: "maxBodyBytes" }),
    );
    await publisher.close();
    expect(() => publisher.publish("t", "x")).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
    await expect(publisher.bind("tcp://127.0.0.1:*")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect(publisher.stats()).toMatchObject({ published: 0, topics: 0 });
  });

  it("what is too much for one turn is refused, and makes no gap", async () => {
    const { publisher, endpoint } = await newPublisher({ socket: { maxQueued: 5 } });
    const subscriber = newSubscriber();
    subscriber.connect(endpoint);
    await join(publisher, subscriber);
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => {
      for (let n = 0; n < 100; n++) publisher.publish("t", "x");
    }).toThrow(expect.objectContaining({ option: "socket.maxQueued", retryable: true }));
    await new Promise((resolve) => setImmediate(resolve));
    await join(publisher, subscriber);
    await join(publisher, subscriber, "t");
    expect(subscriber.stats().gaps).toBe(0);
  });

  it("what is too much is refused also to a listener that publishes", async () => {
    const { publisher, endpoint } = await newPublisher({ socket: { maxQueued: 5 } });
    const published = new Promise((resolve, reject) => {
      publisher.on("connection-opened", () => {
        try {
          for (let n = 0; n < 100; n++) publisher.publish("t", "x");
          resolve("all of it");
        } catch (error) {
          reject(error);
        }
      });
    });
    newSubscriber().connect(endpoint);
    await expect(published).rejects.toMatchObject({ option: "socket.maxQueued", retryable: true });
    expect(publisher.stats()).toMatchObject({ refused: 1 });
  });

  it("close() ends iterations, and return() those that wait", async () => {
    const subscriber = newSubscriber();
    const [one, other] = [subscriber[Symbol.asyncIterator](), subscriber[Symbol.asyncIterator]()];
    const [first, second] = [one.next(), other.next()];
    await one.return();
    expect(await first).toEqual({ done: true, value: undefined });
    expect(await one.next()).toEqual({ done: true, value: undefined });
    await subscriber.close();
    expect(await second).toEqual({ done: true, value: undefined });
    expect(await other.next()).toEqual({ done: true, value: undefined });
    expect(() => subscriber.connect("tcp://127.0.0.1:5556")).toThrow(
      expect.objectContaining({ code: "ERR_CLOSED" }),
    );
    expect(() => newSubscriber().subscribe(5 as unknown as string)).toThrow(TypeError);
  });

  it("status events are on the channel seaworthy:suicidal-snail", async () => {
    const told: unknown[] = [];
    const listen = (message: unknown): void =>
      void told.push((message as { event: { type: string } }).event.type);
    subscribe("seaworthy:suicidal-snail", listen);
    const { publisher, endpoint } = await newPublisher();
    const subscriber = newSubscriber();
    subscriber.connect(endpoint);
    await join(publisher, subscriber);
    unsubscribe("seaworthy:suicidal-snail", listen);
    expect(told).toEqual(expect.arrayContaining(["connection-opened", "publisher-heard"]));
  });
});
