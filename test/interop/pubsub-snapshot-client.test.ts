import { once } from "node:events";
import { SnapshotClient, type SnapshotClientOptions } from "@seaworthy/pubsub-snapshot";
import { describe, expect, it } from "vitest";
import { TcpProxy } from "../harness/tcp-proxy.js";
import { BareServer, type Faults, HEARTBEAT_MS, number } from "./chp-peers.js";
import { keep } from "./keep.js";
import { CHP_WORDS, noise } from "./noise.js";

const newServer = (faults: Faults = {}): BareServer => keep(new BareServer(faults));

function newClient(
  servers: readonly { readonly endpoints: BareServer["endpoints"] }[],
  options: SnapshotClientOptions = {},
): SnapshotClient {
  const client = keep(
    new SnapshotClient({
      heartbeatMs: HEARTBEAT_MS * 4,
      backoff: { initialMs: 5, maxMs: 50 },
      retryMs: 60_000,
      timeoutMs: 60_000,
      lingerMs: 0,
      ...options,
    }),
  );
  for (const { endpoints } of servers) client.connect(endpoints);
  return client;
}

/** Resolves when its map is the server's, or a subtree of it. */
async function isLike(client: SnapshotClient, server: BareServer, subtree = ""): Promise<void> {
  const expected = (): [string, string][] =>
    [...server.map.values()]
      .filter(({ key }) => key.startsWith(subtree))
      .map(({ key, value }): [string, string] => [key, value])
      .sort();
  const actual = (): [string, string][] =>
    [...client].map(({ keyText, value }): [string, string] => [keyText, String(value)]).sort();
  const watch = client.watch();
  const isSame = (): boolean => JSON.stringify(actual()) === JSON.stringify(expected());
  while (!isSame() && !(await watch.next()).done);
  await watch.return?.();
  expect(actual()).toEqual(expected());
}

/** A server with some entries. */
function filled(faults: Faults = {}): BareServer {
  const server = newServer(faults);
  for (let index = 0; index < 20; index++)
    server.order(`/${index % 2 ? "odd" : "even"}/${index}`, `${index}`);
  return server;
}

describe.each([
  { by: "RFC 12", faults: {} },
  { by: "the guide", faults: { hugzIsNumbered: true, endIsEmpty: true } },
])("our client and a server by $by", ({ faults }) => {
  it("joins, is kept up to date, and has its updates ordered", async () => {
    const server = filled(faults);
    const client = newClient([server]);
    await client.ready();
    expect(server.requests).toEqual([["ICANHAZ?", ""]]);
    await isLike(client, server);
    const changes = client.watch("/new");
    const properties = { colour: "blue = green", "": "" };
    delete (properties as { ""?: string })[""];
    expect(await client.set("/new", "value", { ttlMs: 1500, properties })).toBe(21);
    expect(server.collected).toMatchObject([
      { key: "/new", sequence: 0, properties: "colour=blue = green\nttl=2\n", value: "value" },
    ]);
    expect(server.collected[0]?.uuid).toMatch(/^[0-9a-f]{32}$/);
    expect((await changes.next()).value).toMatchObject({ type: "set", sequence: 21 });
    expect(client.entry("/new")).toMatchObject({ properties, ttlMs: 2000, sequence: 21 });
    expect(await client.delete("/new")).toBe(22);
    expect((await changes.next()).value).toMatchObject({ type: "deleted", sequence: 22 });
    await expect(client.set("/new", "again", { ifSequence: 0 })).rejects.toMatchObject({
      code: "ERR_UNSUPPORTED",
    });
    server.order("/odd/1", "others'");
    await isLike(client, server);
    expect(client.stats()).toMatchObject({ joins: 1, gaps: 0, dropped: 0 });
  });

  it("keeps a subtree, though the server has no counts for it", async () => {
    const server = filled(faults);
    const client = newClient([server], { subtree: "/odd/" });
    await client.ready();
    await isLike(client, server, "/odd/");
    expect(client.size).toBe(10);
    // Another part's loss is a loss that cannot be told from one of its own.
    server.order("/even/0", "elsewhere");
    server.order("/odd/1", "here");
    await isLike(client, server, "/odd/");
    expect(await client.set("/elsewhere", "1")).toBe(23);
    expect(client.has("/elsewhere")).toBe(false);
    expect(client.stats()).toMatchObject({ joins: 1, gaps: 0 });
  });

  it("takes keys and values that look like commands for what they are", async () => {
    const server = newServer(faults);
    for (const key of ["ICANHAZ?", "HUGZ", "HUGZ2", "MOAR", "\u0000HUGZ"]) server.order(key, "KTHXBAI");
    const client = newClient([server]);
    await client.ready();
    await isLike(client, server);
    for (const [key, value] of [
      ["HUGZ", "HUGZ"],
      ["KTHXBAI", "ICANHAZ?"],
      ["OKTHX", "OKTHX"],
    ] as const) {
      await client.set(key, value);
      expect(String(client.get(key))).toBe(value);
    }
    await client.delete("HUGZ");
    await isLike(client, server);
    expect(client.stats()).toMatchObject({ joins: 1, gaps: 0 });
  });
});

