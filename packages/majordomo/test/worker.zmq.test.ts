import { describe, expect, it } from "vitest";
import { closing, next, record, reported } from "../../core/test/support/queue-peers.js";
import { MajordomoWorker } from "../src/worker.js";
import type { MajordomoRequest } from "../src/worker-request.js";
import {
  address,
  BareBroker,
  DISCONNECT,
  DROPPED,
  FAILED,
  final,
  newWorker,
  notice,
  partial,
  RETURNED,
} from "./bare-broker.js";

const aborted = ({ signal }: MajordomoRequest): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason)));

const sleepless = { heartbeatMs: 60_000 };

describe("with another's broker", () => {
  it("a worker speaks 7/MDP: READY, REPLY with the address that it was given, one frame or more", async () => {
    const broker = new BareBroker();
    void newWorker(broker.endpoint).serve(({ body }) => [...body, "!"]);
    const { id, words } = await broker.next();
    expect(words).toEqual(["MDPW01", "\x01", "echo", notice(1000, 1).toString("latin1")]);
    broker.give01(id, "client", "x");
    expect((await broker.next()).words).toEqual(["MDPW01", "\x03", "client", "", "x", "!"]);
    broker.send(id, ["", "MDPW01", "\x02", "client", "id", "", "y"]);
    expect((await broker.next()).words).toEqual(["MDPW01", "\x03", "client", "id", "", "y", "!"]);
  });

  it("a worker speaks 18/MDP if it is told to, parts included", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, { protocol: "0.2" });
    void worker.serve(async (request) => {
      await request.partial("a");
      return "b";
    });
    const { id, words } = await broker.next();
    expect(words.slice(0, 3)).toEqual(["MDPW02", "\x01", "echo"]);
    broker.give(id, "x");
    expect((await broker.next()).words).toEqual(partial("x", "a"));
    expect((await broker.next()).words).toEqual(final("x", "b"));
  });

  it("parts are sent as one reply in 0.1, and bounded together", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, { maxBodyBytes: 10 });
    const taken = next(worker);
    const { id } = await broker.next();
    broker.give01(id, "client");
    const request = await taken;
    await request.partial(["abc", "def"]);
    const limit = { code: "ERR_LIMIT_REACHED", option: "maxBodyBytes" };
    await expect(request.partial("ghijk")).rejects.toMatchObject(limit);
    await expect(request.reply("ghijk")).rejects.toMatchObject(limit);
    await request.reply("ghij");
    expect((await broker.next()).words).toEqual(["MDPW01", "\x03", "client", "", "abc", "def", "ghij"]);
    await expect(request.partial("more")).rejects.toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
  });

  it.each(["throws", "drops"])(
    "a handler that %s frees the worker by DISCONNECT, and it is back at once",
    async (how) => {
      const broker = new BareBroker();
      // Whatever had to wait for a pause would wait for a minute.
      const worker = newWorker(broker.endpoint, sleepless);
      void worker.serve((request) => {
        if (String(request.body[0]) !== "poison") return "fine";
        if (how === "throws") throw new Error("no luck");
        request.drop();
        return "unused";
      });
      const { id } = await broker.next();
      broker.give01(id, "client", "poison");
      expect(await broker.next()).toEqual({ id, words: ["MDPW01", "\x05"] });
      const again = await broker.next();
      expect(again.words.slice(0, 3)).toEqual(["MDPW01", "\x01", "echo"]);
      expect(again.id).not.toEqual(id);
      broker.give01(again.id, "client", "food");
      expect((await broker.next()).words).toEqual(["MDPW01", "\x03", "client", "", "fine"]);
    },
  );
});

