import { describe, expect, it } from "vitest";
import { closing, record, reported } from "../../core/test/support/queue-peers.js";
import { unusedEndpoint } from "../../core/test/support/sockets.js";
import { MajordomoClient } from "../src/client.js";
import type { MajordomoClientOptions } from "../src/client-options.js";
import { StreamInterruptedError } from "../src/errors.js";
import { BareClientBroker as BareBroker, type BareRequest } from "./client-bare-broker.js";

/** Unless it is told otherwise, a busy machine does not make it ask again. */
function newClient(brokers: { endpoint: string }[], options: MajordomoClientOptions = {}): MajordomoClient {
  const client = closing(new MajordomoClient({ lingerMs: 0, timeoutMs: 60_000, ...options }));
  for (const { endpoint } of brokers) client.connect(endpoint);
  return client;
}

const text = (frames: Buffer[]): string => frames.map(String).join("|");

/** Settles without waiting for anybody: what it rejects with is looked at later. */
function asked<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

const nowhere = await unusedEndpoint();

describe("with a broker of ours", () => {
  it("fault: 1,000 requests in flight on one socket, and each gets its own reply, in any order", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker]);
    const replies = Promise.all(Array.from({ length: 1000 }, (_, n) => client.request("echo", String(n))));
    const requests = await broker.take(1000);
    expect(client.stats()).toMatchObject({ inFlight: 1000, connections: 1 });
    expect(new Set(requests.map(({ peer }) => peer)).size).toBe(1);
    for (const request of requests.reverse()) broker.reply(request, request.body);
    expect((await replies).map(([body]) => Number(body))).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });

  it("requests have a header and are of 0.2, and of 0.1 if that is asked for", async () => {
    const broker = await BareBroker.listen("ours");
    for (const [protocol, header] of [
      ["auto", "MDPC02"],
      ["0.1", "MDPC01"],
      ["0.2", "MDPC02"],
    ] as const) {
      const client = newClient([broker], { protocol });
      const reply = client.request("echo", ["a", "b"]);
      const request = await broker.next();
      expect(request).toMatchObject({ protocol: header, service: "echo" });
      expect(request.header).toHaveLength(28);
      broker.reply(request, request.body);
      expect(text(await reply)).toBe("a|b");
    }
  });

  it.each([
    ["handler-failed", "ERR_HANDLER_FAILED", "RemoteError", false, "the text"],
    ["given-up", "ERR_WORKERS_FAILED", "WorkersFailedError", false, "all workers that had the request"],
    ["no-worker", "ERR_NO_SERVICE", "NoServiceError", true, "no worker offers the service after 1 attempt"],
    ["too-old", "ERR_REQUEST_TIMEOUT", "RequestTimeoutError", true, "no reply after 1 attempt"],
    ["dropped", "ERR_REQUEST_TIMEOUT", "RequestTimeoutError", true, "no reply after 1 attempt"],
    ["limit", "ERR_BROKER_LIMIT", "BrokerLimitError", true, "the text"],
    ["closing", "ERR_BROKER_UNREACHABLE", "BrokerUnreachableError", true, "no broker to be reached"],
  ] as const)("%s rejects with %s", async (kind, code, name, retryable, message) => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker], { attempts: 1 });
    const reply = asked(client.request("echo", "x"));
    broker.refuse(await broker.next(), kind, "the text");
    await expect(reply).rejects.toMatchObject({ code, name, retryable });
    await expect(reply).rejects.toThrow(message);
  });

  it("a reply in parts is one reply", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker]);
    const reply = client.request("echo", "x");
    const request = await broker.next();
    broker.partial(request, ["a", "b"], 0);
    broker.partial(request, ["c"], 1);
    broker.reply(request, ["d"], 2);
    expect(text(await reply)).toBe("a|b|c|d");
  });

  it("fault: one that hangs gives way to the next long before the request's time is over", async () => {
    const [hanging, healthy] = [await BareBroker.listen("ours"), await BareBroker.listen("ours")];
    const client = newClient([hanging, healthy], { timeoutMs: 60_000, heartbeatMs: 50 });
    const events = record(client);
    const reply = client.request("echo", "x");
    await hanging.next();
    hanging.freeze();
    const request = await healthy.next();
    healthy.reply(request, ["from the next"]);
    expect(text(await reply)).toBe("from the next");
    expect(events).toContain("connection-lost:silent for too long");
    expect(events).toContain("connection-replaced:lost");
  });

  it("one that is slow and answers when it is asked is left alone", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker], { timeoutMs: 60_000, heartbeatMs: 50, liveness: 10 });
    const events = record(client);
    const reply = client.request("echo", "x");
    const request = await broker.next();
    await broker.until(() => broker.introductions >= 20);
    broker.reply(request, ["done"]);
    expect(text(await reply)).toBe("done");
    expect(events).toEqual(["connection-opened", "broker-recognised"]);
  });

  it("one that is closing is left for the next at once", async () => {
    const [leaving, staying] = [await BareBroker.listen("ours"), await BareBroker.listen("ours")];
    const client = newClient([leaving, staying], { backoff: { initialMs: 60_000, maxMs: 60_000 } });
    const reply = client.request("echo", "x");
    leaving.refuse(await leaving.next(), "closing");
    staying.reply(await staying.next(), ["ok"]);
    expect(text(await reply)).toBe("ok");
  });

  it("one that went away and came back is found again, and is asked under the same id", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker]);
    const reply = client.request("echo", "x");
    const first = await broker.next();
    broker.close();
    await reported(client, "connection-lost");
    const next = await BareBroker.listen("ours", broker.endpoint);
    const second = await next.next();
    expect(second.header?.subarray(0, 20)).toEqual(first.header?.subarray(0, 20));
    next.reply(second, ["again"]);
    expect(text(await reply)).toBe("again");
  });

  it("an aborted request is given up there, too", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker]);
    const abort = new AbortController();
    const reply = asked(client.request("echo", "x", { signal: abort.signal }));
    await broker.next();
    abort.abort(new Error("enough"));
    await expect(reply).rejects.toMatchObject({ code: "ERR_ABORTED", name: "AbortError" });
    await broker.until(() => broker.cancelled.length > 0);
    expect(broker.cancelled).toEqual([1n]);
  });

  it("what is no reply is counted, and harms nobody", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker]);
    const reply = client.request("echo", "x");
    const request = await broker.next();
    const dropped = reported(client, "message-dropped", 3);
    broker.send(request, "garbage");
    broker.send(request, "", "MDPC01");
    broker.send(request, "", "MDPC02", Buffer.of(9), "echo", "x");
    await dropped;
    broker.reply(request, ["fine"]);
    expect(text(await reply)).toBe("fine");
    expect(client.stats()).toMatchObject({ dropped: 3, answered: 1 });
  });

  it("fault: what came while the process stood still is read before its time is judged", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker], { timeoutMs: 300, attempts: 1 });
    const reply = client.request("echo", "x");
    const request = await broker.next();
    const sent = new Promise<void>((resolve) => {
      broker.reply(request, ["in time"]);
      setImmediate(resolve);
    });
    await sent;
    const until = performance.now() + 600;
    while (performance.now() < until);
    expect(text(await reply)).toBe("in time");
  });
});

