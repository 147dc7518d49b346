import { type Frames, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { encodeItems, PORTION_BYTES } from "../src/packs.js";
import { EMPTY, encodeCommand } from "../src/wire.js";
import { A, B, ClientDriver } from "./client-driver.js";

describe("connections and silence", () => {
  it("a live server that is lost is left for the next one without a pause", () => {
    const client = new ClientDriver().joined({ a: "1" }).connect(B).down("publisher", "reset");
    expect(client.of("status").at(-2)?.event).toMatchObject({
      type: "server-left",
      reason: "lost",
      detail: "reset",
    });
    expect(client.opened).toEqual([A, B]);
    expect(client.of("discard")).toEqual([{ type: "discard", join: 1, isAmidSnapshot: false }]);
    expect(client.map).toEqual({ a: "1" });
    expect(client.machine.stats.moves).toBe(1);
    expect(client.machine.server).toBeUndefined();
  });

  it("a lone server that is lost is connected to at once, and then after pauses that grow", () => {
    const client = new ClientDriver().joined({ a: "1" }).down("snapshot");
    expect(client.opened).toHaveLength(2);
    const times: number[] = [];
    for (let join = 2; join < 8; join++) {
      const failedAt = client.now;
      client.join = join;
      client.down("snapshot");
      while (client.opened.length === join) client.until(client.machine.deadline as number);
      times.push(client.now - failedAt);
    }
    expect(times).toEqual([200, 400, 800, 1600, 2000, 2000]);
    expect(client.machine.stats.moves).toBe(0);
    expect(client.left[1]).toBe("failed");
  });

  it("there is a pause after each round of servers that fail", () => {
    const client = new ClientDriver().connect(A, B).down();
    expect(client.opened).toEqual([A, B]);
    client.join = 2;
    client.down().pass(99);
    expect(client.machine.state).toBe("pausing");
    client.pass(1);
    expect(client.opened).toEqual([A, B, A]);
  });

  it("a map that was kept for long makes up for what failed before; a short one does not", () => {
    const client = new ClientDriver().joined().down().up(2).beat(0).command("KTHXBAI").pass(1999).down();
    expect(client.machine.state).toBe("pausing");
    client.pass(200).up(3).beat(0).command("KTHXBAI").pass(2000).down();
    expect(client.machine.state).toBe("connecting");
  });

  it("gaps in a row are not joined anew for ever without a pause, nor at one server only", () => {
    const client = new ClientDriver().connect(A, B).up().beat(1).update(3, "a", "1");
    expect(client.opened).toEqual([A, A]);
    client.up(2).beat(1).update(3, "a", "1");
    expect(client.machine.state).toBe("pausing");
    client.pass(100);
    expect(client.opened).toEqual([A, A, B]);
  });

  it("silence for three of the announced intervals is death, whatever comes over the other connection", () => {
    const client = new ClientDriver();
    client.heartbeatMs = 200;
    client.joined().pass(599).command("OKTHX");
    expect(client.left).toEqual([]);
    expect(client.pass(1).left).toEqual(["silent"]);
  });

  it("any message over the connection for updates is a sign of life", () => {
    const client = new ClientDriver().joined().pass(2900).update(1, "a", "1").pass(2900);
    client
      .hear([new Uint8Array(1)])
      .pass(2900)
      .beat(1)
      .pass(2999);
    expect(client.left).toEqual([]);
    expect(client.machine.stats.dropped).toBe(1);
    expect(client.pass(1).left).toEqual(["silent"]);
  });

  it("a process that stood still gives the server its time again", () => {
    const client = new ClientDriver().joined();
    client.now = 9000;
    client.feed({ type: "stalled", ms: 6000 }).until(11_999);
    expect(client.left).toEqual([]);
    expect(client.until(12_000).left).toEqual(["silent"]);
    const asking = new ClientDriver().connect(A);
    asking.now = 9000;
    expect(asking.feed({ type: "stalled", ms: 6000 }).until(13_999).left).toEqual([]);
    expect(asking.until(14_000).left).toEqual(["no-answer"]);
    expect(new ClientDriver().feed({ type: "stalled", ms: 1 }).statuses).toEqual(["process-stalled"]);
  });
});

describe("joins that make no progress", () => {
  it("a connection that does not stand in time is given up", () => {
    const client = new ClientDriver()
      .connect(A, B)
      .feed({ type: "up", join: 1, socket: "publisher" })
      .pass(5000);
    expect(client.left).toEqual(["no-answer"]);
    expect(client.opened).toEqual([A, B]);
  });

  it("a server of ours that lives may serve many others before this client", () => {
    const client = new ClientDriver().connect(A).up().beat(0);
    for (let second = 1; second < 60; second++) client.pass(1000).beat(0);
    expect(client.left).toEqual([]);
    expect(client.pass(1000).left).toEqual(["no-answer"]);
  });

  it("a server of ours that is silent meanwhile is dead", () => {
    expect(new ClientDriver().connect(A).up().beat(0).pass(3000).left).toEqual(["silent"]);
  });

  it("a snapshot that stops is left, and the server told so", () => {
    const client = new ClientDriver().connect(A).up().beat(0);
    for (let second = 1; second < 10; second++) client.pass(1000).beat(0).item(second, `${second}`, "x");
    for (let second = 1; second < 5; second++) client.pass(1000).beat(0);
    expect(client.left).toEqual([]);
    expect(client.pass(1000).left).toEqual(["no-answer"]);
    expect(client.of("discard")).toEqual([{ type: "discard", join: 1, isAmidSnapshot: true }]);
  });

  it("a snapshot that is refused is asked for elsewhere", () => {
    const client = new ClientDriver().connect(A, B).up().beat(0);
    client.refuse({ reason: "full", option: "maxWaitingSnapshots", limit: 1 });
    expect(client.of("status").at(-2)?.event).toMatchObject({
      type: "server-left",
      reason: "refused",
      detail: "full",
    });
    expect(client.opened).toEqual([A, B]);
    expect(client.of("discard")).toEqual([{ type: "discard", join: 1, isAmidSnapshot: false }]);
  });

  it("more keys than maxKeys: the server is asked again after the longest pause", () => {
    const options = { maxKeys: 2, backoff: { initialMs: 100, maxMs: 7000, jitter: 0 } };
    const items = new ClientDriver(options).connect(A).up().beat(3).item(1, "a", "x").item(2, "b", "x");
    expect(items.left).toEqual([]);
    expect(items.item(3, "c", "x").left).toEqual(["too-many-keys"]);
    const packed = new ClientDriver(options).connect(A).up().beat(3).items([1, "a", "x"], [2, "b", "x"]);
    expect(packed.items([1, "a", "x"], [3, "c", "x"]).left).toEqual(["too-many-keys"]);
    items.pass(6999);
    expect(items.machine.state).toBe("pausing");
    expect(items.pass(1).opened).toEqual([A, A]);
    const updates = new ClientDriver(options).connect(A).up().beat(0);
    updates.update(1, "a", "x").update(2, "b", "x").update(3, "c", "x");
    expect(updates.left).toEqual(["too-many-keys"]);
    const both = new ClientDriver(options).connect(A).up().beat(1).item(1, "a", "x").item(1, "b", "x");
    expect(both.update(2, "c", "x").command("KTHXBAI", 1).left).toEqual(["too-many-keys"]);
    const live = new ClientDriver(options).joined({ a: "1", b: "1" }).update(3, "b", "").update(4, "c", "x");
    expect(live.left).toEqual([]);
    expect(live.update(5, "d", "x").left).toEqual(["too-many-keys"]);
  });
});

describe("something malformed over the connection for snapshots", () => {
  const cut = (): Frames => {
    const [key, number, uuid, properties, name] = encodeItems(
      ["a", "b"].map((text) => ({
        ...{ key: textFrame(text), sequence: 1, uuid: EMPTY, properties: EMPTY, value: textFrame("x") },
      })),
    ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    return [key, number, uuid, properties.subarray(0, -1), name];
  };

  it.each([
    ["items that are cut", cut(), "ITEMS with a part of an item"],
    ["an item without a number", [EMPTY, EMPTY, EMPTY, EMPTY, EMPTY], "sequence number that is none"],
  ])(
    "may have been items: in the middle of a snapshot (%s) the client joins anew",
    (_what, frames, detail) => {
      const client = new ClientDriver().connect(A, B).up().beat(3).item(1, "a", "x").get(frames);
      expect(client.statuses).toContain(`message-dropped:${detail}`);
      expect(client.of("status").map(({ event }) => event)).toContainEqual({
        ...{ type: "server-left", at: 0, endpoint: A, reason: "malformed", detail },
      });
      expect(client.of("discard")).toEqual([{ type: "discard", join: 1, isAmidSnapshot: true }]);
      expect(client.opened).toEqual([A, B]);
      client.command("KTHXBAI", 3).up(2).beat(3).items([1, "a", "1"], [2, "b", "2"]).command("KTHXBAI", 3);
      expect(client.map, "nothing of what came before").toEqual({ a: "1", b: "2" });
      expect(client.machine.stats).toMatchObject({ dropped: 1, joins: 1, items: 3 });
    },
  );

  it("is dropped, and does no harm, when the map is complete", () => {
    const client = new ClientDriver().joined({ a: "1" }).get(cut());
    expect([client.left, client.map, client.machine.stats.dropped]).toEqual([[], { a: "1" }, 1]);
  });

  it("is dropped where the server is not ours: it would come again", () => {
    const client = new ClientDriver().connect(A).up().hugz(1).get(cut()).item(1, "a", "x").foreignEnd(1);
    expect([client.left, client.map, client.machine.stats.dropped]).toEqual([[], { a: "x" }, 1]);
  });
});

describe("items in one message", () => {
  it("are items, each of them", () => {
    const client = new ClientDriver().connect(A).up().beat(3).update(4, "b", "new").update(5, "c", "");
    client.items([1, "a", "x"], [2, "b", "old"], [3, "c", "old"]).items([3, "d", "x"], [1, "e", "x"]);
    expect(client.command("KTHXBAI", 3).map).toEqual({ a: "x", b: "new", d: "x", e: "x" });
    expect(client.machine.stats).toMatchObject({ items: 5, updates: 2, dropped: 0 });
  });

  it("that lie elsewhere are none of the subtree's", () => {
    const client = new ClientDriver({ subtree: "/a/" }).connect(A).up().beat(2);
    client.items([1, "/a/x", "1"], [2, "/b/x", "1"]).command("KTHXBAI", 2);
    expect(client.map).toEqual({ "/a/x": "1" });
  });

  it("are a sign that the server serves: updates of the application go there", () => {
    const client = new ClientDriver().connect(A).up().beat(0, { isActive: false });
    const call = client.set("k");
    expect(client.items([1, "a", "x"], [2, "b", "x"]).sends).toEqual([`${call}@1/snapshot`]);
  });

  it("are nothing that a server has to say that is not ours", () => {
    const client = new ClientDriver().connect(A).up().hugz(2).items([1, "a", "x"], [2, "b", "x"]);
    expect(client.foreignEnd(2).map).toEqual({});
    expect(client.statuses).toContain("message-dropped:items of a server that is not ours");
  });
});

describe("credit", () => {
  const begun = (credit: number) => new ClientDriver({ credit }).connect(A).up().beat(0);
  const given = (client: ClientDriver) => client.of("give-credit").map(({ portions }) => portions);

  it("is given back as half of it is taken in", () => {
    const client = begun(10);
    for (let item = 1; item < 5; item++) client.item(item, `${item}`, "x");
    expect(given(client)).toEqual([]);
    client.item(5, "5", "x");
    expect(given(client)).toEqual([5]);
    for (let item = 6; item < 16; item++) client.item(item, `${item}`, "x");
    expect(given(client)).toEqual([5, 5, 5]);
    expect(given(begun(1).item(1, "a", "x"))).toEqual([1]);
  });

  it("is given for a message, however many items it has, and for as many portions as it is", () => {
    const client = begun(8).items([1, "a", "x"], [2, "b", "x"], [3, "c", "x"]).item(4, "d", "x");
    expect(given(client)).toEqual([]);
    client.item(5, "e", "x".repeat(2 * PORTION_BYTES));
    expect(given(client)).toEqual([5]);
    expect(client.machine.stats.items).toBe(5);
  });

  it("is given back when nothing comes: a server may let less be under way", () => {
    const client = begun(400).item(1, "a", "x").item(2, "b", "x").pass(19);
    expect(given(client)).toEqual([]);
    expect(given(client.pass(1))).toEqual([2]);
    expect(given(client.pass(1000))).toEqual([2]);
  });

  it("is not given for a snapshot that is over", () => {
    expect(given(begun(400).item(1, "a", "x").command("KTHXBAI", 1).pass(1000))).toEqual([]);
  });
});

describe("what nobody asked for", () => {
  it("is dropped and counted", () => {
    const client = new ClientDriver().connect(A).up();
    client.item(1, "a", "x").beat(0).command("MOAR", 5).command("PONG");
    client.get(encodeCommand("SORRY", 1)).hear(encodeCommand("MOAR"));
    client.update(0, "a", "x").command("KTHXBAI").item(1, "b", "x").command("KTHXBAI", 1);
    client.items([1, "a", "x"], [2, "b", "x"]).get([new Uint8Array(3)]);
    expect(client.statuses.filter((status) => status.startsWith("message-dropped:"))).toEqual([
      "message-dropped:item that nobody asked for",
      "message-dropped:MOAR is nothing for a client",
      "message-dropped:PONG is nothing for a client",
      "message-dropped:SORRY without a reason that is known",
      "message-dropped:update without a key",
      "message-dropped:update without a sequence number",
      "message-dropped:item that nobody asked for",
      "message-dropped:end of a snapshot that nobody asked for",
      "message-dropped:item that nobody asked for",
      "message-dropped:message of 1 frames",
    ]);
    expect(client.machine.stats.dropped).toBe(10);
    expect([client.map, client.machine.state]).toEqual([{}, "live"]);
  });

  it("a snapshot's item without a value is none", () => {
    const client = new ClientDriver().connect(A).up().beat(2).item(1, "a", "").item(2, "b", "x");
    expect(client.command("KTHXBAI", 2).map).toEqual({ b: "x" });
  });

  it("after the end there is nothing", () => {
    const client = new ClientDriver().joined({ a: "1" });
    client.set("x");
    client.feed({ type: "close" }).feed({ type: "close" }).connect(B).feed({ type: "stalled", ms: 5 });
    expect(client.set("y")).toBe(2);
    expect(client.outcomes).toEqual(["1:ERR_CLOSED", "2:ERR_CLOSED"]);
    expect(client.machine.deadline).toBeUndefined();
    client.machine.tick(1e6);
    expect(client.of("discard")).toHaveLength(1);
    expect(client.opened).toEqual([A]);
    expect(client.map).toEqual({ a: "1" });
    expect(new ClientDriver().feed({ type: "close" }).of("discard")).toEqual([]);
  });
});
