import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { curveKeyPair, Dealer, Router } from "zeromq";
import {
  LazyPirateClient,
  type LazyPirateClientOptions,
  type LazyPirateRequest,
  LazyPirateServer,
  type LazyPirateServerOptions,
} from "../src/index.js";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((role) => role.close()));
});

function newServer(options: LazyPirateServerOptions = {}): LazyPirateServer {
  const server = new LazyPirateServer({ lingerMs: 100, ...options });
  open.push(server);
  return server;
}

function newClient(endpoint: string, options: LazyPirateClientOptions = {}): LazyPirateClient {
  const client = new LazyPirateClient({ lingerMs: 0, ...options });
  open.push(client);
  client.connect(endpoint);
  return client;
}

async function echoServer(
  options: LazyPirateServerOptions = {},
  concurrency = 10,
): Promise<[LazyPirateServer, string]> {
  const server = newServer(options);
  const endpoint = await server.bind("tcp://127.0.0.1:*");
  void server.serve(({ body }) => body, { concurrency });
  return [server, endpoint];
}

/** An endpoint on which nobody listens: its port was free a moment ago. */
async function deadEndpoint(): Promise<string> {
  const server = newServer();
  const endpoint = await server.bind("tcp://127.0.0.1:*");
  await server.close();
  return endpoint;
}

describe("a request and its reply", () => {
  it("text and bytes, one frame and many", async () => {
    const [, endpoint] = await echoServer();
    const client = newClient(endpoint);
    expect((await client.request("hello")).map(String)).toEqual(["hello"]);
    const frames = await client.request(["a", Buffer.from("b"), new Uint8Array(0), Buffer.alloc(100_000, 7)]);
    expect(frames.map((frame) => frame.length)).toEqual([1, 1, 0, 100_000]);
    expect(frames.every((frame) => Buffer.isBuffer(frame))).toBe(true);
  });

  it("fault: no lock-step: 1,000 requests in flight, and each gets its own reply", async () => {
    const server = newServer();
    const client = newClient(await server.bind("tcp://127.0.0.1:*"), { timeoutMs: 60_000 });
    const requests: LazyPirateRequest[] = [];
    const replies = Promise.all(Array.from({ length: 1000 }, (_, index) => client.request(String(index))));
    for await (const request of server) {
      requests.push(request);
      if (requests.length === 1000) break;
    }
    expect(client.stats().inFlight).toBe(1000);
    for (const request of requests.reverse()) await request.reply(request.body);
    expect((await replies).map(([body]) => Number(body))).toEqual(
      Array.from({ length: 1000 }, (_, index) => index),
    );
  });

  it("handlers run at the same time, up to `concurrency`", async () => {
    const server = newServer();
    const client = newClient(await server.bind("tcp://127.0.0.1:*"));
    const running: (() => void)[] = [];
    let most = 0;
    void server.serve(
      async () => {
        most = Math.max(most, running.length + 1);
        await new Promise<void>((resolve) => {
          running.push(resolve);
          if (running.length === 3) for (const finish of running.splice(0)) finish();
        });
        return "done";
      },
      { concurrency: 3 },
    );
    await Promise.all(Array.from({ length: 9 }, () => client.request("x")));
    expect(most).toBe(3);
  });

  it("what a handler throws reaches the client as a typed error", async () => {
    const server = newServer();
    const client = newClient(await server.bind("tcp://127.0.0.1:*"));
    void server.serve(() => {
      throw new Error("no such account");
    });
    await expect(client.request("x")).rejects.toMatchObject({
      code: "ERR_HANDLER_FAILED",
      message: "no such account",
      retryable: false,
    });
    expect(server.stats()).toMatchObject({ failed: 1 });
  });

  it("whatever a handler throws, it reaches the client as text, and the handler goes on", async () => {
    const server = newServer();
    const client = newClient(await server.bind("tcp://127.0.0.1:*"));
    const thrown: unknown[] = [
      Object.create(null),
      Object.assign(new Error(), { message: 42 }),
      undefined,
      "text",
    ];
    const served = server.serve(() => {
      throw thrown.shift();
    });
    const messages: string[] = [];
    for (let round = 0; round < 4; round++) {
      await client.request("x").catch((error: Error) => messages.push(error.message));
    }
    expect(messages).toEqual(["the handler failed with a value that has no text", "42", "undefined", "text"]);
    await server.close();
    await served;
  });

  it("a handler that returns no body fails the request, not the server", async () => {
    const server = newServer();
    const client = newClient(await server.bind("tcp://127.0.0.1:*"));
    void server.serve((() => undefined) as never);
    await expect(client.request("x")).rejects.toMatchObject({ code: "ERR_HANDLER_FAILED" });
    await expect(client.request("y")).rejects.toMatchObject({ code: "ERR_HANDLER_FAILED" });
  });

  it("may be encrypted", async () => {
    const keys = curveKeyPair();
    const mine = curveKeyPair();
    const [, endpoint] = await echoServer({ socket: { curve: { server: true, secretKey: keys.secretKey } } });
    const client = newClient(endpoint, { socket: { curve: { ...mine, serverKey: keys.publicKey } } });
    expect(String(await client.request("secret"))).toBe("secret");
    const plain = newClient(endpoint, { timeoutMs: 200, attempts: 1 });
    await expect(plain.request("x")).rejects.toMatchObject({ code: "ERR_REQUEST_TIMEOUT", sent: 0 });
  });
});

