import { textFrame } from "@seaworthy/core";
import { MajordomoBroker, MajordomoWorker } from "@seaworthy/majordomo";
import { describe, expect, it, vi } from "vitest";
import { anyPort, closing, record, reported } from "../../core/test/support/queue-peers.js";
import { MemoryStore } from "../src/memory-store.js";
import { TitanicServer } from "../src/server.js";
import type { TitanicServerOptions } from "../src/server-options.js";
import type { TitanicStore } from "../src/store.js";
import { TspClient } from "./tsp-client.js";

const NAMES = ["titanic.request", "titanic.submit", "titanic.reply", "titanic.close"];
const ID = /^[0-9A-F]{32}$/;

async function newBroker(endpoint = anyPort): Promise<{ broker: MajordomoBroker; endpoint: string }> {
  const broker = closing(new MajordomoBroker({ heartbeatMs: 200 }));
  return { broker, endpoint: await broker.bind(endpoint) };
}

/** Offered to the broker, unless told otherwise. */
async function newServer(
  endpoint: string,
  store: TitanicStore = new MemoryStore(),
  options: TitanicServerOptions = {},
): Promise<TitanicServer> {
  const server = closing(
    new TitanicServer(store, { heartbeatMs: 200, backoff: { initialMs: 20 }, ...options }),
  );
  const offered = reported(server, "service-offered", NAMES.length);
  server.connect(endpoint);
  await server.open();
  await offered;
  return server;
}

function newWorker(
  endpoint: string,
  name: string,
  work: (text: string, signal: AbortSignal) => string | Promise<string>,
): MajordomoWorker {
  const worker = closing(new MajordomoWorker(name, { heartbeatMs: 200, lingerMs: 0 }));
  worker.connect(endpoint);
  void worker.serve((request) => work(request.body.map(String).join("|"), request.signal), {
    concurrency: 10,
  });
  return worker;
}

const echo = (text: string): string => `echo ${text}`;

/** A promise, and the function that resolves it. */
function signal<T = void>(): { readonly given: Promise<T>; give(value: T): void } {
  let give: (value: T) => void = () => {};
  const given = new Promise<T>((resolve) => {
    give = resolve;
  });
  return { given, give: (value) => give(value) };
}

describe("a bare client that speaks 9/TSP", () => {
  it("has a request accepted, executed, its reply fetched, and closes it", async () => {
    const { endpoint } = await newBroker();
    const server = await newServer(endpoint);
    newWorker(endpoint, "echo", echo);
    const client = new TspClient(endpoint);
    const [status, id, ...more] = await client.ask("titanic.request", "echo", "hello", "world");
    expect([status, more]).toEqual(["200", []]);
    expect(id).toMatch(ID);
    expect(await client.await(id as string)).toEqual(["200", "echo hello|world"]);
    expect(await client.ask("titanic.reply", (id as string).toLowerCase()), "as often as it asks").toEqual([
      "200",
      "echo hello|world",
    ]);
    expect(await client.ask("titanic.close", id as string)).toEqual(["200"]);
    expect(await client.ask("titanic.reply", id as string)).toEqual(["400"]);
    expect(await client.ask("titanic.close", id as string), "also what is closed").toEqual(["200"]);
    expect(server.stats()).toMatchObject({ accepted: 1, completed: 1, closed: 1, inFlight: 0 });
    expect(await server.counts()).toEqual({ pending: 0, done: 0, dead: 0 });
  });

  it("is told 300 for as long as there is no worker, and then gets its reply", async () => {
    const { endpoint } = await newBroker();
    const server = await newServer(endpoint);
    const client = new TspClient(endpoint);
    const missed = reported(server, "service-missed");
    const [, id = ""] = await client.ask("titanic.request", "echo", "x");
    expect(await client.ask("titanic.reply", id)).toEqual(["300"]);
    await missed;
    newWorker(endpoint, "echo", echo);
    expect(await client.await(id)).toEqual(["200", "echo x"]);
  });

  it("gets the same id for the same key, and 400 for another request under it", async () => {
    const { endpoint } = await newBroker();
    await newServer(endpoint);
    const client = new TspClient(endpoint);
    const [, id] = await client.ask("titanic.submit", "key", "echo", "x");
    expect(await client.ask("titanic.submit", "key", "echo", "x")).toEqual(["200", id]);
    expect(await client.ask("titanic.submit", "key", "echo", "y")).toEqual([
      "400",
      "the key belongs to another request",
    ]);
  });

  it("fault: a client that sends a path for an id, or anything else, is told 400 and harms nobody", async () => {
    const { endpoint } = await newBroker();
    const server = await newServer(endpoint);
    const client = new TspClient(endpoint);
    const path = "../../../../../../../etc/passwd0";
    expect(path).toHaveLength(32);
    for (const [service, ...body] of [
      ["titanic.reply", path],
      ["titanic.close", path],
      ["titanic.reply", "../../etc/passwd"],
      ["titanic.close", ""],
      ["titanic.request", "echo"],
      ["titanic.request", "", "x"],
      ["titanic.request", "mmi.service", "x"],
      ["titanic.submit", "", "echo", "x"],
    ] as [string, ...string[]][]) {
      expect((await client.ask(service, ...body))[0]).toBe("400");
    }
    expect(server.stats().malformed).toBe(8);
    expect((await client.ask("titanic.request", "echo", "x"))[0]).toBe("200");
  });
});

