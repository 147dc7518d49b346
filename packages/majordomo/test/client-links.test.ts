import { textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { encodeNotice } from "../src/notice.js";
import { ClientDriver } from "./client-driver.js";

const NOTICE = encodeNotice({ heartbeatMs: 1000, credit: 0 });

describe("getting to know a broker", () => {
  it("one that answers 200 with a notice is ours", () => {
    const client = new ClientDriver().ours();
    expect(client.of("status").at(-1)?.event).toEqual({
      type: "broker-recognised",
      at: 0,
      endpoint: "tcp://a:1",
      ours: true,
      protocol: "0.2",
    });
  });

  it.each([
    ["501", undefined],
    ["404", NOTICE],
    ["200", undefined],
    ["200", textFrame("some other notice")],
  ])("one that answers %s, notice: %s, is foreign", (status, notice) => {
    const client = new ClientDriver().connect().up().introduces(status, 0, notice);
    expect(client.of("status").at(-1)?.event).toMatchObject({ ours: false, protocol: "0.1" });
    client.request();
    expect(client.of("send")[0]).toMatchObject({ version: "0.1", header: undefined });
  });

  it("one that does not answer within half an attempt, or a heartbeat, is treated as foreign", () => {
    for (const [options, at] of [
      [{ timeoutMs: 600 }, 300],
      [{ timeoutMs: 60_000, heartbeatMs: 700 }, 700],
    ] as const) {
      const client = new ClientDriver(options).connect().up();
      client.request({ timeoutMs: 60_000 });
      expect(client.until(at - 1).sends).toEqual([]);
      expect(client.until(at).sends).toEqual(["1@0"]);
      expect(client.of("send")[0]?.header).toBeUndefined();
    }
  });

  it("one that answers late that it is ours is ours from then on", () => {
    const client = new ClientDriver().connect().up().until(500);
    client.request();
    client.request();
    client.up(1).request();
    expect(client.sends).toEqual(["1@0", "2@1"]);
    client.isOurs();
    expect(client.of("status").at(-1)?.event).toMatchObject({ type: "broker-recognised", ours: true });
    expect(client.sends).toEqual(["1@0", "2@1", "3@0"]);
    expect(client.of("send").map(({ header }) => header !== undefined)).toEqual([false, false, true]);
    client
      .bare([textFrame("one")])
      .bare([textFrame("two")], { socket: 1 })
      .said(3);
    expect(client.answers).toEqual(["1: one", "2: two", "3: reply 3"]);
    expect(client.discarded.sort()).toEqual([1, 2]);
    client.request();
    expect(client.sends.at(-1)).toBe("4@0");
  });

  it("late, it closes the sockets that nothing is on", () => {
    const client = new ClientDriver().connect().up().until(500);
    client.request();
    client.request();
    client.up(1).bare([textFrame("two")], { socket: 1 });
    client.isOurs();
    expect(client.discarded).toEqual([1]);
    client.feed({ type: "abort", call: 1 });
    expect(client.discarded).toEqual([1]);
    expect(client.machine.connections).toBe(1);
  });

  it("late, what was sent without a header ends with the connection", () => {
    const client = new ClientDriver().connect().up().until(500);
    client.request();
    client.isOurs();
    client.request();
    client.down();
    expect(client.statuses.filter((status) => status === "request-retried:connection-lost")).toHaveLength(2);
  });

  it("late, another socket that breaks ends its own request only; the first one ends all", () => {
    const client = new ClientDriver().connect().up().until(500);
    for (let n = 0; n < 3; n++) client.request();
    client.up(1).up(2).isOurs();
    client.request();
    expect(client.sends).toEqual(["1@0", "2@1", "3@2", "4@0"]);
    client.down(1);
    const lost = () => client.statuses.filter((status) => status === "request-retried:connection-lost");
    expect(lost()).toHaveLength(1);
    client.down(0);
    expect(lost()).toHaveLength(4);
    expect(client.machine.connections).toBe(0);
  });

  it("one that says late that it is foreign stays so, whatever it says then", () => {
    const client = new ClientDriver().connect().up().until(500).introduces("501").isOurs();
    client.request();
    expect(client.of("send")[0]?.header).toBeUndefined();
    expect(client.statuses.filter((status) => status === "broker-recognised")).toHaveLength(1);
  });

  it("what it says unasked, before the connection stands, proves nothing", () => {
    const client = new ClientDriver().connect().isOurs();
    client.request();
    expect(client.sends).toEqual([]);
    expect(client.up().isOurs().sends).toEqual(["1@0"]);
  });

  it.each(["0.1", "0.2"] as const)("in %s, if that is the only version", (protocol) => {
    const client = new ClientDriver({ protocol }).ours();
    client.request();
    expect(client.of("introduce")[0]?.version).toBe(protocol);
    expect(client.of("send")[0]?.version).toBe(protocol);
  });
});

describe("a broker that lets the question pass whether it is ours", () => {
  const unanswered = (client: ClientDriver): number =>
    client.of("status").filter(({ event }) => event.type === "broker-recognised" && !event.ours).length;

  it("fault: keeps an impatient request waiting for half of its own attempt, not of the client's", () => {
    const client = new ClientDriver({ timeoutMs: 60_000 }).connect();
    client.request({ timeoutMs: 800 });
    client.request({ timeoutMs: 300 });
    client.until(20).up();
    expect(client.until(169).sends).toEqual([]);
    expect(client.until(170).sends).toEqual(["1@0"]);
    client.bare([textFrame("x")]);
    expect(client.sends).toEqual(["1@0", "2@0"]);
    expect(client.bare([textFrame("y")]).answers).toEqual(["1: x", "2: y"]);
    expect(client.machine.stats).toMatchObject({ replaced: 0, retries: 0 });
  });

  it("the same for one that comes while others wait, and for one that is over already nothing is hurried", () => {
    const client = new ClientDriver({ timeoutMs: 60_000 }).connect();
    client.request({ timeoutMs: 100 });
    client.feed({ type: "abort", call: 1 }).up();
    client.request({ timeoutMs: 60_000 });
    client.until(400).request({ timeoutMs: 300 });
    expect(client.until(549).sends).toEqual([]);
    expect(client.until(550).sends).toEqual(["2@0"]);
  });

  it("fault: is treated as foreign at once on the next connection, so that a whole attempt is left", () => {
    const client = new ClientDriver().connect().up();
    client.request({ timeoutMs: 300 });
    client.until(300);
    expect(client.statuses.slice(-2)).toEqual(["connection-replaced:silent", "request-retried:timed-out"]);
    client.until(310).up(1).until(400);
    expect(client.sends).toEqual(["1@0", "1@1"]);
    expect(client.until(600).bare([textFrame("x")], { socket: 1 }).answers).toEqual(["1: x"]);
    expect(client.machine.stats.replaced).toBe(1);
  });

  it("is asked all the same, and is ours from a late answer on", () => {
    const client = new ClientDriver().connect().up().until(500).down().until(600).up(1);
    expect(unanswered(client)).toBe(2);
    expect(client.of("introduce")).toHaveLength(2);
    client.request();
    client.isOurs(1).request();
    expect(client.of("send").map(({ header }) => header !== undefined)).toEqual([false, true]);
    client.down(1).until(700).up(2);
    expect(unanswered(client)).toBe(2);
  });

  it("and was ours once, is foreign only if it does so again: it may have hung", () => {
    const client = new ClientDriver().ours();
    for (let socket = 1; socket <= 3; socket++) {
      client.down(socket - 1).until(socket * 2000);
      client.up(socket);
      expect(unanswered(client)).toBe(socket === 3 ? 3 : socket - 1);
      client.until(socket * 2000 + 500);
      expect(unanswered(client)).toBe(socket);
    }
  });

  it("says nothing of another, of one that answered 501, or of one that was taken out", () => {
    const client = new ClientDriver().connect().connect("tcp://b:2").up().until(500);
    client.down().up(1);
    expect(client.opened).toEqual(["0 tcp://a:1", "1 tcp://b:2"]);
    expect(unanswered(client)).toBe(1);
    client.introduces("501", 1).feed({ type: "disconnect", endpoint: "tcp://a:1" });
    client.down(1).until(1000).up(2);
    expect(client.opened.at(-1)).toBe("2 tcp://b:2");
    expect(unanswered(client)).toBe(2);
    client.introduces("501", 2).connect().feed({ type: "disconnect", endpoint: "tcp://b:2" }).up(3);
    expect(client.opened.at(-1)).toBe("3 tcp://a:1");
    expect(unanswered(client)).toBe(3);
  });

  it("and was taken out meanwhile, is not remembered when it answers after all", () => {
    const client = new ClientDriver().connect().connect("tcp://b:2").up().until(500);
    client.request();
    client.feed({ type: "disconnect", endpoint: "tcp://a:1" }).isOurs();
    expect(unanswered(client)).toBe(1);
    client.connect().feed({ type: "disconnect", endpoint: "tcp://b:2" }).up(2).until(1000);
    expect(unanswered(client)).toBe(2);
    client.down(2).until(1100).up(3);
    expect(client.opened.at(-1)).toBe("3 tcp://a:1");
    expect(unanswered(client)).toBe(3);
  });
});

describe("a broker of ours that says nothing", () => {
  it("is asked each heartbeat while it owes a reply, and lost after three", () => {
    const client = new ClientDriver().ours().until(10_000);
    expect(client.of("introduce")).toHaveLength(1);
    client.request({ timeoutMs: 60_000 });
    expect(client.until(10_999).of("introduce")).toHaveLength(1);
    expect(client.until(11_000).of("introduce")).toHaveLength(2);
    expect(client.until(12_999).of("introduce")).toHaveLength(3);
    expect(client.statuses).not.toContain("connection-lost:silent for too long");
    client.until(13_000);
    expect(client.statuses.slice(-2)).toEqual([
      "connection-lost:silent for too long",
      "request-retried:connection-lost",
    ]);
    expect(client.discarded).toEqual([0]);
    client.until(13_100).up(1).isOurs(1);
    expect(client.sends).toEqual(["1@0", "1@1"]);
  });

  it("gives way to the next broker", () => {
    const client = new ClientDriver().ours().connect("tcp://b:2");
    client.request({ timeoutMs: 60_000 });
    client.until(3000);
    expect(client.opened.at(-1)).toBe("1 tcp://b:2");
    client.up(1).isOurs(1).until(3100);
    expect(client.sends).toEqual(["1@0", "1@1"]);
  });

  it("is not lost while it answers, however long the request takes", () => {
    const client = new ClientDriver().ours();
    client.request({ timeoutMs: 60_000 });
    for (let now = 1000; now < 50_000; now += 1000) client.until(now).isOurs();
    client.said(1);
    expect(client.answers).toHaveLength(1);
    expect(client.statuses).toEqual(["connection-opened", "broker-recognised"]);
  });

  it("is asked within the attempt of an impatient request, and replaced when that is over", () => {
    const client = new ClientDriver().ours();
    client.request({ timeoutMs: 200, attempts: 2 });
    client.request({ timeoutMs: 60_000 });
    client.until(99);
    expect(client.of("introduce")).toHaveLength(1);
    client.until(100);
    expect(client.of("introduce")).toHaveLength(2);
    client.until(200);
    expect(client.statuses).toContain("connection-replaced:silent");
    client.up(1).isOurs(1).until(300);
    expect(client.sends).toEqual(["1@0", "2@0", "1@1"]);
    client.said(2);
    expect(client.answers).toEqual(["2: reply 2"]);
    expect(client.discarded).toEqual([0]);
  });

  it("is asked no oftener once the impatient ones are over", () => {
    const client = new ClientDriver().ours();
    client.request({ timeoutMs: 200, attempts: 1 });
    client.said(1).until(100);
    client.request({ timeoutMs: 60_000 });
    client.until(1099);
    expect(client.of("introduce")).toHaveLength(1);
  });

  it("is judged anew after the process stood still", () => {
    const client = new ClientDriver().ours();
    client.request({ timeoutMs: 60_000 });
    client.now = 50_000;
    client.feed({ type: "stalled", ms: 50_000 });
    client.until(52_999);
    expect(client.statuses).not.toContain("connection-lost:silent for too long");
    client.until(53_000);
    expect(client.statuses).toContain("connection-lost:silent for too long");
  });
});

describe("a silent connection", () => {
  it("is replaced after an attempt without a word, and what waits goes to the new one", () => {
    const client = new ClientDriver().foreign();
    client.request();
    client.until(1000);
    expect(client.statuses).toContain("connection-replaced:silent");
    expect(client.discarded).toEqual([0]);
    client.until(1100).up(1).introduces("501", 1);
    expect(client.sends).toEqual(["1@0", "1@1"]);
  });

  it("that never stood is replaced, and nobody could be reached", () => {
    const client = new ClientDriver().connect();
    client.request({ attempts: 1 });
    client.until(1000);
    expect(client.discarded).toEqual([0]);
    expect(client.failures).toEqual(["1: ERR_BROKER_UNREACHABLE"]);
  });

  it("is given up early when too many are open; attempts on it count as lost", () => {
    const client = new ClientDriver({ maxConnections: 2, heartbeatMs: 60_000 }).ours();
    client.request({ timeoutMs: 100_000 });
    client.request({ timeoutMs: 100, attempts: 1 });
    client.until(100).up(1).isOurs(1);
    client.request({ timeoutMs: 100_000 });
    client.until(200);
    client.request({ timeoutMs: 100, attempts: 1 });
    client.until(300);
    expect(client.machine.connections).toBe(2);
    expect(client.discarded).toEqual([0]);
    expect(client.statuses.filter((status) => status === "connection-abandoned")).toHaveLength(1);
    expect(client.statuses.filter((status) => status === "request-retried:connection-lost")).toHaveLength(1);
  });

  it("that takes too long to stand gives way", () => {
    const client = new ClientDriver({ connectTimeoutMs: 300 }).connect("tcp://mute:1").connect("tcp://b:1");
    client.until(300);
    expect(client.statuses).toEqual(["connection-failed:it took too long", "connection-replaced:failed"]);
  });
});

describe("a lost connection", () => {
  it("ends the attempts on it at once: they are retried after a pause, over another socket", () => {
    const client = new ClientDriver({ socket: { reconnectIntervalMs: 40 } }).ours();
    client.request();
    client.until(10).down(0, "reset");
    expect(client.statuses.slice(-2)).toEqual(["connection-lost:reset", "request-retried:connection-lost"]);
    client.until(109).up(1).isOurs(1);
    expect(client.sends).toHaveLength(1);
    expect(client.until(110).sends).toEqual(["1@0", "1@1"]);
  });

  it("under the last attempt fails the request as unreachable", () => {
    const client = new ClientDriver().ours();
    client.request({ attempts: 1 });
    client.down();
    expect(client.of("failed")[0]?.failure).toMatchObject({ code: "ERR_BROKER_UNREACHABLE", sent: 1 });
    expect(client.cancels).toEqual([]);
  });

  it("leaves requests alone that wait", () => {
    const client = new ClientDriver().connect();
    client.request();
    client.down();
    expect(client.statuses).toEqual(["connection-failed"]);
    client.until(100).up(1).isOurs(1);
    expect(client.sends).toEqual(["1@1"]);
  });

  it("news of sockets that are gone change nothing", () => {
    const client = new ClientDriver().ours().down();
    const count = client.outputs.length;
    client.up().down().down(77);
    expect(client.outputs).toHaveLength(count);
  });

  it("that is told to be up once more is asked nothing again", () => {
    const client = new ClientDriver().ours().up();
    expect(client.of("introduce")).toHaveLength(1);
  });
});

describe("several brokers", () => {
  it("take turns; one that is taken out may still answer what it has", () => {
    const client = new ClientDriver().ours().connect("tcp://b:2");
    client.request();
    client.feed({ type: "disconnect", endpoint: "tcp://a:1" });
    client.said(1);
    expect(client.answers).toHaveLength(1);
    expect(client.discarded).toEqual([0]);
    client.feed({ type: "disconnect", endpoint: "tcp://b:2" });
    expect(client.machine.connections).toBe(0);
  });

  it("one that was taken out and says nothing is lost like any other", () => {
    const client = new ClientDriver().ours().connect("tcp://b:2");
    client.request({ timeoutMs: 60_000 });
    client.feed({ type: "disconnect", endpoint: "tcp://a:1" }).up(1).isOurs(1).until(3100);
    expect(client.sends).toEqual(["1@0", "1@1"]);
    expect(client.discarded).toEqual([0]);
  });

  it("the earlier of a request's deadline and a connection's is named", () => {
    const client = new ClientDriver().connect();
    client.request({ timeoutMs: 60 });
    client.down();
    expect(client.machine.deadline).toBe(60);
    client.feed({ type: "abort", call: 1 });
    expect(client.machine.deadline).toBe(100);
  });
});