describe("many at once", () => {
  it("a burst of as many requests as may be in flight is sent and answered, each once", async () => {
    const count = 20_000;
    const [server, endpoint] = await echoServer({ maxQueued: count }, 100);
    const client = newClient(endpoint, { maxInFlight: count, timeoutMs: 60_000 });
    const replies = await Promise.all(
      Array.from({ length: count }, (_, index) => client.request(`${index}`)),
    );
    expect(replies.every(([body], index) => Number(body) === index)).toBe(true);
    expect(server.stats()).toMatchObject({ run: count, undeliverable: 0 });
    expect(client.stats()).toMatchObject({ retries: 0, refused: 0 });
  });

  it("more at once than the queue in front of the socket takes: none waits out its attempt", async () => {
    const [, endpoint] = await echoServer({}, 100);
    const client = newClient(endpoint, { timeoutMs: 100_000, socket: { maxQueued: 20 } });
    await client.request("the connection stands");
    const replies = await Promise.all(Array.from({ length: 1000 }, (_, n) => client.request(`${n}`)));
    expect(replies.map(String)).toEqual(Array.from({ length: 1000 }, (_, n) => `${n}`));
    expect(client.stats()).toMatchObject({ retries: 0, failed: 0 });
    expect(client.stats().refused).toBeGreaterThan(0);
  });
});

describe("retries", () => {
  it("reach a server that comes later", async () => {
    const endpoint = await deadEndpoint();
    const client = newClient(endpoint, { timeoutMs: 200, attempts: 50, socket: { reconnectIntervalMs: 10 } });
    const reply = client.request("patience");
    await once(client, "request-retried");
    const server = newServer();
    await server.bind(endpoint);
    void server.serve(({ body }) => body);
    expect(String(await reply)).toBe("patience");
  });

  it("fault: nothing queued behind a dead server runs once it is back, after its caller was told of failure", async () => {
    const endpoint = await deadEndpoint();
    const client = newClient(endpoint, { timeoutMs: 50, attempts: 3, backoff: { initialMs: 1 } });
    const failures = await Promise.allSettled(Array.from({ length: 50 }, () => client.request("stale")));
    expect(failures.every(({ status }) => status === "rejected")).toBe(true);
    const server = newServer();
    const seen: string[] = [];
    void server.serve(({ body }) => {
      seen.push(String(body));
      return body;
    });
    await server.bind(endpoint);
    await client.request("fresh", { timeoutMs: 5000 });
    expect(seen).toEqual(["fresh"]);
  });

  it("a lost connection is noticed at once: the retry does not wait for the timeout", async () => {
    const mute = newServer();
    const endpoint = await mute.bind("tcp://127.0.0.1:*");
    const client = newClient(endpoint, { timeoutMs: 60_000, socket: { reconnectIntervalMs: 10 } });
    const reply = client.request("x");
    await mute[Symbol.asyncIterator]().next();
    const retried = once(client, "request-retried");
    await mute.close();
    expect((await retried)[0]).toMatchObject({ reason: "connection-lost", attempt: 1 });
    const back = newServer();
    void back.serve(({ body }) => body);
    await back.bind(endpoint);
    expect(String(await reply)).toBe("x");
  });

  it("a silent server is left for the next endpoint", async () => {
    const mute = newServer();
    // The next one has this long to answer, too.
    const client = newClient(await mute.bind("tcp://127.0.0.1:*"), { timeoutMs: 500 });
    await once(client, "connection-opened");
    const [, endpoint] = await echoServer();
    client.connect(endpoint);
    expect(String(await client.request("x"))).toBe("x");
    expect(client.stats()).toMatchObject({ retries: 1, replaced: 1 });
  });

  it("an endpoint that cannot be reached is left for the next without waiting for the timeout", async () => {
    const client = newClient(await deadEndpoint(), { timeoutMs: 60_000 });
    const [, endpoint] = await echoServer();
    client.connect(endpoint);
    expect(String(await client.request("x"))).toBe("x");
    expect(client.stats().retries).toBe(0);
  });

  it("with the reply cache a repeat is answered and not run again", async () => {
    const server = newServer({ replyCache: true });
    const endpoint = await server.bind("tcp://127.0.0.1:*");
    const client = newClient(endpoint, { timeoutMs: 100, attempts: 20, backoff: { initialMs: 1 } });
    const reply = client.request("once");
    const first = await server[Symbol.asyncIterator]().next();
    await once(server, "repeat-joined");
    await first.value?.reply("the answer");
    expect(String(await reply)).toBe("the answer");
    expect(server.stats()).toMatchObject({ run: 1 });
  });
});