it("a handler that throws is tried again, until the request is a dead letter that says why", async () => {
  const { endpoint } = await newBroker();
  const server = await newServer(endpoint, undefined, { maxAttempts: 3 });
  let runs = 0;
  newWorker(endpoint, "echo", () => {
    runs += 1;
    throw new Error("out of paper");
  });
  const client = new TspClient(endpoint);
  const buried = reported(server, "request-buried");
  const [, id = ""] = await client.ask("titanic.request", "echo", "x");
  await buried;
  expect(runs).toBe(3);
  expect(await client.ask("titanic.reply", id)).toEqual(["500", "dead: its handler failed: out of paper"]);
  expect(await server.counts()).toEqual({ pending: 0, done: 0, dead: 1 });
  expect(await server.list({ state: "dead", limit: 10 })).toMatchObject([{ failures: 3 }]);
});

it("a dead letter that is requeued is run again", async () => {
  const { endpoint } = await newBroker();
  const server = await newServer(endpoint, undefined, { maxAttempts: 1, lookMs: 600_000 });
  let isBroken = true;
  newWorker(endpoint, "echo", (text) => {
    if (isBroken) throw new Error("out of paper");
    return text;
  });
  const client = new TspClient(endpoint);
  const buried = reported(server, "request-buried");
  const [, id = ""] = await client.ask("titanic.request", "echo", "x");
  await buried;
  isBroken = false;
  expect(await server.requeue(id)).toBe(true);
  expect(await client.await(id)).toEqual(["200", "x"]);
  expect(await server.requeue(id)).toBe(false);
  expect(await server.show(id)).toMatchObject({ state: "done" });
});

it("a worker that is closed in the middle of a request costs nothing but time", async () => {
  const { endpoint } = await newBroker();
  await newServer(endpoint);
  const begun = signal();
  const first = newWorker(endpoint, "echo", () => {
    begun.give();
    return new Promise(() => {});
  });
  const client = new TspClient(endpoint);
  const [, id = ""] = await client.ask("titanic.request", "echo", "x");
  await begun.given;
  newWorker(endpoint, "echo", echo);
  await first.close();
  expect(await client.await(id)).toEqual(["200", "echo x"]);
});

describe("a request that runs", () => {
  it.each([
    [
      "closed by its client",
      (client: TspClient, _: TitanicServer, id: string) => client.ask("titanic.close", id),
    ],
    ["dropped by an operator", (_: TspClient, server: TitanicServer, id: string) => server.drop(id)],
  ])("and is %s is given up, and leaves nothing behind", async (_how, end) => {
    const { endpoint } = await newBroker();
    const server = await newServer(endpoint);
    const [begun, aborted] = [signal(), signal()];
    newWorker(endpoint, "echo", (text, abort) => {
      begun.give();
      return new Promise((resolve) =>
        abort.addEventListener("abort", () => {
          aborted.give();
          resolve(text);
        }),
      );
    });
    const client = new TspClient(endpoint);
    const [, id = ""] = await client.ask("titanic.request", "echo", "x");
    await begun.given;
    await end(client, server, id);
    await aborted.given;
    expect(await client.ask("titanic.reply", id)).toEqual(["400"]);
    expect(await server.counts()).toEqual({ pending: 0, done: 0, dead: 0 });
    expect(server.stats()).toMatchObject({ inFlight: 0, completed: 0 });
    expect(await server.drop(id)).toBe(false);
  });
});

