import { textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { ClientDriver } from "./client-driver.js";

const x = [textFrame("x")];

describe("requests to a foreign broker", () => {
  it("go one over each socket; more sockets are opened for more requests, up to the bound", () => {
    const client = new ClientDriver({ maxSockets: 3 }).foreign();
    for (let n = 0; n < 5; n++) client.request();
    expect(client.opened).toHaveLength(3);
    expect(client.sends).toEqual(["1@0"]);
    client.up(1).up(2);
    expect(client.sends).toEqual(["1@0", "2@1", "3@2"]);
    client.bare(x, { socket: 2 }).bare(x, { socket: 0 });
    expect(client.sends).toEqual(["1@0", "2@1", "3@2", "4@2", "5@0"]);
    expect(client.answers).toEqual(["3: x", "1: x"]);
    expect(client.machine.connections).toBe(3);
  });

  it("wait for a free socket within their time", () => {
    const client = new ClientDriver({ maxSockets: 1 }).foreign();
    client.request();
    client.request({ timeoutMs: 300, attempts: 1 });
    client.until(300);
    expect(client.of("failed")[0]?.failure).toMatchObject({ code: "ERR_REQUEST_TIMEOUT", sent: 0 });
  });

  it("fault: a socket whose request timed out is closed, so that its late reply is nobody's", () => {
    const client = new ClientDriver().foreign();
    client.request({ attempts: 1 });
    client.until(500).word().until(1000);
    expect(client.failures).toEqual(["1: ERR_REQUEST_TIMEOUT"]);
    expect(client.discarded).toEqual([0]);
    client.request();
    client.bare([textFrame("late")]);
    expect(client.answers).toEqual([]);
    client.up(1).bare([textFrame("mine")], { socket: 1 });
    expect(client.answers).toEqual(["2: mine"]);
  });

  it("fault: a socket whose request was aborted is closed, and nobody is told of a word that MDP lacks", () => {
    const client = new ClientDriver().foreign();
    client.request();
    client.feed({ type: "abort", call: 1 });
    expect(client.discarded).toEqual([0]);
    expect(client.cancels).toEqual([]);
  });

  it("fault: a reply of another service, or to nobody, is not taken for the one that is waited for", () => {
    const client = new ClientDriver().foreign().bare(x);
    client.request();
    client.bare(x, { service: "other" });
    expect(client.answers).toEqual([]);
    expect(client.machine.stats.dropped).toBe(2);
  });

  it("that the socket did not take leave it closed", () => {
    const client = new ClientDriver().foreign();
    client.request();
    client.feed({ type: "not-taken", call: 1 });
    expect(client.discarded).toEqual([0]);
    expect(client.machine.isAwaiting(1, 1)).toBe(false);
  });

  it("have their parts joined in 0.2, and an attempt's parts are never mixed with the last one's", () => {
    const client = new ClientDriver({ protocol: "0.2" }).foreign();
    client.request();
    client
      .until(500)
      .bare([textFrame("a")], { isFinal: false })
      .until(1000)
      .until(1100)
      .up(1);
    expect(client.sends).toEqual(["1@0", "1@1"]);
    client.bare([textFrame("b")], { socket: 1, isFinal: false }).bare([textFrame("c")], { socket: 1 });
    expect(client.answers).toEqual(["1: b|c"]);
  });

  it("of which one is slow do not cost the others their connection", () => {
    const client = new ClientDriver().foreign();
    client.request();
    client.request();
    client.up(1).until(500).bare(x, { socket: 1 }).until(1000);
    expect(client.statuses).not.toContain("connection-replaced:silent");
    expect(client.discarded).toEqual([0]);
  });
});

describe("sockets to a foreign broker", () => {
  it("that break end their own attempt; the connection is lost with the last of them", () => {
    const client = new ClientDriver().foreign();
    client.request();
    client.request();
    client.up(1).down(0);
    expect(client.statuses.at(-1)).toBe("request-retried:connection-lost");
    expect(client.machine.connections).toBe(1);
    client.down(1, "reset");
    expect(client.statuses.slice(-2)).toEqual(["connection-lost:reset", "request-retried:connection-lost"]);
    expect(client.machine.connections).toBe(0);
  });

  it("that cannot be opened are tried again after a pause, not at once", () => {
    const client = new ClientDriver({ socket: { reconnectIntervalMs: 40 } }).foreign();
    client.request();
    client.request();
    client.request({ timeoutMs: 20, attempts: 1 });
    client.down(1).down(2);
    expect(client.opened).toHaveLength(3);
    client.until(10).word().until(39);
    client.request();
    expect(client.opened).toHaveLength(3);
    client.until(40);
    expect(client.opened).toHaveLength(5);
  });

  it("that take too long to stand are given up", () => {
    const client = new ClientDriver({ connectTimeoutMs: 300 }).foreign();
    client.request({ timeoutMs: 60_000 });
    client.request({ timeoutMs: 60_000 });
    client.until(299);
    expect(client.discarded).toEqual([]);
    client.until(300);
    expect(client.discarded).toEqual([1]);
    client.until(400);
    expect(client.opened).toHaveLength(3);
  });

  it("that all are closed are opened again for the next request; if none can be, the broker is lost", () => {
    const client = new ClientDriver().foreign().connect("tcp://b:2");
    client.request({ attempts: 1 });
    client.feed({ type: "abort", call: 1 });
    expect(client.machine.connections).toBe(0);
    client.request();
    expect(client.opened.at(-1)).toBe("1 tcp://a:1");
    client.down(1);
    expect(client.statuses).toContain("connection-replaced:lost");
    client.up(2).introduces("501", 2);
    expect(client.sends).toEqual(["1@0", "2@2"]);
  });

  it("that stand when another broker has the turn are closed, like those that get free then", () => {
    const client = new ClientDriver().foreign().connect("tcp://b:2");
    client.request();
    client.request();
    client.request();
    client.up(1).feed({ type: "disconnect", endpoint: "tcp://a:1" });
    client.up(2).bare(x, { socket: 1 });
    expect(client.discarded).toEqual([2, 1]);
    client.bare(x);
    expect(client.answers).toEqual(["2: x", "1: x"]);
    expect(client.discarded).toEqual([2, 1, 0]);
    client.up(3).introduces("501", 3);
    expect(client.sends.at(-1)).toBe("3@3");
  });

  it("are asked nothing while they work", () => {
    const client = new ClientDriver().foreign();
    client.request({ timeoutMs: 60_000 });
    client.until(50_000);
    expect(client.of("introduce")).toHaveLength(1);
    expect(client.bare(x).answers).toHaveLength(1);
  });

  it("that the pool has free break without a word to anyone", () => {
    const client = new ClientDriver().foreign();
    client.request();
    client.request();
    client.up(1).bare(x, { socket: 1 }).down(1);
    expect(client.statuses).toEqual(["connection-opened", "broker-recognised"]);
    client.request();
    expect(client.sends).not.toContain("3@1");
  });
});