describe("failures", () => {
  it("timed out: how often and where it was tried", async () => {
    const mute = newServer();
    const endpoint = await mute.bind("tcp://127.0.0.1:*");
    const client = newClient(endpoint, { timeoutMs: 50, attempts: 2, backoff: { initialMs: 1 } });
    await once(client, "connection-opened");
    await expect(client.request("x")).rejects.toMatchObject({
      name: "RequestTimeoutError",
      code: "ERR_REQUEST_TIMEOUT",
      retryable: true,
      attempts: 2,
      endpoints: [endpoint],
    });
  });

  it("the connection lost under the last attempt", async () => {
    const mute = newServer();
    const client = newClient(await mute.bind("tcp://127.0.0.1:*"));
    const ended = expect(client.request("x", { attempts: 1 })).rejects.toMatchObject({
      name: "ConnectionLostError",
      code: "ERR_CONNECTION_LOST",
      retryable: true,
      sent: 1,
    });
    const { value: request } = await mute[Symbol.asyncIterator]().next();
    await mute.close();
    await ended;
    expect(request?.isAnswered).toBe(false);
  });

  it("a request that the server drops is tried again, and an endpoint taken out is not", async () => {
    const [mute, server] = [newServer(), newServer()];
    const endpoint = await mute.bind("tcp://127.0.0.1:*");
    const client = newClient(endpoint, { timeoutMs: 500 });
    const reply = client.request("x");
    (await mute[Symbol.asyncIterator]().next()).value?.drop();
    client.disconnect(endpoint);
    client.connect(await server.bind("tcp://127.0.0.1:*"));
    void server.serve(({ body }) => body);
    expect(String(await reply)).toBe("x");
    expect(mute.stats()).toMatchObject({ run: 1, dropped: 1, running: 0 });
    expect(() => client.disconnect("nonsense")).toThrow("transport://address");
  });

  it("not connected, with `immediate`", async () => {
    const client = newClient(await deadEndpoint(), { immediate: true });
    await expect(client.request("x")).rejects.toMatchObject({ code: "ERR_NOT_CONNECTED", sent: 0 });
    const [, endpoint] = await echoServer();
    client.connect(endpoint);
    await once(client, "connection-opened");
    expect(String(await client.request("x"))).toBe("x");
  });

  it("aborted, before and during", async () => {
    const mute = newServer();
    const client = newClient(await mute.bind("tcp://127.0.0.1:*"));
    const reason = new Error("changed my mind");
    await expect(client.request("x", { signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
      name: "AbortError",
      code: "ERR_ABORTED",
      cause: reason,
    });
    const controller = new AbortController();
    const reply = client.request("x", { signal: controller.signal });
    controller.abort(reason);
    await expect(reply).rejects.toMatchObject({ code: "ERR_ABORTED", cause: reason });
    expect(client.stats()).toMatchObject({ requests: 1, failed: 1, inFlight: 0 });
  });

  it("one signal for many requests ends them all", async () => {
    const mute = newServer();
    const client = newClient(await mute.bind("tcp://127.0.0.1:*"));
    const controller = new AbortController();
    const all = Promise.allSettled(
      Array.from({ length: 50 }, () => client.request("x", { signal: controller.signal })),
    );
    controller.abort();
    expect((await all).every((one) => one.status === "rejected" && one.reason.code === "ERR_ABORTED")).toBe(
      true,
    );
    expect(client.stats().inFlight).toBe(0);
  });

  it("too large a body for the server is told at once, and not tried again", async () => {
    const [, endpoint] = await echoServer({ maxBodyBytes: 10 });
    const client = newClient(endpoint);
    await expect(client.request("x".repeat(11))).rejects.toThrow("larger than maxBodyBytes = 10");
    expect(client.stats().retries).toBe(0);
  });

  it("limits: requests in flight, size of a body", async () => {
    const mute = newServer();
    const client = newClient(await mute.bind("tcp://127.0.0.1:*"), { maxInFlight: 1, maxBodyBytes: 10 });
    const first = client.request("x");
    await expect(client.request("y")).rejects.toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxInFlight",
      limit: 1,
    });
    await expect(client.request("12345678901")).rejects.toMatchObject({
      option: "maxBodyBytes",
      retryable: false,
    });
    const ended = expect(first).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await client.close();
    await ended;
  });

  it("wrong arguments, by name", async () => {
    const client = newClient("tcp://127.0.0.1:1");
    await expect(client.request(undefined as never)).rejects.toThrow(TypeError);
    await expect(client.request("x", { timeoutMs: -1 })).rejects.toThrow('option "timeoutMs"');
    expect(() => client.connect("localhost")).toThrow("transport://address");
    const server = newServer();
    await expect(server.bind("tcp://127.0.0.1")).rejects.toThrow("tcp://host:port");
    await expect(server.serve(undefined as never)).rejects.toThrow("handler");
    await expect(server.serve(() => "x", { concurrency: 0 })).rejects.toThrow('option "concurrency"');
  });

  it("a port in use", async () => {
    const [, endpoint] = await echoServer();
    await expect(newServer().bind(endpoint)).rejects.toMatchObject({ code: "ERR_BIND", endpoint });
  });

  it("a request is answered once", async () => {
    const server = newServer();
    const client = newClient(await server.bind("tcp://127.0.0.1:*"));
    const reply = client.request("x");
    const { value: request } = await server[Symbol.asyncIterator]().next();
    await request?.reply("y");
    await expect(request?.reply("z")).rejects.toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
    expect(() => request?.drop()).toThrow("already");
    expect(() => request?.fail("z")).toThrow("already");
    expect(String(await reply)).toBe("y");
  });

  it("too large a reply fails the request with the limit's name", async () => {
    const server = newServer({ maxBodyBytes: 10 });
    const client = newClient(await server.bind("tcp://127.0.0.1:*"));
    void server.serve(() => "x".repeat(11));
    await expect(client.request("x")).rejects.toThrow("maxBodyBytes = 10");
  });
});

