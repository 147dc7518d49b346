import { once } from "node:events";
import {
  FreelanceClient,
  type FreelanceClientOptions,
  FreelanceServer,
  type FreelanceServerOptions,
} from "@seaworthy/freelance";
import { describe, expect, it } from "vitest";
import { Dealer, Reply, Request, Router } from "zeromq";
import { freePort } from "../harness/ports.js";
import { newReq } from "./bare.js";
import { BareFlpClient, BareFlpServer, ok } from "./flp-peers.js";
import { keep } from "./keep.js";
import { noise } from "./noise.js";

const ANY_PORT = "tcp://127.0.0.1:*";
const NUMBERS = Array.from({ length: 300 }, (_, index) => `${index}`);
const MEGABYTES = 2 ** 20;
/** Larger frames cost whoever sends them the connection. */
const SMALL = { maxBodyBytes: 1000, socket: { maxFrameBytes: 100_000 } };

function newClient(endpoints: readonly string[], options: FreelanceClientOptions = {}): FreelanceClient {
  const client = keep(new FreelanceClient({ lingerMs: 0, ...options }));
  for (const endpoint of endpoints) client.connect(endpoint);
  return client;
}

async function newServer(
  options: FreelanceServerOptions = {},
): Promise<{ server: FreelanceServer; endpoint: string }> {
  const server = keep(new FreelanceServer({ lingerMs: 0, ...options }));
  const endpoint = await server.bind(ANY_PORT);
  void server.serve(({ body }) => body, { concurrency: 10 });
  return { server, endpoint };
}

async function bareServers(count: number): Promise<BareFlpServer[]> {
  const servers = Array.from({ length: count }, async () => keep(await BareFlpServer.open()));
  return await Promise.all(servers);
}

function ask(client: FreelanceClient, bodies: readonly string[]): Promise<string[]> {
  return Promise.all(bodies.map(async (body) => String((await client.request(body)).join("+"))));
}

/** Waits until so many servers take requests. */
async function untilAlive(client: FreelanceClient, count: number): Promise<void> {
  while (client.stats().aliveServers < count) await once(client, "server-alive");
}

/** Waits until so much was dropped. */
async function untilDropped(client: FreelanceClient, count: number): Promise<void> {
  while (client.stats().dropped < count) await once(client, "status");
}

/** The guide's flserver1: a REP that answers with what it got. */
function flserver1(): string {
  const rep = keep(new Reply({ linger: 0 }));
  rep.bindSync(ANY_PORT);
  void (async () => {
    for await (const body of rep) await rep.send(body);
  })();
  return rep.lastEndpoint as string;
}

/** The guide's flserver2: takes exactly two frames, and answers the first one with OK. */
function flserver2(seen: string[][] = []): string {
  const rep = keep(new Reply({ linger: 0 }));
  rep.bindSync(ANY_PORT);
  void (async () => {
    for await (const frames of rep) {
      seen.push(frames.map(String));
      await rep.send([frames[0] as Buffer, "OK"]);
    }
  })();
  return rep.lastEndpoint as string;
}

