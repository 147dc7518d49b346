import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Reply, Router } from "zeromq";
import { BinaryStarClient } from "../src/client.js";
import type { BinaryStarClientEvent } from "../src/client-messages.js";
import type { BinaryStarClientOptions } from "../src/client-options.js";
import { decodeRequest, encodeFailure, encodeRefusal } from "../src/wire.js";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((role) => role.close()));
});

/** What a bare server does with a request: the frames of its answer, or none. */
type Rule = (frames: Buffer[]) => Iterable<Uint8Array | string> | undefined;

const echo: Rule = (frames) => frames;
const mute: Rule = () => undefined;

/** The answer of one of our servers that is not active. */
function refuse(retryAfterMs: number | undefined): Rule {
  return (frames) => {
    const request = decodeRequest(frames);
    if (request.type === "malformed") throw new Error(request.reason);
    return encodeRefusal(request, "passive", retryAfterMs);
  };
}

/** A server on a bare ROUTER, as the guide's are. Its rule can be changed while it runs. */
class Bare {
  readonly bodies: string[] = [];
  readonly frames: Buffer[][] = [];
  endpoint = "";
  rule: Rule;
  readonly #socket = new Router({ linger: 0 });
  #waiting: { count: number; resolve: () => void } | undefined;

  constructor(rule: Rule) {
    this.rule = rule;
    open.push(this);
  }

  async bind(endpoint = "tcp://127.0.0.1:*"): Promise<string> {
    await this.#socket.bind(endpoint);
    this.endpoint = this.#socket.lastEndpoint ?? "";
    void this.#serve();
    return this.endpoint;
  }

  /** Resolves when so many requests have come. */
  heard(count: number): Promise<void> {
    if (this.bodies.length >= count) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting = { count, resolve };
    });
  }

  async send(frames: (Uint8Array | string)[]): Promise<void> {
    await this.#socket.send(frames);
  }

  close(): void {
    if (!this.#socket.closed) this.#socket.close();
  }

  async #serve(): Promise<void> {
    for await (const frames of this.#socket) {
      this.frames.push(frames);
      this.bodies.push(String(frames.at(-1)));
      const { count = Number.POSITIVE_INFINITY, resolve } = this.#waiting ?? {};
      if (this.bodies.length >= count) resolve?.();
      const answer = this.rule(frames);
      if (answer !== undefined) await this.#socket.send([...answer]);
    }
  }
}

async function serving(rule: Rule): Promise<Bare> {
  const server = new Bare(rule);
  await server.bind();
  return server;
}

/** Where nobody listens. */
async function deadEndpoint(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return `tcp://127.0.0.1:${port}`;
}

/** A client of servers with a short heartbeat: it settles for 100 ms. */
function newClient(endpoints: string[], options: BinaryStarClientOptions = {}): BinaryStarClient {
  const client = new BinaryStarClient({ heartbeatMs: 50, lingerMs: 0, timeoutMs: 50_000, ...options });
  open.push(client);
  for (const endpoint of endpoints) client.connect(endpoint);
  return client;
}

/** All events that a client reports from now on, but for stalls of a busy machine. */
function recorded(client: BinaryStarClient): BinaryStarClientEvent[] {
  const events: BinaryStarClientEvent[] = [];
  client.on("status", (event) => {
    if (event.type !== "process-stalled") events.push(event);
  });
  return events;
}

describe("a request and its reply", () => {
  it("one frame and many, from the primary", async () => {
    const [primary, backup] = [await serving(echo), await serving(mute)];
    const client = newClient([primary.endpoint, backup.endpoint]);
    expect((await client.request("hello")).map(String)).toEqual(["hello"]);
    const frames = await client.request(["a", Buffer.from("b"), new Uint8Array(0), Buffer.alloc(100_000, 7)]);
    expect(frames.map((frame) => frame.length)).toEqual([1, 1, 0, 100_000]);
    expect(frames.every((frame) => Buffer.isBuffer(frame))).toBe(true);
    expect(client.server).toBe(primary.endpoint);
    expect(backup.bodies).toEqual([]);
  });

  it("from a REP, which knows nothing of ids", async () => {
    const server = new Reply({ linger: 0 });
    open.push(server);
    await server.bind("tcp://127.0.0.1:*");
    const client = newClient([server.lastEndpoint ?? ""]);
    const replies = Promise.all([client.request("a"), client.request("b")]);
    for (let n = 0; n < 2; n++) await server.send(`${await server.receive()}!`);
    expect((await replies).map(String)).toEqual(["a!", "b!"]);
  });

  it("1,000 in flight, answered in the reverse order, and each gets its own", async () => {
    const server = await serving(mute);
    const client = newClient([server.endpoint]);
    const replies = Promise.all(Array.from({ length: 1000 }, (_, index) => client.request(`${index}`)));
    await server.heard(1000);
    expect(client.stats().inFlight).toBe(1000);
    for (const frames of server.frames.toReversed()) await server.send(frames);
    expect((await replies).every(([body], index) => Number(body) === index)).toBe(true);
    expect(client.stats()).toMatchObject({ answered: 1000, retries: 0, lateReplies: 0, inFlight: 0 });
  });
});