describe("hostile peers", () => {
  it("garbage from a server is counted and dropped", async () => {
    const router = new Router({ linger: 0 });
    open.push(router);
    router.bindSync("tcp://127.0.0.1:*");
    const client = newClient(router.lastEndpoint as string);
    const reply = client.request("x");
    const dropped = once(client, "message-dropped");
    const [routingId, id, ...rest] = await router.receive();
    await router.send([routingId as Buffer, "garbage"]);
    await dropped;
    await router.send([routingId as Buffer, id as Buffer, ...rest]);
    expect(String(await reply)).toBe("x");
    expect(client.stats().dropped).toBe(1);
  });

  it("garbage from a client is counted and dropped", async () => {
    const [server, endpoint] = await echoServer();
    const dealer = new Dealer({ linger: 0 });
    open.push(dealer);
    dealer.connect(endpoint);
    const dropped = once(server, "message-dropped");
    await dealer.send("no envelope");
    await dropped;
    await dealer.send(["", "fine"]);
    expect((await dealer.receive()).map(String)).toEqual(["", "fine"]);
    expect(server.stats().malformed).toBe(1);
  });

  it("a client that is gone is noticed when it is answered", async () => {
    const server = newServer();
    const endpoint = await server.bind("tcp://127.0.0.1:*");
    const client = newClient(endpoint, { lingerMs: 0 });
    const reply = client.request("x");
    const { value: request } = await server[Symbol.asyncIterator]().next();
    const ended = expect(reply).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await client.close();
    await ended;
    const undeliverable = once(server, "reply-undeliverable");
    // The server's socket learns of the closed connection on its own thread: another peer's message
    // that comes after it shows that it has.
    const other = newClient(endpoint);
    void other.request("y").catch(() => undefined);
    await server[Symbol.asyncIterator]().next();
    await request?.reply("nobody there");
    expect((await undeliverable)[0]).toMatchObject({ reason: "peer-unknown" });
  });
});