describe("with a foreign broker", () => {
  it("fault: each of 200 requests gets its own reply, one at a time on each of a few sockets", async () => {
    const broker = await BareBroker.listen("guide");
    const client = newClient([broker], { maxSockets: 4, timeoutMs: 60_000 });
    const replies = Promise.all(Array.from({ length: 200 }, (_, n) => client.request("echo", String(n))));
    const atWork = new Map<string, BareRequest>();
    const peers = new Set<string>();
    for (let count = 0; count < 200; count++) {
      const request = await broker.next();
      expect(atWork.has(request.peer)).toBe(false);
      expect(request).toMatchObject({ protocol: "MDPC01", header: undefined, service: "echo" });
      peers.add(request.peer);
      atWork.set(request.peer, request);
      if (atWork.size < 4 && count < 196) continue;
      const [oldest] = atWork.values();
      atWork.delete((oldest as BareRequest).peer);
      broker.reply(oldest as BareRequest, (oldest as BareRequest).body);
    }
    for (const request of atWork.values()) broker.reply(request, request.body);
    expect((await replies).map(([body]) => Number(body))).toEqual(Array.from({ length: 200 }, (_, n) => n));
    expect(peers.size).toBe(4);
    expect(broker.introductions).toBe(1);
  });

  it("one that never answers what it is asked is used all the same", async () => {
    const broker = await BareBroker.listen("mute");
    void broker.echo();
    const client = newClient([broker], { heartbeatMs: 20 });
    expect(text(await client.request("echo", "x"))).toBe("x");
  });

  it("fault: a late reply is never taken for that of the next request", async () => {
    const broker = await BareBroker.listen("guide");
    const client = newClient([broker], { maxSockets: 1, timeoutMs: 50, attempts: 1 });
    const late = asked(client.request("echo", "late"));
    const lost = await broker.next();
    await expect(late).rejects.toMatchObject({ code: "ERR_REQUEST_TIMEOUT" });
    const reply = client.request("echo", "mine", { timeoutMs: 60_000 });
    const request = await broker.next();
    broker.reply(lost, ["late"]);
    broker.reply(request, ["mine"]);
    expect(text(await reply)).toBe("mine");
    expect(request.peer).not.toBe(lost.peer);
  });

  it("speaks 0.2 to it if told so, and joins what comes in parts", async () => {
    const broker = await BareBroker.listen("guide");
    const client = newClient([broker], { protocol: "0.2" });
    const reply = client.request("echo", "x");
    const request = await broker.next();
    expect(request).toMatchObject({ protocol: "MDPC02", header: undefined });
    broker.partial(request, ["a"], 0);
    broker.reply(request, ["b"]);
    expect(text(await reply)).toBe("a|b");
  });

  it("that goes away gives way to the next one", async () => {
    const [first, second] = [await BareBroker.listen("guide"), await BareBroker.listen("ours")];
    const client = newClient([first, second]);
    const reply = client.request("echo", "x");
    await first.next();
    first.close();
    second.reply(await second.next(), ["second"]);
    expect(text(await reply)).toBe("second");
  });
});

