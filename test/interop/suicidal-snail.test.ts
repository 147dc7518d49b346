import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import {
  SnailError,
  type SnailMessage,
  SnailPublisher,
  SnailSubscriber,
  type SnailSubscriberOptions,
} from "@seaworthy/suicidal-snail";
import { describe, expect, it } from "vitest";
import { keep } from "./keep.js";
import { noise } from "./noise.js";
import { BarePublisher, BareSubscriber, end, header, headerIn } from "./snail-peers.js";

const ANY_PORT = "tcp://127.0.0.1:*";
const BODY = "body";

/** How often it is said again, in ms: at full speed ZeroMQ drops what its thread has no processor to send. */
const AGAIN_MS = 5;

/** Publishes on a topic until the subscriber hears of it. */
async function join(publisher: SnailPublisher, { messages }: BareSubscriber, topic: string): Promise<void> {
  while (messages.length === 0) {
    publisher.publish(topic, "pilot");
    await sleep(AGAIN_MS);
  }
}

/** A subscriber that a bare publisher knows of. */
async function newSubscriber(
  publisher: BarePublisher,
  options: SnailSubscriberOptions = {},
): Promise<SnailSubscriber> {
  const subscriber = keep(new SnailSubscriber({ policy: "report", ...options }));
  subscriber.subscribe("");
  subscriber.connect(publisher.endpoint);
  await publisher.heardBy();
  return subscriber;
}

/** The next messages of a subscriber, which goes on afterwards. */
async function take(subscriber: SnailSubscriber, count: number): Promise<SnailMessage[]> {
  const messages: SnailMessage[] = [];
  if (count === 0) return messages;
  for await (const message of subscriber) if (messages.push(message) === count) break;
  return messages;
}

const said = ({ topic, body, sequence, alarm }: SnailMessage): unknown[] => [
  String(topic),
  String(body.join("+")),
  Number(sequence),
  alarm?.reason,
];

describe("our publisher", () => {
  it("to a SUB on a bare socket: topic, 36 bytes and the body, with numbers for each topic", async () => {
    const publisher = keep(new SnailPublisher());
    const endpoint = await publisher.bind(ANY_PORT);
    const bare = keep(new BareSubscriber(endpoint, "a", "b"));
    await join(publisher, bare, "a");
    for (let count = 0; count < 100; count++) {
      publisher.publish("a", ["one", "two"]);
      publisher.publish("c", "nobody wants it");
      publisher.publish(Buffer.from("b"), Buffer.from([count]));
    }
    const isLast = ([topic, , body]: Buffer[]): boolean => String(topic) === "b" && body?.[0] === 99;
    await bare.until(() => bare.messages.some(isLast));
    const headers = bare.messages.map(([topic, bytes]) => ({
      topic: String(topic),
      ...headerIn(bytes as Buffer),
    }));
    expect(new Set(headers.map(({ magic }) => magic))).toEqual(new Set(["SW\x01"]));
    expect(new Set(headers.map(({ epoch }) => epoch)).size).toBe(1);
    for (const topic of ["a", "b"]) {
      const numbers = headers.filter((one) => one.topic === topic).map(({ sequence }) => sequence);
      const first = numbers[0] as bigint;
      expect(numbers).toEqual(numbers.map((_, index) => first + BigInt(index)));
    }
    expect(headers.find(({ topic }) => topic === "b")?.sequence).toBe(1n);
    const times = headers.map(({ atUs }) => atUs);
    expect(times).toEqual([...times].sort((a, b) => Number(a - b)));
    const spanUs = Number((times.at(-1) as bigint) - (times[0] as bigint));
    expect(spanUs).toBeGreaterThan(0);
    expect(bare.messages.filter(([, , ...body]) => body.join("+") === "one+two")).toHaveLength(100);
  });

  it("ends a topic that it forgets, and begins another series when it comes back", async () => {
    const publisher = keep(new SnailPublisher({ maxTopics: 1 }));
    const bare = keep(new BareSubscriber(await publisher.bind(ANY_PORT), ""));
    await join(publisher, bare, "pilot");
    for (const topic of ["x", "x", "y", "x"]) publisher.publish(topic, BODY);
    const xs = (): Buffer[][] => bare.messages.filter(([topic]) => String(topic) === "x");
    await bare.until(() => xs().length === 4);
    const headers = xs().map((frames) => ({ frames: frames.length, ...headerIn(frames[1] as Buffer) }));
    const [first, second, last, again] = headers as [Of, Of, Of, Of];
    expect([first, second, last, again].map(({ frames, flags }) => [frames, flags])).toEqual([
      [3, 0],
      [3, 0],
      [2, 1],
      [3, 0],
    ]);
    expect([first, second, last, again].map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 1n]);
    expect(new Set([first, second, last].map(({ series }) => series)).size).toBe(1);
    expect(again.series).not.toBe(first.series);
  });
});

type Of = ReturnType<typeof headerIn> & { readonly frames: number };

