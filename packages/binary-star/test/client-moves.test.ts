import { describe, expect, it } from "vitest";
import { BACKUP, ClientDriver, EPOCH, PRIMARY } from "./client-driver.js";

/** A client whose primary has answered once. */
function served(options: ConstructorParameters<typeof ClientDriver>[0] = {}): ClientDriver {
  const client = new ClientDriver(options).paired();
  client.request();
  return client.reply(1);
}

const changes = (client: ClientDriver) =>
  client.of("status").flatMap(({ event }) => (event.type === "server-changed" ? [event] : []));

describe("a server that is lost", () => {
  it("is left when the pair has had its time, and what was in flight goes to the other one", () => {
    const client = served();
    client.request();
    client.until(300).down(0, "reset by peer");
    client.request();
    expect(client.statuses.slice(-3)).toEqual([
      "connection-lost:reset by peer",
      "settling-began:lost",
      "request-retried:connection-lost",
    ]);
    expect(client.discarded).toEqual([0]);
    expect(client.machine.server).toBeUndefined();
    client.until(2299);
    expect(client.opened).toEqual([PRIMARY]);
    client.until(2300);
    expect(client.opened).toEqual([PRIMARY, BACKUP]);
    expect(changes(client)).toEqual([
      { type: "server-changed", at: 2300, from: PRIMARY, to: BACKUP, reason: "lost" },
    ]);
    client.up(1);
    expect(client.sends.slice(1)).toEqual(["2@0", "2@1", "3@1"]);
    expect(client.of("send").map(({ id }) => id.sequence)).toEqual([1n, 2n, 2n, 3n]);
    expect(client.reply(2, 1).reply(3, 1).answered).toEqual([1, 2, 3]);
    expect(client.machine.server).toBe(BACKUP);
    expect(client.machine.stats).toMatchObject({ moves: 1, retries: 1 });
  });

  it("costs requests that wait none of their attempts", () => {
    const client = served();
    client.down(0).request({ attempts: 1, timeoutMs: 100 });
    client.until(2000).up(1);
    expect(client.sends.at(-1)).toBe("2@1");
    expect(client.until(2050).reply(2, 1).answered).toEqual([1, 2]);
  });

  it("under the last attempt of a request ends it", () => {
    const client = served();
    client.request({ attempts: 1 });
    client.down(0);
    expect(client.of("failed")[0]?.failure).toEqual({
      code: "ERR_CONNECTION_LOST",
      attempts: 1,
      sent: 1,
      endpoints: [PRIMARY],
    });
  });

  it("may have answered before: what it said comes to those who still wait", () => {
    const client = served();
    client.request();
    client.down(0).until(2000).up(1).reply(2, 0);
    expect(client.answered).toEqual([1, 2]);
    client.reply(2, 1);
    expect(client.machine.stats.lateReplies).toBe(1);
  });

  it("cannot be connected at first: the other one gets its turn after the settle time as well", () => {
    const client = new ClientDriver().connect(PRIMARY, BACKUP).down(0, "refused");
    expect(client.statuses).toEqual(["connection-failed:refused", "settling-began:failed"]);
    expect(client.until(1999).opened).toEqual([PRIMARY]);
    expect(client.until(2000).opened).toEqual([PRIMARY, BACKUP]);
    expect(changes(client)[0]?.reason).toBe("failed");
  });

  it("takes too long to be connected: it is lost", () => {
    const client = new ClientDriver({ connectTimeoutMs: 300 }).connect(PRIMARY, BACKUP).until(300);
    expect(client.statuses).toEqual(["connection-failed:it took too long", "settling-began:failed"]);
    expect(client.discarded).toEqual([0]);
    expect(client.until(2300).opened).toEqual([PRIMARY, BACKUP]);
  });

  it("news of connections that are gone change nothing", () => {
    const client = served().down(0).until(2000);
    const count = client.outputs.length;
    client.up(0).down(0).down(77);
    expect(client.outputs).toHaveLength(count);
    expect(
      client
        .up(1)
        .up(1)
        .statuses.filter((status) => status === "connection-opened"),
    ).toHaveLength(2);
  });
});

