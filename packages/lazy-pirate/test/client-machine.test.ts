import { describe, expect, it } from "vitest";
import { ClientDriver, EPOCH } from "./client-driver.js";

describe("a request", () => {
  it("waits for a connection and is sent when one stands", () => {
    const client = new ClientDriver();
    client.feed({ type: "connect", endpoint: "tcp://a:1" });
    client.request();
    client.request();
    expect(client.of("send")).toEqual([]);
    client.feed({ type: "up", connection: 0 });
    expect(client.sends).toEqual(["1@0", "2@0"]);
    expect(client.of("send")[1]?.id).toEqual({ epoch: EPOCH, sequence: 2n });
  });

  it("ends in its own reply, in whatever order replies come", () => {
    const client = new ClientDriver().connected();
    for (let n = 0; n < 3; n++) client.request();
    client.reply(3).reply(1).reply(2);
    expect(client.of("answered").map(({ call, body }) => [call, body[0]?.[0]])).toEqual([
      [3, 103],
      [1, 101],
      [2, 102],
    ]);
    expect(client.machine.inFlight).toBe(0);
    expect(client.machine.deadline).toBeUndefined();
  });

  it("is sent again after its timeout and a pause, under the same id, at most `attempts` times", () => {
    const client = new ClientDriver().connected();
    client.request();
    client.feed({ type: "malformed", connection: 0, reason: "keeps the connection from being silent" });
    client.until(999);
    expect(client.sends).toHaveLength(1);
    client.until(1000);
    expect(client.statuses).toContain("request-retried:timed-out");
    expect(client.sends).toHaveLength(1);
    client.until(1100);
    client.feed({ type: "up", connection: 1 });
    client.until(5000);
    const ids = client.of("send").map(({ id }) => id.sequence);
    expect(new Set(ids)).toEqual(new Set([1n]));
    expect(ids.length).toBeLessThanOrEqual(3);
  });

  it("fails with the attempts made and the endpoints tried, within attempts × timeout + pauses", () => {
    const client = new ClientDriver().connected("tcp://a:1").feed({ type: "connect", endpoint: "tcp://b:2" });
    client.request();
    client.until(3299);
    expect(client.of("failed")).toEqual([]);
    client.until(3300);
    expect(client.of("failed")).toEqual([
      {
        type: "failed",
        call: 1,
        failure: {
          code: "ERR_REQUEST_TIMEOUT",
          attempts: 3,
          sent: 1,
          endpoints: ["tcp://a:1", "tcp://b:2", "tcp://a:1"],
        },
      },
    ]);
    expect(client.machine.stats).toMatchObject({ requests: 1, failed: 1, retries: 2 });
  });

  it("fails with nothing sent when there never was a connection", () => {
    const client = new ClientDriver();
    client.request({ attempts: 1 });
    client.until(1000);
    expect(client.of("failed")[0]?.failure).toMatchObject({ attempts: 1, sent: 0, endpoints: [] });
  });

  it("may have limits of its own", () => {
    const client = new ClientDriver().connected();
    client.request({ timeoutMs: 50, attempts: 1 });
    client.request();
    client.until(50);
    expect(client.of("failed").map(({ call }) => call)).toEqual([1]);
  });

  it("that is aborted ends at once and its late reply is dropped", () => {
    const client = new ClientDriver().connected();
    client.request();
    client.feed({ type: "abort", call: 1 }).feed({ type: "abort", call: 1 }).reply(1);
    expect(client.of("failed").map(({ failure }) => failure.code)).toEqual(["ERR_ABORTED"]);
    expect(client.machine.stats).toMatchObject({ lateReplies: 1, answered: 0 });
  });

  it("whose handler failed on the server ends in that, without a retry", () => {
    const client = new ClientDriver().connected();
    client.request();
    client.feed({
      type: "received",
      connection: 0,
      reply: { type: "failure", epoch: EPOCH, sequence: 1n, message: "no such thing" },
    });
    expect(client.of("failed")[0]?.failure).toMatchObject({
      code: "ERR_HANDLER_FAILED",
      message: "no such thing",
    });
    expect(client.until(5000).sends).toHaveLength(1);
  });

  it("fails at once with `immediate` when no server is connected, and is tried as ever when one is", () => {
    const client = new ClientDriver({ immediate: true });
    client.feed({ type: "connect", endpoint: "tcp://a:1" });
    client.request();
    expect(client.of("failed")[0]?.failure).toMatchObject({ code: "ERR_NOT_CONNECTED", sent: 0 });
    client.feed({ type: "up", connection: 0 });
    client.request();
    expect(client.sends).toEqual(["2@0"]);
  });

  it("that the full send queue refused was not sent: it is reported, and tried again by its timeout", () => {
    const client = new ClientDriver().connected();
    client.request({ attempts: 2 });
    client.feed({ type: "not-taken", call: 1 }).feed({ type: "not-taken", call: 1 });
    expect(client.statuses.filter((status) => status === "send-refused")).toHaveLength(1);
    expect(client.machine.stats.refused).toBe(1);
    client.until(500).feed({ type: "malformed", connection: 0, reason: "a word" });
    expect(client.until(1000).statuses).toContain("request-retried:timed-out");
    client.until(2100);
    expect(client.of("failed")[0]?.failure).toMatchObject({ attempts: 2, sent: 1 });
  });

  it("that the full send queue refused is tried again at the next replies, two for each, within its attempt", () => {
    const client = new ClientDriver().connected();
    for (let call = 1; call <= 6; call++) client.request();
    for (const call of [3, 4, 5, 6]) client.feed({ type: "not-taken", call });
    client.reply(1);
    expect(client.sends.slice(6)).toEqual(["3@0", "4@0"]);
    // Behind those that have waited for longer.
    client.feed({ type: "not-taken", call: 3 }).reply(2).reply(4);
    expect(client.sends.slice(8)).toEqual(["5@0", "6@0", "3@0"]);
    expect(client.reply(5).reply(6).reply(3).sends).toHaveLength(11);
    expect(client.machine.stats).toMatchObject({ answered: 6, retries: 0, refused: 5 });
  });

  it("that the full send queue refused is not offered when it is over, between attempts, or with a connection", () => {
    const client = new ClientDriver().connected().feed({ type: "connect", endpoint: "tcp://b:2" });
    for (let call = 1; call <= 4; call++) client.request(call === 3 ? { timeoutMs: 100 } : {});
    for (const call of [2, 3, 4]) client.feed({ type: "not-taken", call });
    client.feed({ type: "abort", call: 2 });
    client.until(50).feed({ type: "malformed", connection: 0, reason: "a word" }).until(100).reply(1);
    expect(client.sends.slice(4)).toEqual(["4@0"]);
    client.feed({ type: "not-taken", call: 4 }).feed({ type: "disconnect", endpoint: "tcp://a:1" });
    client.feed({ type: "up", connection: 1 }).reply(1, 1).reply(1, 1);
    expect(client.sends.slice(5)).toEqual(["4@1"]);
  });

  it("that the full send queue of a new connection refused is not tried at the replies over an old one", () => {
    const client = new ClientDriver().connected().feed({ type: "connect", endpoint: "tcp://b:2" });
    client.request();
    client.feed({ type: "disconnect", endpoint: "tcp://a:1" }).feed({ type: "up", connection: 1 });
    client.request();
    client.feed({ type: "not-taken", call: 2 }).reply(1, 0);
    expect(client.sends).toEqual(["1@0", "2@1"]);
  });

  it("is no longer wanted in the socket's queue once its attempt is over", () => {
    const client = new ClientDriver().connected();
    client.request();
    expect(client.machine.isAwaiting(1, 1)).toBe(true);
    client.until(500).feed({ type: "malformed", connection: 0, reason: "a word" }).until(1000);
    expect(client.machine.isAwaiting(1, 1)).toBe(false);
    client.until(1100);
    expect([client.machine.isAwaiting(1, 1), client.machine.isAwaiting(1, 2)]).toEqual([false, true]);
    client.feed({ type: "abort", call: 1 });
    expect(client.machine.isAwaiting(1, 2)).toBe(false);
  });
});

