import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { Dealer, Reply, Request, Router } from "zeromq";
import {
  FreelanceClient,
  type FreelanceClientOptions,
  type FreelanceHandler,
  FreelanceServer,
  type FreelanceServerOptions,
  type FreelanceStrategy,
} from "../src/index.js";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((role) => role.close()));
});

const STRATEGIES: readonly FreelanceStrategy[] = ["failover", "shotgun", "tracked"];

function newServer(options: FreelanceServerOptions = {}): FreelanceServer {
  const server = new FreelanceServer({ lingerMs: 100, ...options });
  open.push(server);
  return server;
}

/** Unless it is told otherwise, a busy machine does not make it ask again. */
function newClient(endpoints: readonly string[], options: FreelanceClientOptions = {}): FreelanceClient {
  const client = new FreelanceClient({
    lingerMs: 0,
    timeoutMs: 50_000,
    ...options,
    socket: { reconnectIntervalMs: 10, reconnectMaxIntervalMs: 20, ...options.socket },
  });
  open.push(client);
  for (const endpoint of endpoints) client.connect(endpoint);
  return client;
}

const echo: FreelanceHandler = ({ body }) => body;

/** The protocol that a strategy speaks. */
function protocolOf(strategy: FreelanceStrategy): FreelanceServerOptions {
  return { protocol: strategy === "tracked" ? "flp" : "plain" };
}

async function serve(
  options: FreelanceServerOptions = {},
  handler: FreelanceHandler = echo,
  endpoint = "tcp://127.0.0.1:*",
): Promise<{ server: FreelanceServer; endpoint: string }> {
  const server = newServer(options);
  const bound = await server.bind(endpoint);
  void server.serve(handler, { concurrency: 100 });
  return { server, endpoint: bound };
}

/** Waits until the client has so many servers that take requests. */
async function untilAlive(client: FreelanceClient, count: number): Promise<void> {
  while (client.stats().aliveServers < count) await once(client, "server-alive");
}

/** An endpoint on which nobody listens: its port was free a moment ago. */
async function deadEndpoint(): Promise<string> {
  const { server, endpoint } = await serve();
  await server.close();
  return endpoint;
}

