import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { MemoryStore, type TitanicServer } from "@seaworthy/titanic";
import { describe, expect, it } from "vitest";
import { Dealer } from "zeromq";
import { keep } from "./keep.js";
import { clientFrames, VERSIONS } from "./mdp-frames.js";
import { BareMdpClient, BareMdpWorker, echo } from "./mdp-peers.js";
import { noise } from "./noise.js";
import { newBroker, newServer, SERVICES, TspClient } from "./tsp-peers.js";

/** Requests that a client hands in without ever reading. */
const UNREAD = 10_000;

/** A whole cycle of somebody who means no harm. */
async function isServed(client: TspClient, service = "echo"): Promise<void> {
  const id = await client.submit(service, "honest");
  expect(await client.reply(id)).toEqual(["200", "honest"]);
  expect(await client.ask("titanic.close", id)).toEqual(["200"]);
}

/** Resolves when the server has told of something by which this has become true. */
async function until(server: TitanicServer, isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await once(server, "status");
}

function tally(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) {
    const status = text.slice(0, 3);
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

describe.each(VERSIONS)("our server, with a client of %s", (version) => {
  it("that invents services gets 500 beyond maxServices, and those that had a place go on", async () => {
    const { endpoint } = await newBroker();
    const server = await newServer(endpoint, { maxServices: 50, lookMs: 50 });
    // The service has a place for as long as a request waits for it.
    const held = keep(new BareMdpWorker(endpoint, { version, service: "held", answer: () => undefined }));
    const honest = new TspClient(endpoint, version);
    const id = await honest.submit("held", "one");
    const [given] = await held.take(1);
    const flood = keep(new BareMdpClient(endpoint, version));
    for (let name = 0; name < 1000; name++) void flood.send("titanic.request", `invented ${name}`, "x");
    await flood.until(() => flood.replies.length === 1000);
    expect(tally(flood.texts)).toEqual({ 200: 49, 500: 951 });
    expect(flood.texts.find((text) => text.startsWith("500"))).toBe("500|limit maxServices = 50 is reached");
    await honest.submit("held", "two");
    await held.reply(given as NonNullable<typeof given>, "done");
    expect(await honest.reply(id)).toEqual(["200", "done"]);
    expect(server.stats()).toMatchObject({ services: 50, accepted: 51, refused: 951 });
    // What is closed makes room for others.
    for (const text of flood.texts) {
      const [status, invented = ""] = text.split("|");
      if (status === "200") await honest.ask("titanic.close", invented);
    }
    keep(new BareMdpWorker(endpoint, { version, answer: echo }));
    let status: string | undefined = "500";
    while (status === "500") [status] = await honest.ask("titanic.request", "echo", "x");
    expect(status).toBe("200");
  });

  it("that guesses ids learns nothing and harms nobody", async () => {
    const { endpoint } = await newBroker();
    const server = await newServer(endpoint);
    const honest = new TspClient(endpoint, version);
    const ids = [await honest.submit("echo", "a secret"), await honest.submit("echo", "another")];
    const guesser = keep(new BareMdpClient(endpoint, version));
    const [id = ""] = ids;
    const near = Array.from({ length: 32 }, (_, at) => {
      const other = id[at] === "0" ? "1" : "0";
      return id.slice(0, at) + other + id.slice(at + 1);
    });
    const random = Array.from({ length: 500 }, () => randomBytes(16).toString("hex"));
    const guesses = [...near, ...random, "0".repeat(32), "F".repeat(32)];
    for (const guess of guesses) void guesser.send("titanic.reply", guess);
    await guesser.until(() => guesser.replies.length === guesses.length);
    expect(new Set(guesser.texts)).toEqual(new Set(["400"]));
    for (const guess of guesses) void guesser.send("titanic.close", guess);
    await guesser.until(() => guesser.replies.length === 2 * guesses.length);
    expect(new Set(guesser.texts.slice(guesses.length))).toEqual(new Set(["200"]));
    expect(await server.counts()).toEqual({ pending: 2, done: 0, dead: 0 });
    expect(server.stats().closed).toBe(0);
    // Behind the time and the version, ids of the same server have nothing in common that would give the other away.
    const alike = [...id].filter((digit, at) => at >= 13 && digit === ids[1]?.[at]).length;
    expect(alike).toBeLessThan(10);
  });

  it("that says anything at all to its services gets one answer to each, and others are served", async () => {
    const { endpoint } = await newBroker();
    const server = await newServer(endpoint, { maxServices: 5000 });
    keep(new BareMdpWorker(endpoint, { version, answer: echo }));
    const hostile = keep(new BareMdpClient(endpoint, version));
    const honest = new TspClient(endpoint, version);
    let sent = 0;
    for (const message of noise(2000, 7)) {
      void hostile.send(SERVICES[sent++ % SERVICES.length] as string, ...message);
    }
    await isServed(honest);
    await hostile.until(() => hostile.replies.length === sent);
    const { 200: ok = 0, 400: wrong = 0, ...others } = tally(hostile.texts);
    expect(others).toEqual({});
    expect(ok + wrong).toBe(sent);
    expect(hostile.strange).toEqual([]);
    expect(server.stats().refused).toBe(wrong);
    await isServed(honest);
  });
});

it(`a client that hands in ${UNREAD} requests and never reads keeps nobody from being served`, async () => {
  const { endpoint } = await newBroker();
  const store = new MemoryStore();
  const server = await newServer(endpoint, { store });
  keep(new BareMdpWorker(endpoint, { answer: echo }));
  const mute = keep(new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 1 }));
  mute.connect(endpoint);
  const honest = new TspClient(endpoint);
  for (let index = 0; index < UNREAD; index++) {
    await mute.send(clientFrames("0.1", "request", "titanic.request", "nobody", `${index}`));
    if (index % 2000 === 0) await isServed(honest);
  }
  await isServed(honest);
  // What was read of it is kept, as much as what others say is.
  const { accepted } = server.stats();
  expect(accepted).toBeGreaterThan(0);
  mute.close();
  await isServed(honest);
  await server.close();
  const again = await newServer(endpoint, { store });
  const { pending } = await again.counts();
  expect(pending).toBeGreaterThanOrEqual(accepted - 20);
  expect(pending).toBeLessThanOrEqual(UNREAD);
});

it("a store that is full is answered with 500, and takes requests again when there is room", async () => {
  const { endpoint } = await newBroker();
  const server = await newServer(endpoint, { store: new MemoryStore({ maxRequests: 10 }) });
  const flood = keep(new BareMdpClient(endpoint));
  for (let index = 0; index < 100; index++) void flood.send("titanic.request", "nobody", `${index}`);
  await flood.until(() => flood.replies.length === 100);
  expect(tally(flood.texts)).toEqual({ 200: 10, 500: 90 });
  const refused = server.stats().refused;
  expect(refused).toBe(90);
  const client = new TspClient(endpoint);
  const [, id = ""] = (flood.texts.find((text) => text.startsWith("200")) as string).split("|");
  await client.ask("titanic.close", id);
  await client.submit("nobody", "x");
  await until(server, () => server.stats().missed === 1);
});