describe("what a server does wrong", () => {
  it("an update that is lost is noticed by the next one", async () => {
    const server = filled();
    const client = newClient([server]);
    await client.ready();
    // What is lost before the first one has come cannot be told from what RFC 12 lets a snapshot leave out of its number.
    server.order("/odd/1", "first");
    await isLike(client, server);
    const noticed = once(client, "gap-noticed");
    server.loses = 2;
    for (const value of ["lost", "lost, too", "came"]) server.order(`/odd/1/${value}`, value);
    expect((await noticed)[0]).toMatchObject({ missing: 2 });
    await isLike(client, server);
    expect(client.stats()).toMatchObject({ joins: 2, gaps: 1 });
  });

  it("an update that is lost, and the last one, is noticed by a heartbeat with a number", async () => {
    const server = filled({ hugzIsNumbered: true });
    const client = newClient([server]);
    await client.ready();
    const noticed = once(client, "gap-noticed");
    server.loses = 1;
    server.order("/odd/1", "lost");
    expect((await noticed)[0]).toMatchObject({ missing: 1 });
    await isLike(client, server);
    expect(client.has("HUGZ")).toBe(false);
  });

  it("a heartbeat with a higher number is not a key", async () => {
    const server = filled({ hugzIsNumbered: true });
    const client = newClient([server]);
    await client.ready();
    const before = client.size;
    await client.set("/a", "1");
    await client.set("/b", "2");
    expect([client.size, client.has("HUGZ")]).toEqual([before + 2, false]);
    await isLike(client, server);
    expect(client.stats()).toMatchObject({ joins: 1, gaps: 0 });
  });

  it("a snapshot of the whole map where a subtree was asked for is filtered", async () => {
    const server = filled({ ignoresSubtree: true });
    const client = newClient([server], { subtree: "/even/" });
    await client.ready();
    await isLike(client, server, "/even/");
    expect([client.size, client.has("/odd/1")]).toEqual([10, false]);
  });

  it("updates that are published before the subscription is live are not missed", async () => {
    const server = filled();
    await using proxy = await TcpProxy.to(Number(new URL(server.endpoints.publisher).port));
    proxy.hold("to-server");
    const publisher = `tcp://127.0.0.1:${proxy.port}`;
    const client = newClient([{ endpoints: { ...server.endpoints, publisher } }], { joinTimeoutMs: 60_000 });
    for (let index = 0; index < 100; index++) server.order(`/odd/${index}`, `early ${index}`);
    await expect.poll(() => proxy.connections, { timeout: 60_000 }).toBe(1);
    expect(server.requests).toEqual([]);
    proxy.release();
    await server.until(() => server.requests.length > 0);
    // Whoever asks now is sent everything that comes from now on.
    expect(server.subscriptions.length).toBeGreaterThan(0);
    for (let index = 0; index < 100; index++) server.order(`/odd/${index}`, `late ${index}`);
    await client.ready();
    await isLike(client, server);
    expect(client.stats()).toMatchObject({ joins: 1, gaps: 0 });
  });

  it("a snapshot that breaks off is asked for again", async () => {
    const server = filled();
    server.cutsShort = 2;
    const client = newClient([server], { joinTimeoutMs: 1000 });
    const left: unknown[] = [];
    client.on("server-left", ({ reason }) => left.push(reason));
    await client.ready();
    expect(left).toEqual(["no-answer", "no-answer"]);
    expect(client.size).toBe(20);
    await isLike(client, server);
  });

  it("its own updates, published twice, are applied once", async () => {
    const server = filled({ publishesTwice: true });
    const client = newClient([server]);
    await client.ready();
    const seen: unknown[] = [];
    const watching = (async () => {
      for await (const { keyText, sequence } of client.watch("/mine/")) seen.push([keyText, sequence]);
    })();
    expect(await client.set("/mine/1", "a")).toBe(21);
    expect(await client.set("/mine/2", "b")).toBe(22);
    expect(await client.set("/mine/1", "c")).toBe(23);
    await isLike(client, server);
    const { duplicates, joins, gaps } = client.stats();
    expect({ joins, gaps }).toEqual({ joins: 1, gaps: 0 });
    expect(duplicates).toBeGreaterThanOrEqual(2);
    await client.close();
    await watching;
    expect(seen).toEqual([
      ["/mine/1", 21],
      ["/mine/2", 22],
      ["/mine/1", 23],
    ]);
  });

  it("numbers that begin anew are another map, which is joined", async () => {
    const server = filled({ hugzIsNumbered: true });
    const client = newClient([server]);
    await client.ready();
    // As if it had been restarted in an instant, behind a connection that stands.
    server.map.clear();
    server.sequence = 0;
    server.order("/after", "1");
    await isLike(client, server);
    expect(client.sequence).toBe(1);
  });

  it("a server that falls silent is left for the other one", async () => {
    const [first, second] = [filled(), filled()];
    second.order("/second", "yes");
    const client = newClient([first, second]);
    await client.ready();
    expect(client.server).toBe(first.endpoints.snapshot);
    const left = once(client, "server-left");
    first.fallSilent();
    expect((await left)[0]).toMatchObject({ reason: "silent" });
    await isLike(client, second);
    expect(client.server).toBe(second.endpoints.snapshot);
    await client.set("/there", "1");
    expect(second.collected).toHaveLength(1);
    expect(first.collected).toHaveLength(0);
  });

  it("random messages on both connections are dropped, and harm nothing", async () => {
    const server = filled();
    const client = newClient([server], { joinTimeoutMs: 1000 });
    let asked = 0;
    server.answers = (route) => {
      asked += 1;
      for (const frames of noise(500, asked, CHP_WORDS)) void server.say(route, ...frames);
      if (asked < 2) return;
      for (const { key, sequence, value } of server.map.values())
        void server.say(route, key, number(sequence), "", "", value);
      void server.say(route, "KTHXBAI", number(server.sequence), "", "", "");
    };
    await client.ready();
    server.answers = undefined;
    for (const frames of noise(2000, 3, CHP_WORDS)) server.publish(...frames);
    while (client.stats().dropped <= 500) await once(client, "message-dropped");
    server.order("/odd/1", "after all");
    // What it made of the noise is gone with the next join.
    const joined = once(client, "joined");
    server.loses = 1;
    server.order("/odd/3", "lost");
    server.order("/odd/5", "came");
    await joined;
    await isLike(client, server);
  });
});
