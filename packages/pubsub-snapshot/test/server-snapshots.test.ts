import { frameText, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { type Command, EMPTY, type KeyValue } from "../src/wire.js";
import { inWords, ServerDriver } from "./server-driver.js";

/** A server with so many keys, `/0/0`, `/1/1`, `/2/2`, `/0/3` … */
function filled(keys: number, ...rest: ConstructorParameters<typeof ServerDriver>): ServerDriver {
  const server = new ServerDriver(...rest);
  for (let n = 0; n < keys; n++) server.collect(`/${n % 3}/${n}`, `${n}`);
  server.published.length = 0;
  return server;
}

const isEnd = (message: KeyValue | Command): boolean =>
  message.type === "command" ? message.name === "KTHXBAI" : frameText(message.key) === "KTHXBAI";

/** What a client makes of all that it got. */
function received(messages: readonly (KeyValue | Command)[]) {
  const items = messages.filter((message) => message.type === "key-value" && !isEnd(message)) as KeyValue[];
  const map = Object.fromEntries(items.map(({ key, value }) => [frameText(key), frameText(value)]));
  const ends = messages.filter(isEnd);
  return { items: items.length, map, ends: ends.length, isEndLast: ends[0] === messages.at(-1) };
}

describe("a snapshot", () => {
  it("has every key, and the end, as of the last update", () => {
    const server = filled(3).ask("c");
    expect(server.take("c").map(inWords)).toEqual(["1 /0/0=0", "2 /1/1=1", "3 /2/2=2", "KTHXBAI 3"]);
    server.run(10);
    expect(server.told("snapshot-sent")).toEqual([
      { type: "snapshot-sent", at: 5, sequence: 3, entries: 3, ms: 5 },
    ]);
    expect(server.machine.openSnapshots).toBe(0);
    expect(server.machine.counters.snapshots).toBe(1);
  });

  it("for a client of others ends as RFC 12 has it, with the subtree as its value", () => {
    const server = filled(3).askPlainly("c", "/1/");
    expect(server.take("c").map(inWords)).toEqual(["2 /1/1=1", "3 KTHXBAI=/1/"]);
  });

  it("of an empty map is its end alone", () => {
    expect(new ServerDriver().ask("c").take("c").map(inWords)).toEqual(["KTHXBAI 0"]);
  });

  it.each([true, false])("honours the subtree (client of ours: %s)", (isOurs) => {
    const server = filled(10);
    if (isOurs) server.ask("c", "/1/");
    else server.askPlainly("c", "/1/");
    expect(received(server.take("c")).map).toEqual({ "/1/1": "1", "/1/4": "4", "/1/7": "7" });
  });

  it("honours the subtree in what is replaced under it", () => {
    const server = filled(6).ask("c", "/1/", 1);
    for (let n = 0; n < 6; n++) server.collect(`/${n % 3}/${n}`, "new");
    server.command("c", "MOAR", 100);
    expect(received(server.take("c")).map).toEqual({ "/1/1": "1", "/1/4": "4" });
  });

  it("has keys that look like commands; for clients of others that would take it for the end, KTHXBAI is left out", () => {
    const server = new ServerDriver();
    for (const key of ["KTHXBAI", "HUGZ", "ICANHAZ?"]) server.collect(key, "x");
    expect(server.ask("c").take("c").map(inWords)).toEqual([
      "1 KTHXBAI=x",
      "2 HUGZ=x",
      "3 ICANHAZ?=x",
      "KTHXBAI 3",
    ]);
    expect(server.askPlainly("d").take("d").map(inWords)).toEqual(["2 HUGZ=x", "3 ICANHAZ?=x", "3 KTHXBAI="]);
  });

  it("is consistent as of one number, while updates, deletions and new keys go on", () => {
    const server = filled(5).ask("c", "", 2);
    server.collect("/0/0", "late").collect("/0/3", "late").collect("/1/1", "").collect("/1/4", "");
    server.collect("/1/4", "again").collect("/9/9", "new");
    server.command("c", "MOAR", 100);
    const messages = server.take("c");
    expect(received(messages).map).toEqual({
      "/0/0": "0",
      "/1/1": "1",
      "/2/2": "2",
      "/0/3": "3",
      "/1/4": "4",
    });
    expect(messages.at(-1)).toMatchObject({ name: "KTHXBAI", number: 5 });
  });

  it("is asked for in vain of a passive server: ours are told so, and others turn to the other one", () => {
    const server = filled(3, {}, { serves: false });
    server.say(
      "c",
      { type: "snapshot-request", subtree: EMPTY, terms: { credit: 1, packBytes: 0, follows: false } },
      { retryAfterMs: 300 },
    );
    expect(server.refusal("c")).toMatchObject({ reason: "passive", retryAfterMs: 300 });
    expect(server.askPlainly("d").take("d")).toEqual([]);
  });

  it("is not given by a server that is in doubt whether it is active", () => {
    const terms = { credit: 1, packBytes: 0, follows: false };
    const server = filled(3).say("c", { type: "snapshot-request", subtree: EMPTY, terms }, { maySay: false });
    expect(server.refusal("c").reason).toBe("passive");
  });

  it("of a large map leaves time for others: a part is looked at in one go, though nothing is found in it", () => {
    const server = filled(10_000);
    server.collect("/x/1", "1").ask("c", "/x/");
    expect(server.take("c")).toEqual([]);
    expect(server.machine.deadline, "at once").toBe(0);
    server.until(0);
    expect(server.take("c").map(inWords)).toEqual(["10001 /x/1=1", "KTHXBAI 10001"]);
  });

  it("does not time out because the server has to look for long", () => {
    const server = filled(5000, { snapshotTimeoutMs: 100 }).ask("c", "/x/");
    server.standStill(99).wake().standStill(99).wake();
    server.run(10);
    expect(server.told("snapshot-abandoned")).toEqual([]);
    expect(server.told("snapshot-sent")).toHaveLength(1);
  });
});

describe("credit", () => {
  it("is what a client of ours gets, until it says that it takes more", () => {
    const server = filled(10).ask("c", "", 4);
    expect(server.take("c")).toHaveLength(4);
    expect(server.command("c", "MOAR", 2).take("c")).toHaveLength(2);
    expect(server.run(1000).take("c")).toEqual([]);
    expect(server.command("c", "MOAR", 5).take("c").map(inWords)).toEqual([
      "7 /0/6=6",
      "8 /1/7=7",
      "9 /2/8=8",
      "10 /0/9=9",
      "KTHXBAI 10",
    ]);
  });

  it("is more than there is room for: what is refused is sent again, and the end last", () => {
    const server = filled(1000);
    server.room.set("c", 40);
    server.ask("c", "", 1e9);
    for (let round = 0; round < 100; round++) {
      server.run(10);
      server.room.set("c", 40);
    }
    expect(server.refusals).toBeGreaterThan(0);
    expect(received(server.take("c"))).toMatchObject({ items: 1000, ends: 1, isEndLast: true });
  });

  it("that comes when all has been sent already changes nothing", () => {
    const server = filled(3).ask("c").command("c", "MOAR", 3).command("c", "PONG");
    expect(received(server.take("c"))).toMatchObject({ items: 3, ends: 1 });
    expect(server.run(10).told("snapshot-sent")).toHaveLength(1);
    expect(server.take("c")).toEqual([]);
  });

  it("that a client gives while it still waits for its turn counts when that has come", () => {
    const server = filled(10, { maxSnapshots: 1 }).ask("a", "", 1).ask("b", "", 1);
    server.command("b", "MOAR", 2);
    expect(server.take("b")).toEqual([]);
    server.command("a", "KTHXBAI");
    expect(server.take("b")).toHaveLength(3);
  });
});

describe("a client that takes several items in one message", () => {
  /** So many items of a key of 5 bytes and a value of 2 have room in it. */
  const room = (items: number): number => 13 + items * (18 + 5 + 2);
  const keys = (from: number, to: number): string[] =>
    Array.from({ length: to - from }, (_, index) => `/k/${from + index}`);
  const server = (count: number, ...rest: ConstructorParameters<typeof ServerDriver>): ServerDriver => {
    const driver = new ServerDriver(...rest);
    for (const key of keys(10, 10 + count)) driver.collect(key, "xx");
    return driver;
  };

  it("gets the map in few of them, and what is left in the last", () => {
    const driver = server(25).ask("c", "", 1000, room(10));
    expect(received(driver.take("c"))).toMatchObject({ items: 25, ends: 1, isEndLast: true });
    expect(driver.packs).toEqual([10, 10, 5]);
    expect(driver.run(10).told("snapshot-sent")).toMatchObject([{ entries: 25 }]);
  });

  it("gets one that is left alone as any other, and no message where nothing is left", () => {
    const eleven = server(11).ask("c", "", 1000, room(10));
    expect([received(eleven.take("c")).items, eleven.packs]).toEqual([11, [10]]);
    const ten = server(10).ask("c", "", 1000, room(10));
    expect([received(ten.take("c")), ten.packs]).toMatchObject([{ items: 10, ends: 1 }, [10]]);
  });

  it("gets as many messages as it gives credit for", () => {
    const driver = server(50).ask("c", "", 2, room(10));
    expect(driver.take("c")).toHaveLength(20);
    expect(driver.run(1000).take("c")).toEqual([]);
    expect(driver.command("c", "MOAR", 1).take("c")).toHaveLength(10);
    expect(received(driver.command("c", "MOAR", 9).take("c"))).toMatchObject({ items: 20, ends: 1 });
  });

  it("gets no message that is more than a portion, however much it says that it takes", () => {
    const driver = new ServerDriver();
    for (let n = 0; n < 40; n++) driver.collect(`k${n}`, "x".repeat(1000));
    driver.ask("c", "", 3, 1e9);
    expect(driver.packs).toEqual([16, 16, 8]);
  });

  it("pays for an entry that is larger as many portions as it is, so that credit is a bound in bytes", () => {
    const driver = new ServerDriver();
    for (const key of ["a", "b", "c", "d"]) driver.collect(key, "x".repeat(key === "a" ? 10 : 100_000));
    driver.ask("c", "", 8, 16_384);
    expect(driver.take("c").map((message) => message.type === "key-value" && frameText(message.key))).toEqual(
      ["a", "b"],
    );
    expect(driver.command("c", "MOAR", 1).take("c"), "7 are for one of 100,000 bytes").toHaveLength(1);
    expect(driver.command("c", "MOAR", 5).take("c")).toEqual([]);
    expect(received(driver.command("c", "MOAR", 2).take("c"))).toMatchObject({ items: 1, ends: 0 });
    expect(received(driver.command("c", "MOAR", 7).take("c"))).toMatchObject({ items: 0, ends: 1 });
  });

  it("gets the map as of one number, whatever becomes of it between two messages", () => {
    const driver = server(30).ask("c", "", 1, room(10));
    for (const key of keys(10, 40)) driver.collect(key, key.endsWith("5") ? "" : "yy");
    driver.collect("/k/50", "zz");
    driver.command("c", "MOAR", 100);
    const { map, items } = received(driver.take("c"));
    expect(items).toBe(30);
    expect(map).toEqual(Object.fromEntries(keys(10, 40).map((key) => [key, "xx"])));
  });

  it("gets what had no room again, all of it, the end last", () => {
    const driver = server(90);
    driver.room.set("c", 3);
    driver.ask("c", "", 1e6, room(10));
    expect(driver.take("c")).toHaveLength(30);
    expect(driver.refusals).toBeGreaterThan(0);
    driver.run(15);
    driver.room.set("c", 1);
    driver.run(25);
    driver.room.delete("c");
    driver.run(100);
    expect(received(driver.take("c"))).toMatchObject({ items: 60, ends: 1, isEndLast: true });
    expect(driver.told("snapshot-sent")).toMatchObject([{ entries: 90 }]);
  });

  it("and is given up: what it had no room for is not counted as sent", () => {
    const driver = server(90, { snapshotTimeoutMs: 100 });
    driver.room.set("c", 3);
    driver.ask("c", "", 1e6, room(10)).run(200);
    expect(driver.told("snapshot-abandoned")).toMatchObject([{ reason: "client-slow", entries: 30 }]);
  });

  it("gets what is found in many turns in one message", () => {
    const driver = new ServerDriver();
    for (let n = 0; n < 9000; n++) driver.collect(n % 3000 === 0 ? `/few/${n}` : `/many/${n}`, "x");
    driver.ask("c", "/few/", 1000, 16_384);
    expect(driver.take("c")).toEqual([]);
    driver.run(10);
    expect([received(driver.take("c")).items, driver.packs]).toEqual([3, [3]]);
  });

  it("of which each turn packs a part: others have theirs between", () => {
    const driver = server(5000).ask("c", "", 1000, 16_384).ask("d", "", 1000, 16_384);
    const counts = (): number[] => ["c", "d"].map((client) => driver.got.get(client)?.length ?? 0);
    expect(counts().every((count) => count > 1000 && count <= 2000)).toBe(true);
    driver.wake();
    expect(counts().every((count) => count > 3000 && count <= 4000)).toBe(true);
    driver.run(10);
    expect(driver.told("snapshot-sent")).toHaveLength(2);
  });

  it("is ours: another gets each item by itself", () => {
    const driver = server(25).askPlainly("c");
    expect([received(driver.take("c")).items, driver.packs]).toEqual([25, []]);
  });
});

describe("a client that gives no credit", () => {
  it("and whose queue is full gets a big snapshot whole: what is refused is sent again, the end last", () => {
    const server = filled(5000);
    server.room.set("c", 500);
    server.askPlainly("c");
    expect(server.got.get("c")).toHaveLength(500);
    for (let round = 0; round < 1000 && server.machine.openSnapshots > 0; round++) {
      server.run(10);
      server.room.set("c", 7 + (round % 60));
    }
    expect(server.refusals).toBeGreaterThan(100);
    const { items, map, ends, isEndLast } = received(server.take("c"));
    expect([items, Object.keys(map).length, ends, isEndLast]).toEqual([5000, 5000, 1, true]);
    expect(server.told("snapshot-sent")).toMatchObject([{ entries: 5000 }]);
  });

  it.each([1, 2, 3, 127, 128, 129])(
    "and has room for %i at a time gets the end all the same, once",
    (room) => {
      const server = filled(130);
      server.room.set("c", room);
      server.askPlainly("c");
      for (let round = 0; round < 400; round++) {
        server.run(10);
        server.room.set("c", room);
      }
      expect(received(server.take("c"))).toMatchObject({ items: 130, ends: 1, isEndLast: true });
      expect(server.told("snapshot-sent")).toMatchObject([{ entries: 130 }]);
    },
  );

  it("is not held up by a ROUTER that takes its time: nothing is done in vain meanwhile", () => {
    const server = filled(300);
    server.holds = true;
    server.askPlainly("c");
    expect(server.queue, "not more than a part at a time").toHaveLength(128);
    for (const { frames } of server.queue.splice(0, 100))
      server.feed({ type: "refused", frames, reason: "peer-full" });
    server.until(500);
    expect(server.queue).toHaveLength(28);
    server.holds = false;
    server.drain().run(100);
    expect(received(server.take("c"))).toMatchObject({ items: 300, ends: 1, isEndLast: true });
  });

  it("nor by a client that gives credit meanwhile", () => {
    const server = filled(300);
    server.holds = true;
    server.ask("c", "", 200);
    expect(server.queue).toHaveLength(128);
    server.command("c", "MOAR", 200);
    expect(server.queue).toHaveLength(128);
    server.holds = false;
    server.drain();
    expect(received(server.take("c"))).toMatchObject({ items: 300, ends: 1, isEndLast: true });
  });

  it("is not forgotten where the queue in front of the ROUTER is full", () => {
    const server = filled(300);
    server.holds = true;
    server.askPlainly("c");
    for (let round = 0; round < 3; round++) {
      for (const { frames, flush } of server.queue.splice(0)) {
        server.feed({ type: "refused", frames, reason: "queue-full" });
        if (flush !== undefined) server.feed({ type: "flushed", snapshot: flush });
      }
      server.run(10);
    }
    server.holds = false;
    server.drain().run(100);
    expect(received(server.take("c"))).toMatchObject({ items: 300, ends: 1, isEndLast: true });
  });

  it("and whose end alone has no room gets it later", () => {
    const server = filled(3);
    server.room.set("c", 3);
    server.askPlainly("c");
    server.run(100);
    expect(received(server.take("c"))).toMatchObject({ items: 3, ends: 0 });
    server.room.set("c", 1);
    expect(received(server.run(20).take("c"))).toMatchObject({ items: 0, ends: 1 });
    expect(server.told("snapshot-sent")).toHaveLength(1);
  });
});

describe("a client that stops reading in the middle", () => {
  it.each([true, false])("is given up after snapshotTimeoutMs (client of ours: %s)", (isOurs) => {
    const server = filled(2000, { snapshotTimeoutMs: 500 });
    server.room.set("c", 700);
    if (isOurs) server.ask("c", "", 600);
    else server.askPlainly("c");
    server.run(499);
    expect(server.told("snapshot-abandoned")).toEqual([]);
    server.run(20);
    expect(server.told("snapshot-abandoned")).toMatchObject([{ reason: "client-slow" }]);
    expect(received(server.take("c")).ends).toBe(0);
    expect([server.machine.openSnapshots, server.machine.counters.abandoned]).toEqual([0, 1]);
  });

  it("is given up, too, if only the end has no room", () => {
    const server = filled(3, { snapshotTimeoutMs: 500 });
    server.room.set("c", 3);
    server.askPlainly("c").run(600);
    expect(server.told("snapshot-abandoned")).toMatchObject([{ reason: "client-slow", entries: 3 }]);
  });

  it("hurts nobody: others are served meanwhile", () => {
    const server = filled(2000);
    server.room.set("slow", 10);
    server.askPlainly("slow").askPlainly("quick").ask("ours");
    server.run(50);
    expect(received(server.take("quick"))).toMatchObject({ items: 2000, ends: 1 });
    expect(received(server.take("ours"))).toMatchObject({ items: 2000, ends: 1 });
  });

  it("does not grow memory beyond the map as it was: what is replaced is kept once", () => {
    const server = filled(1000);
    server.ask("c", "", 1);
    for (let round = 0; round < 20; round++)
      for (let n = 0; n < 1000; n++) server.collect(`/${n % 3}/${n}`, `${round}`);
    for (let n = 0; n < 1000; n++) server.collect(`/new/${n}`, "x").collect(`/new/${n}`, "");
    const before = server.take("c").length;
    server.command("c", "MOAR", 1e6).run(10);
    expect(received(server.take("c"))).toMatchObject({ items: 1000 - before, ends: 1 });
  });

  it("is not blamed for what the server itself slept through", () => {
    const server = filled(100, { snapshotTimeoutMs: 500 }).ask("c", "", 10);
    server.standStill(10_000).feed({ type: "stalled", ms: 10_000 });
    server.until(10_499);
    expect(server.told("snapshot-abandoned")).toEqual([]);
    server.until(10_500);
    expect(server.told("snapshot-abandoned")).toHaveLength(1);
  });

  it("is heard again in time if it takes as much as one message", () => {
    const server = filled(1000, { snapshotTimeoutMs: 500 });
    server.room.set("c", 0);
    server.askPlainly("c");
    for (let round = 0; round < 10; round++) {
      server.run(300);
      server.room.set("c", 1);
    }
    expect(server.told("snapshot-abandoned")).toEqual([]);
  });
});

describe("a client that is gone", () => {
  it("gets nothing more", () => {
    const server = filled(1000).ask("c", "", 10);
    server.gone.add("c");
    server.command("c", "MOAR", 10);
    expect(server.told("snapshot-abandoned")).toMatchObject([{ reason: "client-gone" }]);
    expect(server.machine.openSnapshots).toBe(0);
    expect(server.machine.counters.undeliverable, "what was on its way").toBe(9);
  });

  it("may say so", () => {
    const server = filled(1000).ask("c", "", 10).command("c", "KTHXBAI");
    expect(server.told("snapshot-abandoned")).toMatchObject([{ reason: "client-gone", entries: 10 }]);
    server.take("c");
    expect(server.command("c", "MOAR", 10).take("c")).toEqual([]);
  });

  it("does not get the end, though it waits in the queue", () => {
    const server = filled(3);
    server.holds = true;
    server.ask("c").command("c", "KTHXBAI");
    server.drain();
    expect(server.take("c").map(inWords)).toEqual(["1 /0/0=0", "2 /1/1=1", "3 /2/2=2"]);
  });

  it("leaves its place in line", () => {
    const server = filled(5, { maxSnapshots: 1 }).ask("a", "", 1).ask("b", "", 1).ask("c", "", 1);
    server.feed({ type: "refused", frames: [textFrame("b"), EMPTY], reason: "peer-unknown" });
    server.command("a", "KTHXBAI");
    expect([server.take("b").length, server.take("c").length]).toEqual([0, 1]);
  });
});

describe("many clients", () => {
  it("beyond maxSnapshots wait for their turn, in their order, and get the map as it is then", () => {
    const server = filled(10, { maxSnapshots: 2 });
    for (const client of ["a", "b", "c", "d"]) server.ask(client, "", 5);
    expect(["a", "b", "c", "d"].map((client) => server.take(client).length)).toEqual([5, 5, 0, 0]);
    server.collect("/0/0", "new");
    server.command("b", "MOAR", 100).run(10);
    expect(received(server.take("b")).ends).toBe(1);
    expect([server.take("c").map(inWords)[0], server.take("d").length]).toEqual(["11 /0/0=new", 0]);
    server.command("a", "KTHXBAI");
    expect(server.take("d")).toHaveLength(5);
  });

  it("beyond maxWaitingSnapshots are refused by name; those of others are not answered, and ask elsewhere", () => {
    const server = filled(10, { maxSnapshots: 1, maxWaitingSnapshots: 2 });
    for (const client of ["a", "b", "c", "d"]) server.ask(client, "", 5);
    expect(server.refusal("d")).toMatchObject({ reason: "full", option: "maxWaitingSnapshots", limit: 2 });
    server.askPlainly("e");
    expect(server.take("e")).toEqual([]);
    expect([server.machine.openSnapshots, server.machine.counters.refused]).toEqual([3, 2]);
  });

  it("a message that has no room is no matter of a snapshot whose turn has not come", () => {
    const server = filled(10, { maxSnapshots: 1 }).ask("a", "", 5).ask("b", "", 5);
    server.room.set("b", 0);
    server.set("b", "x", "1");
    expect(server.machine.counters.undeliverable).toBe(1);
  });

  it("nor is an answer that has no room one of a snapshot that is on its way", () => {
    const server = filled(10).ask("a", "", 5);
    server.room.set("a", 0);
    server.set("a", "x", "1");
    expect(server.machine.counters.undeliverable).toBe(1);
    server.room.delete("a");
    server.command("a", "MOAR", 100);
    expect(received(server.take("a"))).toMatchObject({ items: 10, ends: 1 });
  });
});

describe("a client that asks again", () => {
  it("gets what is on its way already, once, and keeps its place", () => {
    const server = filled(300, { maxSnapshots: 1 });
    server.room.set("a", 100);
    server.askPlainly("a").askPlainly("b").askPlainly("c");
    server.askPlainly("b").askPlainly("a");
    expect(server.machine.openSnapshots).toBe(3);
    server.room.delete("a");
    server.run(20);
    expect(received(server.take("a"))).toMatchObject({ items: 300, ends: 1 });
    expect(server.told("snapshot-sent").length).toBeGreaterThan(0);
    expect(received(server.take("b")).items).toBe(300);
  });

  it("for another subtree gets that afterwards: nothing of one is mistaken for the other", () => {
    const server = filled(300);
    server.room.set("c", 50);
    server.askPlainly("c", "/1/").askPlainly("c", "/2/");
    server.collect("/1/1", "").collect("/2/2", "new");
    server.room.delete("c");
    server.run(100);
    const messages = server.take("c").map(inWords);
    const first = messages.indexOf("300 KTHXBAI=/1/");
    expect(first).toBe(100);
    expect(messages.slice(0, first).every((text) => text.includes(" /1/"))).toBe(true);
    expect(messages.at(-1)).toBe("302 KTHXBAI=/2/");
    expect(messages.slice(first + 1, -1)).toContain("302 /2/2=new");
    expect(server.machine.openSnapshots).toBe(0);
  });

  it("after the end gets the map anew", () => {
    const server = filled(1).ask("c").run(10).collect("/0/0", "new");
    server.take("c");
    expect(server.ask("c").take("c").map(inWords)).toEqual(["2 /0/0=new", "KTHXBAI 2"]);
  });
});

describe("a server that ceases to be active", () => {
  it("tells clients of ours whose snapshots are on their way, or wait, and gives them nothing more", () => {
    const server = filled(300, { maxSnapshots: 2 }).ask("a", "", 10).askPlainly("other").ask("b", "", 10);
    server.ask("c", "", 10);
    server.take("a");
    server.feed({ type: "deactivate" });
    expect(["a", "b", "c"].map((client) => server.heard(client))).toEqual([
      ["SORRY passive"],
      ["SORRY passive"],
      ["SORRY passive"],
    ]);
    expect(server.machine.openSnapshots).toBe(0);
    expect(server.told("snapshot-abandoned").map(({ reason }) => reason)).toContain("not-active");
    server.take("other");
    expect(server.command("a", "MOAR", 10).take("a")).toEqual([]);
  });
});