describe("replies that do not belong", () => {
  it("fault: a late reply is never taken for the current one", () => {
    const client = new ClientDriver({ attempts: 1 }).connected();
    client.request({ attempts: 1 });
    client.until(1000);
    client.feed({ type: "up", connection: 1 });
    client.request();
    client.reply(1, 1);
    expect(client.of("answered")).toEqual([]);
    expect(client.machine.stats.lateReplies).toBe(1);
    client.reply(2, 1);
    expect(client.of("answered").map(({ call }) => call)).toEqual([2]);
  });

  it("a second reply to the same request is counted and dropped", () => {
    const client = new ClientDriver().connected();
    client.request();
    client.reply(1).reply(1);
    expect(client.of("answered")).toHaveLength(1);
    expect(client.statuses).toContain("reply-dropped:late");
  });

  it("a reply of another epoch, or with a number not yet given, is unknown", () => {
    const client = new ClientDriver().connected();
    client.request();
    client.reply(1, 0, EPOCH + 1n).reply(2);
    expect(client.statuses.filter((status) => status === "reply-dropped:unknown")).toHaveLength(2);
    expect(client.machine.stats).toMatchObject({ dropped: 2, answered: 0 });
  });

  it("the reply to an earlier attempt is as good as the latest's, in each state", () => {
    const pausing = new ClientDriver().connected();
    pausing.request();
    pausing.until(1050).reply(1);
    expect(pausing.of("answered")).toHaveLength(1);

    const waiting = new ClientDriver().connected();
    waiting.request();
    waiting.until(1500).reply(1);
    expect(waiting.of("answered")).toHaveLength(1);
    expect(waiting.until(9000).of("failed")).toEqual([]);
  });

  it("malformed messages are counted and reported", () => {
    const client = new ClientDriver().connected();
    client.feed({ type: "malformed", connection: 0, reason: "short" });
    expect(client.statuses).toContain("message-dropped:short");
    expect(client.machine.stats.dropped).toBe(1);
  });
});

