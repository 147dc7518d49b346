import { describe, expect, it } from "vitest";
import { BACKUP, ClientDriver, EPOCH, PRIMARY } from "./client-driver.js";

describe("a request", () => {
  it("waits for a connection and is sent when one stands", () => {
    const client = new ClientDriver().connect(PRIMARY, BACKUP);
    client.request();
    client.request();
    expect(client.sends).toEqual([]);
    client.up(0);
    expect(client.sends).toEqual(["1@0", "2@0"]);
    expect(client.of("send")[1]?.id).toEqual({ epoch: EPOCH, sequence: 2n });
  });

  it("ends in its own reply, in whatever order replies come", () => {
    const client = new ClientDriver().paired();
    for (let n = 0; n < 3; n++) client.request();
    client.reply(3).reply(1).reply(2);
    expect(client.of("answered").map(({ call, body }) => [call, body[0]?.[0]])).toEqual([
      [3, 103],
      [1, 101],
      [2, 102],
    ]);
    expect(client.machine).toMatchObject({ inFlight: 0, deadline: undefined });
    expect(client.machine.stats).toMatchObject({ requests: 3, answered: 3, failed: 0, retries: 0 });
  });

  it("ends in the report of a handler that failed", () => {
    const client = new ClientDriver().paired();
    const call = client.request();
    client.receive(0, { type: "failure", epoch: EPOCH, sequence: 1n, message: "no such account" });
    const failure = { code: "ERR_HANDLER_FAILED", attempts: 1, sent: 1, endpoints: [PRIMARY] };
    expect(client.of("failed")).toEqual([
      { type: "failed", call, failure: { ...failure, message: "no such account" } },
    ]);
    expect(client.statuses.at(-1)).toBe("request-failed");
  });

  it("that is slow is sent again to a server that speaks, after a pause and under the same id", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.until(500).request();
    client.reply(2).until(1099);
    expect(client.statuses.at(-1)).toBe("request-retried:timed-out");
    expect(client.sends).toEqual(["1@0", "2@0"]);
    client.until(1100);
    expect(client.sends).toEqual(["1@0", "2@0", "1@0"]);
    expect(client.of("send").map(({ attempt, id }) => [attempt, id.sequence])).toEqual([
      [1, 1n],
      [1, 2n],
      [2, 1n],
    ]);
    expect(client.statuses).not.toContain("settling-began:silent");
    expect(client.machine.stats.retries).toBe(1);
  });

  it("fails when the last of its attempts is over", () => {
    const client = new ClientDriver().paired();
    const call = client.request({ attempts: 2 });
    for (const at of [999, 1999, 2099])
      client.until(at).feed({ type: "malformed", connection: 0, reason: "?" });
    expect(client.failures).toEqual([]);
    client.until(2100);
    const failure = { code: "ERR_REQUEST_TIMEOUT", attempts: 2, sent: 2, endpoints: [PRIMARY] };
    expect(client.of("failed")).toEqual([{ type: "failed", call, failure }]);
  });

  it("fails within attempts × timeout + settle time without any server, and is not sent then", () => {
    const client = new ClientDriver();
    client.request({ attempts: 3, timeoutMs: 500 });
    client.until(3499);
    expect(client.failures).toEqual([]);
    client.until(3500);
    expect(client.of("failed")[0]?.failure).toMatchObject({
      code: "ERR_REQUEST_TIMEOUT",
      attempts: 0,
      sent: 0,
      endpoints: [],
    });
    client.paired();
    expect(client.sends).toEqual([]);
  });

  it("that is out of time at the moment in which a server can be asked again is not sent once more", () => {
    const client = new ClientDriver({ settleMs: 1000 }).paired();
    client.request({ attempts: 4, timeoutMs: 250 });
    client.refuse(1, 0, 5000).until(1000).refuse(1, 0, 4000);
    expect(client.machine.deadline).toBe(2000);
    client.until(2000);
    expect(client.failures).toEqual(["1:ERR_REQUEST_TIMEOUT"]);
    expect(client.sends).toEqual(["1@0", "1@0"]);
  });

  it("may have its last attempt cut short by the end of its time", () => {
    const client = new ClientDriver({ settleMs: 0, backoff: { initialMs: 300, jitter: 0 } }).paired();
    client.request({ attempts: 2 });
    client.until(10).feed({ type: "malformed", connection: 0, reason: "?" });
    client.until(1300);
    expect(client.sends).toEqual(["1@0", "1@0"]);
    client.until(1999);
    expect(client.failures).toEqual([]);
    client.until(2000);
    expect(client.failures).toEqual(["1:ERR_REQUEST_TIMEOUT"]);
    // The attempt was not whole, so that its silence says nothing of the server.
    expect(client.statuses).not.toContain("settling-began:silent");
  });

  it("may have limits of its own", () => {
    const client = new ClientDriver().paired();
    client.request({ timeoutMs: 50, attempts: 1 });
    client.request();
    client.until(50);
    expect(client.failures).toEqual(["1:ERR_REQUEST_TIMEOUT"]);
  });

  it("that is aborted ends at once, and its late reply is dropped", () => {
    const client = new ClientDriver().paired();
    const call = client.request();
    expect(client.machine.isAwaiting(call, 1)).toBe(true);
    client.feed({ type: "abort", call }).feed({ type: "abort", call });
    expect(client.machine.isAwaiting(call, 1)).toBe(false);
    expect(client.failures).toEqual(["1:ERR_ABORTED"]);
    client.reply(call);
    expect(client.statuses.at(-1)).toBe("reply-dropped:late");
    expect(client.machine.stats).toMatchObject({ lateReplies: 1, dropped: 0 });
  });

  it("that a full queue does not take is tried again after a pause, which is no attempt", () => {
    const client = new ClientDriver().paired();
    const call = client.request({ attempts: 1 });
    client.feed({ type: "not-taken", call });
    expect(client.statuses.at(-1)).toBe("send-refused");
    client.until(99);
    expect(client.sends).toHaveLength(1);
    client.until(100);
    expect(client.of("send").map(({ attempt }) => attempt)).toEqual([1, 1]);
    client.reply(call).feed({ type: "not-taken", call });
    expect(client.answered).toEqual([call]);
    expect(client.machine.stats).toMatchObject({ sendsRefused: 1, retries: 0, answered: 1 });
  });

  it("that a full queue does not take at its second attempt is not counted as a retry", () => {
    const client = new ClientDriver().paired();
    const call = client.request();
    client.feed({ type: "malformed", connection: 0, reason: "?" }).until(1100);
    expect(client.machine.stats.retries).toBe(1);
    client.feed({ type: "not-taken", call });
    expect(client.machine.stats.retries).toBe(0);
  });
});

