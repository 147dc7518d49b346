import { AlreadyAnsweredError, ClosedError, LimitError, type WorkerCall } from "@seaworthy/core";
import { type IncomingRequest, WorkerRequest } from "@seaworthy/core/node";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type FakeEngine, Worker } from "./support/worker.js";

/** A request of a worker, and the ticket of it. */
async function take(worker: Worker, text = "ask"): Promise<{ request: IncomingRequest; ticket: number }> {
  const next = worker[Symbol.asyncIterator]().next();
  const ticket = worker.engine.run(text);
  return { request: (await next).value as IncomingRequest, ticket };
}

const settled = (): Promise<unknown> => new Promise(setImmediate);
const text = (frames: readonly Uint8Array[]): string => frames.map((frame) => Buffer.from(frame)).join("|");

/** The reply that the engine got, in words. */
const replyOf = (call: WorkerCall | undefined): string =>
  call?.type === "reply" ? `${call.ticket}: ${text(call.body)}` : String(call?.type);

afterEach(() => {
  vi.useRealTimers();
});

describe("WorkerRole: endpoints", () => {
  it("passes on where to connect and what to leave", () => {
    const worker = new Worker();
    worker.connect("tcp://a:1");
    worker.disconnect("tcp://a:1");
    expect(worker.engine.calls).toEqual([
      { type: "connect", endpoint: "tcp://a:1" },
      { type: "disconnect", endpoint: "tcp://a:1" },
    ]);
  });

  it("refuses what is no endpoint, and to connect when it is closed, from the call of close on", async () => {
    const worker = new Worker();
    for (const call of ["connect", "disconnect"] as const) {
      expect(() => worker[call]("nonsense")).toThrow(RangeError);
      expect(() => worker[call](7 as unknown as string)).toThrow(TypeError);
    }
    const closing = worker.close();
    expect(() => worker.connect("tcp://a:1")).toThrow(new ClosedError("Worker"));
    expect(worker.engine.calls).toEqual([]);
    await closing;
  });

  it("reports what happens as status events", () => {
    const worker = new Worker();
    const heard: unknown[] = [];
    worker.on("status", (event) => heard.push(event));
    worker.engine.owner.status({ type: "something-happened", at: 5 });
    expect(heard).toEqual([{ type: "something-happened", at: 5 }]);
  });
});