describe.each(STRATEGIES)("strategy %s", (strategy) => {
  const options = protocolOf(strategy);

  it("1,000 requests in flight, and each gets its own reply", async () => {
    const servers = await Promise.all([serve(options), serve(options), serve(options)]);
    const client = newClient(
      servers.map(({ endpoint }) => endpoint),
      { strategy },
    );
    const replies = await Promise.all(Array.from({ length: 1000 }, (_, n) => client.request(["n", `${n}`])));
    expect(replies.every(([, n], index) => Number(n) === index)).toBe(true);
    expect(replies.every((frames) => frames.length === 2 && frames.every(Buffer.isBuffer))).toBe(true);
    expect(client.stats()).toMatchObject({ requests: 1000, answered: 1000, failed: 0, retries: 0 });
  });

  it("what a handler throws reaches the client as a typed error", async () => {
    const { endpoint } = await serve(options, () => {
      throw new Error("no such account");
    });
    const client = newClient([endpoint], { strategy });
    await expect(client.request("x")).rejects.toMatchObject({
      code: "ERR_HANDLER_FAILED",
      message: "no such account",
    });
    expect(client.servers()[0]).toMatchObject({ failures: 1, outstanding: 0 });
  });

  it("a server that dies under its requests: they are answered by another", async () => {
    const mute = newServer(options);
    const first = await mute.bind("tcp://127.0.0.1:*");
    const client = newClient([first], { strategy, timeoutMs: 20_000 });
    const replies = Array.from({ length: 50 }, (_, n) => client.request(`${n}`));
    await mute[Symbol.asyncIterator]().next();
    const { endpoint } = await serve(options);
    client.connect(endpoint);
    await mute.close();
    expect((await Promise.all(replies)).map(String)).toEqual(Array.from({ length: 50 }, (_, n) => `${n}`));
    expect(client.stats().failed).toBe(0);
  });

  it("more at once than the queue in front of a socket takes: none waits out its attempt", async () => {
    const servers = await Promise.all([serve(options), serve(options)]);
    const endpoints = servers.map(({ endpoint }) => endpoint);
    const client = newClient(endpoints, { strategy, timeoutMs: 100_000, socket: { maxQueued: 20 } });
    await untilAlive(client, 1);
    const replies = await Promise.all(Array.from({ length: 1000 }, (_, n) => client.request(`${n}`)));
    expect(replies.map(String)).toEqual(Array.from({ length: 1000 }, (_, n) => `${n}`));
    expect(client.stats()).toMatchObject({ retries: 0, failed: 0 });
    expect(client.stats().refused).toBeGreaterThan(0);
  });

  it("a server that dies under the last attempt ends the request at once", async () => {
    const mute = newServer(options);
    const client = newClient([await mute.bind("tcp://127.0.0.1:*")], { strategy, timeoutMs: 20_000 });
    const reply = client.request("x", { attempts: 1 });
    await mute[Symbol.asyncIterator]().next();
    const failure = expect(reply).rejects.toMatchObject({ code: "ERR_CONNECTION_LOST", sent: 1 });
    await mute.close();
    await failure;
  });

  it("a server that is not there yet: requests wait for it", async () => {
    const endpoint = await deadEndpoint();
    const client = newClient([endpoint], { strategy, timeoutMs: 20_000 });
    const reply = client.request("patience");
    await once(client, "connection-failed");
    await serve(options, echo, endpoint);
    expect(String(await reply)).toBe("patience");
  });

  it("a server that comes back is used again", async () => {
    const { server, endpoint } = await serve(options);
    const client = newClient([endpoint], { strategy, timeoutMs: 20_000 });
    await client.request("before");
    const gone = once(client, "server-gone");
    await server.close();
    expect((await gone)[0]).toMatchObject({ endpoint, reason: "lost" });
    await serve(options, echo, endpoint);
    expect(String(await client.request("after"))).toBe("after");
  });

  it("a server that is taken out still answers what it has, and gets nothing more", async () => {
    const first = newServer(options);
    const leaving = await first.bind("tcp://127.0.0.1:*");
    const client = newClient([leaving], { strategy, timeoutMs: 20_000 });
    const reply = client.request("last");
    const { value: request } = await first[Symbol.asyncIterator]().next();
    client.disconnect(leaving);
    expect(client.servers()).toMatchObject([{ state: "leaving", outstanding: 1 }]);
    const { endpoint } = await serve(options);
    client.connect(endpoint);
    expect(String(await client.request("next"))).toBe("next");
    await request?.reply("word");
    expect(String(await reply)).toBe("word");
    expect(client.servers().map((server) => server.endpoint)).toEqual([endpoint]);
    expect(first.stats().requests).toBe(1);
  });

  it("a silent server ends a request by its timeout", async () => {
    const mute = newServer(options);
    const endpoint = await mute.bind("tcp://127.0.0.1:*");
    const client = newClient([endpoint], { strategy });
    await untilAlive(client, 1);
    await expect(client.request("x", { timeoutMs: 50, attempts: 1 })).rejects.toMatchObject({
      code: "ERR_REQUEST_TIMEOUT",
      attempts: 1,
      sent: 1,
      endpoints: [endpoint],
    });
  });

  it("ends requests by signal, by close, and at its limits", async () => {
    const mute = newServer(options);
    const endpoint = await mute.bind("tcp://127.0.0.1:*");
    const client = newClient([endpoint], { strategy, maxInFlight: 2, maxServers: 1, maxBodyBytes: 10 });
    const stop = new AbortController();
    const aborted = client.request("x", { signal: stop.signal });
    const closed = client.request("y");
    await expect(client.request("z")).rejects.toMatchObject({ option: "maxInFlight" });
    await expect(client.request("0123456789a")).rejects.toMatchObject({ option: "maxBodyBytes" });
    expect(() => client.connect("tcp://127.0.0.1:9")).toThrow("maxServers = 1");
    client.connect(endpoint);
    stop.abort();
    await expect(aborted).rejects.toMatchObject({ code: "ERR_ABORTED" });
    await expect(client.request("z", { signal: stop.signal })).rejects.toMatchObject({ code: "ERR_ABORTED" });
    const closing = client.close();
    await expect(closed).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await closing;
    await expect(client.request("z")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect(() => client.connect(endpoint)).toThrow("FreelanceClient is closed");
  });

  it("fails at once with `immediate` while no server takes requests", async () => {
    const { endpoint } = await serve(options);
    const client = newClient([endpoint], { strategy, immediate: true });
    await expect(client.request("x")).rejects.toMatchObject({ code: "ERR_NOT_CONNECTED", sent: 0 });
    await untilAlive(client, 1);
    expect(String(await client.request("x"))).toBe("x");
  });
});

describe("tracked", () => {
  it("a server that is known by a host's name is followed when it comes and goes", async () => {
    const address = await deadEndpoint();
    const endpoint = address.replace("127.0.0.1", "localhost");
    const listen = async (): Promise<FreelanceServer> => {
      const server = newServer();
      await server.bind(address, { as: endpoint });
      void server.serve(echo);
      return server;
    };
    const client = newClient([endpoint], { timeoutMs: 20_000, heartbeatMs: 60_000 });
    for (let round = 0; round < 3; round++) {
      const server = await listen();
      expect(String(await client.request(`${round}`))).toBe(`${round}`);
      const gone = once(client, "server-gone");
      await server.close();
      await gone;
    }
  });

  it("servers that are known by the names of hosts, all at one port, are followed when they come and go", async () => {
    const port = (await deadEndpoint()).split(":")[2] as string;
    // Short forms of addresses are looked up as names of hosts are: connections are told of by the addresses behind.
    const hosts = [2, 3, 4].map((last) => ({
      address: `tcp://127.0.0.${last}:${port}`,
      endpoint: `tcp://127.${last}:${port}`,
    }));
    const listen = async ({ address, endpoint }: { address: string; endpoint: string }) => {
      const server = newServer({ lingerMs: 0 });
      await server.bind(address, { as: endpoint });
      return server;
    };
    const answering = await Promise.all(hosts.slice(1).map(listen));
    for (const server of answering) void server.serve(echo, { concurrency: 100 });
    const client = newClient(
      hosts.map(({ endpoint }) => endpoint),
      { timeoutMs: 50_000, heartbeatMs: 60_000, connectTimeoutMs: 60_000 },
    );
    for (let round = 0; round < 3; round++) {
      const mute = await listen(hosts[0] as (typeof hosts)[0]);
      await untilAlive(client, 3);
      const replies = Array.from({ length: 30 }, (_, n) => client.request(`${n}`));
      await mute[Symbol.asyncIterator]().next();
      await mute.close();
      expect((await Promise.all(replies)).map(String)).toEqual(Array.from({ length: 30 }, (_, n) => `${n}`));
    }
  });

  it("an endpoint that ZeroMQ does not take is reported, and can be taken out", async () => {
    const client = newClient(["wss://127.0.0.1:1"]);
    const [event] = await once(client, "connection-failed");
    expect(event).toMatchObject({ endpoint: "wss://127.0.0.1:1" });
    client.disconnect("wss://127.0.0.1:1");
    expect(client.servers()).toEqual([]);
  });

  it("a server of another name is reported, and its words are those of a stranger", async () => {
    const server = newServer();
    const address = await server.bind("tcp://127.0.0.1:*", { as: "tcp://localhost:*" });
    const client = newClient([address.replace("localhost", "127.0.0.1")], { heartbeatMs: 100 });
    const [event] = await once(client, "server-unaddressable");
    expect(event).toMatchObject({ endpoint: address.replace("localhost", "127.0.0.1") });
    expect(client.stats().aliveServers).toBe(0);
  });

  it("hedges past a slow server", async () => {
    const held: (() => void)[] = [];
    const slow = await serve({}, async ({ body }) => {
      await new Promise<void>((resolve) => held.push(resolve));
      return body;
    });
    const quick = await serve();
    const client = newClient([slow.endpoint, quick.endpoint], { hedgeAfterMs: 20, timeoutMs: 50_000 });
    await untilAlive(client, 2);
    // Two at a time: the second goes to the server that the first did not go to.
    for (let n = 0; client.stats().hedgesWon === 0; n++) {
      const replies = await Promise.all([client.request(`${n}`), client.request(`${n}`)]);
      expect(replies.map(String)).toEqual([`${n}`, `${n}`]);
    }
    expect(held.length).toBeGreaterThan(0);
    expect(client.stats()).toMatchObject({ retries: 0, failed: 0 });
    for (const finish of held.splice(0)) finish();
    while (client.stats().duplicateReplies === 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it("a burst goes to a single server whole", async () => {
    const { endpoint } = await serve({ maxQueued: 20_000 });
    const client = newClient([endpoint], { timeoutMs: 50_000 });
    const replies = await Promise.all(Array.from({ length: 10_000 }, (_, n) => client.request(`${n}`)));
    expect(replies.every(([body], n) => Number(body) === n)).toBe(true);
    expect(client.stats()).toMatchObject({ retries: 0, refused: 0 });
  });

  it("a repeat that comes to one server is answered from its cache", async () => {
    let runs = 0;
    const { server, endpoint } = await serve({ replyCache: true }, () => `${++runs}`);
    const socket = new Dealer();
    open.push(socket);
    socket.connect(endpoint);
    const id = Buffer.concat([Buffer.from("SW\x01\x00"), Buffer.alloc(16, 7)]);
    for (let round = 0; round < 2; round++) {
      await socket.send([id, "question"]);
      expect((await socket.receive()).map(String)).toEqual([String(id), "1"]);
    }
    expect(server.stats()).toMatchObject({ run: 1, repeats: 1 });
  });

  it("speaks FLP to a server of the guide, and its server to a client of the guide", async () => {
    const endpoint = await deadEndpoint();
    const guide = new Router({ routingId: endpoint });
    open.push(guide);
    await guide.bind(endpoint);
    const answer = async (): Promise<void> => {
      for await (const [id, control] of guide) {
        const isPing = String(control) === "PING";
        await guide.send(isPing ? [id as Buffer, "PONG"] : [id as Buffer, control as Buffer, "OK"]);
      }
    };
    void answer();
    const client = newClient([endpoint]);
    expect((await client.request("random name")).map(String)).toEqual(["OK"]);

    const ours = await serve();
    const bare = new Router({ mandatory: true });
    open.push(bare);
    const up = new Promise((resolve) => bare.events.on("handshake", resolve));
    bare.connect(ours.endpoint);
    await up;
    await bare.send([ours.endpoint, "PING"]);
    expect((await bare.receive()).map(String)).toEqual([ours.endpoint, "PONG"]);
    await bare.send([ours.endpoint, "17", "random name"]);
    expect((await bare.receive()).map(String)).toEqual([ours.endpoint, "17", "random name"]);
    expect(ours.server.stats().pings).toBe(1);
  });
});

describe("shotgun", () => {
  it("the first reply wins, and the others are counted", async () => {
    const options = { protocol: "plain" } as const;
    const servers = await Promise.all([serve(options), serve(options), serve(options)]);
    const client = newClient(
      servers.map(({ endpoint }) => endpoint),
      { strategy: "shotgun" },
    );
    await untilAlive(client, 3);
    for (let n = 0; n < 10; n++) expect(String(await client.request(`${n}`))).toBe(`${n}`);
    while (client.stats().duplicateReplies < 20) await new Promise((resolve) => setImmediate(resolve));
    expect(servers.map(({ server }) => server.stats().run)).toEqual([10, 10, 10]);
    expect(client.stats()).toMatchObject({ dropped: 0, lateReplies: 0 });
  });

  it("one server that fails does not spoil the reply of another", async () => {
    const options = { protocol: "plain" } as const;
    const broken = await serve(options, () => {
      throw new Error("out of order");
    });
    const release: (() => void)[] = [];
    const sound = await serve(options, async () => {
      await new Promise<void>((resolve) => release.push(resolve));
      return "sound";
    });
    const client = newClient([broken.endpoint, sound.endpoint], { strategy: "shotgun" });
    await untilAlive(client, 2);
    const reply = client.request("x");
    while (client.servers()[0]?.failures !== 1 || release.length === 0)
      await new Promise((resolve) => setImmediate(resolve));
    release[0]?.();
    expect(String(await reply)).toBe("sound");
  });

  it("talks to the guide's model 2 server, and to a REP that knows nothing of sequence numbers", async () => {
    const guide = new Reply();
    const generic = new Reply();
    open.push(guide, generic);
    await guide.bind("tcp://127.0.0.1:*");
    await generic.bind("tcp://127.0.0.1:*");
    const seen: string[][] = [];
    const answer = async (socket: Reply, reply: (frames: Buffer[]) => (Buffer | string)[]): Promise<void> => {
      for await (const frames of socket) {
        seen.push(frames.map(String));
        await socket.send(reply(frames));
      }
    };
    void answer(guide, ([sequence]) => [sequence as Buffer, "OK"]);
    const client = newClient([guide.lastEndpoint as string], { strategy: "shotgun" });
    expect((await client.request("random name")).map(String)).toEqual(["OK"]);
    expect(seen).toEqual([["1", "random name"]]);
    void answer(generic, () => ["fine"]);
    const other = newClient([generic.lastEndpoint as string], { strategy: "shotgun" });
    expect((await other.request("random name")).map(String)).toEqual(["fine"]);
  });
});

describe("a plain server", () => {
  it("serves REQ clients of any language", async () => {
    const { endpoint } = await serve({ protocol: "plain" });
    const socket = new Request();
    open.push(socket);
    socket.connect(endpoint);
    await socket.send(["hello", "world"]);
    expect((await socket.receive()).map(String)).toEqual(["hello", "world"]);
  });

  it("serves failover and shotgun at once, each in its own words", async () => {
    const { endpoint } = await serve({ protocol: "plain" });
    const failover = newClient([endpoint], { strategy: "failover" });
    const shotgun = newClient([endpoint], { strategy: "shotgun" });
    const replies = await Promise.all([failover.request(["a", ""]), shotgun.request(["b", ""])]);
    expect(replies.map((frames) => frames.map(String))).toEqual([
      ["a", ""],
      ["b", ""],
    ]);
  });
});

describe("binding", () => {
  it("an FLP server that listens everywhere has to be told its name", async () => {
    const server = newServer();
    await expect(server.bind("tcp://*:*")).rejects.toThrow('option "as"');
    await expect(server.bind("tcp://*:*", { as: "tcp://localhost" })).rejects.toThrow("tcp://host:port");
    const endpoint = await server.bind("tcp://*:*", { as: "tcp://localhost:*" });
    expect(endpoint).toMatch(/^tcp:\/\/localhost:\d+$/);
    void server.serve(echo);
    expect(String(await newClient([endpoint]).request("x"))).toBe("x");
  });

  it("several endpoints, each with its own name and its own way back", async () => {
    const server = newServer();
    const endpoints = [await server.bind("tcp://127.0.0.1:*"), await server.bind("tcp://127.0.0.1:*")];
    void server.serve(echo);
    for (const endpoint of endpoints)
      expect(String(await newClient([endpoint]).request(endpoint))).toBe(endpoint);
  });

  it("a port that is taken is an error where it was asked for", async () => {
    const { endpoint } = await serve();
    await expect(newServer().bind(endpoint)).rejects.toMatchObject({ code: "ERR_BIND", endpoint });
  });
});