describe("answers that nobody waits for", () => {
  it("duplicate ones are late, those of another client or of the future are unknown", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.reply(1).reply(1).reply(1, 0, 7n).reply(2);
    expect(client.answered).toEqual([1]);
    expect(client.machine.stats).toMatchObject({ answered: 1, lateReplies: 1, dropped: 2 });
    expect(client.statuses.slice(-3)).toEqual([
      "reply-dropped:late",
      "reply-dropped:unknown",
      "reply-dropped:unknown",
    ]);
  });

  it("messages that cannot be read are counted, from whatever connection", () => {
    const client = new ClientDriver().paired();
    client.feed({ type: "malformed", connection: 0, reason: "short" });
    client.feed({ type: "malformed", connection: 7, reason: "short" });
    expect(client.machine.stats.dropped).toBe(2);
    expect(client.statuses.at(-1)).toBe("message-dropped:short");
  });

  it("refusals of requests that are over, and from servers that were left, say nothing", () => {
    const client = new ClientDriver().paired();
    const call = client.request();
    client.feed({ type: "abort", call }).refuse(call, 0, undefined);
    const waiting = client.request();
    client.refuse(waiting, 7, undefined);
    expect(client.machine.stats).toMatchObject({ refusals: 0, lateReplies: 2 });
    expect(client.opened).toEqual([PRIMARY]);
  });
});

describe("time", () => {
  it("handling an input never times anything out; only a tick does", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.now = 100_000;
    client.reply(1);
    expect(client.answered).toEqual([1]);
  });

  it("after a stall, replies have been read and attempts are judged as ever", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.request();
    client.now = 5000;
    client.reply(1).feed({ type: "stalled", ms: 5000 });
    expect(client.of("status").at(-1)?.event).toEqual({ type: "process-stalled", at: 5000, ms: 5000 });
    client.until(5000);
    expect(client.answered).toEqual([1]);
    expect(client.statuses).toContain("request-retried:timed-out");
    expect(client.statuses).not.toContain("settling-began:silent");
  });
});

describe("closing", () => {
  it("ends every request and discards the connection", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.request();
    client.feed({ type: "close" }).feed({ type: "close" });
    expect(client.failures).toEqual(["1:ERR_CLOSED", "2:ERR_CLOSED"]);
    expect(client.discarded).toEqual([0]);
    expect(client.machine).toMatchObject({ inFlight: 0, deadline: undefined, server: undefined });
  });

  it("leaves nothing to be done: a request fails at once, an endpoint is not connected", () => {
    const client = new ClientDriver().feed({ type: "close" }).connect(PRIMARY);
    client.request();
    expect(client.failures).toEqual(["1:ERR_CLOSED"]);
    expect(client.opened).toEqual([]);
    expect(client.machine.deadline).toBeUndefined();
  });
});