it("a server that is started again on its store goes on where the last one stopped", async () => {
  const { endpoint } = await newBroker();
  const store = new MemoryStore();
  const server = await newServer(endpoint, store);
  const client = new TspClient(endpoint);
  const ids: string[] = [];
  for (let n = 0; n < 20; n++) {
    const [, id = ""] = await client.ask("titanic.request", "echo", String(n));
    ids.push(id);
  }
  await server.close();
  const next = await newServer(endpoint, store);
  expect(await next.counts()).toEqual({ pending: 20, done: 0, dead: 0 });
  newWorker(endpoint, "echo", echo);
  for (const [n, id] of ids.entries()) expect(await client.await(id)).toEqual(["200", `echo ${n}`]);
});

it("two servers share a store: what one that is closed was working on, the other does", async () => {
  const { endpoint } = await newBroker();
  const store = new MemoryStore();
  const first = await newServer(endpoint, store, { lingerMs: 0 });
  const begun = signal();
  let runs = 0;
  newWorker(endpoint, "echo", (text) => {
    runs += 1;
    begun.give();
    return runs > 1 ? echo(text) : new Promise(() => {});
  });
  const client = new TspClient(endpoint);
  const [, id = ""] = await client.ask("titanic.request", "echo", "x");
  await begun.given;
  const second = await newServer(endpoint, new MemoryStore(store), { lookMs: 50 });
  expect(runs, "nobody else takes what is leased").toBe(1);
  await first.close();
  expect(await client.await(id)).toEqual(["200", "echo x"]);
  expect([runs, second.stats().completed]).toEqual([2, 1]);
});

it("two servers share a store: each hands out replies of the other", async () => {
  const [one, two] = [await newBroker(), await newBroker()];
  const store = new MemoryStore();
  const first = await newServer(one.endpoint, store, { lookMs: 600_000 });
  const second = await newServer(two.endpoint, new MemoryStore(store), { lookMs: 600_000 });
  newWorker(two.endpoint, "echo", echo);
  const [, id = ""] = await new TspClient(one.endpoint).ask("titanic.request", "echo", "x");
  expect(await new TspClient(two.endpoint).await(id)).toEqual(["200", "echo x"]);
  expect([first.stats().completed, second.stats().completed]).toEqual([0, 1]);
});

it("fault: two servers share a store: what one closes never runs, though it waits for the other in a broker's line", async () => {
  const [one, two] = [await newBroker(), await newBroker()];
  const store = new MemoryStore();
  const options = { leaseMs: 600_000, lookMs: 600_000 };
  const first = await newServer(one.endpoint, store, options);
  const second = await newServer(two.endpoint, new MemoryStore(store), options);
  const [begun, finish] = [signal(), signal()];
  const ran: string[] = [];
  const worker = closing(new MajordomoWorker("echo", { heartbeatMs: 200, lingerMs: 0 }));
  worker.connect(one.endpoint);
  void worker.serve(async ({ body: [text] }) => {
    ran.push(String(text));
    begun.give();
    await finish.given;
    return "done";
  });
  const [atFirst, atSecond] = [new TspClient(one.endpoint), new TspClient(two.endpoint)];
  const submit = async (text: string): Promise<string> =>
    (await atFirst.ask("titanic.request", "echo", text))[1] as string;
  const waiting = (count: number): Promise<void> =>
    vi.waitFor(() => expect(one.broker.stats().waiting).toBe(count), { timeout: 10_000 });

  const busy = await submit("busy");
  await begun.given;
  const ids: string[] = [];
  for (let n = 0; n < 20; n++) ids.push(await submit(`closed ${n}`));
  await waiting(20);
  for (const id of ids) expect(await atSecond.ask("titanic.close", id)).toEqual(["200"]);
  await waiting(0);
  const last = await submit("last");
  await waiting(1);
  finish.give();
  for (const id of [busy, last]) expect(await atFirst.await(id)).toEqual(["200", "done"]);
  expect(ran).toEqual(["busy", "last"]);
  for (const id of ids) expect(await atFirst.ask("titanic.reply", id)).toEqual(["400"]);
  expect(first.stats()).toMatchObject({ attempts: 22, completed: 2, leasesLost: 0, repliesDropped: 0 });
  expect(second.stats()).toMatchObject({ closed: 20, attempts: 0 });
  expect(await first.counts()).toEqual({ pending: 0, done: 2, dead: 0 });
});