describe("a silent connection", () => {
  it("is replaced after an attempt without a word, and what waits goes to the new one", () => {
    const client = new ClientDriver().connected();
    client.request();
    client.until(1000);
    expect(client.statuses).toContain("connection-replaced:silent");
    expect(client.of("discard").map(({ connection }) => connection)).toEqual([0]);
    expect(client.of("open").map(({ connection }) => connection)).toEqual([0, 1]);
    client.until(1100).feed({ type: "up", connection: 1 });
    expect(client.sends).toEqual(["1@0", "1@1"]);
  });

  it("fault: retries do not pile up: without a connection nothing is sent, and then each request once", () => {
    const client = new ClientDriver({ attempts: 5 }).connected();
    for (let n = 0; n < 10; n++) client.request({ attempts: 5 });
    client.feed({ type: "down", connection: 0 });
    client.until(3000);
    expect(client.machine.stats.retries).toBeGreaterThan(10);
    expect(client.sends).toHaveLength(10);
    const connection = client.of("open").at(-1)?.connection ?? -1;
    client.feed({ type: "up", connection }).until(3500);
    expect(client.sends.slice(10).sort()).toEqual(
      Array.from({ length: 10 }, (_, n) => `${n + 1}@${connection}`).sort(),
    );
  });

  it("stays while other replies come over it: a slow request costs the others nothing", () => {
    const client = new ClientDriver().connected();
    client.request();
    client.until(500);
    client.request();
    client.reply(2);
    client.until(1000);
    expect(client.of("discard")).toEqual([]);
    expect(client.until(1100).sends).toEqual(["1@0", "2@0", "1@0"]);
  });

  it("is kept for replies to younger attempts until none can come", () => {
    const client = new ClientDriver().connected();
    client.request();
    client.until(900);
    client.request();
    client.until(1000);
    expect(client.of("open")).toHaveLength(2);
    expect(client.of("discard")).toEqual([]);
    client.reply(2);
    expect(client.of("answered").map(({ call }) => call)).toEqual([2]);
    expect(client.of("discard").map(({ connection }) => connection)).toEqual([0]);
  });

  it("is replaced once, not once per request that times out on it", () => {
    const client = new ClientDriver().connected();
    for (let n = 0; n < 100; n++) {
      client.until(n);
      client.request();
    }
    client.until(1099);
    expect(client.of("open")).toHaveLength(2);
    expect(client.of("discard").map(({ connection }) => connection)).toEqual([0]);
  });

  it("is given up early when too many are open; attempts on it count as lost", () => {
    const client = new ClientDriver({ maxConnections: 2 }).connected();
    client.request({ timeoutMs: 100_000 });
    client.request({ timeoutMs: 100, attempts: 1 });
    client.until(100).feed({ type: "up", connection: 1 });
    expect(client.machine.connections).toBe(2);
    client.request({ timeoutMs: 100_000 });
    client.until(200);
    client.request({ timeoutMs: 100, attempts: 1 });
    client.until(300);
    expect(client.machine.connections).toBe(2);
    expect(client.of("discard").map(({ connection }) => connection)).toEqual([0]);
    expect(client.statuses.filter((status) => status === "connection-abandoned")).toHaveLength(1);
    expect(client.statuses.filter((status) => status === "request-retried:connection-lost")).toHaveLength(1);
  });

  it("counts against the bound whatever made it a replaced one", () => {
    const client = new ClientDriver({ maxConnections: 2 });
    for (let round = 0; round < 20; round++) {
      client.connected("tcp://a:1", round);
      client.request();
      client.feed({ type: "disconnect", endpoint: "tcp://a:1" });
      expect(client.machine.connections).toBeLessThanOrEqual(2);
    }
  });

  it("that takes too long to be established gives way, also if nobody asks for anything", () => {
    const client = new ClientDriver({ connectTimeoutMs: 300, immediate: true });
    for (const name of ["mute", "healthy"]) client.feed({ type: "connect", endpoint: `tcp://${name}:1` });
    expect(client.machine.deadline).toBe(300);
    client.until(300);
    expect(client.statuses).toEqual(["connection-failed:it took too long", "connection-replaced:failed"]);
    expect(client.of("open").at(-1)).toMatchObject({ connection: 1, endpoint: "tcp://healthy:1" });
    client.feed({ type: "up", connection: 1 });
    expect(client.machine.deadline).toBeUndefined();
  });

  it("of a single endpoint that takes too long is tried again after a pause", () => {
    const client = new ClientDriver({ connectTimeoutMs: 300 }).feed({
      type: "connect",
      endpoint: "tcp://a:1",
    });
    client.until(300);
    expect(client.machine.deadline).toBe(400);
    expect(client.until(400).of("open")).toHaveLength(2);
  });

  it("that was never established is replaced too", () => {
    const client = new ClientDriver().feed({ type: "connect", endpoint: "tcp://a:1" });
    client.request();
    client.until(1000);
    expect(client.of("discard").map(({ connection }) => connection)).toEqual([0]);
  });
});