describe("with a broker of ours", () => {
  it("a worker is given as much as its credit, and replies as it is done, in 0.2", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, sleepless);
    const requests = [next(worker), next(worker), next(worker)];
    const { id, words } = await broker.welcome();
    expect(words.at(-1)).toBe(notice(60_000, 3).toString("latin1"));
    for (const name of ["a", "b", "c"]) broker.give(id, name);
    for (const index of [2, 0, 1]) await (await requests[index])?.reply("done");
    for (const name of ["c", "a", "b"]) expect((await broker.next()).words).toEqual(final(name, "done"));
    expect(worker.stats()).toMatchObject({ requests: 3, answered: 3, running: 0, waiting: 0, sessions: 1 });
  });

  it("a worker that is to run 20,000 more at a time says so once", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, sleepless);
    const known = reported(worker, "broker-recognised");
    void worker.serve(({ body }) => [...body]);
    const { id } = await broker.welcome();
    await known;
    void worker.serve(({ body }) => [...body], { concurrency: 20_000 });
    expect((await broker.next()).words).toEqual([
      "MDPW02",
      "\x05",
      notice(60_000, 20_001).toString("latin1"),
    ]);
    broker.give(id, "x");
    expect((await broker.next()).words, "the next word is an answer").toEqual(final("x", "x"));
    expect(worker.stats().sockets.sent, "READY, the credit and the reply").toBe(3);
  });

  it("an iteration that is broken off takes no request for nobody: what crosses that goes back", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, sleepless);
    const iterated = (async () => {
      for await (const request of worker) {
        await request.reply("done");
        break;
      }
    })();
    const { id } = await broker.welcome();
    broker.give(id, "a");
    await iterated;
    broker.give(id, "b");
    expect((await broker.next()).words).toEqual(final("a", "done"));
    expect((await broker.next()).words).toEqual(["MDPW02", "\x05", notice(60_000, 0).toString("latin1")]);
    expect((await broker.next()).words).toEqual(final("b", "", RETURNED));
    const taken = next(worker);
    expect((await broker.next()).words.at(-1)).toBe(notice(60_000, 1).toString("latin1"));
    broker.give(id, "c");
    await (await taken).reply("done");
    expect((await broker.next()).words).toEqual(final("c", "done"));
  });

  it("parts are sent as they come, however many there are: a handler that waits for each does not run ahead", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, {
      heartbeatMs: 60_000,
      socket: { sendHighWaterMark: 2, maxQueued: 2 },
    });
    const parts = 5000;
    void worker.serve(async (request) => {
      for (let part = 0; part < parts; part++) await request.partial(String(part));
      return "end";
    });
    const { id } = await broker.welcome();
    const events = record(worker);
    broker.give(id, "x");
    for (let part = 0; part < parts; part++) {
      expect((await broker.next()).words).toEqual(partial("x", String(part)));
    }
    expect((await broker.next()).words).toEqual(final("x", "end"));
    expect(events.filter((event) => event.startsWith("session-lost"))).toEqual([]);
    expect(worker.stats()).toMatchObject({ partials: parts, answered: 1 });
  });

  it("a handler that throws is told with its message", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, sleepless);
    const failed = reported(worker, "handler-failed");
    void worker.serve(() => {
      throw new Error("no luck");
    });
    const { id } = await broker.welcome();
    broker.give(id, "x");
    expect((await broker.next()).words).toEqual(final("x", "no luck", FAILED));
    expect((await failed)[0]).toMatchObject({ message: "no luck" });
  });

  it("a request can be failed without a handler", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, sleepless);
    const taken = next(worker);
    const { id } = await broker.welcome();
    broker.give(id, "x");
    (await taken).fail("not today");
    expect((await broker.next()).words).toEqual(final("x", "not today", FAILED));
  });

  it("a client that gives up fires the signal, and its reply is none", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, sleepless);
    const taken = next(worker);
    const { id } = await broker.welcome();
    broker.give(id, "x");
    const request = await taken;
    const reason = aborted(request);
    broker.cancel(id, "x");
    expect(await reason).toMatchObject({ code: "ERR_ABORTED", cause: "the client has given the request up" });
    await request.partial("for nobody");
    await request.reply("for nobody");
    expect((await broker.next()).words).toEqual(final("x", "", DROPPED));
    expect(worker.stats()).toMatchObject({ cancelled: 1, answered: 0, repliesDropped: 1 });
  });

  it("more hands are told", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, sleepless);
    const opened = reported(worker, "broker-recognised");
    void worker.serve(() => "x");
    await broker.welcome();
    await opened;
    void worker.serve(() => "x");
    expect((await broker.next()).words).toEqual(["MDPW02", "\x05", notice(60_000, 2).toString("latin1")]);
  });
});

describe("a broker of ours that asks for a longer interval", () => {
  it("is told that it is kept, and that it is no more when there is no need of it", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, { heartbeatMs: 20 });
    void worker.serve(() => "x");
    const { id } = await broker.welcome();
    await broker.beat(1);
    broker.send(id, ["MDPW02", "\x05", notice(60_000, 45)]);
    expect((await broker.next()).words).toEqual(["MDPW02", "\x05", notice(45, 1).toString("latin1")]);
    await broker.beat(2);
    broker.send(id, ["MDPW02", "\x05", notice(60_000, 0)]);
    expect((await broker.next()).words).toEqual(["MDPW02", "\x05", notice(20, 1).toString("latin1")]);
  });
});