it("a broker that is restarted is served again, and nothing that was accepted is lost", async () => {
  const { broker, endpoint } = await newBroker();
  const server = await newServer(endpoint);
  const [, id = ""] = await new TspClient(endpoint).ask("titanic.request", "echo", "x");
  const withdrawn = reported(server, "service-withdrawn", NAMES.length);
  await broker.close();
  await withdrawn;
  const offered = reported(server, "service-offered", NAMES.length);
  await newBroker(endpoint);
  await offered;
  newWorker(endpoint, "echo", echo);
  expect(await new TspClient(endpoint).await(id)).toEqual(["200", "echo x"]);
});

it("a slow service does not keep another one waiting", async () => {
  const { endpoint } = await newBroker();
  await newServer(endpoint, undefined, { maxInFlight: 2 });
  newWorker(endpoint, "slow", () => new Promise(() => {}));
  newWorker(endpoint, "echo", echo);
  const client = new TspClient(endpoint);
  for (let n = 0; n < 10; n++) await client.ask("titanic.request", "slow", "x");
  const [, id = ""] = await client.ask("titanic.request", "echo", "x");
  expect(await client.await(id)).toEqual(["200", "echo x"]);
});

/** A store one method of which can be made to fail. */
class FailingStore extends MemoryStore {
  fault: "rejects" | "throws" | "does it without a word" | undefined;

  override add(...args: Parameters<MemoryStore["add"]>): ReturnType<MemoryStore["add"]> {
    if (this.fault === "throws") throw new Error("no room");
    if (this.fault === "rejects") return Promise.reject(new Error("no room"));
    const added = super.add(...args);
    if (this.fault === undefined) return added;
    return added.then(() => Promise.reject(new Error("the answer is lost")));
  }
}

it.each(["rejects", "throws"] as const)(
  "a store that %s: 500, and service goes on when it is well",
  async (fault) => {
    const { endpoint } = await newBroker();
    const store = new FailingStore();
    const server = await newServer(endpoint, store);
    const client = new TspClient(endpoint);
    const events = record(server);
    store.fault = fault;
    expect(await client.ask("titanic.request", "echo", "x")).toEqual(["500", "the store does not answer"]);
    store.fault = undefined;
    expect((await client.ask("titanic.request", "echo", "x"))[0]).toBe("200");
    expect(events).toEqual(
      expect.arrayContaining(["store-failed", "request-refused:store", "store-recovered"]),
    );
  },
);

it("a store that took a request in and could not say so: 500, though it runs, and once under its key", async () => {
  const { endpoint } = await newBroker();
  const store = new FailingStore();
  const server = await newServer(endpoint, store, { lookMs: 50 });
  const ran: string[] = [];
  newWorker(endpoint, "echo", (text) => {
    ran.push(text);
    return echo(text);
  });
  const client = new TspClient(endpoint);
  store.fault = "does it without a word";
  const submission = ["titanic.submit", "key", "echo", "x"] as const;
  expect(await client.ask(...submission)).toEqual(["500", "the store does not answer"]);
  store.fault = undefined;
  await vi.waitFor(() => expect(server.stats().completed).toBe(1), { timeout: 10_000 });
  const [status, id = ""] = await client.ask(...submission);
  expect(status).toBe("200");
  expect(await client.await(id)).toEqual(["200", "echo x"]);
  expect(ran).toEqual(["x"]);
  expect(server.stats()).toMatchObject({ accepted: 0, known: 1 });
});