describe("a lost connection", () => {
  it("ends the attempts on it at once: they are retried after a pause", () => {
    const client = new ClientDriver({ socket: { reconnectIntervalMs: 40 } }).connected();
    client.request();
    client.until(10).feed({ type: "down", connection: 0 });
    expect(client.statuses).toEqual([
      "connection-opened",
      "connection-lost",
      "request-retried:connection-lost",
    ]);
    client.until(109).feed({ type: "up", connection: 1 });
    expect(client.sends).toHaveLength(1);
    expect(client.until(110).sends).toEqual(["1@0", "1@1"]);
  });

  it("is made anew by another socket, so that nothing queued in the old one is sent", () => {
    const client = new ClientDriver({ socket: { reconnectIntervalMs: 40 } }).connected();
    client.feed({ type: "down", connection: 0 });
    expect(client.of("discard").map(({ connection }) => connection)).toEqual([0]);
    expect(client.machine.deadline).toBe(40);
    expect(
      client
        .until(40)
        .of("open")
        .map(({ connection }) => connection),
    ).toEqual([0, 1]);
    client.feed({ type: "down", connection: 1 });
    expect(client.statuses).toEqual(["connection-opened", "connection-lost", "connection-failed"]);
    expect(client.machine.deadline).toBe(40 + 80);
  });

  it("pauses grow until something is heard, or a connection has lasted", () => {
    const client = new ClientDriver({ socket: { reconnectIntervalMs: 40, reconnectMaxIntervalMs: 100 } });
    client.connected();
    const pauseAfterLossOf = (connection: number): number => {
      client.feed({ type: "down", connection });
      const pause = (client.machine.deadline as number) - client.now;
      client.until(client.machine.deadline as number).feed({ type: "up", connection: connection + 1 });
      return pause;
    };
    expect([0, 1, 2, 3].map(pauseAfterLossOf)).toEqual([40, 80, 100, 100]);
    client.feed({ type: "malformed", connection: 4, reason: "a word all the same" });
    expect([4, 5].map(pauseAfterLossOf)).toEqual([40, 80]);
    client.until(client.now + 100);
    expect(pauseAfterLossOf(6)).toBe(40);
  });

  it("under the last attempt fails the request as lost", () => {
    const client = new ClientDriver().connected();
    client.request({ attempts: 1 });
    client.feed({ type: "down", connection: 0 });
    expect(client.of("failed")[0]?.failure).toMatchObject({
      code: "ERR_CONNECTION_LOST",
      attempts: 1,
      sent: 1,
    });
  });

  it("leaves requests alone that were not on it", () => {
    const client = new ClientDriver().connected();
    client.feed({ type: "down", connection: 0 });
    client.request();
    client.until(100).feed({ type: "down", connection: 1 });
    expect(client.statuses).not.toContain("request-retried:connection-lost");
    expect(client.until(300).feed({ type: "up", connection: 2 }).sends).toEqual(["1@2"]);
  });

  it("that had been replaced is discarded", () => {
    const client = new ClientDriver().connected();
    client.request();
    client.until(900);
    client.request();
    client.until(1000).feed({ type: "down", connection: 0 });
    expect(client.of("discard").map(({ connection }) => connection)).toEqual([0]);
    expect(client.statuses.at(-1)).toBe("request-retried:connection-lost");
  });

  it("a replaced one that is told to be up once more takes no requests", () => {
    const client = new ClientDriver().connected();
    client.request();
    client.until(900);
    client.request();
    client.until(1000);
    client.request();
    client.feed({ type: "up", connection: 0 });
    expect(client.sends).toEqual(["1@0", "2@0"]);
  });

  it("news of connections that are gone change nothing", () => {
    const client = new ClientDriver().connected();
    client.request();
    client.until(1000);
    const count = client.outputs.length;
    client.feed({ type: "up", connection: 0 }).feed({ type: "down", connection: 77 });
    expect(client.outputs).toHaveLength(count);
  });
});