it("fault: a request that is impatient is answered by a broker that knows nothing of 8/MMI", async () => {
  const broker = await BareBroker.listen("mute");
  const client = newClient([broker], { timeoutMs: 60_000, heartbeatMs: 60_000 });
  void broker.echo();
  expect(text(await client.request("echo", "x", { timeoutMs: 900 }))).toBe("x");
  expect(client.stats()).toMatchObject({ replaced: 0, retries: 0 });
});

describe("hasService", () => {
  it.each(["ours", "guide"] as const)("is what mmi.service says, of a broker that is %s", async (kind) => {
    const broker = await BareBroker.listen(kind);
    const client = newClient([broker]);
    expect(await client.hasService("echo")).toBe(true);
    expect(await client.hasService("other")).toBe(false);
  });

  it("rejects if the broker says neither", async () => {
    const broker = await BareBroker.listen("guide");
    broker.services = undefined;
    await expect(newClient([broker]).hasService("echo")).rejects.toMatchObject({
      code: "ERR_NOT_SUPPORTED",
      name: "NotSupportedError",
      message: "the broker does not tell which services it has: mmi.service replied 501",
    });
  });
});

describe("a stream", () => {
  it("yields the parts as they come, the last one included", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker]);
    const parts = client.stream("echo", "x");
    const first = parts.next();
    const request = await broker.next();
    broker.partial(request, ["1", "one"], 0);
    expect((await first).value?.map(String)).toEqual(["1", "one"]);
    const second = parts.next();
    broker.partial(request, ["2"], 1);
    expect((await second).value?.map(String)).toEqual(["2"]);
    broker.reply(request, ["3"], 2);
    expect((await parts.next()).value?.map(String)).toEqual(["3"]);
    expect(await parts.next()).toEqual({ value: undefined, done: true });
    expect(client.stats()).toMatchObject({ parts: 2, answered: 1, inFlight: 0 });
  });

  it("has one part over 0.1", async () => {
    const broker = await BareBroker.listen("guide");
    void broker.echo();
    const seen: string[] = [];
    for await (const part of newClient([broker]).stream("echo", ["a", "b"])) seen.push(text(part));
    expect(seen).toEqual(["a|b"]);
  });

  it("whose loop ends early is given up at the broker", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker]);
    void broker.next().then((request) => broker.partial(request, ["1"], 0));
    for await (const part of client.stream("echo", "x")) {
      expect(text(part)).toBe("1");
      break;
    }
    await broker.until(() => broker.cancelled.length > 0);
    expect(client.stats()).toMatchObject({ inFlight: 0, cancelled: 1 });
  });

  it("that is given up while a part is waited for ends at once, for whoever waits too", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker], { timeoutMs: 60_000 });
    const parts = client.stream("echo", "x");
    const first = parts.next();
    broker.partial(await broker.next(), ["1"], 0);
    await first;
    const second = parts.next();
    expect(await parts.return()).toEqual({ value: undefined, done: true });
    expect(await second).toEqual({ value: undefined, done: true });
    await broker.until(() => broker.cancelled.length > 0);
    expect(client.stats()).toMatchObject({ inFlight: 0, cancelled: 1 });
  });

  it("of which the broker could not pass a part on breaks off, and so does a request", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker], { attempts: 1 });
    const parts = client.stream("echo", "x");
    const first = parts.next();
    const request = await broker.next();
    broker.partial(request, ["1"], 0);
    broker.refuse(request, "limit", "sendHighWaterMark");
    expect((await first).value?.map(String)).toEqual(["1"]);
    await expect(parts.next()).rejects.toMatchObject({ code: "ERR_STREAM_INTERRUPTED", reason: "limit" });

    const joined = asked(client.request("echo", "x"));
    const other = await broker.next();
    broker.partial(other, ["1"], 0);
    broker.refuse(other, "limit", "sendHighWaterMark");
    await expect(joined).rejects.toMatchObject({ code: "ERR_BROKER_LIMIT", retryable: true });
    await expect(joined).rejects.toThrow("limit sendHighWaterMark of the broker is reached");
  });

  it("that is aborted rejects at once, parts that nobody has read notwithstanding", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker]);
    const abort = new AbortController();
    const parts = client.stream("echo", "x", { signal: abort.signal });
    const first = parts.next();
    const request = await broker.next();
    for (let index = 0; index < 3; index++) broker.partial(request, [String(index)], index);
    await first;
    abort.abort();
    await expect(parts.next()).rejects.toMatchObject({ code: "ERR_ABORTED" });
    await broker.until(() => broker.cancelled.length > 0);
  });

  it("that breaks off yields what came before, then says so", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker]);
    void broker.next().then((request) => {
      broker.partial(request, ["1"], 0);
      broker.partial(request, ["2"], 1);
      broker.partial(request, ["1 again"], 0, 2);
    });
    const seen: string[] = [];
    let failure: unknown;
    try {
      for await (const part of client.stream("echo", "x")) seen.push(text(part));
    } catch (error) {
      failure = error;
    }
    expect(seen).toEqual(["1", "2"]);
    expect(failure).toBeInstanceOf(StreamInterruptedError);
    expect(failure).toMatchObject({ code: "ERR_STREAM_INTERRUPTED", reason: "restarted", retryable: true });
  });

  it("that nobody reads ends when its bound is reached", async () => {
    const broker = await BareBroker.listen("ours");
    const client = newClient([broker], { maxStreamParts: 10 });
    const parts = client.stream("echo", "x");
    const first = parts.next();
    const request = await broker.next();
    for (let index = 0; index < 100; index++) broker.partial(request, [String(index)], index);
    await broker.until(() => broker.cancelled.length > 0);
    const seen = [text((await first).value as Buffer[])];
    const rest = (async () => {
      for await (const part of parts) seen.push(text(part));
    })();
    await expect(rest).rejects.toMatchObject({ code: "ERR_LIMIT_REACHED", option: "maxStreamParts" });
    expect(seen).toEqual(Array.from({ length: 11 }, (_, index) => String(index)));
  });

  it("is not sent before it is read", async () => {
    const client = newClient([]);
    const parts = client.stream("echo", "x");
    expect(client.stats().requests).toBe(0);
    await parts.return();
    expect(client.stats().requests).toBe(0);
    const wrong = client.stream("", "x");
    await expect(wrong.next()).rejects.toThrow(RangeError);
  });
});

