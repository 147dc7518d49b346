import { textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { beatTopic } from "../src/beat.js";
import { EMPTY, encodeKeyValue } from "../src/wire.js";
import { A, B, ClientDriver, uuid } from "./client-driver.js";

/** Joined to a server such as the guide's at A, whose map has these entries, set by updates 1, 2, …. */
function joined(client: ClientDriver, entries: Readonly<Record<string, string>> = {}): ClientDriver {
  const names = Object.entries(entries);
  client.connect(A).up().hugz(names.length);
  for (const [index, [key, value]] of names.entries()) client.item(index + 1, key, value);
  return client.foreignEnd(names.length);
}

describe("a server that is not ours", () => {
  it("is told nothing but what RFC 12 has", () => {
    const client = new ClientDriver().connect(A).up().hugz(3);
    expect(client.of("ask")).toEqual([{ type: "ask", join: 1, subtree: EMPTY, terms: undefined }]);
    for (let item = 1; item < 1000; item++) client.item(item, `${item}`, "x");
    client.pass(4000);
    expect(client.of("give-credit")).toEqual([]);
    expect(client.down().of("discard").at(-1)).toMatchObject({ isAmidSnapshot: false });
  });

  it("the guide's KTHXBAI has no value, and RFC 12's has the subtree; with another value it is a key", () => {
    const client = new ClientDriver({ subtree: "/a/" }).connect(A).up().hugz(1).up(2).hugz(1);
    client.item(1, "/a/x", "1").item(1, "KTHXBAI", "/b/");
    expect(client.machine.state).toBe("receiving");
    expect(client.foreignEnd(1, "/a/").map).toEqual({ "/a/x": "1" });
    expect(joined(new ClientDriver(), { KTHXBAI: "value" }).map).toEqual({ KTHXBAI: "value" });
  });

  it("HUGZ is never stored, whatever its number; updates of a key of that name are", () => {
    const client = joined(new ClientDriver(), { a: "1" }).hugz(1).hugz(0);
    expect(client.map).toEqual({ a: "1" });
    client
      .update(2, "HUGZ", "1")
      .update(3, "HUGZ", "", { uuid: uuid(1) })
      .update(4, "HUGZZ", "1");
    expect(client.map).toEqual({ a: "1", HUGZZ: "1" });
    expect(client.left).toEqual([]);
  });

  it("numbers its updates without a hole; HUGZ with a number shows a loss at the end, too", () => {
    expect(joined(new ClientDriver(), { a: "1" }).update(3, "b", "1").left).toEqual(["gap"]);
    expect(joined(new ClientDriver(), { a: "1" }).update(2, "b", "1").hugz(3).left).toEqual(["gap"]);
    expect(joined(new ClientDriver(), { a: "1" }).update(2, "b", "1").hugz(1).left).toEqual(["gap"]);
    expect(new ClientDriver().connect(A).up().hugz(4).update(6, "b", "1").left).toEqual(["gap"]);
  });

  it("HUGZ without a number, as in RFC 12: the first update begins the numbering", () => {
    const client = new ClientDriver().connect(A).up().hugz(0).item(0, "a", "1").foreignEnd(3);
    client.update(7, "b", "1").update(8, "c", "1").update(8, "c", "1");
    expect(client.map).toEqual({ a: "1", b: "1", c: "1" });
    expect(client.machine.stats.duplicates).toBe(1);
    expect(client.update(10, "d", "1").left).toEqual(["gap"]);
  });

  it("HUGZ without a number, and then with one: there was no update at first, and those since are lost", () => {
    const client = new ClientDriver().connect(A).up().hugz(0).foreignEnd(0).hugz(0);
    expect(client.left).toEqual([]);
    expect(client.hugz(5).left).toEqual(["gap"]);
  });

  it("a key HUGZ that is deleted without a UUID looks like a heartbeat: the next join shows that it is gone", () => {
    const client = joined(new ClientDriver(), { HUGZ: "1" }).update(2, "HUGZ", "");
    expect(client.left).toEqual(["gap"]);
    expect(client.up(2).hugz(2).foreignEnd(2).map).toEqual({});
  });

  it("KTHXBAI may have a number below what the snapshot contains: what is repeated comes to the same", () => {
    const client = new ClientDriver().connect(A).up().hugz(5);
    client.update(6, "a", "old").update(7, "b", "1").update(8, "b", "");
    // As of 8: a was set by 6; RFC 12 wants the highest number of an item.
    expect(client.item(6, "a", "old").foreignEnd(6).map).toEqual({ a: "old" });
    expect(client.machine.map.sequence).toBe(8);
  });

  it("has no counts: of a subtree all updates are taken, over a connection that proves it", () => {
    const client = new ClientDriver({ subtree: "/a/" }).connect(A).up().hugz(3);
    expect(client.statuses).toContain("subtree-widened:foreign");
    expect(client.of("ask")).toEqual([]);
    // What the first connection says is no proof.
    client.hear(encodeKeyValue(textFrame("HUGZ"), 3, EMPTY, EMPTY, EMPTY), 1);
    client.up(2);
    expect(client.topics[0]).toBe("");
    expect(client.of("ask")).toEqual([]);
    client.hugz(4);
    expect(client.of("ask")).toMatchObject([{ join: 2, subtree: textFrame("/a/") }]);
    client.item(1, "/a/x", "1").item(2, "/b/x", "1").foreignEnd(4);
    client.update(5, "/b/y", "1").update(6, "/a/y", "1");
    expect(client.map).toEqual({ "/a/x": "1", "/a/y": "1" });
    expect(client.update(8, "/b/y", "1").left).toEqual(["gap"]);
  });

  it("that is busy need not say HUGZ: updates prove the subscription, when no heartbeat came for long", () => {
    const client = new ClientDriver().connect(A).up();
    for (let sequence = 1; sequence < 10; sequence++) client.pass(500).update(sequence, "a", `${sequence}`);
    expect(client.of("ask")).toEqual([]);
    client.pass(500);
    expect(client.of("ask")).toMatchObject([{ join: 1, terms: undefined }]);
    client.update(10, "a", "10").foreignEnd(9);
    expect(client.map).toEqual({ a: "10" });
  });

  it("that is silent is left: nothing proves the subscription", () => {
    const client = new ClientDriver().connect(A, B).up().pass(5000);
    expect(client.left).toEqual(["no-answer"]);
    expect(client.opened).toEqual([A, B]);
  });

  it("that gives way to one of ours is joined anew", () => {
    const client = joined(new ClientDriver(), { a: "1" });
    expect(client.beat(1, { topic: textFrame("HUGZ") }).left).toEqual(["changed"]);
    expect(joined(new ClientDriver()).beat(1, { topic: beatTopic(EMPTY) }).left).toEqual(["changed"]);
  });

  it("has nothing to command", () => {
    const client = new ClientDriver().connect(A).up().hugz(1).command("KTHXBAI", 1).command("OKTHX", 1);
    expect(client.machine.state).toBe("asking");
    expect(client.machine.stats.dropped).toBe(2);
  });

  it("is dead after five seconds without a word", () => {
    const client = joined(new ClientDriver(), { a: "1" }).pass(4000).hugz(1).pass(4999);
    expect(client.left).toEqual([]);
    expect(client.pass(1).left).toEqual(["silent"]);
    expect(joined(new ClientDriver({ heartbeatMs: 100 })).pass(500).left).toEqual(["silent"]);
  });

  it("does not answer as a passive of the guide's: the other one is asked", () => {
    const client = new ClientDriver().connect(A, B).up().hugz(3);
    for (let second = 0; second < 5; second++) client.pass(1000).hugz(3);
    expect(client.left).toEqual(["no-answer"]);
    expect(client.opened).toEqual([A, B]);
  });
});

describe("updates to a server that is not ours", () => {
  it("go to its collector, which is connected to when there is one, and are sent when it has subscribed", () => {
    const client = new ClientDriver().connect(A).up();
    client.set("a");
    client.hugz(1);
    expect(client.of("open-collector")).toEqual([
      { type: "open-collector", join: 1, endpoint: "tcp://a:5558" },
    ]);
    expect(client.sends).toEqual([]);
    client.set("b");
    client.foreignEnd(1).feed({ type: "collector-open", join: 1 });
    expect(client.sends).toEqual(["1@1/collector", "2@1/collector"]);
    client.set("c");
    expect(client.sends).toHaveLength(3);
    expect(client.of("open-collector")).toHaveLength(1);
    const reader = joined(new ClientDriver(), { a: "1" });
    expect(reader.of("open-collector")).toEqual([]);
    reader.set("a");
    expect(reader.of("open-collector")).toHaveLength(1);
  });

  it("are over when they are seen among the updates, under the number that they have there", () => {
    const client = joined(new ClientDriver());
    client.set("a");
    client.feed({ type: "collector-open", join: 1 });
    client.update(1, "other", "x", { uuid: uuid(9) });
    expect(client.outcomes).toEqual([]);
    client.update(2, "a", "new", { uuid: uuid(1) });
    expect(client.outcomes).toEqual(["1=2"]);
    expect(client.map).toEqual({ a: "new", other: "x" });
  });

  it("are seen while the snapshot comes, in it, or outside of the subtree", () => {
    const client = new ClientDriver().connect(A).up();
    client.set("a");
    client.set("b");
    client
      .hugz(0)
      .update(1, "a", "new", { uuid: uuid(1) })
      .item(2, "b", "new", { uuid: uuid(2) });
    expect(client.outcomes).toEqual([]);
    expect(client.foreignEnd(2).outcomes).toEqual(["1=1", "2=2"]);
    const part = new ClientDriver({ subtree: "/a/" }).connect(A).up().hugz(0).up(2).hugz(0).foreignEnd(0);
    part.set("/b");
    expect(part.update(1, "/b", "new", { uuid: uuid(1) }).outcomes).toEqual(["1=1"]);
    expect(part.map).toEqual({});
  });

  it("are sent again when the collector comes back, and wait while it is gone", () => {
    const client = joined(new ClientDriver());
    client.set("a");
    client.feed({ type: "collector-open", join: 1 }).feed({ type: "collector-closed", join: 1 });
    client.feed({ type: "collector-failed", join: 1, reason: "refused" }).pass(3000).hugz(0);
    expect(client.sends).toEqual(["1@1/collector"]);
    expect(client.statuses).toContain("collector-failed:refused");
    client.feed({ type: "collector-open", join: 1 });
    expect(client.sends).toEqual(["1@1/collector", "1@1/collector"]);
    expect(client.of("send").every(({ uuid: id }) => id[0] === 1)).toBe(true);
  });

  it("with a condition are not supported", () => {
    const client = joined(new ClientDriver());
    client.set("a", "x", { expected: 0 });
    expect(client.feed({ type: "collector-open", join: 1 }).outcomes).toEqual(["1:ERR_UNSUPPORTED"]);
    expect(client.sends).toEqual([]);
    client.set("a", "x", { expected: 0 });
    expect(client.outcomes).toEqual(["1:ERR_UNSUPPORTED", "2:ERR_UNSUPPORTED"]);
  });
});
