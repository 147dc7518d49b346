import { describe, expect, it } from "vitest";
import { closing, record, reported } from "../../core/test/support/queue-peers.js";
import { unusedEndpoint } from "../../core/test/support/sockets.js";
import { TitanicClient } from "../src/client.js";
import type { TitanicRequestError } from "../src/errors.js";
import { asked, Gate, Town, text } from "./client-town.js";

const UNKNOWN = "F".repeat(32);
const EMPTY = { pending: 0, done: 0, dead: 0 };

describe("with a server of ours", () => {
  it("a request is handed in, has no reply, then has one, and is closed", async () => {
    const town = await Town.build();
    const server = await town.server();
    const client = town.client();
    const id = await client.submit("echo", ["a", "b"]);
    expect(id).toMatch(/^[0-9A-F]{32}$/);
    expect(await client.reply(id)).toBeUndefined();
    town.worker("echo", ({ body }) => [...body, "!"]);
    expect(text(await client.waitForReply(id))).toBe("a|b|!");
    expect(text(await client.reply(id.toLowerCase()))).toBe("a|b|!");
    await client.close(id);
    await expect(client.reply(id)).rejects.toMatchObject({ code: "ERR_UNKNOWN_REQUEST", id });
    await client.close(id);
    await client.close(UNKNOWN);
    expect(await server.counts()).toEqual(EMPTY);
    expect(client.stats()).toMatchObject({ submitted: 1, replies: 2, closed: 3, failed: 1, inFlight: 0 });
    expect(client.stats().pending).toBeGreaterThanOrEqual(1);
  });

  it("call() does it all, and leaves nothing behind", async () => {
    const town = await Town.build();
    const server = await town.server();
    town.worker("echo", ({ body }) => body);
    const client = town.client();
    const events = record(client);
    expect(text(await client.call("echo", "x"))).toBe("x");
    expect(await server.counts()).toEqual(EMPTY);
    expect(events).toEqual(["connection-opened", "broker-recognised", "dialect-found"]);
  });

  it("hundreds of calls at once each get their own reply", async () => {
    const town = await Town.build();
    const server = await town.server();
    town.worker("echo", ({ body }) => body);
    const client = town.client();
    const calls = Array.from({ length: 300 }, (_, n) => client.call("echo", String(n)));
    expect((await Promise.all(calls)).map(([body]) => Number(body))).toEqual(
      Array.from({ length: 300 }, (_, n) => n),
    );
    expect(await server.counts()).toEqual(EMPTY);
    expect(client.stats()).toMatchObject({ submitted: 300, replies: 300, closed: 300, connections: 1 });
  });

  it("a request that is handed in again under its key is taken in once, and another under that key is refused", async () => {
    const town = await Town.build();
    const server = await town.server();
    const client = town.client();
    const id = await client.submit("echo", "x", { idempotencyKey: "order 1" });
    expect(await client.submit("echo", "x", { idempotencyKey: "order 1" })).toBe(id);
    for (const [service, body] of [
      ["echo", "y"],
      ["other", "x"],
    ] as const) {
      await expect(client.submit(service, body, { idempotencyKey: "order 1" })).rejects.toMatchObject({
        code: "ERR_KEY_CONFLICT",
        retryable: false,
      });
    }
    expect(await server.counts()).toEqual({ pending: 1, done: 0, dead: 0 });
  });

  it("a dead letter says why, and a requeued one gets its reply", async () => {
    const town = await Town.build();
    const server = await town.server({ maxAttempts: 2 });
    let isWell = false;
    town.worker("echo", ({ body }) => {
      if (!isWell) throw new Error("boom");
      return body;
    });
    const client = town.client();
    const error = await client
      .call("echo", "x", { idempotencyKey: "k" })
      .catch((it: TitanicRequestError) => it);
    expect(error).toMatchObject({ code: "ERR_DEAD_LETTER", name: "DeadLetterError" });
    if (!("failure" in error)) throw error;
    expect(error.failure).toContain("boom");
    isWell = true;
    await server.requeue(error.id);
    expect(text(await client.call("echo", "x", { idempotencyKey: "k" }))).toBe("x");
  });

  it("a server that fails for a while is asked until it is well", async () => {
    const town = await Town.build();
    await town.server();
    town.worker("echo", ({ body }) => body);
    const client = town.client({ attempts: 10, backoff: { initialMs: 1, maxMs: 5 } });
    town.flaky.fault = "the disk is gone";
    const id = asked(client.submit("echo", "x"));
    await reported(client, "call-retried", 2);
    town.flaky.fault = undefined;
    await id;
    town.flaky.fault = "the disk is gone";
    const reply = asked(client.waitForReply(await id));
    await reported(client, "call-retried");
    town.flaky.fault = undefined;
    expect(text(await reply)).toBe("x");
    town.flaky.fault = "the disk is gone";
    const closed = asked(client.close(await id));
    await reported(client, "call-retried", 2);
    town.flaky.fault = undefined;
    await closed;
  });

  it("a server that does not get well fails each question, but no wait", async () => {
    const town = await Town.build();
    await town.server();
    const client = town.client({ backoff: { initialMs: 1 } });
    const id = await client.submit("echo", "x");
    town.flaky.fault = "the disk is gone";
    for (const ask of [() => client.submit("echo", "x"), () => client.reply(id), () => client.close(id)]) {
      await expect(ask()).rejects.toMatchObject({ code: "ERR_SERVER_FAILED", retryable: true });
    }
    await expect(client.waitForReply(id, { timeoutMs: 500 })).rejects.toMatchObject({
      code: "ERR_WAIT_TIMEOUT",
      id,
      message: expect.stringContaining("last the client met with: "),
    });
  });

  it("a body that is too large for the server is refused for good", async () => {
    const town = await Town.build();
    await town.server({ maxBodyBytes: 10 });
    const client = town.client();
    await expect(client.submit("echo", "x".repeat(11))).rejects.toMatchObject({
      code: "ERR_REQUEST_REFUSED",
      message: expect.stringContaining("maxBodyBytes = 10"),
    });
    expect(await client.submit("echo", "x".repeat(10))).toMatch(/^[0-9A-F]{32}$/);
  });

  it("a reply that is too large for the client is an error that says so", async () => {
    const town = await Town.build();
    await town.server();
    town.worker("echo", ({ body }) => [...body, ...body]);
    const client = town.client({ maxBodyBytes: 10 });
    const id = await client.submit("echo", "123456");
    await expect(client.waitForReply(id)).rejects.toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxBodyBytes",
      limit: 10,
    });
    expect(text(await client.waitForReply(await client.submit("echo", "12345")))).toBe("12345|12345");
  });
});

