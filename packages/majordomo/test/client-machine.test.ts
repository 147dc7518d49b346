import { textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { ClientDriver, EPOCH } from "./client-driver.js";

describe("a request", () => {
  it("waits until the broker is known, and has a header if that is ours", () => {
    const client = new ClientDriver().connect();
    client.request();
    client.request();
    client.up();
    expect(client.sends).toEqual([]);
    expect(client.of("introduce")).toEqual([{ type: "introduce", socket: 0, version: "0.1" }]);
    client.until(400).isOurs();
    expect(client.sends).toEqual(["1@0", "2@0"]);
    expect(client.of("send")[1]).toMatchObject({
      version: "0.2",
      service: textFrame("echo"),
      header: { kind: "message", epoch: EPOCH, sequence: 2n, first: 540, second: 1 },
    });
  });

  it("ends in its own reply, in whatever order replies come", () => {
    const client = new ClientDriver().ours();
    for (let n = 0; n < 3; n++) client.request();
    client.said(3).said(1).said(2);
    expect(client.answers).toEqual(["3: reply 3", "1: reply 1", "2: reply 2"]);
    expect(client.machine).toMatchObject({ inFlight: 0, connections: 1, deadline: undefined });
    expect(client.cancels).toEqual([]);
  });

  it("may wait at the broker a little less than its attempt lasts", () => {
    const client = new ClientDriver().ours();
    for (const timeoutMs of [60_000, 1000, 1]) client.request({ timeoutMs });
    expect(client.of("send").map(({ header }) => header?.first)).toEqual([59_750, 900, 1]);
  });

  it("is sent again after its timeout and a pause, under the same id, at most `attempts` times", () => {
    const client = new ClientDriver().ours();
    client.request();
    for (const at of [500, 1600, 2800]) client.until(at).word();
    expect(client.sends).toEqual(["1@0", "1@0", "1@0"]);
    client.until(3299);
    expect(client.failures).toEqual([]);
    client.until(3300);
    expect(client.of("failed")).toEqual([
      {
        type: "failed",
        call: 1,
        failure: { code: "ERR_REQUEST_TIMEOUT", attempts: 3, sent: 3, endpoints: ["tcp://a:1"] },
      },
    ]);
    expect(new Set(client.of("send").map(({ header }) => header?.sequence))).toEqual(new Set([1n]));
    expect(client.machine.stats).toMatchObject({ requests: 1, failed: 1, retries: 2, cancelled: 1 });
    expect(client.cancels).toEqual(["1@0"]);
  });

  it("of which the broker could not pass a part on is tried again, and joined from that attempt's parts", () => {
    const client = new ClientDriver().ours();
    client.request({ attempts: 2 });
    client.part(1, 0).said(1, { kind: "limit", text: "sendHighWaterMark" });
    expect(client.statuses.at(-1)).toBe("request-retried:limit");
    client.until(100).part(1, 0).said(1, { index: 1, text: "end" });
    expect(client.answers).toEqual(["1: part 0|end"]);
    client.request({ attempts: 1 });
    client.part(2, 0).said(2, { kind: "limit", text: "sendHighWaterMark" });
    expect(client.of("failed")[0]?.failure).toMatchObject({
      code: "ERR_BROKER_LIMIT",
      message: "sendHighWaterMark",
    });
  });

  it("may have limits of its own", () => {
    const client = new ClientDriver().ours();
    client.request({ timeoutMs: 50, attempts: 1 });
    client.request();
    client.until(50);
    expect(client.failures).toEqual(["1: ERR_REQUEST_TIMEOUT"]);
  });

  it("fails as unreachable when there never was a connection", () => {
    const client = new ClientDriver();
    client.request({ attempts: 1 });
    client.until(1000);
    expect(client.of("failed")[0]?.failure).toEqual({
      code: "ERR_BROKER_UNREACHABLE",
      attempts: 1,
      sent: 0,
      endpoints: [],
    });
  });

  it("that is aborted ends at once, its broker is told, and its late reply is dropped", () => {
    const client = new ClientDriver().ours();
    client.request();
    client.feed({ type: "abort", call: 1 }).feed({ type: "abort", call: 1 }).said(1);
    expect(client.failures).toEqual(["1: ERR_ABORTED"]);
    expect(client.of("cancel")).toEqual([
      {
        type: "cancel",
        socket: 0,
        version: "0.2",
        service: textFrame("echo"),
        header: { kind: "cancel", epoch: EPOCH, sequence: 1n, first: 0, second: 1 },
      },
    ]);
    expect(client.machine.stats).toMatchObject({ lateReplies: 1, answered: 0 });
  });

  it("that waits when it is aborted is never sent", () => {
    const client = new ClientDriver().connect();
    client.request();
    client.feed({ type: "abort", call: 1 }).up().isOurs();
    expect(client.sends).toEqual([]);
    expect(client.cancels).toEqual([]);
  });

  it("that the full send queue refused was not sent: it is reported, and tried again by its timeout", () => {
    const client = new ClientDriver().ours();
    client.request({ attempts: 2 });
    client.feed({ type: "not-taken", call: 1 }).feed({ type: "not-taken", call: 1 });
    client.feed({ type: "not-taken", call: 7 });
    expect(client.statuses.filter((status) => status === "send-refused")).toHaveLength(1);
    expect(client.machine.stats.refused).toBe(1);
    client.until(500).word().until(1000);
    expect(client.statuses).toContain("request-retried:timed-out");
    client.until(2100);
    expect(client.of("failed")[0]?.failure).toMatchObject({ attempts: 2, sent: 1 });
  });

  it("that the full send queue refused goes over the next connection", () => {
    const client = new ClientDriver().ours();
    client.request();
    client.feed({ type: "not-taken", call: 1 }).down();
    client.until(100).up(1).isOurs(1);
    expect(client.sends).toEqual(["1@0", "1@1"]);
  });

  it("is no longer wanted in the socket's queue once its attempt is over", () => {
    const client = new ClientDriver().ours();
    client.request();
    expect(client.machine.isAwaiting(1, 1)).toBe(true);
    client.until(500).word().until(1000);
    expect(client.machine.isAwaiting(1, 1)).toBe(false);
    client.until(1100);
    expect([client.machine.isAwaiting(1, 1), client.machine.isAwaiting(1, 2)]).toEqual([false, true]);
  });
});

describe("what a broker of ours says of a request", () => {
  const refused = (kind: "no-worker" | "too-old" | "limit" | "dropped" | "closing", attempts: number) => {
    const client = new ClientDriver().ours();
    client.request({ attempts });
    client.said(1, { kind, text: "maxWaiting" });
    return client;
  };

  it.each([
    ["handler-failed", { code: "ERR_HANDLER_FAILED", message: "no such account" }],
    ["given-up", { code: "ERR_WORKERS_FAILED" }],
  ] as const)("%s ends it at once", (kind, failure) => {
    const client = new ClientDriver().ours();
    client.request();
    client.said(1, { kind, text: "no such account" });
    expect(client.of("failed")[0]?.failure).toMatchObject({ ...failure, attempts: 1, sent: 1 });
    expect(client.until(5000).sends).toHaveLength(1);
    expect(client.cancels).toEqual([]);
  });

  it.each(["no-worker", "too-old", "limit", "dropped", "closing"] as const)(
    "%s leads to the next attempt, after a pause",
    (kind) => {
      const client = refused(kind, 2);
      expect(client.statuses).toContain(`request-retried:${kind}`);
      expect(client.until(99).sends).toHaveLength(1);
      expect(client.until(100).sends).toHaveLength(2);
    },
  );

  it.each([
    ["no-worker", "ERR_NO_SERVICE"],
    ["too-old", "ERR_REQUEST_TIMEOUT"],
    ["dropped", "ERR_REQUEST_TIMEOUT"],
    ["limit", "ERR_BROKER_LIMIT"],
    ["closing", "ERR_BROKER_UNREACHABLE"],
  ] as const)("%s on the last attempt fails it with %s", (kind, code) => {
    const client = refused(kind, 1);
    expect(client.of("failed")[0]?.failure).toMatchObject({
      code,
      ...(kind === "limit" ? { message: "maxWaiting" } : {}),
    });
    expect(client.cancels).toEqual([]);
  });

  it("too-old tells whether any worker had been given it", () => {
    const client = new ClientDriver().ours();
    client.request({ attempts: 1 });
    client.request({ attempts: 1 });
    client.said(1, { kind: "too-old", delivery: 0 }).said(2, { kind: "too-old", delivery: 1 });
    const [waited, ran] = client.of("failed").map(({ failure }) => failure);
    expect(waited).toMatchObject({ code: "ERR_REQUEST_TIMEOUT", wasGiven: false });
    expect(ran).not.toHaveProperty("wasGiven");
  });

  it("closing leads to the next broker at once, if there is one", () => {
    const client = new ClientDriver().ours().connect("tcp://b:2");
    client.request();
    client.request();
    client.said(1, { kind: "closing" });
    expect(client.statuses).toContain("connection-replaced:closing");
    expect(client.statuses).toContain("request-retried:closing");
    expect(client.opened).toEqual(["0 tcp://a:1", "1 tcp://b:2"]);
    client.up(1).isOurs(1);
    expect(client.sends).toEqual(["1@0", "2@0", "1@1"]);
    client.said(2, { kind: "closing" });
    expect(client.opened).toHaveLength(2);
    expect(client.sends.at(-1)).toBe("2@1");
    expect(client.discarded).toEqual([0]);
  });

  it("closing on the last attempt fails it, whatever other brokers there are", () => {
    const client = new ClientDriver().ours().connect("tcp://b:2");
    client.request({ attempts: 1 });
    client.said(1, { kind: "closing" });
    expect(client.failures).toEqual(["1: ERR_BROKER_UNREACHABLE"]);
  });

  it("of an earlier attempt does not end the one under way, unless a handler failed", () => {
    const client = new ClientDriver().ours().connect("tcp://b:2");
    client.request();
    client.until(500);
    client.request();
    client.until(1000).word();
    client.feed({ type: "disconnect", endpoint: "tcp://a:1" });
    client.until(1100).up(1).isOurs(1);
    expect(client.sends).toEqual(["1@0", "2@0", "1@1"]);
    client.said(1, { kind: "too-old" });
    expect(client.statuses.at(-1)).toBe("reply-dropped:late");
    client.said(1, { kind: "handler-failed", text: "no" });
    expect(client.failures).toEqual(["1: ERR_HANDLER_FAILED"]);
    expect(client.cancels).toEqual(["1@1"]);
  });
});

describe("replies that do not belong", () => {
  it("a second reply to the same request is counted and dropped", () => {
    const client = new ClientDriver().ours();
    client.request();
    client.said(1).said(1);
    expect(client.answers).toHaveLength(1);
    expect(client.statuses).toContain("reply-dropped:late");
  });

  it("a reply of another epoch, or with a number not yet given, or that would cancel, is unknown", () => {
    const client = new ClientDriver().ours();
    client.request();
    client
      .said(1, { epoch: EPOCH + 1n })
      .said(2)
      .said(1, { kind: "cancel" });
    expect(client.statuses.filter((status) => status === "reply-dropped:unknown")).toHaveLength(3);
    expect(client.machine.stats).toMatchObject({ dropped: 3, answered: 0 });
  });

  it("one without a header is unknown where all requests have one", () => {
    const client = new ClientDriver().ours();
    client.request();
    client.bare([textFrame("x")]);
    expect(client.answers).toEqual([]);
    expect(client.machine.stats.dropped).toBe(1);
  });

  it("the reply to an earlier attempt is as good as the latest's, during the pause and after", () => {
    const pausing = new ClientDriver().ours();
    pausing.request();
    pausing.until(500).word().until(1050).said(1);
    expect(pausing.answers).toHaveLength(1);
    const waiting = new ClientDriver().ours().connect("tcp://b:2");
    waiting.request();
    waiting.until(500);
    waiting.request();
    waiting.until(900).feed({ type: "disconnect", endpoint: "tcp://a:1" }).until(1200).said(1);
    expect(waiting.answers).toEqual(["1: reply 1"]);
    waiting.up(1).isOurs(1);
    expect(waiting.sends).not.toContain("1@1");
  });

  it("from a socket that is gone are late", () => {
    const client = new ClientDriver().ours().down();
    client.said(1);
    client.word();
    expect(client.machine.stats).toMatchObject({ lateReplies: 1, dropped: 1 });
  });

  it("malformed messages are counted and reported", () => {
    const client = new ClientDriver().ours().word();
    expect(client.statuses).toContain("message-dropped:a word");
  });
});

describe("a reply in parts", () => {
  it("is joined, with the last part", () => {
    const client = new ClientDriver().ours();
    client.request();
    client.part(1, 0).part(1, 1).said(1, { index: 2, text: "end" });
    expect(client.answers).toEqual(["1: part 0|part 1|end"]);
  });

  it("begins anew when another worker had to", () => {
    const client = new ClientDriver().ours();
    client.request();
    client.part(1, 0).part(1, 1).part(1, 0, 2).said(1, { index: 1, delivery: 2, text: "end" });
    expect(client.answers).toEqual(["1: part 0|end"]);
  });

  it.each([
    ["a part is missing", { index: 2, delivery: 1 }],
    ["its last part is of another run", { index: 1, delivery: 2 }],
  ])("is not used if %s: the attempt is over", (_what, last) => {
    const client = new ClientDriver().ours();
    client.request({ attempts: 2 });
    client.part(1, 0).said(1, last);
    expect(client.answers).toEqual([]);
    expect(client.statuses.slice(-2)).toEqual(["reply-dropped:incomplete", "request-retried:incomplete"]);
    client.until(100).part(1, 0).said(1, { index: 2 });
    expect(client.failures).toEqual(["1: ERR_REQUEST_TIMEOUT"]);
  });

  it("of which a part is missing in the middle may still be followed by a whole one", () => {
    const client = new ClientDriver().ours();
    client.request();
    client.part(1, 0).part(1, 2).part(1, 3).part(1, 0, 2).said(1, { index: 1, delivery: 2, text: "end" });
    expect(client.answers).toEqual(["1: part 0|end"]);
    expect(client.machine.stats.lateReplies).toBe(2);
  });

  it("does not mix what comes over two connections", () => {
    const client = new ClientDriver().ours().connect("tcp://b:2");
    client.request();
    client.until(500);
    client.request();
    client.until(800).feed({ type: "disconnect", endpoint: "tcp://a:1" }).until(1100).up(1).isOurs(1);
    client.part(1, 0, 1, 0).part(1, 0, 1, 1).part(1, 1, 1, 0);
    client.said(1, { index: 2, text: "end" }, 0);
    expect(client.answers).toEqual(["1: part 0|part 1|end"]);
    expect(client.cancels).toEqual(["1@1"]);
  });

  it("that is larger than a body may be ends the request, and the broker is told", () => {
    const client = new ClientDriver({ maxBodyBytes: 1000 }).ours();
    client.request();
    client.request();
    client.part(1, 0).part(1, 1).part(1, 2);
    expect(client.of("failed")[0]?.failure).toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxBodyBytes",
      limit: 1000,
    });
    client.said(2, { text: "x".repeat(1001) });
    expect(client.failures[1]).toBe("2: ERR_LIMIT_REACHED");
    expect(client.cancels).toEqual(["1@0"]);
  });

  it("may have more frames than a call can have arguments", () => {
    const client = new ClientDriver({ maxBodyBytes: 2 ** 30 }).ours();
    client.request();
    const body = Array.from({ length: 200_000 }, () => new Uint8Array(0));
    for (const isFinal of [false, true]) {
      const header = {
        kind: "message",
        epoch: EPOCH,
        sequence: 1n,
        first: isFinal ? 1 : 0,
        second: 1,
      } as const;
      const reply = { type: "reply", header, service: textFrame("echo"), isFinal, body } as const;
      client.feed({ type: "received", socket: 0, reply });
    }
    expect(client.of("answered")[0]?.body).toHaveLength(400_000);
  });
});