describe("WorkerRole: requests one by one", () => {
  it("asks for one request with each call of next, and sends what it is answered with", async () => {
    const worker = new Worker();
    const { request, ticket } = await take(worker);
    expect([worker.engine.demanded, text(request.body), request.isAnswered]).toEqual([1, "ask", false]);
    await request.reply(["an", "swer"]);
    expect(worker.engine.answers.map(replyOf)).toEqual([`${ticket}: an|swer`]);
    expect(request.isAnswered).toBe(true);
  });

  it("lets a request be answered once only", async () => {
    const worker = new Worker();
    const replied = await take(worker);
    await replied.request.reply("x");
    await expect(replied.request.reply("y")).rejects.toThrow(AlreadyAnsweredError);
    const dropped = await take(worker);
    dropped.request.drop();
    expect(() => dropped.request.drop()).toThrow(AlreadyAnsweredError);
    expect(worker.engine.answers.map(replyOf)).toEqual([`${replied.ticket}: x`, "drop"]);
    expect(worker.engine.answers[1]).toEqual({ type: "drop", ticket: dropped.ticket });
  });

  it("refuses a reply that is too large or none, and then takes another", async () => {
    const worker = new Worker({ maxBodyBytes: 10 });
    const { request, ticket } = await take(worker);
    const tooLarge = request.reply(["12345678", "901"]);
    await expect(tooLarge).rejects.toThrow(LimitError);
    await expect(tooLarge).rejects.toMatchObject({ option: "maxBodyBytes", limit: 10, retryable: false });
    await expect(request.reply(undefined as unknown as string)).rejects.toThrow(TypeError);
    expect([worker.engine.answers, request.isAnswered]).toEqual([[], false]);
    await request.reply(["12345678", "90"]);
    expect(worker.engine.answers.map(replyOf)).toEqual([`${ticket}: 12345678|90`]);
  });

  it("counts what is kept of a reply toward the limit", async () => {
    const worker = new Worker({ maxBodyBytes: 10 });
    const { request, ticket } = await take(worker);
    worker.engine.kept = 8;
    await expect(request.reply("123")).rejects.toThrow(LimitError);
    await request.reply("12");
    expect(worker.engine.answers.map(replyOf)).toEqual([`${ticket}: 12`]);
  });

  it("takes a failure for a drop that has a reason", async () => {
    const worker = new Worker();
    const { request, ticket } = await take(worker);
    const failing = request as WorkerRequest;
    expect(failing).toBeInstanceOf(WorkerRequest);
    failing.fail(new Error("no luck"));
    expect(() => failing.fail("again")).toThrow(AlreadyAnsweredError);
    expect(worker.engine.answers).toEqual([{ type: "drop", ticket, reason: "no luck" }]);
  });

  it("fires a signal for the reason that it is told", async () => {
    const worker = new Worker();
    const { request, ticket } = await take(worker);
    const reason = new Error("nobody waits");
    worker.engine.owner.revoke(ticket, reason);
    expect(request.signal.reason).toBe(reason);
  });

  it("fires the signal of a request whose session is over, and of no other", async () => {
    const worker = new Worker();
    const [lost, kept] = [await take(worker), await take(worker)];
    const reasons: unknown[] = [];
    lost.request.signal.addEventListener("abort", () => reasons.push(lost.request.signal.reason));
    worker.engine.owner.revoke(lost.ticket);
    worker.engine.owner.revoke(999);
    expect(reasons).toEqual([new ClosedError("the session with the queue")]);
    expect(kept.request.signal.aborted).toBe(false);
  });

  it("passes on an answer after its session is over: it frees the hands of the application", async () => {
    const worker = new Worker();
    const { request, ticket } = await take(worker);
    worker.engine.owner.revoke(ticket);
    await request.reply("late");
    expect(worker.engine.answers.map(replyOf)).toEqual([`${ticket}: late`]);
    worker.engine.owner.revoke(ticket);
    expect(request.isAnswered).toBe(true);
  });

  it("ends the iteration when the worker is closed", async () => {
    const worker = new Worker();
    const heard: string[] = [];
    const loop = (async () => {
      for await (const request of worker) {
        heard.push(text(request.body));
        await request.reply("x");
      }
    })();
    await settled();
    worker.engine.run("one");
    await settled();
    await worker.close();
    await loop;
    expect([heard, worker.engine.demanded]).toEqual([["one"], 2]);
  });
});

describe("WorkerRole.serve", () => {
  it("answers with what the handler returns, as many at a time as it may", async () => {
    const worker = new Worker();
    const served = worker.serve(async ({ body }) => `re: ${text(body)}`, { concurrency: 3 });
    await settled();
    expect(worker.engine.demanded).toBe(3);
    worker.engine.run("a");
    worker.engine.run("b");
    await settled();
    expect(worker.engine.answers.map(replyOf)).toEqual(["1: re: a", "2: re: b"]);
    expect(worker.engine.demanded).toBe(5);
    await worker.close();
    await served;
  });

  it("lets the handler answer by itself, and then be done or throw", async () => {
    const worker = new Worker();
    void worker.serve(async (request) => {
      if (text(request.body) === "drop") request.drop();
      else await request.reply("mine");
      if (text(request.body) === "throw") throw new Error("afterwards");
      return "not this";
    });
    for (const word of ["reply", "drop", "throw"]) {
      await settled();
      worker.engine.run(word);
    }
    await settled();
    expect(worker.engine.answers.map(replyOf)).toEqual(["1: mine", "drop", "3: mine"]);
    expect(worker.engine.demanded, "it goes on").toBe(4);
    await worker.close();
  });

  it.each<[string, () => unknown, string]>([
    [
      "throws",
      () => {
        throw new Error("no luck");
      },
      "no luck",
    ],
    ["rejects with what is no error", () => Promise.reject(404), "404"],
    [
      "returns nothing",
      () => undefined,
      "a body must be a string, a Uint8Array or an array of them, got undefined",
    ],
    ["returns too much", () => "12345678901", "reply body is too large: limit maxBodyBytes = 10 is reached"],
  ])("drops the request, and says why, if the handler %s; and goes on", async (_, handler, reason) => {
    const worker = new Worker();
    void worker.serve(handler as () => string);
    await settled();
    worker.engine.run("ask");
    await settled();
    expect(worker.engine.answers).toEqual([{ type: "drop", ticket: 1, reason }]);
    expect(worker.engine.demanded).toBe(2);
    await worker.close();
  });

  it("refuses wrong options by name", async () => {
    const worker = new Worker();
    await expect(worker.serve(() => "x", { concurrency: -1 })).rejects.toThrow(
      /^Worker\.serve: option "concurrency"/,
    );
    await expect(worker.serve(undefined as never)).rejects.toThrow(
      "Worker.serve: the handler must be a function",
    );
  });
});