describe("our subscriber", () => {
  it("reads a bare publisher, and notices what is missing, what comes twice, and what restarts", async () => {
    const publisher = keep(new BarePublisher());
    const subscriber = await newSubscriber(publisher);
    const say = (of: Parameters<typeof header>[0]): Promise<void> => publisher.say("t", header(of), BODY);
    await say({ sequence: 40n });
    await say({ sequence: 41n });
    await say({ sequence: 41n });
    await say({ sequence: 45n });
    await publisher.say("t", end({ sequence: 46n }));
    await say({ series: 2n, sequence: 1n });
    await say({ series: 5n, sequence: 1n });
    await say({ epoch: 8n, sequence: 3n });
    const messages = await take(subscriber, 6);
    expect(messages.map(said)).toEqual([
      ["t", BODY, 40, undefined],
      ["t", BODY, 41, undefined],
      ["t", BODY, 45, "gap"],
      ["t", BODY, 1, undefined],
      ["t", BODY, 1, "gap"],
      ["t", BODY, 3, undefined],
    ]);
    expect(messages[2]?.alarm?.lost).toBe(3);
    expect(messages[4]?.alarm?.lost).toBeUndefined();
  });

  it("dies of a gap", async () => {
    const publisher = keep(new BarePublisher());
    const subscriber = await newSubscriber(publisher, { policy: "die" });
    await publisher.say("t", header({ sequence: 1n }), BODY);
    expect(await take(subscriber, 1)).toHaveLength(1);
    await publisher.say("t", header({ sequence: 11n }), BODY);
    const death = await take(subscriber, 1).catch((error: unknown) => error);
    expect(death).toBeInstanceOf(SnailError);
    expect(death).toMatchObject({ code: "ERR_TOO_SLOW", reason: "gap", lost: 9 });
  });

  it("takes no publisher for late whose clock is hours off, and none for timely that is late", async () => {
    const hourUs = 3_600_000_000n;
    const nowUs = BigInt(Math.round(performance.now() * 1000));
    for (const aheadUs of [hourUs, 0n, 100n * hourUs]) {
      const publisher = keep(new BarePublisher());
      const subscriber = await newSubscriber(publisher, { policy: "die" });
      for (let sequence = 1n; sequence <= 50n; sequence++)
        await publisher.say("t", header({ sequence, atUs: nowUs + aheadUs }), BODY);
      expect((await take(subscriber, 50)).every(({ delayMs }) => delayMs < 1000)).toBe(true);
      // One that is newer than the rest sets the measure, and what was published two seconds before it is late.
      await publisher.say("t", header({ sequence: 51n, atUs: nowUs + aheadUs + 10_000_000n }), BODY);
      await publisher.say("t", header({ sequence: 52n, atUs: nowUs + aheadUs + 8_000_000n }), BODY);
      const [fastest] = await take(subscriber, 1);
      expect(fastest?.delayMs).toBeLessThan(1000);
      await expect(take(subscriber, 1)).rejects.toMatchObject({ code: "ERR_TOO_SLOW", reason: "delay" });
    }
  });

  it("reads the guide's suisnail1 publisher: milliseconds of the wall clock as text, which may be an hour off", async () => {
    const publisher = keep(new BarePublisher());
    const subscriber = await newSubscriber(publisher, { format: "guide", policy: "die" });
    const wallMs = Date.now() - 3_600_000;
    for (let count = 0; count < 50; count++) await publisher.say(String(wallMs));
    const messages = await take(subscriber, 50);
    expect(messages.every(({ delayMs, body }) => delayMs < 1000 && String(body[0]) === String(wallMs))).toBe(
      true,
    );
    await publisher.say(String(wallMs + 5000));
    await publisher.say(String(wallMs + 3000));
    await take(subscriber, 1);
    await expect(take(subscriber, 1)).rejects.toMatchObject({ code: "ERR_TOO_SLOW", reason: "delay" });
  });

  it("hostile publishers: what is none of the protocol is counted and dropped, and others are heard", async () => {
    const publisher = keep(new BarePublisher());
    const honest = keep(new BarePublisher());
    const subscriber = await newSubscriber(publisher, { maxPublishers: 1000 });
    subscriber.connect(honest.endpoint);
    await honest.heardBy();
    const good = header();
    const wrong: readonly (readonly (string | Buffer)[])[] = [
      ["t"],
      ["t", ""],
      ["t", good.subarray(0, 35), BODY],
      ["t", Buffer.concat([good, Buffer.alloc(1)]), BODY],
      ["t", Buffer.from(good).fill("XX", 0, 2), BODY],
      ["t", Buffer.from(good).fill(2, 2, 3), BODY],
      ["t", header({ sequence: 0n }), BODY],
      ["t", header({ sequence: 2n ** 64n - 1n }), BODY],
      ["t", header({ series: 2n ** 63n }), BODY],
      ["t", header()],
      ["t", end({}), BODY],
    ];
    let told = 0;
    subscriber.on("message-dropped", () => {
      told += 1;
    });
    for (const frames of wrong) await publisher.say(...frames);
    for (const frames of noise(2000, 9)) await publisher.say(...frames);
    while (told < wrong.length + 2000) await once(subscriber, "message-dropped");
    await honest.say("t", header({ epoch: 99n }), "honest");
    expect((await take(subscriber, 1)).map(said)).toEqual([["t", "honest", 1, undefined]]);
    expect(told).toBe(wrong.length + 2000);
  });
});