describe("a server that is silent", () => {
  it("for a whole attempt is left when the pair has had its time", () => {
    const client = served();
    client.request();
    client.until(999);
    expect(client.statuses).not.toContain("settling-began:silent");
    client.until(1000);
    expect(client.statuses.slice(-2)).toEqual(["request-retried:timed-out", "settling-began:silent"]);
    client.until(2999);
    expect(client.sends).toEqual(["1@0", "2@0"]);
    expect(client.discarded).toEqual([]);
    client.until(3000);
    expect(client.discarded).toEqual([0]);
    expect(client.opened).toEqual([PRIMARY, BACKUP]);
    expect(client.up(1).sends.at(-1)).toBe("2@1");
    expect(changes(client)[0]?.reason).toBe("silent");
  });

  it("fault: the passive server of a guide's pair gives no answer, and is left like one that is dead", () => {
    const client = new ClientDriver({ attempts: 8 }).connect(BACKUP, PRIMARY).up(0);
    client.request();
    client.until(3000).up(1).reply(1, 1);
    expect(client.sends).toEqual(["1@0", "1@1"]);
    expect(client.answered).toEqual([1]);
  });

  it("is left once, not once for each request that times out", () => {
    const client = served();
    for (let n = 0; n < 100; n++) client.until(n).request();
    client.until(2999);
    expect(client.statuses.filter((status) => status.startsWith("settling-began"))).toHaveLength(1);
    expect(client.opened).toEqual([PRIMARY]);
    client.until(3000).up(1);
    expect(client.sends.filter((send) => send.endsWith("@1"))).toHaveLength(100);
  });

  it("and answers before it is left is stayed with, and what waits is sent to it", () => {
    const client = served();
    client.request();
    client.request({ attempts: 1 });
    client.until(1500).request();
    expect(client.sends.at(-1)).toBe("3@0");
    client.reply(2);
    expect(client.sends.at(-1)).toBe("4@0");
    client.until(2499);
    expect(client.opened).toEqual([PRIMARY]);
    expect(client.reply(4).answered).toEqual([1, 2, 4]);
    // Having answered it is given its time anew.
    client.request();
    client.until(3499);
    expect(client.statuses.filter((status) => status === "settling-began:silent")).toHaveLength(2);
  });

  it("and says something else before it is left is left all the same", () => {
    const client = served();
    client.request();
    client.until(1500).feed({ type: "malformed", connection: 0, reason: "?" }).until(3000);
    expect(client.opened).toEqual([PRIMARY, BACKUP]);
  });

  it("and lost before it is left is left at the time at which it would have been", () => {
    const client = served();
    client.request({ attempts: 4 });
    client.until(2500).down(0);
    expect(client.discarded).toEqual([0]);
    expect(client.until(2999).opened).toEqual([PRIMARY]);
    expect(client.until(3000).opened).toEqual([PRIMARY, BACKUP]);
  });

  it("and then refuses is believed: it is left at once, or waited for", () => {
    const left = served();
    left.request();
    left.until(1500).refuse(2, 0, undefined);
    expect(left.opened).toEqual([PRIMARY, BACKUP]);
    expect(changes(left)[0]?.reason).toBe("refused");

    const waitedFor = served();
    waitedFor.request();
    waitedFor.until(1500).refuse(2, 0, 200).until(1699);
    expect(waitedFor.sends).toHaveLength(2);
    expect(waitedFor.until(1700).sends.at(-1)).toBe("2@0");
    expect(waitedFor.opened).toEqual([PRIMARY]);
  });

  it("is not judged by a request that has run into the end of its connection", () => {
    const client = served();
    client.request({ timeoutMs: 5000, attempts: 1 });
    client.request({ timeoutMs: 1000 });
    client.until(3000);
    expect(client.failures).toEqual(["2:ERR_CONNECTION_LOST"]);
  });
});