describe("our client, tracked", () => {
  it("against FLP servers on bare sockets: many requests in flight, each with its own reply", async () => {
    const servers = await bareServers(3);
    const client = newClient(servers.map(({ endpoint }) => endpoint));
    await untilAlive(client, 3);
    expect(await ask(client, NUMBERS)).toEqual(NUMBERS);
    const asked = servers.map(({ requests }) => requests.length);
    expect(asked.reduce((sum, count) => sum + count)).toBe(NUMBERS.length);
    for (const count of asked) expect(count).toBeGreaterThan(0);
  });

  it("sends exactly PING, and [control, 20 bytes][body…], the same control frame on a retry elsewhere", async () => {
    const [first, second] = (await bareServers(2)) as [BareFlpServer, BareFlpServer];
    for (const server of [first, second]) server.answer = () => undefined;
    const client = newClient([first.endpoint, second.endpoint], {
      timeoutMs: 1000,
      attempts: 10,
      backoff: { initialMs: 1 },
    });
    await untilAlive(client, 2);
    const reply = client.request(["body", "", "more"]);
    await Promise.race([first, second].map((server) => server.until(() => server.requests.length > 0)));
    for (const server of [first, second]) server.answer = ok;
    expect((await reply).map(String)).toEqual(["OK"]);
    const asked = [...first.requests, ...second.requests];
    expect([first.requests.length, second.requests.length]).toEqual([1, 1]);
    for (const { body } of asked) expect(body.map(String)).toEqual(["body", "", "more"]);
    expect(asked[0]?.control).toHaveLength(20);
    expect(asked[0]?.control).toEqual(asked[1]?.control);
  });

  it("against a server that answers PINGs and no requests: it is passed over", async () => {
    const [mute, other] = (await bareServers(2)) as [BareFlpServer, BareFlpServer];
    mute.answer = () => undefined;
    const client = newClient([mute.endpoint, other.endpoint], { timeoutMs: 2000, attempts: 20 });
    await untilAlive(client, 2);
    expect(await ask(client, NUMBERS)).toEqual(NUMBERS);
    expect(client.stats().retries).toBe(mute.requests.length);
  });

  it("against a server that says no PONG: it gets no requests before it has said a word", async () => {
    const [mute, other] = (await bareServers(2)) as [BareFlpServer, BareFlpServer];
    mute.answersPings = false;
    const client = newClient([mute.endpoint, other.endpoint], { heartbeatMs: 50, liveness: 1000 });
    await untilAlive(client, 1);
    expect(await ask(client, NUMBERS)).toEqual(NUMBERS);
    expect(mute.requests).toEqual([]);
    await mute.until(() => mute.pings > 0);
    await mute.say("anything");
    await untilAlive(client, 2);
  });

  it("an answer that nobody asked for, an answer twice, and wrong control frames disturb nothing", async () => {
    const [server] = (await bareServers(1)) as [BareFlpServer];
    server.answer = () => undefined;
    const client = newClient([server.endpoint]);
    const reply = client.request("x");
    await server.until(() => server.requests.length === 1);
    const control = server.requests[0]?.control as Buffer;
    const foreign = Buffer.from(control);
    foreign.writeUInt8(foreign.readUInt8(4) ^ 0xff, 4);
    const unknown = Buffer.from(control);
    unknown.writeUInt8(9, 19);
    const wrong: readonly (readonly (string | Buffer)[])[] = [
      [""],
      ["", "x"],
      ["PING"],
      ["1", "OK"],
      [control.subarray(0, 19), "x"],
      [Buffer.concat([control, control]), "x"],
      [foreign, "x"],
      [unknown, "x"],
      [Buffer.alloc(MEGABYTES), "x"],
      [control],
    ];
    for (const frames of wrong) await server.say(...frames);
    await untilDropped(client, wrong.length);
    await server.say(control, "first");
    await server.say(control, "second");
    await server.say(control, "third");
    expect(String(await reply)).toBe("first");
    while (client.stats().lateReplies < 2) await once(client, "reply-dropped");
    expect(client.stats()).toMatchObject({ answered: 1, failed: 0, dropped: wrong.length });
  });

  it("a server that says anything at all, and floods of PONG, keep nobody from being served", async () => {
    const [hostile, honest] = (await bareServers(2)) as [BareFlpServer, BareFlpServer];
    hostile.answer = () => undefined;
    const client = newClient([hostile.endpoint, honest.endpoint], { timeoutMs: 300, attempts: 30 });
    await untilAlive(client, 2);
    const replies = ask(client, NUMBERS);
    for (const frames of noise(2000, 11)) await hostile.say(...frames);
    for (let count = 0; count < 20_000; count++) await hostile.say("PONG");
    expect(await replies).toEqual(NUMBERS);
    expect(client.stats().failed).toBe(0);
  });

  it("a peer that gives itself another name is no server, and what it says is counted and dropped", async () => {
    const impostor = keep(new Dealer({ linger: 0, routingId: "tcp://127.0.0.1:1" }));
    impostor.bindSync(ANY_PORT);
    const [honest] = (await bareServers(1)) as [BareFlpServer];
    const client = newClient([impostor.lastEndpoint as string, honest.endpoint], { heartbeatMs: 20 });
    const unaddressable = once(client, "server-unaddressable");
    await impostor.send("PONG");
    await impostor.send(["1", "OK"]);
    await untilDropped(client, 2);
    expect((await unaddressable)[0]).toMatchObject({ endpoint: impostor.lastEndpoint });
    expect(await ask(client, NUMBERS)).toEqual(NUMBERS);
    expect(client.servers()[0]).toMatchObject({ requests: 0, answered: 0 });
  });

  it("a reply of 10 MB, more than the client takes, costs the connection and no other request", async () => {
    const [hostile, honest] = (await bareServers(2)) as [BareFlpServer, BareFlpServer];
    hostile.answer = ({ control }) => [control, Buffer.alloc(10 * MEGABYTES)];
    const client = newClient([hostile.endpoint, honest.endpoint], {
      ...SMALL,
      timeoutMs: 1000,
      attempts: 30,
    });
    await untilAlive(client, 2);
    const gone = once(client, "server-gone");
    expect(await ask(client, NUMBERS)).toEqual(NUMBERS);
    expect((await gone)[0]).toMatchObject({ endpoint: hostile.endpoint, reason: "lost" });
  });
});