describe("limits and ends", () => {
  it("nobody there: unreachable, with what was tried", async () => {
    const client = newClient([{ endpoint: nowhere }], {
      timeoutMs: 50,
      attempts: 2,
      backoff: { initialMs: 1 },
    });
    await expect(client.request("echo", "x")).rejects.toMatchObject({
      code: "ERR_BROKER_UNREACHABLE",
      attempts: 2,
      sent: 0,
      endpoints: [nowhere],
    });
  });

  it("wrong arguments reject before anything is sent", async () => {
    const client = newClient([], { maxBodyBytes: 10, maxInFlight: 1 });
    await expect(client.request("", "x")).rejects.toThrow(
      "MajordomoClient: the service must have 1 to 255 bytes",
    );
    await expect(client.request("é".repeat(128), "x")).rejects.toThrow("got 256");
    await expect(client.request(5 as never, "x")).rejects.toThrow(TypeError);
    await expect(client.request("mmi.seaworthy", "x")).rejects.toThrow(RangeError);
    await expect(client.request("echo", 5 as never)).rejects.toThrow(TypeError);
    await expect(client.request("echo", "x", { timeoutMs: 0 })).rejects.toThrow("MajordomoClient.request");
    await expect(client.stream("echo", "x", { attempts: 0 }).next()).rejects.toThrow(
      "MajordomoClient.stream",
    );
    await expect(client.request("echo", "x".repeat(11))).rejects.toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxBodyBytes",
      retryable: false,
    });
    await expect(client.request("echo", "x", { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "ERR_ABORTED",
    });
    expect(client.stats().requests).toBe(0);
    void asked(client.request("echo", "x"));
    await expect(client.request("echo", "x")).rejects.toMatchObject({
      option: "maxInFlight",
      retryable: true,
    });
    expect(() => client.connect("localhost:5555")).toThrow(RangeError);
    expect(() => client.disconnect("localhost:5555")).toThrow(RangeError);
  });

  it("close() lets what is in flight finish, rejects the rest and tells the broker", async () => {
    const broker = await BareBroker.listen("ours");
    const patient = newClient([broker], { lingerMs: 60_000 });
    const reply = patient.request("echo", "x");
    const request = await broker.next();
    const closed = patient.close();
    expect(patient.close()).toBe(closed);
    broker.reply(request, ["done"]);
    expect(text(await reply)).toBe("done");
    await closed;
    await expect(patient.request("echo", "x")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect(() => patient.connect(broker.endpoint)).toThrow("MajordomoClient is closed");

    const hasty = newClient([broker], { lingerMs: 20 });
    const rejected = asked(hasty.request("echo", "x"));
    await broker.next();
    await hasty.close();
    await expect(rejected).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await broker.until(() => broker.cancelled.length > 0);
    expect(hasty.stats()).toMatchObject({ inFlight: 0, connections: 0 });
  });

  it("a broker that is taken out gets no more requests", async () => {
    const [first, second] = [await BareBroker.listen("ours"), await BareBroker.listen("ours")];
    const client = newClient([first, second]);
    const reply = client.request("echo", "x");
    const request = await first.next();
    client.disconnect(first.endpoint);
    const other = client.request("echo", "y");
    second.reply(await second.next(), ["other"]);
    first.reply(request, ["first"]);
    expect([text(await reply), text(await other)]).toEqual(["first", "other"]);
  });
});
