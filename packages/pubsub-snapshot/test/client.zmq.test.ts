import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterEach, describe, expect, it } from "vitest";
import { Publisher, Router } from "zeromq";
import {
  type SnapshotChange,
  SnapshotClient,
  type SnapshotClientEvent,
  type SnapshotClientOptions,
  type SnapshotEndpoints,
} from "../src/index.js";
import {
  type Beat,
  beatTopic,
  decodeServerMessage,
  encodeBeat,
  encodeCommand,
  encodeKeyValue,
  encodeRefusal,
} from "../src/machine.js";
import { BareServer, event, numbered } from "./bare-server.js";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((role) => role.close()));
});

async function newServer(): Promise<{ server: BareServer; endpoints: SnapshotEndpoints }> {
  const server = new BareServer();
  open.push(server);
  return { server, endpoints: await server.start() };
}

function newClient(options: SnapshotClientOptions = {}, ...servers: SnapshotEndpoints[]): SnapshotClient {
  const client = new SnapshotClient({ lingerMs: 0, timeoutMs: 50_000, ...options });
  open.push(client);
  for (const endpoints of servers) client.connect(endpoints);
  return client;
}

const contents = (client: SnapshotClient): Record<string, string> =>
  Object.fromEntries([...client].map(({ keyText, value }) => [keyText, `${value}`]));

/** Reads until a change of this key. */
async function changes(
  watch: AsyncIterable<SnapshotChange>,
  last: string,
): Promise<[type: string, key: string, value: string | undefined][]> {
  const all: [string, string, string | undefined][] = [];
  for await (const { type, keyText, entry } of watch) {
    all.push([type, keyText, entry && `${entry.value}`]);
    if (keyText === last) break;
  }
  return all;
}