describe("servers of which none answers", () => {
  it("get no settle time again, but a pause after each round", () => {
    const client = new ClientDriver({ socket: { reconnectIntervalMs: 40 } }).connect(PRIMARY, BACKUP);
    client.down(0).until(2000).down(1);
    expect(client.machine.deadline).toBe(2040);
    client.until(2040).down(2);
    expect(client.opened).toEqual([PRIMARY, BACKUP, PRIMARY, BACKUP]);
    client.down(3);
    expect(client.machine.deadline).toBe(2040 + 80);
    expect(client.statuses.filter((status) => status.startsWith("settling-began"))).toHaveLength(1);
    client.until(2120).up(4).request();
    client.reply(1, 4).down(4);
    expect(client.statuses.at(-1)).toBe("settling-began:lost");
    expect(client.machine.deadline).toBe(4120);
  });

  it("are asked in turn when they are silent", () => {
    const client = new ClientDriver({ socket: { reconnectIntervalMs: 40 } }).paired();
    client.request({ attempts: 9 });
    client.until(3000).up(1).until(4040);
    expect(client.opened).toEqual([PRIMARY, BACKUP, PRIMARY]);
    client.until(4100).up(2).until(5200);
    expect(client.opened).toEqual([PRIMARY, BACKUP, PRIMARY, BACKUP]);
    expect(client.discarded).toEqual([0, 1, 2]);
  });
});

describe("other numbers of servers", () => {
  it("one alone is connected again after a pause, with no settle time", () => {
    const client = new ClientDriver({ socket: { reconnectIntervalMs: 40 } }).connect(PRIMARY).up(0);
    client.request();
    client.down(0).until(40).up(1);
    expect(client.sends).toEqual(["1@0", "1@1"]);
    client.until(1040);
    expect(client.discarded).toEqual([0, 1]);
    client.until(1120).up(2).until(1240);
    expect(client.sends).toEqual(["1@0", "1@1", "1@2"]);
    client.refuse(1, 2, undefined);
    expect(client.machine.deadline).toBe(1240 + 160);
    expect(client.machine.stats.moves).toBe(0);
  });

  it("three take turns", () => {
    const client = new ClientDriver({ settleMs: 10 }).connect("tcp://a:1", "tcp://b:1", "tcp://c:1");
    client.down(0).until(10).down(1);
    expect(client.opened).toEqual(["tcp://a:1", "tcp://b:1", "tcp://c:1"]);
    client.down(2).until(110);
    expect(client.opened.at(-1)).toBe("tcp://a:1");
  });

  it("one that is there already stays as it is", () => {
    const client = new ClientDriver().connect(PRIMARY, PRIMARY).down(0);
    expect(client.machine.deadline).toBe(100);
    expect(client.until(100).opened).toEqual([PRIMARY, PRIMARY]);
    expect(client.machine.stats.moves).toBe(0);
  });

  it("one in use can be taken out: what is in flight goes to the next at once", () => {
    const client = served();
    client.request();
    client.feed({ type: "disconnect", endpoint: PRIMARY });
    expect(client.opened).toEqual([PRIMARY, BACKUP]);
    expect(changes(client)[0]).toMatchObject({ from: PRIMARY, to: BACKUP, reason: "disconnected" });
    expect(client.up(1).sends.slice(1)).toEqual(["2@0", "2@1"]);
    client.feed({ type: "disconnect", endpoint: "tcp://nobody:3" });
    client.feed({ type: "disconnect", endpoint: BACKUP });
    expect(client.discarded).toEqual([0, 1]);
    client.until(500).connect(PRIMARY).up(2);
    expect(client.sends.slice(3)).toEqual(["2@2"]);
    expect(client.machine.stats.moves).toBe(1);
  });

  it("one that is not in use is taken out of the turn", () => {
    const client = new ClientDriver({ settleMs: 10 }).connect("tcp://a:1", "tcp://b:1", "tcp://c:1");
    client.feed({ type: "disconnect", endpoint: "tcp://b:1" }).down(0).until(10);
    expect(client.opened).toEqual(["tcp://a:1", "tcp://c:1"]);
    client.feed({ type: "disconnect", endpoint: "tcp://a:1" }).down(1).until(210);
    expect(client.opened).toEqual(["tcp://a:1", "tcp://c:1", "tcp://c:1"]);
  });

  it("whichever is taken out, the turn goes on behind the one in use", () => {
    const unused = new ClientDriver({ settleMs: 10 }).connect("tcp://a:1", "tcp://b:1", "tcp://c:1");
    unused.down(0).until(10).feed({ type: "disconnect", endpoint: "tcp://a:1" }).down(1).until(110);
    expect(unused.opened).toEqual(["tcp://a:1", "tcp://b:1", "tcp://c:1"]);
    const used = new ClientDriver().connect("tcp://a:1", "tcp://b:1", "tcp://c:1");
    used.feed({ type: "disconnect", endpoint: "tcp://a:1" });
    expect(used.opened).toEqual(["tcp://a:1", "tcp://b:1"]);
  });

  it("the last one that is taken out while time runs is not tried again", () => {
    for (const servers of [[PRIMARY], [PRIMARY, BACKUP]]) {
      const client = new ClientDriver().connect(...servers).down(0);
      for (const endpoint of servers) client.feed({ type: "disconnect", endpoint });
      expect(client.machine.deadline).toBeUndefined();
    }
  });
});

