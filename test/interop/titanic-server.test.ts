import { MajordomoClient } from "@seaworthy/majordomo";
import { MemoryStore } from "@seaworthy/titanic";
import { describe, expect, it, vi } from "vitest";
import { newReq } from "./bare.js";
import { keep } from "./keep.js";
import { VERSIONS } from "./mdp-frames.js";
import { askReq, BareMdpWorker, echo } from "./mdp-peers.js";
import { ID, newBroker, newServer, SERVICES, TspClient } from "./tsp-peers.js";

const NOBODY = "0123456789abcdefABCDEF0123456789";

/** What is no id, though it may look like one. */
const NO_IDS: readonly (string | Buffer)[] = [
  "",
  "0",
  NOBODY.slice(1),
  `${NOBODY}0`,
  ` ${NOBODY.slice(1)}`,
  `${NOBODY.slice(1)}\0`,
  `${NOBODY}\n`,
  `0x${NOBODY.slice(2)}`,
  `+${NOBODY.slice(1)}`,
  `${NOBODY.slice(1)}g`,
  "01234567-89ab-cdef-ABCD-EF0123456789",
  "../../../../../../../etc/passwd0",
  "..\\..\\..\\..\\..\\windows\\system32",
  "%2e%2e%2f%2e%2e%2fetc%2fpasswd00",
  "/etc/passwd",
  Buffer.alloc(16, 7),
  Buffer.alloc(32, 0),
  Buffer.alloc(32, 0xff),
  // Digits of other scripts.
  Buffer.from("０１２３４５６７８９".repeat(4)).subarray(0, 32),
  Buffer.alloc(100_000, "0"),
];

