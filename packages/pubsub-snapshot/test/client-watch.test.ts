import { AbortedError, frameKey, LimitError, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import type { MapChange } from "../src/client-entry.js";
import { Watch } from "../src/client-watch.js";
import { Watcher, Watchers } from "../src/watchers.js";
import { ClientDriver, changesOf } from "./client-driver.js";

describe("what a watcher collects", () => {
  it("each change of a key, of a subtree, or of everything, in order", () => {
    const client = new ClientDriver().joined({ "/a/x": "1" });
    const [key, subtree, all] = [client.watch("/a/x"), client.watch("/a/"), client.watch()];
    const none = client.watch("/a");
    client.update(2, "/a/x", "2").update(3, "/a/y", "1").update(4, "/b", "1").update(5, "/a/x", "");
    expect(changesOf(key)).toEqual(["+/a/x=2", "-/a/x"]);
    expect(changesOf(subtree)).toEqual(["+/a/x=2", "+/a/y=1", "-/a/x"]);
    expect(changesOf(all)).toEqual(["+/a/x=2", "+/a/y=1", "+/b=1", "-/a/x"]);
    expect(changesOf(none)).toEqual([]);
  });

  it("also where there are very many of one name", () => {
    const client = new ClientDriver().joined({});
    const watchers = Array.from({ length: 200_000 }, () => client.watch("/a/"));
    client.update(1, "/a/x", "1");
    expect(watchers.filter(({ queued }) => queued !== 1)).toEqual([]);
  });

  it("nothing of what lies elsewhere", () => {
    const client = new ClientDriver().joined({ "/a/x": "1" });
    const watchers = [client.watch("/a/x"), client.watch("/b/")];
    client.update(2, "/a/y", "2").update(3, "/a", "1").update(4, "/", "1");
    expect(watchers.map(changesOf)).toEqual([[], []]);
  });

  it("with what was before, and the number of the update", () => {
    const client = new ClientDriver().joined({ a: "1" });
    const watcher = client.watch();
    client.update(2, "a", "2").update(3, "b", "1").update(4, "a", "");
    const seen = [watcher.take(), watcher.take(), watcher.take()].map((change) => [
      change?.entry?.sequence,
      change?.previous?.sequence,
      change?.sequence,
    ]);
    expect(seen).toEqual([
      [2, 1, 2],
      [3, undefined, 3],
      [undefined, 2, 4],
    ]);
  });

  it("not the deletion of a key that is not there", () => {
    const client = new ClientDriver().joined();
    const watcher = client.watch();
    client.update(1, "a", "");
    expect(watcher.queued).toBe(0);
    expect(client.machine.map.sequence).toBe(1);
  });

  it("the first map as a whole, in the order of sequence numbers", () => {
    const client = new ClientDriver().connect(`tcp://a:5556`);
    const [all, key] = [client.watch("", 1), client.watch("b")];
    client.up().beat(7).item(7, "c", "1").item(2, "b", "1").item(5, "a", "1").update(8, "b", "2");
    expect(all.queued).toBe(0);
    client.command("KTHXBAI", 7);
    expect(changesOf(all)).toEqual(["+a=1", "+c=1", "+b=2"]);
    expect(changesOf(key)).toEqual(["+b=2"]);
  });

  it("after a gap the difference between the old map and the new one", () => {
    const client = new ClientDriver().joined({ a: "1", b: "1", c: "1", d: "1" });
    const watchers = [client.watch(), client.watch("b"), client.watch("x")];
    client.update(9, "x", "lost").up(2).beat(12);
    client.item(1, "a", "1").item(9, "c", "1").item(11, "d", "2").update(13, "e", "1").command("KTHXBAI", 12);
    expect(watchers.map(changesOf)).toEqual([["+c=1", "+d=2", "-b", "+e=1"], ["-b"], []]);
  });

  it("after a gap, of keys alone: those that are watched", () => {
    const client = new ClientDriver().joined({ a: "1", b: "1" });
    const watchers = [client.watch("a"), client.watch("b"), client.watch("nowhere")];
    client.update(9, "x", "lost").up(2).beat(12).item(1, "a", "1").command("KTHXBAI", 12);
    expect(watchers.map(changesOf)).toEqual([[], ["-b"], []]);
  });

  it("items without a number are different if their values or properties are", () => {
    const snapshot = (client: ClientDriver, properties: string) =>
      client
        .item(0, "a", "1", {
          properties: [
            ["p", properties],
            ["sw-left", properties],
          ],
        })
        .item(0, "b", properties)
        .item(0, "c", "1", { properties: [["sw-left", properties]] })
        .foreignEnd(3);
    const client = snapshot(new ClientDriver().connect("tcp://a:5556").up().hugz(3), "1");
    const watcher = client.watch();
    snapshot(client.hugz(5).up(2).hugz(5), "2");
    expect(changesOf(watcher)).toEqual(["+a=1", "+b=2"]);
  });

  it("nothing more when it is removed", () => {
    const client = new ClientDriver().joined();
    const watchers = ["a", "a", "/a/", "/b/"].map((name) => client.watch(name));
    for (const watcher of watchers) client.machine.map.watchers.remove(watcher);
    for (const watcher of watchers) client.machine.map.watchers.remove(watcher);
    client.update(1, "a", "1").update(2, "/a/", "1");
    expect(watchers.map(changesOf)).toEqual([[], [], [], []]);
    expect(client.machine.map.watchers.size).toBe(0);
  });

  it("up to maxQueued: then all is dropped, and nothing more is collected", () => {
    const client = new ClientDriver().joined();
    const [slow, quick] = [client.watch("", 3), client.watch("")];
    for (let sequence = 1; sequence <= 3; sequence++) client.update(sequence, "a", `${sequence}`);
    expect(slow).toMatchObject({ queued: 3, hasOverflowed: false });
    client.update(4, "a", "4").update(5, "a", "5");
    expect(slow).toMatchObject({ queued: 0, hasOverflowed: true });
    expect(quick.queued).toBe(5);
    expect(client.of("status").at(-1)?.event).toEqual({
      type: "watcher-overflowed",
      at: 0,
      key: "",
      maxQueued: 3,
    });
    expect(client.machine.stats.overflows).toBe(1);
  });

  it("a difference is not too much for a reader that was not behind, and leaves room for what follows", () => {
    const client = new ClientDriver().connect("tcp://a:5556");
    const watcher = client.watch("", 2);
    client.joined({ a: "1", b: "1", c: "1" }).update(4, "d", "1").update(5, "e", "1");
    expect(watcher.queued).toBe(5);
    for (let taken = 0; taken < 5; taken++) watcher.take();
    client.update(6, "a", "2").update(7, "a", "3");
    expect(watcher.hasOverflowed).toBe(false);
    client.update(9, "x", "lost").up(2).beat(9).item(9, "x", "1").command("KTHXBAI", 9);
    expect(watcher.hasOverflowed).toBe(true);
  });

  it.each([
    [3, true],
    [2, false],
  ])(
    "a difference is too much for a reader that has as many left of the one before: %i",
    (left, isTooMuch) => {
      const client = new ClientDriver().connect("tcp://a:5556");
      const watcher = client.watch("", 3);
      client.joined({ a: "1", b: "1", c: "1", d: "1", e: "1" });
      while (watcher.queued > left) watcher.take();
      client.update(9, "x", "lost").up(2).beat(9).item(9, "x", "1").command("KTHXBAI", 9);
      expect(watcher).toMatchObject({ hasOverflowed: isTooMuch, queued: isTooMuch ? 0 : left + 6 });
    },
  );

  it("tells a reader that waits, once", () => {
    const client = new ClientDriver().joined();
    const watcher = client.watch("", 1);
    client.update(1, "a", "1");
    expect(client.of("changed")).toEqual([]);
    watcher.take();
    watcher.isAwaited = true;
    client.update(2, "a", "2").update(3, "a", "3");
    expect(client.of("changed")).toEqual([{ type: "changed", watcher }]);
    const late = client.watch("b", 1);
    client.update(4, "b", "1");
    late.isAwaited = true;
    client.update(5, "b", "2");
    expect(client.of("changed")).toHaveLength(2);
  });
});

describe("a reader", () => {
  const change = (name: string): MapChange => ({ name }) as MapChange;

  function reader(maxQueued = 10) {
    const stopped: string[] = [];
    const watcher = new Watcher(frameKey(textFrame("/a/")), maxQueued);
    const watch = new Watch(
      watcher,
      ({ name }) => name,
      () => stopped.push("stopped"),
    );
    const watchers = new Watchers({ changed: () => watch.changed(), overflowed: () => {} });
    watchers.add(watcher);
    const tell = (name: string) => watchers.tell(watchers.interested(name), change(name));
    return { watch, watchers, tell, stopped };
  }

  it("takes what waits, and waits for what comes, call by call", async () => {
    const { watch, tell } = reader();
    tell("/a/1");
    const calls = [watch.next(), watch.next(), watch.next()];
    tell("/a/2");
    tell("/a/3");
    tell("/a/4");
    calls.push(watch.next());
    expect((await Promise.all(calls)).map(({ value }) => value)).toEqual(["/a/1", "/a/2", "/a/3", "/a/4"]);
  });

  it("that leaves the loop collects no more", async () => {
    const { watch, tell, stopped } = reader();
    tell("/a/1");
    tell("/a/2");
    for await (const name of watch) {
      expect(name).toBe("/a/1");
      break;
    }
    expect(stopped).toEqual(["stopped"]);
    expect(await watch.next()).toEqual({ done: true, value: undefined });
  });

  it("that is ended is told so: the first call why, the others that there is no more", async () => {
    const { watch, stopped } = reader();
    const [first, second] = [watch.next(), watch.next()];
    watch.end(new AbortedError("enough"));
    watch.end();
    await expect(first).rejects.toThrow(AbortedError);
    expect(await second).toEqual({ done: true, value: undefined });
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    expect(stopped).toEqual(["stopped"]);
  });

  it("that does not wait when it is ended is told at its next call", async () => {
    const { watch, tell } = reader();
    tell("/a/1");
    watch.end(new AbortedError("enough"));
    await expect(watch.next()).rejects.toThrow(AbortedError);
    expect(await watch.next()).toEqual({ done: true, value: undefined });
  });

  it("that is too far behind is told at its next call", async () => {
    const { watch, tell, stopped } = reader(1);
    tell("/a/1");
    tell("/a/2");
    const error = await watch.next().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LimitError);
    expect(error).toMatchObject({ option: "maxQueued", limit: 1 });
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    expect(stopped).toEqual(["stopped"]);
  });
});
