import { describe, expect, it } from "vitest";
import { A, B, ClientDriver, uuid } from "./client-driver.js";

describe("set", () => {
  it("is over when the server has ordered it and the map contains it, in whichever order that is learned", () => {
    const client = new ClientDriver().joined({ a: "1" });
    client.set("a", "2");
    expect(client.sends).toEqual(["1@1/snapshot"]);
    expect(client.map).toEqual({ a: "1" });
    expect(client.command("OKTHX", 2, uuid(1)).outcomes).toEqual([]);
    expect(client.map).toEqual({ a: "1" });
    expect(client.update(2, "a", "2", { uuid: uuid(1) }).outcomes).toEqual(["1=2"]);
    client.set("a", "3");
    expect(client.update(3, "a", "3", { uuid: uuid(2) }).outcomes).toEqual(["1=2", "2=3"]);
    expect(client.command("OKTHX", 3, uuid(2)).outcomes).toHaveLength(2);
    expect(client.machine).toMatchObject({ inFlight: 0, stats: { sets: 2, acknowledged: 2, retried: 0 } });
  });

  it("many are over in the order of their numbers, each when the map is there", () => {
    const client = new ClientDriver().joined();
    for (let call = 1; call <= 4; call++) client.set(`k${call}`);
    client.command("OKTHX", 3, uuid(3)).command("OKTHX", 1, uuid(1)).command("OKTHX", 4, uuid(4));
    client.update(1, "k1", "new").update(2, "other", "x").update(3, "k3", "new");
    expect(client.outcomes).toEqual(["1=1", "3=3"]);
    expect(client.command("OKTHX", 2, uuid(2)).update(4, "k4", "new").outcomes).toEqual([
      "1=1",
      "3=3",
      "2=2",
      "4=4",
    ]);
  });

  it("of a key outside of the subtree is over when it is ordered", () => {
    const client = new ClientDriver({ subtree: "/a/" })
      .connect(A)
      .up()
      .beat(5, { count: 0 })
      .command("KTHXBAI", 5);
    client.set("/b");
    expect(client.command("OKTHX", 9, uuid(1)).outcomes).toEqual(["1=9"]);
  });

  it("of a key in a subtree is over by its update, or by a heartbeat past it", () => {
    const client = new ClientDriver({ subtree: "/a/" })
      .connect(A)
      .up()
      .beat(5, { count: 0 })
      .command("KTHXBAI", 5);
    client.set("/a/x");
    client.command("OKTHX", 7, uuid(1)).beat(6, { count: 0 });
    expect(client.outcomes).toEqual([]);
    expect(client.update(7, "/a/x", "new", { count: 1 }).outcomes).toEqual(["1=7"]);
    client.set("/a/y");
    expect(client.beat(9, { count: 1 }).command("OKTHX", 8, uuid(2)).outcomes).toEqual(["1=7", "2=8"]);
  });

  it("that is acknowledged while the snapshot comes is over at its end", () => {
    const client = new ClientDriver().connect(A).up();
    client.set("a");
    client.set("b");
    expect(client.sends).toEqual([]);
    client.beat(0);
    expect(client.sends).toEqual(["1@1/snapshot", "2@1/snapshot"]);
    client.command("OKTHX", 1, uuid(1)).command("OKTHX", 2, uuid(2)).update(1, "a", "new").beat(1);
    expect(client.outcomes).toEqual([]);
    expect(client.command("KTHXBAI", 1).outcomes).toEqual(["1=1"]);
    expect(client.update(2, "b", "new").outcomes).toEqual(["1=1", "2=2"]);
  });

  it("that a snapshot contains already is over, as is one that its heartbeats are past", () => {
    const client = new ClientDriver().connect(A).up().beat(0);
    client.set("a");
    client.command("OKTHX", 1, uuid(1)).item(1, "a", "new");
    expect(client.command("KTHXBAI", 1).outcomes).toEqual(["1=1"]);
    const part = new ClientDriver({ subtree: "/a/" }).connect(A).up().beat(1, { count: 0 });
    part.set("/a/x");
    part.command("OKTHX", 2, uuid(1)).update(2, "/a/x", "new", { count: 1 }).beat(8, { count: 1 });
    expect(part.command("KTHXBAI", 1).outcomes).toEqual(["1=2"]);
    expect(part.machine.map.sequence).toBe(8);
  });

  it("is sent again on each join, with its UUID, in the order of the calls, also when it was acknowledged", () => {
    const client = new ClientDriver().joined().connect(B);
    for (const key of ["a", "b", "c"]) client.set(key);
    client.command("OKTHX", 1, uuid(1)).command("OKTHX", 2, uuid(2)).update(1, "a", "new").down();
    expect(client.outcomes).toEqual(["1=1"]);
    client.set("d");
    client.up(2);
    client.life = "life-2";
    client.beat(1);
    expect(client.sends.slice(3)).toEqual(["2@2/snapshot", "3@2/snapshot", "4@2/snapshot"]);
    expect(client.of("send").map(({ call, uuid: id }) => [call, id[0]])).toEqual(
      client.of("send").map(({ call }) => [call, call]),
    );
    // The number of the first server means nothing here.
    client.update(2, "other", "x").command("KTHXBAI", 2);
    expect(client.outcomes).toEqual(["1=1"]);
    client.command("OKTHX", 3, uuid(2)).update(3, "b", "new");
    expect(client.outcomes).toEqual(["1=1", "2=3"]);
    expect(client.machine.stats.retried).toBe(2);
  });

  it("is sent again when no answer came, and not when it was acknowledged", () => {
    const client = new ClientDriver({ retryMs: 500 }).joined();
    client.set("a");
    client.set("b");
    client.command("OKTHX", 1, uuid(1)).pass(500);
    expect(client.sends).toEqual(["1@1/snapshot", "2@1/snapshot", "2@1/snapshot"]);
    expect(client.statuses.at(-1)).toBe("set-retried");
    client.pass(500);
    expect(client.sends).toHaveLength(4);
    expect(client.machine.stats.retried).toBe(2);
  });

  it("waits while there is no connection, and is not sent at times", () => {
    const client = new ClientDriver({ retryMs: 500 }).connect(A);
    client.set("a", "x", { timeoutMs: 4000 });
    expect(client.pass(3999).outcomes).toEqual([]);
    expect(client.pass(1).of("failed")).toEqual([
      { type: "failed", call: 1, failure: { code: "ERR_SET_TIMEOUT", timeoutMs: 4000, sent: 0 } },
    ]);
  });

  it("fails at the end of its time, acknowledged or not, and an answer that comes then means nothing", () => {
    const client = new ClientDriver().joined();
    client.set("a", "x", { timeoutMs: 3000 });
    client.set("b", "x", { timeoutMs: 3000 });
    client.command("OKTHX", 7, uuid(2)).pass(2500).beat(0).pass(500);
    expect(client.of("failed").map(({ failure }) => failure)).toEqual([
      { code: "ERR_SET_TIMEOUT", timeoutMs: 3000, sent: 2 },
      { code: "ERR_SET_TIMEOUT", timeoutMs: 3000, sent: 1 },
    ]);
    expect(client.machine.stats.timedOut).toBe(2);
    expect(client.machine.isPending(1)).toBe(false);
    client
      .command("OKTHX", 1, uuid(1))
      .refuse({ reason: "conflict" }, uuid(1))
      .update(1, "a", "x", { uuid: uuid(1) });
    expect(client.outcomes).toHaveLength(2);
    expect(client.map).toEqual({ a: "x" });
  });

  it("can be aborted, once", () => {
    const client = new ClientDriver().joined();
    client.set("a");
    client.feed({ type: "abort", call: 1 }).feed({ type: "abort", call: 1 });
    expect(client.outcomes).toEqual(["1:ERR_ABORTED"]);
    expect(client.statuses.at(-1)).toBe("set-failed");
  });

  it("is refused for a reason", () => {
    const client = new ClientDriver().joined();
    for (let call = 1; call <= 5; call++) client.set(`k${call}`);
    client.refuse({ reason: "conflict" }, uuid(1), 12).refuse({ reason: "invalid" }, uuid(2));
    client.refuse({ reason: "full", option: "maxKeys", limit: 10 }, uuid(3));
    client.refuse({ reason: "full" }, uuid(4)).refuse({ reason: "store-failed" }, uuid(5));
    expect(client.of("failed").map(({ failure }) => failure)).toEqual([
      { code: "ERR_CONFLICT", sequence: 12 },
      { code: "ERR_REFUSED", reason: "invalid" },
      { code: "ERR_LIMIT_REACHED", option: "maxKeys", limit: 10 },
      { code: "ERR_REFUSED", reason: "full" },
      { code: "ERR_REFUSED", reason: "store-failed" },
    ]);
    expect(client.machine.stats.refused).toBe(5);
    expect(client.left).toEqual([]);
  });

  it("that a passive server refuses goes to the other one", () => {
    const client = new ClientDriver().joined().connect(B);
    client.set("a");
    client.set("b");
    client.refuse({ reason: "passive" }, uuid(1)).refuse({ reason: "passive" }, uuid(2));
    expect(client.left).toEqual(["passive"]);
    expect(client.opened).toEqual([A, B]);
    expect(client.up(2).beat(0).sends.slice(2)).toEqual(["1@2/snapshot", "2@2/snapshot"]);
    expect(client.outcomes).toEqual([]);
  });

  it("that a socket does not take is sent when it is due again", () => {
    const client = new ClientDriver().joined();
    client.set("a");
    client.feed({ type: "not-taken", call: 1 }).pass(2000);
    expect(client.sends).toHaveLength(2);
    expect(client.machine.stats.sendsRefused).toBe(1);
  });
});