describe("several endpoints", () => {
  const endpoints = (client: ClientDriver) => client.of("open").map(({ endpoint }) => endpoint);

  it("take turns when the current one is lost", () => {
    const client = new ClientDriver().connected("tcp://a:1");
    client.feed({ type: "connect", endpoint: "tcp://b:2" }).feed({ type: "connect", endpoint: "tcp://b:2" });
    client.feed({ type: "down", connection: 0 });
    expect(endpoints(client)).toEqual(["tcp://a:1", "tcp://b:2"]);
    expect(client.statuses).toContain("connection-replaced:lost");
    client.feed({ type: "up", connection: 1 });
    client.feed({ type: "malformed", connection: 1, reason: "a word" }).feed({ type: "down", connection: 1 });
    expect(endpoints(client)).toEqual(["tcp://a:1", "tcp://b:2", "tcp://a:1"]);
  });

  it("are tried one after another when they cannot be reached, with a pause after each round", () => {
    const client = new ClientDriver();
    for (const name of ["a", "b", "c"]) client.feed({ type: "connect", endpoint: `tcp://${name}:1` });
    client.feed({ type: "down", connection: 0 }).feed({ type: "down", connection: 1 });
    expect(client.statuses).toContain("connection-replaced:failed");
    client.feed({ type: "down", connection: 2 });
    expect(endpoints(client)).toHaveLength(3);
    expect(client.machine.deadline).toBe(100);
    client.until(100);
    expect(endpoints(client)).toHaveLength(4);
    for (const connection of [3, 4, 5]) client.feed({ type: "down", connection });
    expect(client.machine.deadline).toBe(300);
  });

  it("one that is added during the pause is tried at once", () => {
    const client = new ClientDriver().feed({ type: "connect", endpoint: "tcp://a:1" });
    client.feed({ type: "down", connection: 0 }).feed({ type: "connect", endpoint: "tcp://b:1" });
    expect(endpoints(client)).toEqual(["tcp://a:1", "tcp://b:1"]);
    expect(client.feed({ type: "up", connection: 1 }).machine.deadline).toBeUndefined();
  });

  it("the last one that is taken out during the pause is not tried again", () => {
    const client = new ClientDriver().feed({ type: "connect", endpoint: "tcp://a:1" });
    client.feed({ type: "down", connection: 0 }).feed({ type: "disconnect", endpoint: "tcp://a:1" });
    expect(client.machine.deadline).toBeUndefined();
  });

  it("one can be taken out: what it is working on may still be answered", () => {
    const client = new ClientDriver().connected("tcp://a:1").feed({ type: "connect", endpoint: "tcp://b:2" });
    client.request();
    client.feed({ type: "disconnect", endpoint: "tcp://a:1" });
    expect(endpoints(client)).toEqual(["tcp://a:1", "tcp://b:2"]);
    client.reply(1, 0);
    expect(client.of("answered")).toHaveLength(1);
    expect(client.of("discard").map(({ connection }) => connection)).toEqual([0]);
    client.feed({ type: "disconnect", endpoint: "tcp://nobody:3" });
    client.feed({ type: "disconnect", endpoint: "tcp://b:2" });
    expect(client.machine.connections).toBe(0);
    client.request();
    client.feed({ type: "connect", endpoint: "tcp://c:3" }).feed({ type: "up", connection: 2 });
    expect(client.sends).toEqual(["1@0", "2@2"]);
  });

  it("one that is not in use is taken out of the turn", () => {
    const client = new ClientDriver().connected("tcp://a:1");
    for (const name of ["b", "c"]) client.feed({ type: "connect", endpoint: `tcp://${name}:1` });
    client.feed({ type: "disconnect", endpoint: "tcp://b:1" }).feed({ type: "down", connection: 0 });
    expect(endpoints(client)).toEqual(["tcp://a:1", "tcp://c:1"]);
  });
});