describe("a server that refuses", () => {
  it("and can take over soon is asked again then, for all that is in flight", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.request();
    client.refuse(1, 0, 300).refuse(2, 0, 290);
    client.until(100).request();
    expect(
      client.of("status").flatMap(({ event }) => (event.type === "request-refused" ? [event] : [])),
    ).toEqual([
      { type: "request-refused", at: 0, call: 1, endpoint: PRIMARY, state: "passive", retryAfterMs: 300 },
      { type: "request-refused", at: 0, call: 2, endpoint: PRIMARY, state: "passive", retryAfterMs: 290 },
    ]);
    client.until(299);
    expect(client.sends).toEqual(["1@0", "2@0"]);
    client.until(300);
    expect(client.sends).toEqual(["1@0", "2@0", "1@0", "2@0", "3@0"]);
    client.reply(1).reply(2).reply(3);
    expect(client.machine.stats).toMatchObject({ refusals: 2, retries: 2, moves: 0, answered: 3 });
  });

  it("is asked no earlier than after 10 ms and no later than after the settle time", () => {
    const soon = new ClientDriver().paired();
    soon.request();
    expect(soon.refuse(1, 0, 0).machine.deadline).toBe(10);
    const late = new ClientDriver().paired();
    late.request();
    expect(late.refuse(1, 0, 3_600_000).machine.deadline).toBe(2000);
    const jittery = new ClientDriver({}, () => 0.5).paired();
    jittery.request();
    expect(jittery.refuse(1, 0, 300).machine.deadline).toBe(305);
  });

  it("again and again is asked more and more seldom, until the request has had its attempts", () => {
    const client = new ClientDriver().paired();
    client.request();
    const waits: number[] = [];
    for (let n = 0; n < 3; n++) {
      client.refuse(1, 0, 0);
      const { deadline = 0 } = client.machine;
      waits.push(deadline - client.now);
      client.until(deadline);
    }
    expect(waits).toEqual([10, 100, 200]);
    client.refuse(1, 0, 0);
    expect(client.of("failed")[0]?.failure).toMatchObject({ code: "ERR_NOT_ACTIVE", attempts: 4, sent: 4 });
    // An answer ends the row.
    client.until(client.machine.deadline as number).request();
    client.reply(2).request();
    expect((client.refuse(3, 0, 0).machine.deadline as number) - client.now).toBe(10);
  });

  it("because its peer lives, or it must not be active, is left at once", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.request();
    client.refuse(1, 0, undefined, "active");
    expect(client.opened).toEqual([PRIMARY, BACKUP]);
    expect(client.statuses.slice(-3)).toEqual([
      "request-retried:refused",
      "request-retried:refused",
      "server-changed:refused",
    ]);
    client.up(1).refuse(2, 0, undefined);
    expect(client.sends).toEqual(["1@0", "2@0", "1@1", "2@1"]);
    expect(client.machine.stats).toMatchObject({ refusals: 1, lateReplies: 1, moves: 1 });
  });

  it("under the last attempt ends the request, and the others that it got", () => {
    const client = new ClientDriver().paired();
    client.request({ attempts: 1 });
    client.request({ attempts: 1 });
    client.refuse(1, 0, undefined);
    expect(client.failures).toEqual(["1:ERR_NOT_ACTIVE", "2:ERR_NOT_ACTIVE"]);
  });

  it("as the other does: they are asked in turn, with a growing pause after each round", () => {
    const client = new ClientDriver({ socket: { reconnectIntervalMs: 40 } }).paired();
    client.request({ attempts: 100 });
    const rounds: number[] = [];
    for (let connection = 0; connection < 8; connection += 2) {
      client
        .refuse(1, connection, undefined)
        .up(connection + 1)
        .refuse(1, connection + 1, undefined);
      const { deadline = 0 } = client.machine;
      rounds.push(deadline - client.now);
      client.until(deadline).up(connection + 2);
    }
    expect(rounds).toEqual([40, 80, 160, 320]);
    expect(client.reply(1, 8).answered).toEqual([1]);
  });

  it("after the time that it named, with another, has heard its peer meanwhile: it is left", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.refuse(1, 0, 1500).until(1500).refuse(1, 0, 1900);
    expect(client.opened).toEqual([PRIMARY, BACKUP]);
    client.up(1);
    expect(client.sends).toEqual(["1@0", "1@0", "1@1"]);
  });

  it("and has named two times has heard its peer between them: the first one counts", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.request();
    client.refuse(1, 0, 300).until(100).refuse(2, 0, 1950).until(300).refuse(1, 0, 1750);
    expect(client.opened).toEqual([PRIMARY, BACKUP]);
  });

  it("but has answered since is waited for anew", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.refuse(1, 0, 300).until(300).reply(1).until(5000).request();
    client.refuse(2, 0, 400);
    expect(client.opened).toEqual([PRIMARY]);
    expect(client.until(5400).sends.at(-1)).toBe("2@0");
  });

  it("after the time that it named, but on its way to become active, is waited for", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.refuse(1, 0, 1500).until(1500).refuse(1, 0, 0);
    expect(client.opened).toEqual([PRIMARY]);
    expect(client.until(1600).sends).toEqual(["1@0", "1@0", "1@0"]);
  });

  it("before the time that it named, since no wait is that long, is waited for", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.refuse(1, 0, 5000).until(2000).refuse(1, 0, 3000);
    expect(client.opened).toEqual([PRIMARY]);
    expect(client.until(4000).sends).toHaveLength(3);
  });

  it("and answers another request before it is asked again, has become active: what waits is sent", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.request();
    client.refuse(1, 0, 500).until(20).reply(2);
    expect(client.sends).toEqual(["1@0", "2@0", "1@0"]);
    client.until(500);
    expect(client.sends).toHaveLength(3);
  });

  it("is told of by an attempt that is over as well", () => {
    const client = new ClientDriver().paired();
    client.request();
    client.feed({ type: "malformed", connection: 0, reason: "?" }).until(1050).refuse(1, 0, 300);
    expect(client.until(1100).sends).toHaveLength(1);
    expect(client.until(1350).sends).toHaveLength(2);
  });

  it("and is lost while it is waited for is left as any other", () => {
    const client = served();
    client.request();
    client.refuse(2, 0, 500).until(100).down(0);
    expect(client.machine.deadline).toBe(2100);
    expect(client.until(2100).up(1).sends.at(-1)).toBe("2@1");
  });

  it("is taken at its word only by those whom it concerns", () => {
    const client = new ClientDriver().paired();
    client.request();
    const stranger = {
      type: "refusal",
      epoch: 7n,
      sequence: 1n,
      state: "passive",
      retryAfterMs: undefined,
    } as const;
    client.receive(0, stranger);
    client.refuse(9, 0, undefined);
    expect(client.opened).toEqual([PRIMARY]);
    expect(client.machine.stats).toMatchObject({ dropped: 2, refusals: 0 });
    expect(EPOCH).not.toBe(7n);
  });
});
