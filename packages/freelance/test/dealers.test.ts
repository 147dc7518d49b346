import { describe, expect, it } from "vitest";
import type { FreelanceClientOptions } from "../src/machine.js";
import { ClientDriver } from "./client-driver.js";

const socket = { reconnectIntervalMs: 40, reconnectMaxIntervalMs: 100 };

function failover(options: FreelanceClientOptions = {}): ClientDriver {
  return new ClientDriver({ strategy: "failover", socket, ...options });
}

function shotgun(options: FreelanceClientOptions = {}): ClientDriver {
  return new ClientDriver({ strategy: "shotgun", socket, ...options });
}

describe("failover", () => {
  it("one server gets everything, and the others are left alone", () => {
    const client = failover().connect("a", "b", "a").up("a");
    for (let n = 0; n < 3; n++) client.request();
    expect(client.sends).toEqual(["1@a", "2@a", "3@a"]);
    expect(client.opened).toEqual(["a"]);
    expect(client.states).toEqual(["a:alive", "b:idle"]);
    client.reply(2, "a").reply(1, "a").reply(3, "a");
    expect(client.answered).toEqual([2, 1, 3]);
    expect(client.machine.deadline).toBeUndefined();
  });

  it("a lost connection: the next gets its turn, and what was in flight", () => {
    const client = failover().connect("a", "b").up("a");
    client.request();
    client.request();
    client.down("a").up("b");
    expect(client.sends).toEqual(["1@a", "2@a", "1@b", "2@b"]);
    expect(client.states).toEqual(["a:gone", "b:alive"]);
    expect(client.of("discard")).toHaveLength(1);
  });

  it("a timeout without a word: the same, for all that was in flight", () => {
    const client = failover().connect("a", "b").up("a").until(1);
    client.request();
    client.until(900).request();
    client.until(1001).up("b");
    expect(client.statuses).toContain("server-gone:silent");
    expect(client.sends).toEqual(["1@a", "2@a", "2@b"]);
    client.until(1101);
    expect(client.sends.at(-1)).toBe("1@b");
  });

  it("a timeout of one request while others are answered: it is tried again where it was", () => {
    const client = failover().connect("a", "b").up("a").until(1);
    client.request();
    client.until(500).request();
    client.reply(2, "a").until(1101);
    expect(client.sends).toEqual(["1@a", "2@a", "1@a"]);
    expect(client.opened).toEqual(["a"]);
  });

  it("what a stall made late is no reason to change", () => {
    const client = failover().connect("a", "b").up("a").until(1);
    client.request();
    client.now = 2000;
    client.feed({ type: "stalled", ms: 1900 }).until(2000);
    expect(client.states).toEqual(["a:alive", "b:idle"]);
    expect(client.statuses).toContain("request-retried:timed-out");
  });

  it("servers that cannot be reached are tried in turn, with a pause after each round", () => {
    const client = failover().connect("a", "b");
    client.feed({ type: "failed", connection: client.at("a"), reason: "refused" });
    expect(client.opened).toEqual(["a", "b"]);
    client.feed({ type: "failed", connection: client.at("b") });
    expect([client.opened, client.machine.deadline]).toEqual([["a", "b"], 40]);
    client.until(40);
    expect(client.opened).toEqual(["a", "b", "a"]);
    client.down("a").down("b");
    expect(client.machine.deadline).toBe(40 + 80);
    expect(client.statuses).toContain("connection-failed:refused");
    expect(client.statuses).not.toContain("server-gone:lost");
  });

  it("a connection that takes too long is given up for the next", () => {
    const client = failover({ connectTimeoutMs: 300 }).connect("a", "b").until(300);
    expect(client.opened).toEqual(["a", "b"]);
    expect(client.statuses).toContain("connection-failed:it took too long");
  });

  it("as it is when a whole attempt has passed with it", () => {
    const client = failover().connect("a", "b");
    client.request();
    client.until(1000);
    expect(client.opened).toEqual(["a", "b"]);
    client.until(1100);
    expect(client.sends).toEqual([]);
    client.up("b");
    expect(client.sends).toEqual(["1@b"]);
  });

  it("pauses are first ones again after a word, or a connection that has lasted", () => {
    const client = failover().connect("a");
    const pauseAfterLoss = (): number => {
      client.down("a");
      const at = client.machine.deadline as number;
      const pause = at - client.now;
      client.until(at).up("a");
      return pause;
    };
    expect([0, 1, 2, 3].map(pauseAfterLoss)).toEqual([40, 80, 100, 100]);
    client.feed({ type: "malformed", connection: client.at("a"), reason: "a word all the same" });
    expect([4, 5].map(pauseAfterLoss)).toEqual([40, 80]);
    client.until(client.now + 100);
    expect(pauseAfterLoss()).toBe(40);
  });

  it("a server that is entered during the pause is tried at once", () => {
    const client = failover().connect("a").down("a").connect("b");
    expect(client.opened).toEqual(["a", "b"]);
    client.up("b");
    expect(client.machine.deadline).toBeUndefined();
  });

  it("a request that times out during the pause changes nothing", () => {
    const client = failover({ socket: { reconnectIntervalMs: 5000, reconnectMaxIntervalMs: 5000 } });
    client.connect("a").down("a").request({ attempts: 1 });
    client.until(1000);
    expect(client.failures).toEqual(["1:ERR_REQUEST_TIMEOUT"]);
    expect(client.machine.deadline).toBe(5000);
  });

  it("with no server at all requests end by their time", () => {
    const client = failover();
    client.request({ attempts: 1 });
    client.until(1000);
    expect(client.of("failed")[0]?.failure).toMatchObject({ sent: 0, endpoints: [] });
  });

  it("the current one can be taken out: what it has may still be answered", () => {
    const client = failover().connect("a", "b").up("a");
    client.request();
    client.disconnect("a");
    expect(client.states).toEqual(["a:leaving", "b:connecting"]);
    client.up("b").request();
    client.reply(1, "a").reply(2, "b");
    expect([client.answered, client.states]).toEqual([[1, 2], ["b:alive"]]);
    client.disconnect("b");
    expect([client.states, client.machine.deadline]).toEqual([[], undefined]);
  });

  it("one that is not in use can be taken out of the line", () => {
    const client = failover().connect("a", "b", "c").disconnect("b").down("a");
    expect(client.opened).toEqual(["a", "c"]);
  });

  it("one that is taken out and entered again before it has gone waits for its turn, connected", () => {
    const client = failover().connect("a", "b").up("a");
    client.request();
    client.disconnect("a").connect("a").up("b").request();
    expect(client.states).toEqual(["a:alive", "b:alive"]);
    expect(client.sends).toEqual(["1@a", "2@b"]);
    client.down("b");
    expect(client.sends).toEqual(["1@a", "2@b", "2@a"]);
    expect(client.opened).toEqual(["a", "b"]);
  });

  it("and stands in while whose turn it is cannot be reached, until it is silent for an attempt itself", () => {
    const client = failover().connect("a", "b", "c").up("a").until(1);
    client.request();
    client.disconnect("a").connect("a").request();
    expect(client.states).toEqual(["a:alive", "b:connecting", "c:idle"]);
    expect(client.sends).toEqual(["1@a", "2@a"]);
    client.until(500).down("b").until(1001);
    expect(client.states).toEqual(["a:gone", "b:gone", "c:connecting"]);
    client.up("c").until(1200);
    expect(client.sends.slice(2).sort()).toEqual(["1@c", "2@c"]);
  });

  it("and takes its turn at once while nobody else is connected", () => {
    const alone = failover().connect("a").up("a");
    alone.request();
    alone.disconnect("a").connect("a").request();
    expect(alone.sends).toEqual(["1@a", "2@a"]);
    expect(alone.states).toEqual(["a:alive"]);
    const pausing = failover().connect("a").up("a");
    pausing.request();
    pausing.disconnect("a").connect("b").down("b").connect("a").request();
    expect(pausing.sends).toEqual(["1@a", "2@a"]);
    expect(pausing.until(500).opened).toEqual(["a", "b"]);
  });

  it("and after a whole round of failures", () => {
    const client = failover().connect("a", "b").up("a");
    client.request();
    client.disconnect("a").connect("a").down("b").request();
    expect(client.sends).toEqual(["1@a", "2@a"]);
    client.connect("c").down("a").down("c").down("b");
    expect(client.machine.deadline).toBeGreaterThan(client.now);
  });

  it("and if it is lost although it is not its turn, that changes nothing", () => {
    const client = failover().connect("a", "b").up("a");
    client.request();
    client.disconnect("a").connect("a").up("b").down("a");
    expect(client.sends).toEqual(["1@a", "1@b"]);
    expect([client.opened, client.machine.serverCount]).toEqual([["a", "b"], 2]);
  });

  it("a socket whose queue is full: the request waits for the end of its attempt", () => {
    const client = failover().connect("a").up("a");
    client.request({ attempts: 1 });
    client.refuse(1, "a", "queue-full").refuse(undefined, "a", "queue-full");
    expect(client.states).toEqual(["a:alive"]);
    client.until(1000);
    expect(client.of("failed")[0]?.failure).toMatchObject({ sent: 0 });
  });

  it("and is placed again when a reply shows that the queue has moved, or the next server gets its turn", () => {
    const client = failover().connect("a", "b").up("a");
    for (let call = 1; call <= 3; call++) client.request();
    client.refuse(2, "a", "queue-full").refuse(3, "a", "queue-full").reply(1, "a");
    expect(client.sends.slice(3)).toEqual(["2@a", "3@a"]);
    client.refuse(2, "a", "queue-full").refuse(3, "a", "queue-full").down("a").up("b");
    expect(client.sends.slice(5)).toEqual(["2@b", "3@b"]);
  });

  it("closing ends the pause", () => {
    const client = failover().connect("a").down("a").feed({ type: "close" });
    expect(client.machine).toMatchObject({ serverCount: 0, deadline: undefined });
  });
});