describe("across crashes", () => {
  it("a call survives the end of its client: with the key another gets the reply, and the request runs once", async () => {
    const town = await Town.build();
    const server = await town.server();
    const gate = new Gate();
    let runs = 0;
    town.worker("slow", async ({ body }) => {
      runs += 1;
      await gate.pass();
      return body;
    });
    const first = town.client();
    const lost = asked(first.call("slow", "x", { idempotencyKey: "order 1" }));
    await gate.arrival();
    await first.close();
    await expect(lost).rejects.toMatchObject({ code: "ERR_CLOSED" });
    const second = town.client();
    const reply = second.call("slow", "x", { idempotencyKey: "order 1" });
    gate.open();
    expect(text(await reply)).toBe("x");
    expect(runs).toBe(1);
    expect(await server.counts()).toEqual(EMPTY);
    await expect(second.call("slow", "x", { idempotencyKey: "order 1" })).rejects.toMatchObject({
      code: "ERR_REQUEST_CLOSED",
      name: "RequestClosedError",
    });
    expect(runs).toBe(1);
  });

  it("a reply that could not be recorded is there for the next call", async () => {
    const town = await Town.build();
    const server = await town.server();
    town.worker("echo", ({ body }) => body);
    const client = town.client();
    const options = { idempotencyKey: "order 1" };
    const failing = client.call("echo", "x", {
      ...options,
      onReply() {
        throw new Error("no room to write");
      },
    });
    await expect(failing).rejects.toThrow("no room to write");
    expect(await server.counts()).toEqual({ pending: 0, done: 1, dead: 0 });
    const recorded: string[] = [];
    const reply = await client.call("echo", "x", {
      ...options,
      async onReply(frames) {
        recorded.push(text(frames));
        expect(await server.counts()).toEqual({ pending: 0, done: 1, dead: 0 });
      },
    });
    expect([text(reply), ...recorded]).toEqual(["x", "x"]);
    expect(await server.counts()).toEqual(EMPTY);
  });

  it("a call that is aborted while its reply is recorded closes nothing", async () => {
    const town = await Town.build();
    const server = await town.server();
    town.worker("echo", ({ body }) => body);
    const client = town.client();
    const abort = new AbortController();
    const gate = new Gate();
    const call = asked(client.call("echo", "x", { signal: abort.signal, onReply: () => gate.pass() }));
    await gate.arrival();
    abort.abort(new Error("enough"));
    await expect(call).rejects.toMatchObject({ code: "ERR_ABORTED", name: "AbortError" });
    gate.open();
    expect(text(await client.call("echo", "y"))).toBe("y");
    expect(await server.counts()).toEqual({ pending: 0, done: 1, dead: 0 });
  });

  it("a wait outlives its broker", async () => {
    const town = await Town.build();
    await town.server();
    const gate = new Gate();
    town.worker("slow", async ({ body }) => {
      await gate.pass();
      return body;
    });
    const client = town.client({ timeoutMs: 1000 });
    const id = await client.submit("slow", "x");
    const reply = client.waitForReply(id);
    await gate.arrival();
    const lost = reported(client, "connection-lost");
    await town.replaceBroker();
    await lost;
    gate.open();
    expect(text(await reply)).toBe("x");
  });

  it("a wait and a call outlive their server", async () => {
    const town = await Town.build();
    const server = await town.server();
    const gate = new Gate();
    town.worker("slow", async ({ body }) => {
      await gate.pass();
      return body;
    });
    const client = town.client({ timeoutMs: 500 });
    const waited = client.waitForReply(await client.submit("slow", "x"));
    const called = client.call("slow", "y", { idempotencyKey: "k" });
    await gate.arrival();
    const retried = reported(client, "call-retried");
    await server.close();
    await retried;
    gate.open();
    await town.server();
    expect([text(await waited), text(await called)]).toEqual(["x", "y"]);
  });

  it("fault: a reply that has come is not lost when its request cannot be closed", async () => {
    const town = await Town.build();
    await town.server();
    town.worker("echo", ({ body }) => body);
    const client = town.client({ attempts: 2, backoff: { initialMs: 1 } });
    const left = reported(client, "request-left");
    const reply = client.call("echo", "x", {
      onReply() {
        town.flaky.fault = "the disk is gone";
      },
    });
    expect(text(await reply)).toBe("x");
    await left;
    expect(client.stats()).toMatchObject({ left: 1, failed: 0 });
  });

  it("a request waits for a server that is not there yet, and no longer than its time", async () => {
    const town = await Town.build();
    const client = town.client();
    const id = client.submit("echo", "x", { timeoutMs: 60_000 });
    await reported(client, "broker-recognised");
    await town.server();
    expect(await id).toMatch(/^[0-9A-F]{32}$/);
    const lonely = (await Town.build()).client();
    await expect(lonely.submit("echo", "x", { timeoutMs: 500, attempts: 2 })).rejects.toMatchObject({
      code: "ERR_NO_SERVICE",
      attempts: 2,
      sent: 0,
    });
  });

  it("a broker that cannot be reached is an error of submit, reply and close, and of no wait", async () => {
    const client = closing(new TitanicClient({ timeoutMs: 20, attempts: 2, lingerMs: 0 }));
    client.connect(await unusedEndpoint());
    for (const ask of [
      () => client.submit("echo", "x"),
      () => client.reply(UNKNOWN),
      () => client.close(UNKNOWN),
    ]) {
      await expect(ask()).rejects.toMatchObject({ code: "ERR_BROKER_UNREACHABLE", sent: 0 });
    }
    await expect(client.waitForReply(UNKNOWN, { timeoutMs: 500 })).rejects.toMatchObject({
      code: "ERR_WAIT_TIMEOUT",
      message: expect.stringContaining("ERR_BROKER_UNREACHABLE"),
    });
  });
});