describe("closing", () => {
  it("the client lets requests in flight finish", async () => {
    const server = newServer();
    const client = newClient(await server.bind("tcp://127.0.0.1:*"), { lingerMs: 60_000 });
    const reply = client.request("x");
    const { value: request } = await server[Symbol.asyncIterator]().next();
    const closed = client.close();
    await expect(client.request("late")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect(() => client.connect("tcp://127.0.0.1:1")).toThrow("closed");
    await request?.reply("y");
    expect(String(await reply)).toBe("y");
    await closed;
    expect(client.close()).toBe(client.close());
  });

  it("the server lets running handlers finish and refuses the rest", async () => {
    const server = newServer({ lingerMs: 60_000 });
    const client = newClient(await server.bind("tcp://127.0.0.1:*"));
    let finish = (): void => undefined;
    let started = (): void => undefined;
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const served = server.serve(
      () =>
        new Promise<string>((resolve) => {
          finish = () => resolve("finished");
          started();
        }),
    );
    const reply = client.request("x");
    await running;
    const closed = server.close();
    await expect(server.bind("tcp://127.0.0.1:*")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    finish();
    expect(String(await reply)).toBe("finished");
    await Promise.all([closed, served]);
    for await (const _request of server) throw new Error("a closed server takes no requests");
  });

  it("closing twice is closing once, also from a listener of what closing leads to", async () => {
    const mute = newServer();
    const client = newClient(await mute.bind("tcp://127.0.0.1:*"));
    const ended = expect(client.request("x")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    const closings: Promise<void>[] = [];
    client.on("request-failed", () => closings.push(client.close()));
    const closed = client.close();
    await closed;
    await ended;
    expect(closings).toHaveLength(1);
    expect(closings[0]).toBe(closed);
  });

  it("a handler that outlives it is told, and can no longer answer", async () => {
    const server = newServer({ lingerMs: 0 });
    const client = newClient(await server.bind("tcp://127.0.0.1:*"));
    void client.request("x").catch(() => undefined);
    const { value: request } = await server[Symbol.asyncIterator]().next();
    await server.close();
    expect(request?.signal.aborted).toBe(true);
    await expect(request?.reply("y")).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  it("`await using` closes", async () => {
    let server: LazyPirateServer;
    {
      await using scoped = new LazyPirateServer();
      server = scoped;
      await scoped.bind("tcp://127.0.0.1:*");
    }
    await expect(server.bind("tcp://127.0.0.1:*")).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });
});

describe("status", () => {
  it("events are published on the diagnostics channel with their role", async () => {
    const messages: unknown[] = [];
    const listen = (message: unknown) => messages.push(message);
    subscribe("seaworthy:lazy-pirate", listen);
    try {
      const [, endpoint] = await echoServer();
      const client = newClient(endpoint);
      await client.request("x");
      expect(messages).toContainEqual({
        role: client,
        event: expect.objectContaining({ type: "connection-opened", endpoint }),
      });
    } finally {
      unsubscribe("seaworthy:lazy-pirate", listen);
    }
  });

  it("stats tell what happened and what is open", async () => {
    const [server, endpoint] = await echoServer();
    const client = newClient(endpoint);
    await client.request("x");
    expect(client.stats()).toMatchObject({
      requests: 1,
      answered: 1,
      inFlight: 0,
      connections: 1,
      sockets: { sent: 1 },
    });
    expect(server.stats()).toMatchObject({
      requests: 1,
      run: 1,
      answered: 1,
      queued: 0,
      running: 0,
      cached: 0,
    });
  });
});
