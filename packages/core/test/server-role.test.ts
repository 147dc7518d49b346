import { AlreadyAnsweredError, ClosedError, LimitError } from "@seaworthy/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Server, type ServerEngine, type TaggedRequest, text } from "./support/server.js";

/** A request that the application has taken. */
async function take(server: Server, word = "ask", key?: string, tag?: number): Promise<TaggedRequest> {
  const next = server[Symbol.asyncIterator]().next();
  server.engine.ask(word, key, tag);
  return (await next).value as TaggedRequest;
}

const settled = (): Promise<unknown> => new Promise(setImmediate);

afterEach(() => {
  vi.useRealTimers();
});

describe("RequestServerRole: requests one by one", () => {
  it("are taken with each call of next, and answered once", async () => {
    const server = new Server();
    const request = await take(server);
    expect([text(request.body), request.isAnswered, request.signal.aborted]).toEqual(["ask", false, false]);
    server.engine.ask("not asked for");
    expect(server.engine.machine).toMatchObject({ queued: 1, running: 1 });
    await request.reply(["an", "swer"]);
    expect(server.engine.answers).toEqual(["an|swer"]);
    await expect(request.reply("again")).rejects.toThrow(AlreadyAnsweredError);
    expect(() => request.fail("again")).toThrow(AlreadyAnsweredError);
    expect(() => request.drop()).toThrow(AlreadyAnsweredError);
    expect(server.engine.machine.stats).toMatchObject({ answered: 1, failed: 0, dropped: 0 });
  });

  it("have an id in hexadecimal text if the client is ours", async () => {
    const server = new Server();
    expect((await take(server, "ask", "\u0001\u00ff")).id).toBe("01ff");
    expect((await take(server)).id).toBeUndefined();
  });

  it("are what the pattern makes of them", async () => {
    expect(await take(new Server(), "ask", undefined, 42)).toMatchObject({ tag: 42 });
  });

  it("may fail or be dropped", async () => {
    const server = new Server();
    const heard: unknown[] = [];
    server.on("handler-failed", (event) => heard.push(event.message));
    (await take(server)).fail(new Error("no luck"));
    (await take(server)).drop();
    expect([server.engine.answers, heard]).toEqual([["failure"], ["no luck"]]);
    expect(server.engine.machine).toMatchObject({ running: 0, stats: { failed: 1, dropped: 1 } });
  });

  it("take another reply if one is too large or none", async () => {
    const server = new Server({ maxBodyBytes: 10 });
    const request = await take(server);
    const tooLarge = request.reply(["12345678", "901"]);
    await expect(tooLarge).rejects.toThrow(LimitError);
    await expect(tooLarge).rejects.toMatchObject({ option: "maxBodyBytes", limit: 10, retryable: false });
    await expect(request.reply(undefined as unknown as string)).rejects.toThrow(TypeError);
    expect([server.engine.answers, request.isAnswered]).toEqual([[], false]);
    await request.reply(["12345678", "90"]);
    expect(server.engine.answers).toEqual(["12345678|90"]);
  });

  it("are wanted no more once the iteration that asked for them is over", async () => {
    const server = new Server();
    const requests = server[Symbol.asyncIterator]();
    const next = requests.next();
    await requests.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    server.engine.ask("nobody");
    expect(server.engine.machine).toMatchObject({ queued: 1, running: 0 });
  });
});

describe("RequestServerRole.serve", () => {
  it("answers with what the handler returns, as many at a time as it may", async () => {
    const server = new Server();
    const served = server.serve(async ({ body }) => `re: ${text(body)}`, { concurrency: 2 });
    for (const word of ["a", "b", "c"]) server.engine.ask(word);
    expect(server.engine.machine).toMatchObject({ running: 2, queued: 1 });
    await settled();
    expect(server.engine.answers).toEqual(["re: a", "re: b", "re: c"]);
    await server.close();
    await served;
  });

  it("lets the handler answer by itself, and then be done or throw", async () => {
    const server = new Server();
    void server.serve(async (request) => {
      if (text(request.body) === "drop") request.drop();
      else await request.reply("mine");
      if (text(request.body) === "throw") throw new Error("afterwards");
      return "not this";
    });
    for (const word of ["reply", "drop", "throw"]) server.engine.ask(word);
    await settled();
    expect(server.engine.answers).toEqual(["mine", "mine"]);
    expect(server.engine.machine.stats).toMatchObject({ answered: 2, dropped: 1, failed: 0 });
  });

  it.each<[string, () => unknown, string]>([
    ["rejects", () => Promise.reject(new Error("no luck")), "no luck"],
    [
      "returns nothing",
      () => undefined,
      "a body must be a string, a Uint8Array or an array of them, got undefined",
    ],
    ["returns too much", () => "12345678901", "reply body is too large: limit maxBodyBytes = 10 is reached"],
  ])("reports a failure if the handler %s, and goes on", async (_, handler, message) => {
    const server = new Server({ maxBodyBytes: 10 });
    const heard: unknown[] = [];
    server.on("handler-failed", (event) => heard.push(event.message));
    void server.serve(handler as () => string);
    server.engine.ask("ask");
    server.engine.ask("ask");
    await settled();
    expect([server.engine.answers, heard]).toEqual([
      ["failure", "failure"],
      [message, message],
    ]);
  });

  it("refuses wrong options by name", async () => {
    const server = new Server();
    await expect(server.serve(() => "x", { concurrency: 0 })).rejects.toThrow(
      /^Server\.serve: option "concurrency"/,
    );
    await expect(server.serve(undefined as never)).rejects.toThrow(
      "Server.serve: the handler must be a function",
    );
  });
});

