import { describe, expect, it } from "vitest";
import { HUGZ } from "../src/beat.js";
import { A, ClientDriver } from "./client-driver.js";

/** A client that has asked a server which was passive, as it said. */
const asked = (subtree = "") => new ClientDriver({ subtree }).connect(A).up().beat(0, { isActive: false });

describe("a server that was passive becomes active while it is asked, and its heartbeats get lost", () => {
  it("an update that comes before the first one as an active tells of it", () => {
    const client = asked().command("KTHXBAI", 0);
    expect(client.machine.state).toBe("live");
    client.update(1, "a", "1");
    expect(client.left).toEqual(["gap"]);
    expect(client.of("status").find(({ event }) => event.type === "gap-noticed")?.event).toMatchObject({
      missing: undefined,
    });
    expect(client.up(2).beat(1).item(1, "a", "1").command("KTHXBAI", 1).map).toEqual({ a: "1" });
  });

  it("so does one that comes while the snapshot is on its way", () => {
    expect(asked().update(1, "a", "1").left).toEqual(["gap"]);
  });

  it("of a subtree only its own keys do", () => {
    const client = asked("/a/").command("KTHXBAI", 0);
    expect(client.update(1, "HUGZ", "a key like any other").left).toEqual([]);
    expect(client.update(2, "/a/b", "1", { count: 1 }).left).toEqual(["gap"]);
  });

  it("its first heartbeat as an active tells of updates behind the snapshot", () => {
    expect(asked().command("KTHXBAI", 2).beat(3).left).toEqual(["gap"]);
    expect(asked().beat(3).command("KTHXBAI", 2).left).toEqual(["gap"]);
  });

  it("nothing is lost if the snapshot has all of them", () => {
    for (const client of [asked().command("KTHXBAI", 3).beat(3), asked().beat(3).command("KTHXBAI", 4)]) {
      expect(client.left).toEqual([]);
      expect(client.machine.state).toBe("live");
    }
  });
});

describe("the heartbeat of the client's own topic gets lost, and that of all clients comes", () => {
  it("where all updates are taken, that one proves the subscription as well", () => {
    const client = new ClientDriver().connect(A).up().beat(2, { topic: HUGZ, count: undefined });
    expect(client.of("ask")).toMatchObject([{ terms: { credit: 400 } }]);
    expect(client.update(3, "a", "1").command("KTHXBAI", 2).map).toEqual({ a: "1" });
    expect(client.update(5, "b", "1").left).toEqual(["gap"]);
  });

  it("of a subtree it does not, but the server is not taken for one that is not ours", () => {
    const client = new ClientDriver({ subtree: "/a/", joinTimeoutMs: 3000 }).connect(A).up();
    client.beat(2, { topic: HUGZ, count: undefined }).update(3, "/a/x", "1", { count: 1 }).pass(3000);
    expect(client.of("ask")).toEqual([]);
    expect(client.statuses).not.toContain("subtree-widened:foreign");
    expect(client.left).toEqual(["no-answer"]);
  });
});