describe("our client, failover and shotgun", () => {
  it("failover against the guide's flserver1, a dead endpoint first", async () => {
    const dead = `tcp://127.0.0.1:${await freePort()}`;
    const client = newClient([dead, flserver1(), flserver1()], { strategy: "failover" });
    expect(await ask(client, NUMBERS)).toEqual(NUMBERS);
    expect(client.servers().map(({ requests }) => requests)).toEqual([0, NUMBERS.length, 0]);
  });

  it("shotgun against the guide's flserver2: exactly a sequence number and a body, the first OK wins", async () => {
    const seen: string[][][] = [[], []];
    const endpoints = seen.map((frames) => flserver2(frames));
    const client = newClient(endpoints, { strategy: "shotgun" });
    await untilAlive(client, 2);
    for (let number = 1; number <= 20; number++) {
      expect((await client.request(`name ${number}`)).map(String)).toEqual(["OK"]);
    }
    while (client.stats().duplicateReplies < 20) await new Promise((resolve) => setImmediate(resolve));
    const expected = Array.from({ length: 20 }, (_, index) => [`${index + 1}`, `name ${index + 1}`]);
    expect(seen).toEqual([expected, expected]);
  });

  it("shotgun against servers that echo, one that leaves the sequence number out, and one that is mute", async () => {
    const bare = keep(new Router({ linger: 0 }));
    bare.bindSync(ANY_PORT);
    void (async () => {
      for await (const [route, id, delimiter, , ...body] of bare)
        await bare.send([route as Buffer, id as Buffer, delimiter as Buffer, ...body]);
    })();
    const mute = keep(new Reply({ linger: 0 }));
    mute.bindSync(ANY_PORT);
    const endpoints = [flserver1(), bare.lastEndpoint as string, mute.lastEndpoint as string];
    const client = newClient(endpoints, { strategy: "shotgun" });
    await untilAlive(client, 3);
    expect(await ask(client, NUMBERS)).toEqual(NUMBERS);
    // The mute one owes all. What was answered before it left is not sent to the others any more.
    const replying = () => client.servers().slice(0, 2);
    while (replying().some(({ outstanding }) => outstanding > 0))
      await new Promise((resolve) => setImmediate(resolve));
    const duplicateReplies = replying().reduce((sum, { answered }) => sum + answered, -NUMBERS.length);
    expect(duplicateReplies).toBeGreaterThan(0);
    const { length: answered } = NUMBERS;
    expect(client.stats()).toMatchObject({ answered, duplicateReplies, failed: 0, dropped: 0, retries: 0 });
  });

  it.each(["failover", "shotgun"] as const)("%s: replies that are none disturb nothing", async (strategy) => {
    const hostile = keep(new Router({ linger: 0 }));
    hostile.bindSync(ANY_PORT);
    const client = newClient([hostile.lastEndpoint as string], { strategy });
    const reply = client.request("x");
    const [route, id, ...rest] = (await hostile.receive()) as [Buffer, Buffer, ...Buffer[]];
    const foreign = Buffer.from(id);
    foreign.writeUInt8(foreign.readUInt8(4) ^ 0xff, 4);
    const wrong: readonly (readonly (string | Buffer)[])[] = [
      [""],
      ["", "x"],
      [id],
      [id, "x"],
      [id, ""],
      [foreign, ...rest],
      [Buffer.alloc(MEGABYTES), "", "x"],
    ];
    for (const frames of wrong) await hostile.send([route, ...frames]);
    await untilDropped(client, wrong.length);
    await hostile.send([route, id, ...rest]);
    expect(String(await reply)).toBe("x");
    expect(client.stats()).toMatchObject({ answered: 1, dropped: wrong.length });
  });
});