describe("a primary that is gone", () => {
  it("with 1,000 requests in flight: all are answered by the backup, after the settle time", async () => {
    const [primary, backup] = [await serving(mute), await serving(echo)];
    const client = newClient([primary.endpoint, backup.endpoint]);
    const events = recorded(client);
    const replies = Promise.all(Array.from({ length: 1000 }, (_, index) => client.request(`${index}`)));
    await primary.heard(1000);
    primary.close();
    expect((await replies).every(([body], index) => Number(body) === index)).toBe(true);
    expect(client.server).toBe(backup.endpoint);
    expect(client.stats()).toMatchObject({ moves: 1, retries: 1000, failed: 0 });
    // The server can tell that a request is one that its peer may have run.
    expect(backup.frames.map((frames) => frames[1])).toEqual(primary.frames.map((frames) => frames[1]));
    const [began, changed] = events.filter(
      ({ type }) => type === "settling-began" || type === "server-changed",
    );
    expect(began).toMatchObject({ type: "settling-began", reason: "lost", ms: 100 });
    expect(changed).toMatchObject({ type: "server-changed", reason: "lost", from: primary.endpoint });
    expect((changed?.at ?? 0) - (began?.at ?? 0)).toBeGreaterThanOrEqual(100);
  });

  it("before the client came is left for the backup", async () => {
    const backup = await serving(echo);
    const client = newClient([await deadEndpoint(), backup.endpoint]);
    expect(String(await client.request("x"))).toBe("x");
    expect(client.stats()).toMatchObject({ moves: 1, retries: 0 });
  });

  it("fault: nothing that was queued behind it runs once it is back", async () => {
    const [primary, backup] = [await serving(mute), await serving(echo)];
    const client = newClient([primary.endpoint, backup.endpoint]);
    const replies = Promise.all(Array.from({ length: 50 }, () => client.request("stale")));
    await primary.heard(50);
    primary.close();
    await replies;
    const back = new Bare(echo);
    await back.bind(primary.endpoint);
    backup.close();
    expect(String(await client.request("fresh"))).toBe("fresh");
    expect(back.bodies).toEqual(["fresh"]);
    expect(client.stats().moves).toBe(2);
  });

  it("stopped, so that its kernel takes the connection and nobody speaks: it is left in time", async () => {
    const stopped = createServer().listen(0, "127.0.0.1");
    open.push(stopped);
    await once(stopped, "listening");
    const { port } = stopped.address() as { port: number };
    const backup = await serving(echo);
    const client = newClient([`tcp://127.0.0.1:${port}`, backup.endpoint], { connectTimeoutMs: 50 });
    const failed = once(client, "connection-failed");
    expect(String(await client.request("x"))).toBe("x");
    expect((await failed)[0]).toMatchObject({ reason: "it took too long" });
  });
});

describe("a pair of the guide, whose passive server is silent", () => {
  it("the client finds the active one after an attempt and the settle time", async () => {
    const [passive, active] = [await serving(mute), await serving(echo)];
    // The active one has this long to answer, too.
    const client = newClient([passive.endpoint, active.endpoint], { timeoutMs: 500 });
    const events = recorded(client);
    expect(String(await client.request("x"))).toBe("x");
    expect(passive.bodies).toEqual(["x"]);
    expect(events.map(({ type }) => type)).toEqual([
      "connection-opened",
      "request-retried",
      "settling-began",
      "server-changed",
      "connection-opened",
    ]);
  });

  it("a server that answers while it is in doubt is stayed with", async () => {
    const [primary, backup] = [await serving(mute), await serving(echo)];
    const client = newClient([primary.endpoint, backup.endpoint], { timeoutMs: 100, settleMs: 60_000 });
    const reply = client.request("x");
    await once(client, "settling-began");
    await primary.send(primary.frames[0] as Buffer[]);
    expect(String(await reply)).toBe("x");
    primary.rule = echo;
    expect(String(await client.request("y"))).toBe("y");
    expect(client.server).toBe(primary.endpoint);
    expect(client.stats().moves).toBe(0);
  });
});