describe("time", () => {
  it("names the earlier of a request's deadline and a change of endpoint", () => {
    const client = new ClientDriver();
    for (const name of ["a", "b"]) client.feed({ type: "connect", endpoint: `tcp://${name}:1` });
    client.request({ timeoutMs: 60 });
    client.feed({ type: "down", connection: 0 }).feed({ type: "down", connection: 1 });
    expect(client.machine.deadline).toBe(60);
    client.feed({ type: "abort", call: 1 });
    expect(client.machine.deadline).toBe(100);
  });

  it("handling an input never times anything out; only a tick does", () => {
    const client = new ClientDriver().connected();
    client.request();
    client.now = 10_000;
    client.reply(1);
    expect(client.of("answered")).toHaveLength(1);
  });

  it("a stall of the process is reported", () => {
    const client = new ClientDriver().feed({ type: "stalled", ms: 500 });
    expect(client.of("status")[0]?.event).toEqual({ type: "process-stalled", at: 0, ms: 500 });
  });

  it("pauses have jitter", () => {
    const client = new ClientDriver({ backoff: { initialMs: 100, jitter: 0.5 } }, () => 1).connected();
    client.request();
    client.until(1000);
    expect(client.machine.deadline).toBe(1050);
  });
});

it("closing ends every request and discards every connection", () => {
  const client = new ClientDriver().connected();
  client.request();
  client.until(900);
  client.request();
  client.until(1000);
  client.feed({ type: "close" });
  expect(client.of("failed").map(({ failure }) => failure.code)).toEqual(["ERR_CLOSED", "ERR_CLOSED"]);
  expect(
    client
      .of("discard")
      .map(({ connection }) => connection)
      .sort(),
  ).toEqual([0, 1]);
  expect(client.machine).toMatchObject({ inFlight: 0, connections: 0, deadline: undefined });
});