describe("our server, FLP", () => {
  it("against clients in the guide's manner: PING and PONG, a number as control frame, one request at a time", async () => {
    const servers = await Promise.all([newServer(), newServer(), newServer()]);
    const endpoints = servers.map(({ endpoint }) => endpoint);
    const clients = [1, 2, 3, 4].map(() => keep(new BareFlpClient(...endpoints)));
    await Promise.all(
      clients.map(async (client, who) => {
        for (const endpoint of endpoints) {
          await client.say(endpoint, "PING");
          await client.until(() => client.words.some(({ from }) => from === endpoint));
        }
        expect(client.words.map(({ frames }) => frames.map(String))).toEqual([["PONG"], ["PONG"], ["PONG"]]);
        for (let number = 1; number <= 60; number++) {
          const endpoint = endpoints[number % 3] as string;
          const body = ["random name", `${who}`, `${number}`];
          expect(await client.ask(endpoint, `${number}`, ...body)).toEqual(body);
        }
      }),
    );
    for (const { server } of servers)
      expect(server.stats()).toMatchObject({ pings: 4, answered: 80, malformed: 0 });
  });

  it("a request that is sent again and again, as the guide's client does at each wake-up, is answered each time", async () => {
    const { server, endpoint } = await newServer({ replyCache: true });
    const client = keep(new BareFlpClient(endpoint));
    for (let time = 0; time < 5; time++) await client.say(endpoint, "1", "again");
    await client.until(() => client.words.length === 5);
    expect(client.words.map(({ frames }) => frames.join("+"))).toEqual(Array(5).fill("1+again"));
    // A number is no request id: other clients use the same ones for other requests.
    expect(server.stats()).toMatchObject({ run: 5, repeats: 0 });
  });

  it("any control frame comes back as it is: empty, one that says PING or PONG, and 1,000 bytes", async () => {
    const { endpoint } = await newServer();
    const client = keep(new BareFlpClient(endpoint));
    for (const control of ["", "PING", "PONG", "PINGPING", "x".repeat(1000), "SW and eighteen more"])
      expect(await client.ask(endpoint, control, "body")).toEqual(["body"]);
  });

  it("a REQ client is served, whose delimiter is an empty control frame", async () => {
    const { endpoint } = await newServer();
    const req = keep(newReq(endpoint));
    for (const body of ["a", "b", "c"]) {
      await req.send([body, "more"]);
      expect((await req.receive()).map(String)).toEqual([body, "more"]);
    }
  });

  it("hostile clients: noise is counted and dropped, floods of PING are answered, and others are served", async () => {
    const { server, endpoint } = await newServer(SMALL);
    const honest = keep(new BareFlpClient(endpoint));
    expect(await honest.ask(endpoint, "1", "before")).toEqual(["before"]);
    const hostile = keep(new Dealer({ linger: 0, sendHighWaterMark: 0 }));
    hostile.connect(endpoint);
    const kind = (number: number): Buffer =>
      Buffer.concat([Buffer.from([0x53, 0x57, 1, number]), Buffer.alloc(16)]);
    for (const frames of [["x"], [""], [kind(0)], [kind(3), "x"], [kind(200), "x"]])
      await hostile.send(frames);
    await hostile.send(["1", Buffer.alloc(1001)]);
    await hostile.send(["2", "", "", ""]);
    expect((await hostile.receive()).map(String)).toEqual(["2", "", "", ""]);
    expect(server.stats()).toMatchObject({ malformed: 5, refused: 1, answered: 2 });
    for (let count = 0; count < 20_000; count++) await hostile.send("PING");
    for (const frames of noise(2000, 5)) await hostile.send([...frames]);
    expect(await honest.ask(endpoint, "2", "between")).toEqual(["between"]);
    // One frame of 10 MB costs it its connection, and nobody else theirs.
    const huge = keep(new Dealer({ linger: 0 }));
    const cut = new Promise((resolve) => huge.events.on("disconnect", resolve));
    huge.connect(endpoint);
    await huge.send(["3", Buffer.alloc(10 * MEGABYTES)]);
    await cut;
    expect(await honest.ask(endpoint, "4", "after")).toEqual(["after"]);
  });
});