describe("RequestServerRole: revoking", () => {
  const reason = new Error("no longer active");

  it("fires the signals of what runs, for the reason given, and not those of later requests", async () => {
    const server = new Server();
    const before = await take(server);
    server.engine.revoke(reason);
    const after = await take(server);
    expect(before.signal.reason).toBe(reason);
    expect(after.signal.aborted).toBe(false);
    const again = new Error("once more");
    server.engine.revoke(again);
    expect([before.signal.reason, after.signal.reason]).toEqual([reason, again]);
  });

  it("lets what runs end as if it were answered, and sends nothing", async () => {
    const server = new Server({ maxUnanswered: 1 });
    const before = await take(server);
    // The answer of whom the signal itself makes answer is not sent either.
    before.signal.addEventListener("abort", () => before.reply("interrupted"));
    const next = take(server, "later");
    server.engine.revoke(reason);
    expect(before.isAnswered).toBe(true);
    server.engine.ask("later still");
    await (await next).reply("fine");
    expect(server.engine.answers).toEqual(["fine"]);
    expect(server.engine.machine.stats).toMatchObject({ revoked: 1, refused: 1, answered: 1 });
  });

  it("leaves it to closing to fire the signals of what came since", async () => {
    const server = new Server({ lingerMs: 0 });
    const before = await take(server);
    server.engine.revoke(reason);
    const after = await take(server);
    await server.close();
    expect(before.signal.reason).toBe(reason);
    expect(after.signal.reason).toEqual(new ClosedError("Server"));
  });

  it("makes no server new that is closed", async () => {
    const server = new Server({ lingerMs: 0 });
    const request = await take(server);
    await server.close();
    server.engine.revoke(reason);
    expect(request.signal.reason).toEqual(new ClosedError("Server"));
    await expect(request.reply("late")).rejects.toThrow(new ClosedError("Server"));
  });
});

describe("RequestServerRole.close", () => {
  it("waits until nothing runs, then closes the sockets in what is left of the time, once", async () => {
    vi.useFakeTimers();
    const server = new Server({ lingerMs: 1000 });
    const [one, two] = [await take(server), await take(server)];
    const closing = server.close();
    expect(server.close()).toBe(closing);
    await vi.advanceTimersByTimeAsync(300);
    await one.reply("in time");
    await vi.advanceTimersByTimeAsync(300);
    expect([two.signal.aborted, server.engine.closed]).toEqual([false, []]);
    two.drop();
    await closing;
    expect([server.engine.answers, server.engine.closed]).toEqual([["in time"], [400]]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits for no longer than lingerMs, then fires the signals and refuses replies", async () => {
    vi.useFakeTimers();
    const server = new Server({ lingerMs: 1000 });
    const [slow, stubborn] = [await take(server), await take(server)];
    const closing = server.close();
    await vi.advanceTimersByTimeAsync(999);
    expect([slow.signal.aborted, server.engine.closed]).toEqual([false, []]);
    await vi.advanceTimersByTimeAsync(1);
    await closing;
    expect([slow.signal.reason, server.engine.closed]).toEqual([new ClosedError("Server"), [0]]);
    await expect(slow.reply("late")).rejects.toThrow(new ClosedError("Server"));
    expect(slow.isAnswered).toBe(false);
    stubborn.drop();
    expect(server.engine.answers).toEqual([]);
  });

  it("refuses what waits, and ends iterations", async () => {
    const server = new Server();
    server.engine.ask("waits");
    const heard: unknown[] = [];
    server.on("request-refused", (event) => heard.push(event.reason));
    await server.close();
    expect(heard).toEqual(["closing"]);
    for await (const _ of server) throw new Error("a closed server takes no requests");
  });

  it("takes no endpoint from the call of close on, and nothing that is no endpoint at any time", async () => {
    const server = new Server();
    expect(() => server.bind("tcp://*:5555")).not.toThrow();
    expect(() => server.bind("nonsense")).toThrow(RangeError);
    expect(() => server.bind(7 as unknown as string)).toThrow(TypeError);
    const closing = server.close();
    expect(() => server.bind("tcp://*:5555")).toThrow(new ClosedError("Server"));
    await closing;
  });

  it("resolves what serve returned only when the handler is done", async () => {
    const server = new Server({ lingerMs: 0 });
    let finish = (_reply: string): void => {};
    const served = server.serve(() => new Promise<string>((resolve) => (finish = resolve)));
    server.engine.ask("ask");
    await settled();
    let isOver = false;
    void served.then(() => {
      isOver = true;
    });
    await server.close();
    await settled();
    expect(isOver).toBe(false);
    finish("too late");
    await served;
    expect(server.engine.answers).not.toContain("too late");
  });

  it("happens at the end of an await using scope", async () => {
    let engine: ServerEngine;
    {
      await using server = new Server({ lingerMs: 0 });
      engine = server.engine;
    }
    expect(engine.closed).toEqual([0]);
  });
});