describe("arguments and limits", () => {
  it("fault: an id that is a path is refused, and nothing is sent", async () => {
    const town = await Town.build();
    const client = town.client();
    for (const id of ["../../../etc/passwd", "..", "", "0".repeat(31), `${"0".repeat(31)}/`]) {
      for (const method of ["reply", "waitForReply", "close"] as const) {
        await expect(client[method](id)).rejects.toThrow(RangeError);
      }
    }
    expect(client.stats()).toMatchObject({ calls: 0, inFlight: 0 });
  });

  it("what is wrong is said by name, by rejecting", async () => {
    const client = closing(new TitanicClient());
    const wrong = undefined as unknown as string;
    await expect(client.submit("mmi.service", "x")).rejects.toThrow("the broker's own");
    await expect(client.submit(wrong, "x")).rejects.toThrow(TypeError);
    await expect(client.submit("echo", wrong)).rejects.toThrow(TypeError);
    await expect(client.submit("echo", "x", { idempotencyKey: "" })).rejects.toThrow(
      "the idempotencyKey must",
    );
    await expect(client.submit("echo", "x", null as unknown as object)).rejects.toThrow("must be an object");
    await expect(client.submit("echo", "x", { attempts: 0 })).rejects.toThrow("TitanicClient.submit: option");
    await expect(client.call("echo", "x", { timeoutMs: 0 })).rejects.toThrow("TitanicClient.call: option");
    await expect(client.call("echo", "x", { onReply: 1 as unknown as () => void })).rejects.toThrow(
      'option "onReply" must be a function',
    );
    await expect(client.waitForReply(UNKNOWN, { attempts: 1 } as object)).rejects.toThrow("no option");
    expect(() => new TitanicClient({ attempts: 0 })).toThrow('TitanicClient: option "attempts"');
    expect(() => client.connect("nowhere")).toThrow("TitanicClient");
    expect(() => client.disconnect("nowhere")).toThrow("TitanicClient");
  });

  it("an id that got lost does not close the client", async () => {
    const client = closing(new TitanicClient({ lingerMs: 0 }));
    await expect(client.close(undefined as unknown as string)).rejects.toThrow(TypeError);
    expect(() => client.connect("tcp://localhost:1")).not.toThrow();
    client.disconnect("tcp://localhost:1");
  });

  it("there are limits to bodies and to calls in flight", async () => {
    const client = closing(new TitanicClient({ maxInFlight: 2, maxBodyBytes: 3, lingerMs: 0 }));
    await expect(client.submit("echo", ["ab", "cd"])).rejects.toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxBodyBytes",
    });
    for (let n = 0; n < 2; n++) asked(client.waitForReply(UNKNOWN));
    await expect(client.reply(UNKNOWN)).rejects.toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxInFlight",
      limit: 2,
    });
  });

  it("a signal ends each kind of call, also one that has fired before", async () => {
    const client = closing(new TitanicClient({ lingerMs: 0 }));
    const before = { signal: AbortSignal.abort(new Error("enough")) };
    const abort = new AbortController();
    const { signal } = abort;
    const begin = (options: { signal: AbortSignal }): Promise<unknown>[] => [
      client.submit("echo", "x", options),
      client.reply(UNKNOWN, options),
      client.waitForReply(UNKNOWN, options),
      client.call("echo", "x", options),
      client.close(UNKNOWN, options),
    ];
    const calls = begin({ signal }).map(asked);
    expect(client.stats().inFlight).toBe(5);
    abort.abort(new Error("enough"));
    for (const call of [...calls, ...begin(before).map(asked)]) {
      await expect(call).rejects.toMatchObject({ code: "ERR_ABORTED", cause: new Error("enough") });
    }
    expect(client.stats().inFlight).toBe(0);
  });

  it("closing lets calls finish, rejects the rest, and takes no more", async () => {
    const town = await Town.build();
    await town.server();
    const gate = new Gate();
    town.worker("slow", async ({ body }) => {
      await gate.pass();
      return body;
    });
    const patient = town.client({ lingerMs: 60_000 });
    const reply = patient.call("slow", "x");
    await gate.arrival();
    const closed = patient.close();
    expect(patient.close()).toBe(closed);
    await expect(patient.reply(UNKNOWN)).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect(() => patient.connect(town.endpoint)).toThrow("TitanicClient is closed");
    gate.open();
    expect(text(await reply)).toBe("x");
    await closed;
    const client = town.client();
    const wait = asked(client.waitForReply(UNKNOWN, { signal: new AbortController().signal }));
    await client[Symbol.asyncDispose]();
    await expect(wait).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });
});
