import { textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { ID, TitanicDriver } from "./client-driver.js";

const endless = Array.from({ length: 5000 }, () => "x").join("");

describe("submit", () => {
  it("goes to titanic.submit under a key of the client's own, and ends in the id", () => {
    const client = new TitanicDriver();
    client.submit();
    expect(client.asked).toEqual(["titanic.submit: own key 1|echo|a|b"]);
    expect(client.of("request")[0]).toMatchObject({ timeoutMs: 1000, attempts: 3 });
    client.answer("200", ID);
    expect(client.ends).toEqual([`1: id ${ID}`]);
    expect(client.machine).toMatchObject({ inFlight: 0, deadline: undefined });
    expect(client.machine.stats).toMatchObject({ calls: 1, submitted: 1, failed: 0 });
  });

  it("goes under the caller's key if there is one", () => {
    const client = new TitanicDriver();
    client.submit({ isKeyed: true });
    expect(client.asked).toEqual(["titanic.submit: key|echo|a|b"]);
  });

  it("keeps the id as a foreign server writes it, also with dashes", () => {
    for (const id of [ID.toLowerCase(), "01234567-89ab-cdef-0123-456789abcdef"]) {
      const client = new TitanicDriver({ dialect: "rfc9" });
      client.submit();
      expect(client.asked).toEqual(["titanic.request: echo|a|b"]);
      client.answer("200", id);
      expect(client.ends).toEqual([`1: id ${id}`]);
    }
  });

  it("fault: a request that is sent again after 500 has the same key, so that it is not taken in twice", () => {
    const client = new TitanicDriver();
    client.submit();
    client.answer("500", "no room").until(100).answer("200", ID);
    expect(client.asked).toEqual([
      "titanic.submit: own key 1|echo|a|b",
      "titanic.submit: own key 1|echo|a|b",
    ]);
    expect(client.ends).toEqual([`1: id ${ID}`]);
    expect(client.statuses).toEqual(["call-retried:no room"]);
    expect(client.machine.stats.retries).toBe(1);
  });

  it("is given up when the server has failed as often as it may be tried", () => {
    const client = new TitanicDriver();
    client.submit({ attempts: 2 });
    client.answer("500", "no room").until(100).answer("500", "no room");
    expect(client.of("failed")).toEqual([
      { type: "failed", call: 1, failure: { code: "ERR_SERVER_FAILED", message: "no room" } },
    ]);
    expect(client.statuses).toEqual(["call-retried:no room", "call-failed"]);
  });

  it("is never tried for longer than its attempts take", () => {
    const client = new TitanicDriver();
    client.submit();
    client.until(1500).answer("500");
    client.until(1600);
    expect(client.of("request")[1]).toMatchObject({ timeoutMs: 1000, attempts: 1 });
    client.until(2599).answer("500");
    expect(client.ends).toEqual(["1: ERR_SERVER_FAILED"]);
  });

  it("gives each attempt an equal share of what is left", () => {
    const client = new TitanicDriver({ backoff: { initialMs: 1000 } });
    client.submit();
    client.answer("500").until(1000);
    expect(client.of("request")[1]).toMatchObject({ timeoutMs: 1000, attempts: 2 });
    const short = new TitanicDriver({ backoff: { initialMs: 300 } });
    short.submit({ attempts: 2 });
    short.until(1500).answer("500");
    expect(short.ends).toEqual(["1: ERR_SERVER_FAILED"]);
    const other = new TitanicDriver({ backoff: { initialMs: 300 } });
    other.submit({ attempts: 2 });
    other.until(900).answer("500").until(1200);
    expect(other.of("request")[1]).toMatchObject({ timeoutMs: 800, attempts: 1 });
  });

  it("is not paused for longer than there is time", () => {
    const client = new TitanicDriver({ backoff: { initialMs: 2000 } });
    client.submit({ attempts: 2 });
    client.answer("500");
    expect(client.ends).toEqual(["1: ERR_SERVER_FAILED"]);
  });

  it("asks for a moment at least if the host is late", () => {
    const client = new TitanicDriver();
    client.submit({ attempts: 2, timeoutMs: 100 });
    client.answer("500");
    client.now = 10_000;
    client.machine.tick(10_000);
    client.feed({ type: "stalled", ms: 9000 });
    expect(client.of("request")[1]).toMatchObject({ timeoutMs: 1, attempts: 1 });
  });

  it.each([
    ["ERR_REQUEST_TIMEOUT"],
    ["ERR_NO_SERVICE"],
    ["ERR_BROKER_UNREACHABLE"],
    ["ERR_WORKERS_FAILED"],
  ] as const)("fails of what the broker could not do: %s", (code) => {
    const client = new TitanicDriver();
    client.submit();
    client.fails(code);
    expect(client.of("failed")[0]?.failure).toEqual({
      code,
      attempts: 1,
      sent: 1,
      endpoints: ["tcp://a:1"],
    });
  });

  it("fails of a key that belongs to another request", () => {
    for (const text of [[], ["the key belongs to another request"]]) {
      const client = new TitanicDriver();
      client.submit({ isKeyed: true });
      client.answer("400", ...text);
      expect(client.ends).toEqual(["1: ERR_KEY_CONFLICT"]);
    }
  });

  it("fails of a refusal that has another reason than the caller's key", () => {
    const limit = new TitanicDriver();
    limit.submit({ isKeyed: true });
    limit.answer("400", "limit maxBodyBytes = 1 is reached");
    const unkeyed = new TitanicDriver();
    unkeyed.submit();
    unkeyed.answer("400");
    expect([limit.ends, unkeyed.ends]).toEqual([["1: ERR_REQUEST_REFUSED"], ["1: ERR_REQUEST_REFUSED"]]);
    expect(limit.of("failed")[0]?.failure).toMatchObject({ message: "limit maxBodyBytes = 1 is reached" });
  });

  it.each([
    [["200", "../../etc/passwd"]],
    [["200", `${ID}0`]],
    [["200"]],
    [["300"]],
    [["201", ID]],
    [["200", endless]],
  ])("fault: what is no answer to it is not followed, and not tried again: %#", (frames) => {
    const client = new TitanicDriver();
    client.submit();
    client.answer(...frames);
    expect(client.ends).toEqual(["1: ERR_SERVER_FAILED"]);
    expect(client.of("request")).toHaveLength(1);
  });

  it("takes a dead letter's answer for trouble: nothing can be dead yet", () => {
    const client = new TitanicDriver();
    client.submit({ attempts: 1 });
    client.answer("500", "dead: no");
    expect(client.of("failed")[0]?.failure).toEqual({ code: "ERR_SERVER_FAILED", message: "no" });
  });
});

describe("reply", () => {
  it.each([
    [["200", "x", "y"], "1: x|y"],
    [["300"], "1: pending"],
    [["400"], "1: ERR_UNKNOWN_REQUEST"],
    [["500", "dead: 10 attempts failed"], "1: ERR_DEAD_LETTER"],
  ])("%s is %s", (frames, end) => {
    const client = new TitanicDriver();
    client.reply(ID.toLowerCase());
    expect(client.asked).toEqual([`titanic.reply: ${ID.toLowerCase()}`]);
    client.answer(...frames);
    expect(client.ends).toEqual([end]);
  });

  it("tells why a request is a dead letter", () => {
    const client = new TitanicDriver();
    client.reply();
    client.answer("500", "dead: boom");
    expect(client.of("failed")[0]?.failure).toEqual({ code: "ERR_DEAD_LETTER", id: ID, failure: "boom" });
  });

  it("is asked for again after 500 and after what is no answer", () => {
    const client = new TitanicDriver();
    client.reply();
    client.answer("500", "shut").until(100).answer("???").until(300).answer("200", "x");
    expect(client.ends).toEqual(["1: x"]);
    expect(client.statuses).toEqual([
      "call-retried:shut",
      "call-retried:an answer begins with 200, 300, 400 or 500",
    ]);
  });

  it("fails when the broker gave it up, with all that was tried", () => {
    const client = new TitanicDriver();
    client.reply();
    client.answer("500").until(100).fails("ERR_REQUEST_TIMEOUT");
    expect(client.ends).toEqual(["1: ERR_REQUEST_TIMEOUT"]);
  });

  it("of more than maxBodyBytes is an error, whoever finds out", () => {
    const client = new TitanicDriver({ maxBodyBytes: 3 });
    client.reply();
    client.answer("200", "ab", "c");
    client.reply();
    client.answer("200", "ab", "cd");
    client.reply();
    client.feed({
      type: "failed",
      ask: client.lastAsk,
      failure: {
        code: "ERR_LIMIT_REACHED",
        option: "maxBodyBytes",
        limit: 1027,
        attempts: 1,
        sent: 1,
        endpoints: [],
      },
    });
    expect(client.ends).toEqual(["1: ab|c", "2: ERR_LIMIT_REACHED", "3: ERR_LIMIT_REACHED"]);
    for (const { failure } of client.of("failed"))
      expect(failure).toMatchObject({ option: "maxBodyBytes", limit: 3 });
  });
});

describe("waitForReply", () => {
  it("asks again with growing pauses, up to a second, and has no limit of its own", () => {
    const client = new TitanicDriver();
    client.wait();
    const asks: number[] = [];
    for (let index = 0; index < 10; index++) {
      asks.push(client.now);
      client.answer("300").until(client.machine.deadline as number);
    }
    expect(asks).toEqual([0, 10, 30, 70, 150, 310, 630, 1270, 2270, 3270]);
    client.answer("200", "x");
    expect(client.ends).toEqual(["1: x"]);
    expect(client.machine.stats).toMatchObject({ pending: 10, replies: 1, retries: 0 });
  });

  it("draws its pauses at random", () => {
    const client = new TitanicDriver({ poll: { initialMs: 100, jitter: 0.5 } }, () => 1);
    client.wait();
    client.answer("300");
    expect(client.machine.deadline).toBe(50);
  });

  it("has no time of its own for an answer, which is the broker's to keep", () => {
    const client = new TitanicDriver();
    client.wait();
    expect(client.machine.deadline).toBeUndefined();
    expect(client.of("request")[0]).toMatchObject({ timeoutMs: 1000, attempts: 1 });
  });

  it("outlives servers that fail and brokers that are away", () => {
    const client = new TitanicDriver();
    client.wait();
    for (const code of [
      "ERR_REQUEST_TIMEOUT",
      "ERR_BROKER_UNREACHABLE",
      "ERR_BROKER_UNREACHABLE",
      "ERR_NO_SERVICE",
      "ERR_WORKERS_FAILED",
      "ERR_HANDLER_FAILED",
      "ERR_BROKER_LIMIT",
    ] as const)
      client.fails(code).until(client.machine.deadline as number);
    client.answer("500", "store").until(client.machine.deadline as number);
    client.answer("?").until(client.machine.deadline as number);
    client.answer("200", "x");
    expect(client.ends).toEqual(["1: x"]);
    expect(client.machine.stats).toMatchObject({ retries: 9, failed: 0 });
    expect(client.statuses).toEqual([
      "call-retried:ERR_REQUEST_TIMEOUT",
      "call-retried:ERR_BROKER_UNREACHABLE",
      "call-retried:ERR_NO_SERVICE",
      "call-retried:ERR_WORKERS_FAILED",
      "call-retried:ERR_HANDLER_FAILED",
      "call-retried:ERR_BROKER_LIMIT",
      "call-retried:store",
      "call-retried:an answer begins with 200, 300, 400 or 500",
    ]);
  });

  it("tells of the same trouble again if there was none meanwhile", () => {
    const client = new TitanicDriver();
    client.wait();
    client.answer("500", "a").until(10).answer("300").until(30).answer("500", "a");
    expect(client.statuses).toEqual(["call-retried:a", "call-retried:a"]);
  });

  it("ends with its time, and says what kept it", () => {
    const client = new TitanicDriver();
    client.wait({ limitMs: 15 });
    client.answer("300").until(10);
    expect(client.of("request")[1]).toMatchObject({ timeoutMs: 5, attempts: 1 });
    client.until(15);
    expect(client.of("failed")[0]?.failure).toEqual({
      code: "ERR_WAIT_TIMEOUT",
      id: ID,
      waitedMs: 15,
      trouble: undefined,
    });
    expect(client.of("abort")).toEqual([{ type: "abort", ask: 2 }]);
    client.wait({ limitMs: 1000 });
    client.answer("500", "store").until(2000);
    expect(client.of("failed")[1]?.failure).toMatchObject({ waitedMs: 1000, trouble: "store" });
  });

  it("ends with an unknown request, a dead letter, and a reply that is too large", () => {
    const client = new TitanicDriver({ maxBodyBytes: 1 });
    for (const frames of [["400"], ["500", "dead: x"], ["200", "xx"]]) {
      client.wait();
      client.answer(...frames);
    }
    expect(client.ends).toEqual(["1: ERR_UNKNOWN_REQUEST", "2: ERR_DEAD_LETTER", "3: ERR_LIMIT_REACHED"]);
  });

  it("that is aborted ends at once, in a pause and while it asks, and late answers are let pass", () => {
    const client = new TitanicDriver();
    client.wait();
    client.wait();
    client.answer("300");
    client.feed({ type: "abort", call: 1 }).feed({ type: "abort", call: 2 }).feed({ type: "abort", call: 2 });
    expect(client.ends).toEqual(["1: ERR_ABORTED", "2: ERR_ABORTED"]);
    expect(client.of("abort")).toEqual([{ type: "abort", ask: 1 }]);
    client.answerTo(1, "200", "late").fails("ERR_ABORTED", 1).until(5000);
    expect(client.ends).toHaveLength(2);
    expect(client.machine).toMatchObject({ inFlight: 0, deadline: undefined });
  });
});

describe("close(id)", () => {
  it("ends when the server says so", () => {
    const client = new TitanicDriver();
    client.close();
    client.answer("200");
    expect(client.asked).toEqual([`titanic.close: ${ID}`]);
    expect(client.ends).toEqual(["1: closed"]);
    expect(client.machine.stats.closed).toBe(1);
  });

  it.each([[["500", "x"]], [["400"]], [["300"]], [["500", "dead: x"]], [[]]])(
    "is tried again after %s",
    (frames) => {
      const client = new TitanicDriver();
      client.close();
      client.answer(...frames).until(100);
      expect(client.of("request")).toHaveLength(2);
      client.answer("200");
      expect(client.ends).toEqual(["1: closed"]);
    },
  );

  it("fails when the server fails each time, or the broker gives it up", () => {
    const client = new TitanicDriver();
    client.close(ID, { attempts: 1 });
    client.answer("500");
    client.close();
    client.fails("ERR_NO_SERVICE");
    client.close();
    client.feed({ type: "abort", call: 3 });
    expect(client.ends).toEqual(["1: ERR_SERVER_FAILED", "2: ERR_NO_SERVICE", "3: ERR_ABORTED"]);
  });
});

describe("call", () => {
  const replied = (client: TitanicDriver): TitanicDriver => client.answer("200", ID).answer("200", "x");

  it("hands in, waits, closes, and ends in the reply", () => {
    const client = new TitanicDriver();
    client.call();
    client.answer("200", ID).answer("300").until(10).answer("200", "x");
    expect(client.ends).toEqual([]);
    client.answer("200");
    expect(client.asked).toEqual([
      "titanic.submit: own key 1|echo|a|b",
      `titanic.reply: ${ID}`,
      `titanic.reply: ${ID}`,
      `titanic.close: ${ID}`,
    ]);
    expect(client.ends).toEqual(["1: x"]);
    expect(client.machine.stats).toMatchObject({ submitted: 1, replies: 1, closed: 1, left: 0 });
  });

  it("has the reply recorded before it closes, if that is asked for", () => {
    const client = new TitanicDriver();
    client.call({ records: true });
    replied(client);
    expect(client.of("record")).toEqual([{ type: "record", call: 1, body: [textFrame("x")] }]);
    expect(client.asked).toHaveLength(2);
    client.feed({ type: "recorded", call: 1 }).feed({ type: "recorded", call: 1 }).answer("200");
    client.feed({ type: "recorded", call: 1 });
    expect(client.ends).toEqual(["1: x"]);
  });

  it("whose reply could not be recorded closes nothing", () => {
    const client = new TitanicDriver();
    client.call({ records: true });
    replied(client).feed({ type: "abort", call: 1 });
    expect(client.ends).toEqual(["1: ERR_ABORTED"]);
    expect(client.asked).toHaveLength(2);
  });

  it("that was closed already says so", () => {
    const client = new TitanicDriver();
    client.call({ isKeyed: true });
    client.answer("200", ID).answer("400");
    expect(client.of("failed")[0]?.failure).toEqual({ code: "ERR_REQUEST_CLOSED", id: ID });
  });

  it("of which a server without keys knows nothing any more is unknown", () => {
    const client = new TitanicDriver({ dialect: "rfc9" });
    client.call();
    client.answer("200", ID).answer("400");
    expect(client.ends).toEqual(["1: ERR_UNKNOWN_REQUEST"]);
  });

  it.each([
    ["the server fails each time", (client: TitanicDriver) => client.answer("500").until(100).answer("500")],
    ["the broker gives it up", (client: TitanicDriver) => client.fails("ERR_BROKER_UNREACHABLE")],
    ["it is aborted", (client: TitanicDriver) => client.feed({ type: "abort", call: 1 })],
    ["the client is closed", (client: TitanicDriver) => client.feed({ type: "close" })],
    [
      "it is aborted in a pause",
      (client: TitanicDriver) => client.answer("500").feed({ type: "abort", call: 1 }),
    ],
  ])("fault: ends in its reply all the same when it cannot be closed: %s", (_what, happen) => {
    const client = new TitanicDriver({ attempts: 2 });
    client.call();
    happen(replied(client));
    expect(client.ends).toEqual(["1: x"]);
    expect(client.statuses.at(-1)).toBe("request-left");
    expect(client.machine).toMatchObject({ inFlight: 0, deadline: undefined, stats: { left: 1, failed: 0 } });
  });

  it("is closed after a server that failed is well again", () => {
    const client = new TitanicDriver();
    client.call();
    replied(client).answer("500").until(100).answer("200");
    expect(client.ends).toEqual(["1: x"]);
    expect(client.machine.stats).toMatchObject({ closed: 1, left: 0 });
  });

  it("has a time in which the reply must come, but not for what follows", () => {
    const client = new TitanicDriver();
    client.call({ limitMs: 50, records: true });
    replied(client).until(10_000).feed({ type: "recorded", call: 1 }).until(10_100).answer("200");
    client.call({ limitMs: 50 });
    expect(client.of("request").at(-1)).toMatchObject({ timeoutMs: 50, attempts: 1 });
    client.until(10_150);
    client.call({ limitMs: 50 });
    client.answer("200", ID).until(10_200);
    expect(client.ends).toEqual(["1: x", "2: ERR_WAIT_TIMEOUT", "3: ERR_WAIT_TIMEOUT"]);
    expect(client.of("failed").map(({ failure }) => failure)).toMatchObject([{ id: undefined }, { id: ID }]);
  });

  it("that is not taken in fails as submit does", () => {
    const client = new TitanicDriver();
    client.call();
    client.fails("ERR_REQUEST_TIMEOUT");
    expect(client.ends).toEqual(["1: ERR_REQUEST_TIMEOUT"]);
  });
});

describe("the whole client", () => {
  it("closes all calls, wherever they are", () => {
    const client = new TitanicDriver({ dialect: "auto" });
    client.submit();
    client.wait();
    client.reply();
    client.close();
    client.call({ records: true });
    client.answerTo(1, "200").answer("200", ID).answer("200", "x");
    expect(client.of("record")).toHaveLength(1);
    client.submit();
    client.feed({ type: "close" });
    expect(client.ends.map((end) => end.split(": ")[1])).toEqual(Array(6).fill("ERR_CLOSED"));
    expect(client.machine).toMatchObject({ inFlight: 0, deadline: undefined });
  });

  it("lets a stall pass: its deadlines are its own patience", () => {
    const client = new TitanicDriver();
    client.wait();
    expect(client.feed({ type: "stalled", ms: 500 }).outputs).toHaveLength(1);
  });
});