describe("with a server such as the guide's", () => {
  it("joins, follows, reads and iterates", async () => {
    const { server, endpoints } = await newServer();
    server.set("a", "1", "", "ttl=5\nnote=x=y\n");
    server.set("b/c", "2");
    const client = newClient({}, endpoints);
    const watch = client.watch("b/");
    await client.ready();
    await client.ready({ signal: new AbortController().signal });
    expect(client.server).toBe(endpoints.snapshot);
    expect(contents(client)).toEqual({ a: "1", "b/c": "2" });
    expect(client.entry("a")).toMatchObject({ sequence: 1, properties: { note: "x=y" }, ttlMs: 5000 });
    expect(client.entry("a")?.key).toEqual(Buffer.from("a"));
    expect([client.has("a"), client.has("x"), client.size, client.sequence]).toEqual([true, false, 2, 2]);
    expect(client.get("a")).toEqual(Buffer.from("1"));
    expect(client.get("x")).toBeUndefined();
    expect(client.entry("x")).toBeUndefined();
    const before = client.entries("b/");
    server.set("b/c", "");
    server.set("b/d", "4".repeat(1000));
    expect(await changes(watch, "b/d")).toEqual([
      ["set", "b/c", "2"],
      ["deleted", "b/c", undefined],
      ["set", "b/d", "4".repeat(1000)],
    ]);
    expect([...before].map(({ keyText }) => keyText)).toEqual(["b/c"]);
    expect(Buffer.isBuffer(client.get("b/d"))).toBe(true);
    expect(server.requests).toEqual(["ICANHAZ? "]);
  });

  it("sets and deletes through the collector, and sees what the server has made of it", async () => {
    const { server, endpoints } = await newServer();
    const client = newClient({}, endpoints);
    const sequences = await Promise.all([
      client.set("a", "1", { ttlMs: 1500, properties: { by: "me" } }),
      client.set(Buffer.from([0xff, 0]), Buffer.from("2")),
      client.set("c", "3"),
    ]);
    expect(sequences).toEqual([1, 2, 3]);
    expect(`${client.get("a")}`).toBe("1");
    expect(client.entry("a")).toMatchObject({ properties: { by: "me" }, ttlMs: 2000 });
    expect(await client.delete("c")).toBe(4);
    expect(client.has("c")).toBe(false);
    await expect(client.set("a", "2", { ifSequence: 1 })).rejects.toMatchObject({ code: "ERR_UNSUPPORTED" });
    expect([...server.map.keys()][0]).toBe("a");
    expect(client.stats()).toMatchObject({ sets: 5, acknowledged: 4, inFlight: 0 });
  });

  it("of a subtree takes all, and keeps what is its own", async () => {
    const { server, endpoints } = await newServer();
    server.set("/a/x", "1");
    server.set("/b/x", "1");
    const client = newClient({ subtree: "/a/" }, endpoints);
    await client.ready();
    expect(contents(client)).toEqual({ "/a/x": "1" });
    expect(await client.set("/b/y", "2")).toBe(3);
    expect(await client.set("/a/y", "2")).toBe(4);
    expect(contents(client)).toEqual({ "/a/x": "1", "/a/y": "2" });
  });

  it("notices an update that was lost, in the middle or at the end, and has it after the next join", async () => {
    const { server, endpoints } = await newServer();
    server.set("a", "1");
    const client = newClient({}, endpoints);
    await client.ready();
    server.losing.add("lost");
    for (const value of ["middle", "end"]) {
      const noticed = event<SnapshotClientEvent>(client, "gap-noticed");
      const joined = event(client, "joined");
      server.set("lost", value);
      if (value === "middle") server.set("b", "2");
      expect(await noticed).toMatchObject({ missing: 1 });
      await joined;
      expect(`${client.get("lost")}`).toBe(value);
    }
    expect(contents(client)).toEqual({ a: "1", b: "2", lost: "end" });
    expect(client.stats()).toMatchObject({ joins: 3, gaps: 2, moves: 0 });
  });

  it("goes to the other server when one is gone, with what is in flight", async () => {
    const [one, two] = [await newServer(), await newServer()];
    one.server.set("a", "1");
    two.server.set("a", "1");
    two.server.set("b", "2");
    const client = newClient({}, one.endpoints, two.endpoints);
    await client.ready();
    const watch = client.watch();
    one.server.close();
    const left = event<SnapshotClientEvent>(client, "server-left");
    const set = client.set("c", "3");
    expect(await left).toMatchObject({ reason: "lost", endpoint: one.endpoints.snapshot });
    expect(await set).toBe(3);
    expect(contents(client)).toEqual({ a: "1", b: "2", c: "3" });
    expect(await changes(watch, "c")).toEqual([
      ["set", "b", "2"],
      ["set", "c", "3"],
    ]);
    expect(client.stats().moves).toBe(1);
  });

  it("that does not answer, or is not there, is passed over", async () => {
    const [mute, good] = [await newServer(), await newServer()];
    mute.server.isAnswering = false;
    const nowhere = {
      snapshot: "tcp://127.0.0.1:1",
      publisher: "tcp://127.0.0.1:1",
      collector: "tcp://127.0.0.1:1",
    };
    const client = newClient({ joinTimeoutMs: 200 }, nowhere, mute.endpoints, good.endpoints);
    const reasons: string[] = [];
    client.on("server-left", ({ reason }) => reasons.push(reason));
    await client.ready();
    expect(client.server).toBe(good.endpoints.snapshot);
    expect(reasons[0]).toBe("failed");
    expect(reasons).toContain("no-answer");
  });
});

/** A server of ours on bare sockets, driven by hand. */
class HandServer {
  readonly router = new Router({ linger: 0 });
  readonly publisher = new Publisher({ linger: 0 });
  life = "1";

  async start(): Promise<SnapshotEndpoints> {
    await this.router.bind("tcp://127.0.0.1:*");
    await this.publisher.bind("tcp://127.0.0.1:*");
    const [snapshot, publisher] = [this.router.lastEndpoint ?? "", this.publisher.lastEndpoint ?? ""];
    return { snapshot, publisher, collector: snapshot };
  }

  async beat(subtree: string, sequence: number, more: Partial<Beat> = {}): Promise<void> {
    const beat = { life: this.life, isActive: true, heartbeatMs: 10_000, sequence, count: sequence, ...more };
    await this.publisher.send([...encodeBeat(beatTopic(Buffer.from(subtree)), beat)]);
  }

  async update(
    sequence: number,
    key: string,
    value: string,
    uuid = Buffer.alloc(0),
    lines = "",
  ): Promise<void> {
    await this.publisher.send([key, numbered(sequence), uuid, lines, value]);
  }

  /** The next message of a client. Until then it is told again and again that the server lives. */
  async next(subtree: string, sequence: number, more: Partial<Beat> = {}) {
    const received = this.router.receive();
    const timer = setInterval(() => void this.beat(subtree, sequence, more), 5);
    const [route = Buffer.alloc(0), ...frames] = await received.finally(() => clearInterval(timer));
    return { route, message: decodeServerMessage(frames) };
  }

  close(): void {
    this.router.close();
    this.publisher.close();
  }
}