describe.each(VERSIONS)("our server, with bare clients of %s", (version) => {
  it("answers in every code of RFC 9, and keeps frames as they are", async () => {
    const { endpoint } = await newBroker();
    const server = await newServer(endpoint);
    const client = new TspClient(endpoint, version);
    const body = ["", "two", "", Buffer.alloc(300, 0xff), ""];
    const id = await client.submit("echo", ...body);
    expect(await client.ask("titanic.reply", id)).toEqual(["300"]);
    keep(new BareMdpWorker(endpoint, { version, answer: echo }));
    expect((await client.reply(id))[0]).toBe("200");
    for (const spelt of [id, id.toLowerCase(), id.slice(0, 16) + id.slice(16).toLowerCase()]) {
      const [status, ...reply] = await client.frames("titanic.reply", spelt);
      expect(String(status)).toBe("200");
      expect(reply).toEqual(body.map((frame) => Buffer.from(frame)));
    }
    for (let time = 0; time < 2; time++) {
      expect(await client.ask("titanic.close", id.toLowerCase())).toEqual(["200"]);
      expect(await client.ask("titanic.reply", id)).toEqual(["400"]);
    }
    expect(await client.ask("titanic.reply", NOBODY)).toEqual(["400"]);
    expect(await client.ask("titanic.close", NOBODY)).toEqual(["200"]);
    expect(server.stats()).toMatchObject({ accepted: 1, attempts: 1, completed: 1, closed: 1 });
    expect(await server.counts()).toEqual({ pending: 0, done: 0, dead: 0 });
  });

  it("what is no id is answered with 400, in whatever form it comes, and touches nothing", async () => {
    const { endpoint } = await newBroker();
    const server = await newServer(endpoint);
    const client = new TspClient(endpoint, version);
    const id = await client.submit("nobody", "x");
    for (const service of ["titanic.reply", "titanic.close"]) {
      for (const wrong of NO_IDS) {
        const [status, ...text] = await client.ask(service, wrong);
        expect([status, text.length], `${service} ${wrong.toString("latin1").slice(0, 40)}`).toEqual([
          "400",
          1,
        ]);
      }
      expect((await client.ask(service, id, ""))[0], "a frame too many").toBe("400");
      expect((await client.ask(service, "", id))[0], "a frame before it").toBe("400");
    }
    for (const wrong of [["echo"], ["", "x"], ["e".repeat(256), "x"], ["mmi.service", "echo"]]) {
      expect((await client.ask("titanic.request", ...wrong))[0]).toBe("400");
    }
    for (const wrong of [["key"], ["key", "echo"], ["", "echo", "x"], ["k".repeat(256), "echo", "x"]]) {
      expect((await client.ask("titanic.submit", ...wrong))[0]).toBe("400");
    }
    expect(await client.ask("titanic.reply", id)).toEqual(["300"]);
    expect(server.stats().malformed).toBe(2 * (NO_IDS.length + 2) + 8);
    expect(await server.counts()).toEqual({ pending: 1, done: 0, dead: 0 });
  });

  it("what is closed before it runs never does, in the store or in our broker's line, and what runs leaves no reply behind", async () => {
    const { broker, endpoint } = await newBroker();
    const waiting = (count: number): Promise<void> =>
      vi.waitFor(() => expect(broker.stats().waiting).toBe(count), { timeout: 10_000 });
    const server = await newServer(endpoint);
    const client = new TspClient(endpoint, version);
    const early = await client.submit("echo", "closed early");
    expect(await client.ask("titanic.close", early)).toEqual(["200"]);
    const worker = keep(new BareMdpWorker(endpoint, { version, answer: () => undefined }));
    const running = await client.submit("echo", "closed late");
    const [given] = await worker.take(1);
    const inLine = await client.submit("echo", "closed in the line");
    await waiting(1);
    expect(await client.ask("titanic.close", inLine)).toEqual(["200"]);
    await waiting(0);
    expect(await client.ask("titanic.reply", running)).toEqual(["300"]);
    expect(await client.ask("titanic.close", running)).toEqual(["200"]);
    expect(await client.ask("titanic.reply", running)).toEqual(["400"]);
    await worker.reply(given as NonNullable<typeof given>, "too late");
    // What the worker said has arrived when the next request has its reply.
    const next = await client.submit("echo", "next");
    const [, second] = await worker.take(2);
    await worker.reply(second as NonNullable<typeof second>, "in time");
    expect(await client.reply(next)).toEqual(["200", "in time"]);
    for (const id of [early, inLine, running]) expect(await client.ask("titanic.reply", id)).toEqual(["400"]);
    expect(worker.requests.map(({ body }) => String(body))).toEqual(["closed late", "next"]);
    expect(await server.counts()).toEqual({ pending: 0, done: 1, dead: 0 });
  });

  it("500 says of a dead letter why it died, and of a store that it does not answer", async () => {
    const { endpoint } = await newBroker();
    const store = new MemoryStore();
    await newServer(endpoint, { store, timeoutMs: 50, maxAttempts: 2 });
    keep(new BareMdpWorker(endpoint, { version, answer: () => undefined }));
    keep(new BareMdpWorker(endpoint, { version, answer: () => undefined }));
    const client = new TspClient(endpoint, version);
    expect(await client.reply(await client.submit("echo", "x"))).toEqual([
      "500",
      "dead: no reply came in time",
    ]);
    store.add = () => Promise.reject(new Error("/secret/path: no space left"));
    expect(await client.ask("titanic.request", "echo", "x")).toEqual(["500", "the store does not answer"]);
  });

  it("10 MB in many frames go through, and a body beyond the limit is answered with 400", async () => {
    const { endpoint } = await newBroker();
    await newServer(endpoint, { maxBodyBytes: 10 * 1024 * 1024 });
    keep(new BareMdpWorker(endpoint, { version, answer: echo }));
    const client = new TspClient(endpoint, version);
    const body = Array.from({ length: 1024 }, (_, index) => Buffer.alloc(10 * 1024, index));
    const id = await client.submit("echo", ...body);
    await client.reply(id);
    const [, ...reply] = await client.frames("titanic.reply", id);
    expect(Buffer.concat(reply).equals(Buffer.concat(body))).toBe(true);
    expect(reply).toHaveLength(body.length);
    for (const more of [1, 1024 * 1024]) {
      const [status] = await client.ask("titanic.request", "echo", ...body, Buffer.alloc(more));
      expect(status, `${more} more`).toBe("400");
    }
    expect((await client.ask("titanic.reply", id))[0], "it goes on").toBe("200");
  });
});

it("serves REQ clients as the guide's ticlient is one, many at a time", async () => {
  const { endpoint } = await newBroker();
  const server = await newServer(endpoint);
  for (let index = 0; index < 3; index++) keep(new BareMdpWorker(endpoint, { answer: echo }));
  const run = async (number: number): Promise<void> => {
    const req = keep(newReq(endpoint));
    const [status, id = ""] = (await askReq(req, "titanic.request", "echo", `${number}`)).split("|");
    expect(status).toBe("200");
    expect(id).toMatch(ID);
    let reply = "300";
    while (reply === "300") reply = await askReq(req, "titanic.reply", id);
    expect(reply).toBe(`200|${number}`);
    expect(await askReq(req, "titanic.close", id)).toBe("200");
  };
  await Promise.all(Array.from({ length: 50 }, (_, number) => run(number)));
  expect(server.stats()).toMatchObject({ accepted: 50, completed: 50, closed: 50 });
  expect(await server.counts()).toEqual({ pending: 0, done: 0, dead: 0 });
});

it("is found by 8/MMI, by everybody", async () => {
  const { endpoint } = await newBroker();
  const server = await newServer(endpoint);
  const client = keep(new MajordomoClient({ lingerMs: 0 }));
  client.connect(endpoint);
  const ask = async (): Promise<string[]> => {
    const replies = SERVICES.map((service) => client.request("mmi.service", service));
    return (await Promise.all(replies)).map(String);
  };
  expect(await ask()).toEqual(["200", "200", "200", "200"]);
  await server.close();
  expect(await ask()).toEqual(["404", "404", "404", "404"]);
});