describe("shotgun", () => {
  it("each request goes to all that are connected, once, and the first reply wins", () => {
    const client = shotgun().connect("a", "b", "c").up("a", "b");
    client.request();
    client.up("c");
    expect(client.sends).toEqual(["1@a", "1@b"]);
    client.reply(1, "b");
    expect(client.answered).toEqual([1]);
    client.reply(1, "a");
    expect(client.answered).toEqual([1]);
    expect(client.machine.stats).toMatchObject({ duplicateReplies: 1, lateReplies: 0, dropped: 0 });
    client.request();
    expect(client.sends.slice(2).sort()).toEqual(["2@a", "2@b", "2@c"]);
    client.reply(2, "c").reply(2, "a");
    expect(client.server("b")?.outstanding).toBe(1);
    client.reply(2, "b").reply(2, "b");
    expect(client.machine.stats).toMatchObject({ duplicateReplies: 3, lateReplies: 1, dropped: 0 });
    expect(client.pings).toEqual([]);
  });

  it("a request waits for the first server that is connected", () => {
    const client = shotgun().connect("a", "b");
    client.request();
    client.up("b").up("a");
    expect(client.sends).toEqual(["1@b"]);
  });

  it("a server that is not connected gets nothing late", () => {
    const client = shotgun().connect("a", "b").up("a", "b");
    client.request();
    client.reply(1, "a");
    expect(client.of("send").map(({ copy }) => copy.isWanted)).toEqual([false, false]);
  });

  it("what was dropped in a queue is not held against its server", () => {
    const client = shotgun().connect("a", "b", "c").up("a", "b", "c").until(1);
    client.request();
    client.until(2).reply(1, "a");
    expect(client.of("send")[1]?.copy.mayLeave()).toBe(false);
    client.until(1001);
    expect(client.server("b")).toMatchObject({ state: "alive", requests: 0, timeouts: 0, outstanding: 0 });
    expect(client.server("c")).toMatchObject({ state: "gone", requests: 1, timeouts: 1, outstanding: 0 });
    client.request();
    const { copy } = client.of("send").at(-1) as { copy: { mayLeave(): boolean } };
    expect(copy.mayLeave()).toBe(true);
    client.reply(2, "a");
    expect(copy.mayLeave()).toBe(false);
    client.down("b");
    expect(copy.mayLeave(), "the answer stays the same").toBe(false);
  });

  it("is tried again only when all that had it are lost", () => {
    const client = shotgun().connect("a", "b").up("a", "b");
    client.request();
    client.down("a");
    expect(client.statuses).not.toContain("request-retried:server-lost");
    client.down("b");
    expect(client.statuses).toContain("request-retried:server-lost");
    client.until(40).up("b");
    expect(client.sends).toEqual(["1@a", "1@b", "1@b"]);
  });

  it("a silent server is given up for a fresh connection although the others answer", () => {
    const client = shotgun().connect("a", "b").up("a", "b").until(1);
    client.request();
    client.until(2).reply(1, "a");
    client.until(1001);
    expect(client.states).toEqual(["a:alive", "b:gone"]);
    expect(client.server("b")).toMatchObject({ timeouts: 1, outstanding: 0 });
    client.until(1041);
    expect(client.opened).toEqual(["a", "b", "b"]);
  });

  it("those that talk are kept when a request times out", () => {
    const client = shotgun().connect("a").up("a").until(1);
    client.request();
    client.feed({ type: "malformed", connection: client.at("a"), reason: "x" });
    client.until(500).feed({ type: "malformed", connection: client.at("a"), reason: "x" });
    client.until(1101);
    expect(client.sends).toEqual(["1@a", "1@a"]);
    expect(client.opened).toEqual(["a"]);
  });

  it("connections are made again after a pause that grows, each for itself", () => {
    const client = shotgun({ connectTimeoutMs: 300 }).connect("a", "b").up("b");
    client.down("a");
    expect(client.machine.deadline).toBe(40);
    client.until(40).down("a");
    expect(client.machine.deadline).toBe(120);
    client.until(120 + 300);
    expect(client.statuses).toContain("connection-failed:it took too long");
    expect(client.machine.deadline).toBe(420 + 100);
    client
      .until(520)
      .up("a")
      .feed({ type: "malformed", connection: client.at("a"), reason: "a word" });
    client.down("a");
    expect(client.machine.deadline).toBe(560);
    expect(client.states).toEqual(["a:gone", "b:alive"]);
  });

  it("does not hedge, and news of old connections change nothing", () => {
    const client = shotgun().connect("a").up("a");
    const old = client.at("a");
    client.down("a").until(40).up("a");
    client.feed({ type: "down", connection: old });
    client.feed({ type: "malformed", connection: old, reason: "old" });
    expect(client.states).toEqual(["a:alive"]);
  });

  it("a server that leaves and says nothing in the time of its last request is let go of", () => {
    const client = shotgun().connect("a").up("a").until(1);
    client.request({ attempts: 1 });
    client.disconnect("a").until(1001);
    expect([client.states, client.failures]).toEqual([[], ["1:ERR_REQUEST_TIMEOUT"]]);
  });

  it("a server that is taken out during its pause is not tried again", () => {
    const client = shotgun().connect("a").down("a").disconnect("a");
    expect([client.states, client.machine.deadline]).toEqual([[], undefined]);
  });
});