async function newHandServer(): Promise<{ server: HandServer; endpoints: SnapshotEndpoints }> {
  const server = new HandServer();
  open.push(server);
  return { server, endpoints: await server.start() };
}

describe("with a server of ours", () => {
  it("of a subtree takes only what is its own, and counts it", async () => {
    const { server, endpoints } = await newHandServer();
    const client = newClient({ subtree: "/a/", credit: 2 }, endpoints);
    const { route, message } = await server.next("/a/", 9, { count: 3 });
    expect(message).toEqual({
      type: "snapshot-request",
      subtree: Buffer.from("/a/"),
      terms: { credit: 2, packBytes: 16_384, follows: false },
    });
    const item = encodeKeyValue(Buffer.from("/a/x"), 2, Buffer.alloc(0), Buffer.alloc(0), Buffer.from("1"));
    await server.router.send([route, ...item]);
    expect(await server.router.receive().then(([, ...frames]) => decodeServerMessage(frames))).toMatchObject({
      name: "MOAR",
      number: 1,
    });
    await server.router.send([route, ...encodeCommand("KTHXBAI", 9)]);
    await client.ready();
    const watch = client.watch();
    await server.update(10, "/b", "elsewhere");
    await server.update(12, "/a/y", "2", undefined, "sw-under=3:4\n");
    expect(await changes(watch, "/a/y")).toEqual([["set", "/a/y", "2"]]);
    const noticed = event<SnapshotClientEvent>(client, "gap-noticed");
    await server.update(15, "/a/y", "3", undefined, "sw-under=3:6\n");
    expect(await noticed).toMatchObject({ missing: 1 });
    expect(contents(client)).toEqual({ "/a/x": "1", "/a/y": "2" });
  });

  it("an update is sent on the connection for snapshots, and is over when it is acknowledged and has come", async () => {
    const { server, endpoints } = await newHandServer();
    const client = newClient({}, endpoints);
    const { route } = await server.next("", 0);
    await server.router.send([route, ...encodeCommand("KTHXBAI", 0)]);
    await client.ready();
    const set = client.set("a", "1", { ifSequence: 0 });
    const { message } = await server.next("", 0);
    if (message.type !== "key-value") throw new Error(message.type);
    expect(`${message.key} ${message.value} ${message.properties}`).toBe("a 1 sw-if=0\n");
    await server.update(1, "a", "1", Buffer.from(message.uuid));
    expect(await set).toBe(1);
    expect(`${client.get("a")}`).toBe("1");
    const conflict = client.set("a", "2", { ifSequence: 7 });
    const { message: second } = await server.next("", 1);
    if (second.type !== "key-value") throw new Error(second.type);
    await server.router.send([route, ...encodeRefusal({ reason: "conflict" }, second.uuid, 1)]);
    await expect(conflict).rejects.toMatchObject({ code: "ERR_CONFLICT", sequence: 1 });
  });
});