describe("a broker that goes", () => {
  it("by DISCONNECT is come back to at once, and the request at hand is told", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, sleepless);
    const takenFirst = next(worker);
    void worker[Symbol.asyncIterator]().next();
    const { id } = await broker.welcome();
    broker.give(id, "x");
    const request = await takenFirst;
    const reason = aborted(request);
    broker.send(id, ["MDPW02", "\x06"]);
    expect(await reason).toMatchObject({ code: "ERR_CLOSED" });
    const again = await broker.welcome();
    expect(again.id).not.toEqual(id);
    expect(again.words.at(-1), "one hand is still at work").toBe(notice(60_000, 1).toString("latin1"));
    const dropped = reported(worker, "reply-dropped");
    await request.reply("late");
    expect((await dropped)[0]).toMatchObject({ reason: "session-lost" });
    expect(worker.stats()).toMatchObject({ answered: 0, repliesDropped: 1, sessionsLost: 1 });
  });

  it("and comes back on the same port finds its worker there again", async () => {
    const first = new BareBroker();
    // Its port may be taken back a moment after its connections have ended.
    const worker = newWorker(first.endpoint, { reconnect: { initialMs: 100, jitter: 0 } });
    void worker.serve(({ body }) => body);
    await first.welcome();
    const lost = reported(worker, "session-lost", 2);
    first.close();
    expect(await lost).toMatchObject([
      { how: "disconnected", pauseMs: 100, endpoint: first.endpoint },
      { how: "failed", pauseMs: 200 },
    ]);
    const second = new BareBroker(first.endpoint);
    const { id } = await second.welcome();
    second.give(id, "x");
    expect((await second.next()).words).toEqual(final("x", "x"));
  });

  it("silent, of ours, is left even while a request runs", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, { heartbeatMs: 20, reconnect: { initialMs: 1 } });
    const taken = next(worker);
    void worker[Symbol.asyncIterator]().next();
    const { id } = await broker.welcome();
    const lost = reported(worker, "session-lost");
    broker.give(id, "x");
    const request = await taken;
    const reason = aborted(request);
    // It promises heartbeats only now that the request has come, and sends none.
    broker.send(id, ["MDPW02", "\x05", notice(20, 0)]);
    expect((await lost)[0]).toMatchObject({ how: "silent" });
    expect(await reason).toMatchObject({ code: "ERR_CLOSED" });
    let heard = await broker.hear();
    while (heard.id.equals(id)) heard = await broker.hear();
    expect(heard.words.slice(0, 3)).toEqual(["MDPW01", "\x01", "echo"]);
  });
});