describe("time", () => {
  it("handling an input never times anything out; only a tick does", () => {
    const client = new ClientDriver().ours();
    client.request();
    client.now = 10_000;
    client.said(1);
    expect(client.answers).toHaveLength(1);
  });

  it("a stall of the process is reported", () => {
    const client = new ClientDriver().feed({ type: "stalled", ms: 500 });
    expect(client.of("status")[0]?.event).toEqual({ type: "process-stalled", at: 0, ms: 500 });
  });

  it("pauses have jitter", () => {
    const client = new ClientDriver({ backoff: { initialMs: 100, jitter: 0.5 } }, () => 1).ours();
    client.request();
    client.said(1, { kind: "no-worker" });
    expect(client.machine.deadline).toBe(50);
  });
});

it("closing ends every request, tells brokers of ours, and discards every socket", () => {
  const client = new ClientDriver().ours();
  client.request();
  client.request({ isStream: true });
  client.part(2, 0).feed({ type: "close" });
  expect(client.failures).toEqual(["1: ERR_CLOSED", "2: ERR_CLOSED"]);
  expect(client.cancels).toEqual(["1@0", "2@0"]);
  expect(client.discarded).toEqual([0]);
  expect(client.machine).toMatchObject({ inFlight: 0, connections: 0, deadline: undefined });
});