describe("our server, plain", () => {
  it("against the guide's flclient1: a REQ for each try, closed after it", async () => {
    const { server, endpoint } = await newServer({ protocol: "plain" });
    const dead = `tcp://127.0.0.1:${await freePort()}`;
    const answers: (string | undefined)[] = [];
    for (const tried of [dead, endpoint, endpoint]) {
      const req = new Request({ linger: 0, receiveTimeout: tried === dead ? 50 : 20_000 });
      req.connect(tried);
      await req.send("Hello world");
      answers.push(await req.receive().then(String, () => undefined));
      req.close();
    }
    expect(answers).toEqual([undefined, "Hello world", "Hello world"]);
    expect(server.stats()).toMatchObject({ answered: 2 });
  });

  it("against the guide's flclient2: one DEALER for all servers, [][sequence][body] to each, and three frames back", async () => {
    const servers = await Promise.all([1, 2, 3].map(() => newServer({ protocol: "plain" })));
    const dealer = keep(new Dealer({ linger: 0 }));
    let greeted = 0;
    const up = new Promise<void>((resolve) => {
      dealer.events.on("handshake", () => ++greeted === servers.length && resolve());
    });
    for (const { endpoint } of servers) dealer.connect(endpoint);
    await up;
    const seen: string[] = [];
    for (let sequence = 1; sequence <= 50; sequence++) {
      for (const _ of servers) await dealer.send(["", `${sequence}`, "random name"]);
      for (const _ of servers) seen.push((await dealer.receive()).join("+"));
    }
    const expected = Array.from({ length: 150 }, (_, index) => `+${1 + Math.floor(index / 3)}+random name`);
    expect(seen).toEqual(expected);
  });

  it("hostile clients: noise is counted and dropped, and others are served", async () => {
    const { server, endpoint } = await newServer({ protocol: "plain", maxBodyBytes: 1000 });
    const hostile = keep(new Dealer({ linger: 0, sendHighWaterMark: 0 }));
    hostile.connect(endpoint);
    const sequenced = Buffer.concat([Buffer.from([0x53, 0x57, 1, 3]), Buffer.alloc(16)]);
    const wrong: readonly (readonly (string | Buffer)[])[] = [
      ["x"],
      [""],
      [sequenced, ""],
      [sequenced, "", "1", "x"],
      [sequenced, "", "0"],
      Array(200).fill("hop"),
    ];
    for (const frames of wrong) await hostile.send([...frames]);
    await hostile.send(["", Buffer.alloc(1001)]);
    await hostile.send([sequenced, "", "0", "its number is 0"]);
    expect((await hostile.receive()).slice(2).map(String)).toEqual(["0", "its number is 0"]);
    expect(server.stats()).toMatchObject({ malformed: wrong.length, refused: 1, answered: 1 });
    for (const frames of noise(2000, 3)) await hostile.send([...frames]);
    const req = keep(newReq(endpoint));
    await req.send("still served");
    expect(String(await req.receive())).toBe("still served");
  });
});