describe("WorkerRole.close", () => {
  it("waits until the machine has left, then closes the sockets, once", async () => {
    vi.useFakeTimers();
    const worker = new Worker({ lingerMs: 1000 });
    const { request } = await take(worker);
    worker.engine.onClose = () => {};
    const closing = worker.close();
    expect(worker.close()).toBe(closing);
    await vi.advanceTimersByTimeAsync(999);
    expect([worker.engine.answers, worker.engine.closed]).toEqual([[{ type: "close" }], 0]);
    await request.reply("in time");
    expect(request.signal.aborted).toBe(false);
    worker.engine.owner.closed();
    await closing;
    expect([worker.engine.answers.map(replyOf), worker.engine.closed]).toEqual([["close", "1: in time"], 1]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits for no longer than lingerMs, then fires the signals and refuses answers", async () => {
    vi.useFakeTimers();
    const worker = new Worker({ lingerMs: 1000 });
    const [slow, stubborn] = [await take(worker), await take(worker)];
    worker.engine.onClose = () => {};
    const closing = worker.close();
    await vi.advanceTimersByTimeAsync(999);
    expect([slow.request.signal.aborted, worker.engine.closed]).toEqual([false, 0]);
    await vi.advanceTimersByTimeAsync(1);
    await closing;
    expect(slow.request.signal.reason).toEqual(new ClosedError("Worker"));
    expect(stubborn.request.signal.aborted).toBe(true);
    expect(worker.engine.closed).toBe(1);
    await expect(slow.request.reply("late")).rejects.toThrow(new ClosedError("Worker"));
    expect(slow.request.isAnswered).toBe(false);
    stubborn.request.drop();
    expect(worker.engine.answers).toEqual([{ type: "close" }]);
  });

  it("fires the signals when closing begins, if the role is to, and takes replies until lingerMs is over", async () => {
    vi.useFakeTimers();
    const worker = new Worker({ lingerMs: 1000, signalsClosing: true });
    const [quick, slow] = [await take(worker), await take(worker)];
    const calls: unknown[] = [];
    quick.request.signal.addEventListener("abort", () => calls.push(...worker.engine.answers));
    worker.engine.onClose = () => {};
    const closing = worker.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(quick.request.signal.reason).toEqual(new ClosedError("Worker"));
    expect(calls, "the machine knows by then").toEqual([{ type: "close" }]);
    await quick.request.reply("in time");
    await vi.advanceTimersByTimeAsync(1000);
    await closing;
    await expect(slow.request.reply("late")).rejects.toThrow(new ClosedError("Worker"));
    expect(worker.engine.answers.map(replyOf)).toEqual(["close", `${quick.ticket}: in time`]);
  });

  it("tells the machine also without time to linger, and waits for nothing", async () => {
    const worker = new Worker({ lingerMs: 0 });
    const { request } = await take(worker);
    worker.engine.onClose = () => {};
    await worker.close();
    expect([worker.engine.answers, worker.engine.closed]).toEqual([[{ type: "close" }], 1]);
    expect(request.signal.aborted).toBe(true);
  });

  it("does not fire the signals of requests that were answered", async () => {
    const worker = new Worker();
    const { request } = await take(worker);
    await request.reply("x");
    await worker.close();
    expect(request.signal.aborted).toBe(false);
  });

  it("resolves what serve returned only when the handler is done", async () => {
    const worker = new Worker({ lingerMs: 0 });
    let finish = (_reply: string): void => {};
    const served = worker.serve(() => new Promise<string>((resolve) => (finish = resolve)));
    await settled();
    worker.engine.run("ask");
    await settled();
    let isOver = false;
    void served.then(() => {
      isOver = true;
    });
    await worker.close();
    await settled();
    expect(isOver).toBe(false);
    finish("too late");
    await served;
    expect(worker.engine.answers).toEqual([{ type: "close" }]);
  });

  it("happens at the end of an await using scope", async () => {
    let engine: FakeEngine;
    {
      await using worker = new Worker();
      engine = worker.engine;
    }
    expect(engine.closed).toBe(1);
  });

  it("may be told that the machine has left when nobody waits for it", async () => {
    const worker = new Worker();
    expect(() => worker.engine.owner.closed()).not.toThrow();
    await worker.close();
  });
});