describe("leaving", () => {
  it("fires the signals, lets handlers finish, and says DISCONNECT behind the last reply", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, { heartbeatMs: 60_000, lingerMs: 60_000 });
    const taken = next(worker);
    const { id } = await broker.welcome();
    broker.give(id, "x");
    const request = await taken;
    const reason = aborted(request);
    const closed = worker.close();
    expect(() => worker.connect(broker.endpoint)).toThrow("closed");
    expect(await reason).toMatchObject({ code: "ERR_CLOSED", message: "MajordomoWorker is closed" });
    expect((await broker.next()).words).toEqual(["MDPW02", "\x05", notice(60_000, 0).toString("latin1")]);
    await request.partial("almost");
    await request.reply("finished");
    expect((await broker.next()).words).toEqual(partial("x", "almost"));
    expect((await broker.next()).words).toEqual(final("x", "finished"));
    expect((await broker.next()).words).toEqual(DISCONNECT);
    broker.send(id, DISCONNECT);
    await closed;
    expect(worker.close()).toBe(closed);
    for await (const _request of worker) throw new Error("a closed worker takes no requests");
  });

  it("gives back at once what a handler gives up because of it", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, { heartbeatMs: 60_000, lingerMs: 60_000 });
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const serving = worker.serve(async (request) => {
      begin();
      throw await aborted(request);
    });
    const { id } = await broker.welcome();
    broker.give(id, "x");
    await begun;
    const closed = worker.close();
    await serving;
    expect((await broker.next()).words.slice(0, 2)).toEqual(["MDPW02", "\x05"]);
    expect((await broker.next()).words).toEqual(final("x", "", RETURNED));
    expect((await broker.next()).words).toEqual(DISCONNECT);
    broker.send(id, DISCONNECT);
    await closed;
    expect(worker.stats()).toMatchObject({ returned: 1, failed: 1, answered: 0 });
  });

  it("does not wait for a handler longer than `lingerMs`, and says DISCONNECT then", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, { heartbeatMs: 60_000, lingerMs: 50 });
    const taken = next(worker);
    const { id } = await broker.welcome();
    broker.give(id, "x");
    const request = await taken;
    await worker.close();
    await expect(request.reply("late")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await expect(request.partial("late")).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect((await broker.next()).words.slice(0, 2)).toEqual(["MDPW02", "\x05"]);
    expect((await broker.next()).words).toEqual(DISCONNECT);
  });

  it("does not wait for the answer of a frozen broker longer than `lingerMs`", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, { heartbeatMs: 60_000, lingerMs: 50 });
    const recognised = reported(worker, "broker-recognised");
    void worker.serve(({ body }) => body);
    await broker.welcome();
    await recognised;
    await worker.close();
    expect((await broker.next()).words).toEqual(DISCONNECT);
  });

  it("does not wait for the answer of a broker that dies", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, { heartbeatMs: 60_000, lingerMs: 60_000 });
    const recognised = reported(worker, "broker-recognised");
    void worker.serve(({ body }) => body);
    await broker.welcome();
    await recognised;
    const closed = worker.close();
    expect((await broker.next()).words).toEqual(DISCONNECT);
    broker.close();
    await closed;
  });

  it("a frozen broker by `disconnect` ends with its silence", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, { heartbeatMs: 60_000, peerHeartbeatMs: 60_000 });
    const recognised = reported(worker, "broker-recognised");
    void worker.serve(({ body }) => body);
    await broker.welcome(20);
    await recognised;
    const closed = reported(worker, "session-closed");
    worker.disconnect(broker.endpoint);
    await closed;
    expect((await broker.next()).words).toEqual(DISCONNECT);
    expect(worker.stats()).toMatchObject({ sessions: 0, sessionsLost: 0 });
  });

  it("one broker by `disconnect`, while the others are served", async () => {
    const [a, b] = [new BareBroker(), new BareBroker()];
    const worker = newWorker(a.endpoint, sleepless);
    worker.connect(b.endpoint);
    const recognised = reported(worker, "broker-recognised", 2);
    void worker.serve(({ body }) => body);
    const [atA, atB] = await Promise.all([a.welcome(), b.welcome()]);
    await recognised;
    const closed = reported(worker, "session-closed");
    worker.disconnect(a.endpoint);
    expect(await a.next()).toEqual({ id: atA.id, words: DISCONNECT });
    // It crosses the leave, and finds an open connection.
    a.give(atA.id, "x");
    a.send(atA.id, DISCONNECT);
    expect((await closed)[0]).toMatchObject({ endpoint: a.endpoint });
    expect(worker.stats()).toMatchObject({ requests: 1, refused: 1, sessions: 1, sessionsLost: 0 });
    b.give(atB.id, "y");
    expect((await b.next()).words).toEqual(final("y", "y"));
    expect(() => worker.disconnect("nonsense")).toThrow("transport://address");
  });
});

describe("wrong use", () => {
  it("is refused by name", async () => {
    const worker = closing(new MajordomoWorker("echo"));
    expect(() => worker.connect("localhost")).toThrow("MajordomoWorker: an endpoint");
    await expect(worker.serve(undefined as never)).rejects.toThrow("the handler must be a function");
    await expect(worker.serve(() => "x", { concurrency: 0 })).rejects.toThrow('option "concurrency"');
    await expect(worker.serve(() => "x", { threads: 2 } as object)).rejects.toThrow('no option "threads"');
    const url = new URL("file:///nowhere.js");
    await expect(worker.serve(url, { threads: 0 })).rejects.toThrow(
      'MajordomoWorker.serve: option "threads"',
    );
    await expect(worker.serve(url, { concurrency: 0 })).rejects.toThrow('option "concurrency"');
  });

  it("an address that nobody has is no concern of the worker", async () => {
    const broker = new BareBroker();
    const worker = newWorker(broker.endpoint, sleepless);
    void worker.serve(({ body }) => body);
    const { id } = await broker.welcome();
    broker.send(id, ["MDPW02", "\x05", address("never")]);
    broker.give(id, "x");
    expect((await broker.next()).words).toEqual(final("x", "x"));
  });
});