describe("the life of a server", () => {
  it("is opened once, however often it is asked, and closed once", async () => {
    const store = new MemoryStore();
    const [open, close] = [vi.spyOn(store, "open"), vi.spyOn(store, "close")];
    const server = closing(new TitanicServer(store));
    expect(server.stats()).toMatchObject({ accepted: 0, inFlight: 0 });
    await Promise.all([server.open(), server.open()]);
    await Promise.all([server.close(), server.close()]);
    expect([open.mock.calls.length, close.mock.calls.length]).toEqual([1, 1]);
    await expect(server.open()).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect(() => server.connect(anyPort.replace("*", "1"))).toThrow("closed");
  });

  it("one that could not be opened closes its store all the same, which may have connections", async () => {
    const store = new MemoryStore();
    vi.spyOn(store, "open").mockRejectedValueOnce(new Error("no such folder"));
    const close = vi.spyOn(store, "close");
    await using server = new TitanicServer(store);
    await expect(server.open()).rejects.toThrow("no such folder");
    await server.close();
    expect(close).toHaveBeenCalledOnce();
  });

  it("can be opened again when that has failed", async () => {
    const store = new MemoryStore();
    vi.spyOn(store, "open").mockRejectedValueOnce(new Error("no such folder"));
    const server = closing(new TitanicServer(store));
    await expect(server.open()).rejects.toThrow("no such folder");
    await server.open();
    expect(await server.counts()).toEqual({ pending: 0, done: 0, dead: 0 });
  });

  it("lets what is worked on finish when it is closed", async () => {
    const { endpoint } = await newBroker();
    const store = new MemoryStore();
    const server = await newServer(endpoint, store, { lingerMs: 60_000 });
    const [begun, finish] = [signal(), signal<string>()];
    newWorker(endpoint, "echo", () => {
      begun.give();
      return finish.given;
    });
    const [, id = ""] = await new TspClient(endpoint).ask("titanic.request", "echo", "x");
    await begun.given;
    const closed = server.close();
    finish.give("done");
    await closed;
    const next = await newServer(endpoint, store);
    expect(await next.show(id)).toMatchObject({ state: "done", reply: [textFrame("done")] });
  });

  it("leaves a broker, and serves through another", async () => {
    const [one, two] = [await newBroker(), await newBroker()];
    const server = await newServer(one.endpoint);
    const offered = reported(server, "service-offered", NAMES.length);
    server.connect(two.endpoint);
    server.connect(two.endpoint);
    await offered;
    server.disconnect(one.endpoint);
    server.disconnect(one.endpoint);
    expect((await new TspClient(two.endpoint).ask("titanic.request", "echo", "x"))[0]).toBe("200");
  });

  it("says what is wrong with what it is given", async () => {
    expect(() => new TitanicServer(undefined as never)).toThrow(
      "TitanicServer: the store must be a TitanicStore",
    );
    expect(() => new TitanicServer({} as never)).toThrow(TypeError);
    expect(() => new TitanicServer(new MemoryStore(), { maxAttempts: 0 })).toThrow(RangeError);
    const server = closing(new TitanicServer(new MemoryStore()));
    expect(() => server.connect("nowhere")).toThrow(RangeError);
    expect(() => server.disconnect("nowhere")).toThrow(RangeError);
    const wrong = 'TitanicServer: an id has 32 hexadecimal digits, got "../../etc/passwd"';
    await expect(server.show("../../etc/passwd")).rejects.toThrow(wrong);
    await expect(server.requeue("../../etc/passwd")).rejects.toThrow(wrong);
    await expect(server.drop("../../etc/passwd")).rejects.toThrow(wrong);
  });

  it.each([
    [undefined, TypeError, "options must be an object"],
    [{}, TypeError, 'option "limit" must be a whole number'],
    [{ limit: -1 }, RangeError, 'option "limit" must be a whole number'],
    [{ limit: 1, state: "gone" }, RangeError, 'option "state" must be'],
    [{ limit: 1, service: "echo" }, TypeError, 'option "service" must be a name of 1 to 255 bytes, as bytes'],
    [{ limit: 1, service: Buffer.alloc(256) }, RangeError, 'option "service" must be'],
    [{ limit: 1, after: Buffer.alloc(15) }, RangeError, 'option "after" must be an id of 16 bytes'],
    [{ limit: 1, states: "dead" }, TypeError, 'there is no option "states"'],
  ])("says what is wrong with what is to be listed: %j", async (query, kind, message) => {
    const server = closing(new TitanicServer(new MemoryStore()));
    await server.open();
    const error: unknown = await server.list(query as never).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(kind);
    expect(String(error)).toContain(`TitanicServer.list: ${message}`);
  });
});