describe("the role", () => {
  it("refuses wrong arguments before anything is sent", async () => {
    const client = newClient();
    expect(() => client.connect("ipc://x")).toThrow(RangeError);
    expect(() => client.get("")).toThrow(RangeError);
    expect(() => client.watch("x".repeat(256))).toThrow(RangeError);
    await expect(client.set("a", "")).rejects.toThrow("use delete()");
    await expect(client.set("", "a")).rejects.toThrow(RangeError);
    await expect(client.delete("a", { ttlMs: 1 } as object)).rejects.toThrow(TypeError);
    expect(() => new SnapshotClient({ subtree: "x" })).toThrow(RangeError);
    expect(client.stats()).toMatchObject({ sets: 0, inFlight: 0 });
  });

  it("bounds what is in flight, and ends it for a signal or its time", async () => {
    const client = newClient({ maxInFlight: 1 });
    const controller = new AbortController();
    const set = client.set("a", "1", { signal: controller.signal });
    await expect(client.set("b", "1")).rejects.toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxInFlight",
    });
    controller.abort("enough");
    await expect(set).rejects.toMatchObject({ code: "ERR_ABORTED", cause: "enough" });
    await expect(client.set("a", "1", { signal: controller.signal })).rejects.toMatchObject({
      code: "ERR_ABORTED",
    });
    await expect(client.set("a", "1", { timeoutMs: 5 })).rejects.toMatchObject({
      code: "ERR_SET_TIMEOUT",
      sent: 0,
    });
  });

  it("whoever waits for it to be ready can be aborted, and is told of the end", async () => {
    const client = newClient();
    const controller = new AbortController();
    const waiting = [client.ready(), client.ready({ signal: new AbortController().signal })];
    const aborted = client.ready({ signal: controller.signal });
    controller.abort("enough");
    await expect(aborted).rejects.toMatchObject({ code: "ERR_ABORTED", cause: "enough" });
    await expect(client.ready({ signal: controller.signal })).rejects.toMatchObject({ code: "ERR_ABORTED" });
    const closed = client.close();
    for (const ready of waiting) await expect(ready).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await closed;
  });

  it("a value that is larger than its own sockets accept is not sent: it would cost the connection", async () => {
    const { endpoints } = await newServer();
    const client = newClient({ socket: { maxFrameBytes: 1000 } }, endpoints);
    await client.ready();
    const others = client.set("a", "1");
    await expect(client.set("b", "2".repeat(1001))).rejects.toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxFrameBytes",
      limit: 1000,
      retryable: false,
    });
    await client.set("c", "3".repeat(1000));
    await others;
    expect(client.stats()).toMatchObject({ keys: 2, joins: 1 });
  });

  it("what ready() is given is checked by name, also when the map is complete", async () => {
    const { endpoints } = await newServer();
    const client = newClient({}, endpoints);
    for (const wrong of [{ signal: "soon" }, { timeoutMs: 5 }, null] as object[]) {
      await client.ready();
      await expect(client.ready(wrong)).rejects.toThrow(/^SnapshotClient\.ready: /);
    }
  });

  it("a watch ends with its signal, with its reader, or with the client", async () => {
    const { server, endpoints } = await newServer();
    const client = newClient({}, endpoints);
    const controller = new AbortController();
    const [stopped, left, open, late] = [
      client.watch("", { signal: controller.signal }),
      client.watch("a"),
      client.watch("a"),
      client.watch("", { signal: AbortSignal.abort("before") }),
    ];
    await expect(late.next()).rejects.toMatchObject({ cause: "before" });
    expect(client.stats().watches).toBe(3);
    const next = stopped.next();
    controller.abort("enough");
    await expect(next).rejects.toMatchObject({ code: "ERR_ABORTED", cause: "enough" });
    expect(await stopped.next()).toEqual({ done: true, value: undefined });
    await client.ready();
    server.set("a", "1");
    expect(await changes(left, "a")).toEqual([["set", "a", "1"]]);
    expect(await changes(open, "a")).toHaveLength(1);
    expect(client.stats().watches).toBe(0);
    const last = client.watch("nothing").next();
    await client.close();
    expect(await last).toEqual({ done: true, value: undefined });
  });

  it("a reader that is too far behind is told so", async () => {
    const { server, endpoints } = await newServer();
    const client = newClient({}, endpoints);
    await client.ready();
    const watch = client.watch("", { maxQueued: 2 });
    const overflowed = event(client, "watcher-overflowed");
    for (const value of ["1", "2", "3"]) server.set("a", value);
    await overflowed;
    await expect(watch.next()).rejects.toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxQueued",
      limit: 2,
    });
    expect(client.stats().watches).toBe(0);
  });

  it("lets what is in flight finish when it is closed, and can be read afterwards", async () => {
    const { server, endpoints } = await newServer();
    server.set("a", "1");
    const client = newClient({ lingerMs: 50_000 }, endpoints);
    const set = client.set("b", "2");
    const closed = client.close();
    expect(await set).toBe(2);
    await closed;
    await client.close();
    expect(contents(client)).toEqual({ a: "1", b: "2" });
    expect(client.server).toBeUndefined();
    expect(() => client.connect(endpoints)).toThrow(/is closed/);
    expect(() => client.watch()).toThrow(/is closed/);
    await expect(client.set("a", "1")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await expect(client.ready()).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  it("rejects what is still in flight after that", async () => {
    const client = newClient({ lingerMs: 5 });
    const set = client.set("a", "1");
    await Promise.all([client.close(), expect(set).rejects.toMatchObject({ code: "ERR_CLOSED" })]);
  });

  it("publishes its status for diagnostics", async () => {
    const { endpoints } = await newServer();
    const seen: unknown[] = [];
    const listener = (message: unknown): void => void seen.push(message);
    subscribe("seaworthy:pubsub-snapshot", listener);
    const client = newClient({}, endpoints);
    await client.ready();
    unsubscribe("seaworthy:pubsub-snapshot", listener);
    expect(seen).toContainEqual({ role: client, event: expect.objectContaining({ type: "joined" }) });
  });
});