describe("a server of ours that is not active", () => {
  it("and can take over soon is asked again", async () => {
    const [backup, primary] = [await serving(refuse(20)), await serving(mute)];
    const client = newClient([backup.endpoint, primary.endpoint]);
    client.once("request-refused", (event) => {
      expect(event).toMatchObject({ endpoint: backup.endpoint, state: "passive", retryAfterMs: 20 });
      backup.rule = echo;
    });
    expect(String(await client.request("x"))).toBe("x");
    expect(backup.bodies).toEqual(["x", "x"]);
    expect(client.stats()).toMatchObject({ refusals: 1, retries: 1, moves: 0 });
  });

  it("and has no need to take over is left at once", async () => {
    const [backup, primary] = [await serving(refuse(undefined)), await serving(echo)];
    const client = newClient([backup.endpoint, primary.endpoint], { settleMs: 60_000 });
    expect(String(await client.request("x"))).toBe("x");
    expect(client.stats()).toMatchObject({ refusals: 1, moves: 1 });
  });

  it("and hears its peer all the time, which the client does not know, is left at the second refusal", async () => {
    const [backup, primary] = [await serving(refuse(20)), await serving(echo)];
    const client = newClient([backup.endpoint, primary.endpoint], { settleMs: 60_000 });
    expect(String(await client.request("x"))).toBe("x");
    expect(client.stats()).toMatchObject({ refusals: 2, moves: 1 });
  });

  it("as the other is not: the request fails in time, and they are not asked in a tight loop", async () => {
    const pair = [await serving(refuse(undefined)), await serving(refuse(undefined))];
    const endpoints = pair.map(({ endpoint }) => endpoint);
    const client = newClient(endpoints, { socket: { reconnectIntervalMs: 10 } });
    await expect(client.request("x", { attempts: 6 })).rejects.toMatchObject({
      name: "NotActiveError",
      code: "ERR_NOT_ACTIVE",
      retryable: true,
      attempts: 6,
      sent: 6,
      endpoints: [...endpoints, ...endpoints, ...endpoints],
    });
    expect(pair.map(({ bodies }) => bodies.length)).toEqual([3, 3]);
  });
});

describe("failures", () => {
  it("timed out: how often and where it was tried", async () => {
    const [primary, backup] = [await serving(mute), await serving(mute)];
    const client = newClient([primary.endpoint, backup.endpoint], { timeoutMs: 50, attempts: 1 });
    await once(client, "connection-opened");
    await expect(client.request("x")).rejects.toMatchObject({
      name: "RequestTimeoutError",
      code: "ERR_REQUEST_TIMEOUT",
      retryable: true,
      attempts: 1,
      sent: 1,
      endpoints: [primary.endpoint],
    });
    expect(client.stats()).toMatchObject({ failed: 1, inFlight: 0 });
  });

  it("the connection lost under the last attempt", async () => {
    const server = await serving(mute);
    const client = newClient([server.endpoint]);
    const ended = expect(client.request("x", { attempts: 1 })).rejects.toMatchObject({
      name: "ConnectionLostError",
      code: "ERR_CONNECTION_LOST",
      sent: 1,
      endpoints: [server.endpoint],
    });
    await server.heard(1);
    server.close();
    await ended;
  });

  it("what a handler threw", async () => {
    const server = await serving((frames) => {
      const request = decodeRequest(frames);
      return request.type === "malformed" ? undefined : encodeFailure(request.route, "no such account");
    });
    const client = newClient([server.endpoint]);
    await expect(client.request("x")).rejects.toMatchObject({
      code: "ERR_HANDLER_FAILED",
      message: "no such account",
    });
  });

  it("aborted, before and during", async () => {
    const server = await serving(mute);
    const client = newClient([server.endpoint]);
    const reason = new Error("changed my mind");
    await expect(client.request("x", { signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
      code: "ERR_ABORTED",
      cause: reason,
    });
    const controller = new AbortController();
    const reply = client.request("x", { signal: controller.signal });
    controller.abort(reason);
    await expect(reply).rejects.toMatchObject({ code: "ERR_ABORTED", cause: reason });
    expect(client.stats()).toMatchObject({ requests: 1, failed: 1, inFlight: 0 });
  });

  it("limits: requests in flight, size of a body", async () => {
    const server = await serving(mute);
    const client = newClient([server.endpoint], { maxInFlight: 1, maxBodyBytes: 10 });
    await expect(client.request("x".repeat(11))).rejects.toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxBodyBytes",
      retryable: false,
    });
    const first = client.request("x");
    await expect(client.request("y")).rejects.toMatchObject({ option: "maxInFlight", retryable: true });
    const closed = expect(first).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await client.close();
    await closed;
  });
});

describe("endpoints", () => {
  it("one can be taken out while it works on a request: the next one gets it", async () => {
    const [primary, backup] = [await serving(mute), await serving(echo)];
    const client = newClient([primary.endpoint, backup.endpoint]);
    const reply = client.request("x");
    await primary.heard(1);
    client.disconnect(primary.endpoint);
    expect(String(await reply)).toBe("x");
    expect(client.server).toBe(backup.endpoint);
  });

  it("that are none are refused", () => {
    const client = newClient([]);
    expect(() => client.connect("nonsense")).toThrow("transport://address");
    expect(() => client.disconnect("nonsense")).toThrow("transport://address");
  });
});

describe("closing", () => {
  it("lets what is in flight finish, and takes nothing more", async () => {
    const server = await serving(mute);
    const client = newClient([server.endpoint], { lingerMs: 60_000 });
    const reply = client.request("x");
    await server.heard(1);
    const closing = client.close();
    expect(client.close()).toBe(closing);
    await expect(client.request("y")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect(() => client.connect(server.endpoint)).toThrow("BinaryStarClient is closed");
    await server.send(server.frames[0] as Buffer[]);
    expect(String(await reply)).toBe("x");
    await closing;
    expect(client.server).toBeUndefined();
  });
});
