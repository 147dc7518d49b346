import { frameText, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { encodePublished, epochBytes, mergedAlarm, SnailError } from "../src/machine.js";
import { Listener, Station } from "./machines.js";

const HOUR = 3_600_000;
const series = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe("gaps", () => {
  it("a gap is noticed although the high-water mark drops silently", () => {
    const station = new Station();
    const listener = new Listener({ policy: "report" });
    const [first, , , fourth] = series(4).map(() => station.publish("a"));
    listener.hear([...(first ?? []), ...(fourth ?? [])]);
    const [, after] = listener.takeAll();
    expect(after?.alarm).toMatchObject({ reason: "gap", topic: "a", epoch: 1n, lost: 2 });
    expect(listener.machine.stats).toMatchObject({ gaps: 1, lost: 2, alarms: 1, handed: 2 });
  });

  it("the policy die: the subscriber takes no more, and what waits is gone", () => {
    const station = new Station();
    const listener = new Listener();
    listener.hear(station.publish("a"));
    station.publish("a");
    listener.hear([...station.publish("a"), ...station.publish("a")]);
    expect(listener.deaths).toBe(1);
    expect(listener.take()).toBeUndefined();
    expect(listener.machine.stats.received).toBe(2);
  });

  it("duplicates and old messages are dropped", () => {
    const station = new Station();
    const listener = new Listener({ policy: "report" });
    const all = series(3).flatMap(() => station.publish("a"));
    listener.hear([...all, ...all]);
    expect(listener.takeAll()).toHaveLength(3);
    expect(listener.machine.stats).toMatchObject({ duplicates: 3, gaps: 0 });
  });

  it("a late joiner starts where it starts", () => {
    const station = new Station();
    station.publish("a");
    station.publish("b");
    const listener = new Listener();
    listener.hear([...station.publish("a"), ...station.publish("b")]);
    expect(listener.takeAll().map(({ sequence }) => sequence)).toEqual([2, 2]);
  });

  it("a restarted publisher is a new epoch and no gap", () => {
    const listener = new Listener();
    const [first, second] = [new Station(1n), new Station(2n)];
    first.publish("a");
    listener.hear(series(5).flatMap(() => first.publish("a")));
    listener.hear(second.publish("a"));
    expect(listener.takeAll()).toHaveLength(6);
    expect(listener.events("publisher-heard").map(({ epoch }) => epoch)).toEqual([1n, 2n]);
  });

  it("two publishers of one topic are told apart", () => {
    const stations = [new Station(1n), new Station(2n)];
    const listener = new Listener({ policy: "report" });
    for (const _ of series(3)) for (const station of stations) listener.hear(station.publish("a"));
    stations[1]?.publish("a");
    for (const station of stations) listener.hear(station.publish("a"));
    expect(listener.events("alarm-raised")).toMatchObject([{ reason: "gap", epoch: 2n, lost: 1 }]);
  });

  it("a subscriber to some of the topics misses nothing of the others", () => {
    const station = new Station();
    const listener = new Listener({}, ["a", "b"]);
    for (const _ of series(5)) {
      const [a, , b] = ["a1", "c", "b"].map((topic) => station.publish(topic));
      listener.hear([...(a ?? []), ...(b ?? [])]);
    }
    expect(listener.takeAll()).toHaveLength(10);
  });

  it("the first messages of a topic that began after the subscriber had joined", () => {
    const station = new Station();
    const listener = new Listener({ policy: "report" });
    station.publish("old");
    listener.hear(station.publish("a"));
    listener.hear(station.publish("old"));
    station.publish("new");
    listener.hear(station.publish("new"));
    expect(listener.events("alarm-raised")).toMatchObject([{ reason: "gap", topic: "new", lost: 1 }]);
  });

  it("a topic that came by two subscriptions says nothing of when either of them began", () => {
    const station = new Station();
    const listener = new Listener({ policy: "report" }, ["a", "ab"]);
    listener.hear(station.publish("abc"));
    station.publish("ac");
    listener.hear([...station.publish("ac"), ...station.publish("ad")]);
    expect(listener.reasons).toEqual([]);
    station.publish("abd");
    listener.hear(station.publish("abd"));
    expect(listener.events("alarm-raised")).toMatchObject([{ topic: "abd", lost: 1 }]);
  });

  it("a topic that came by two subscriptions says when one of them had begun for whatever comes by both", () => {
    for (const prefixes of [
      ["a", "ab"],
      ["ab", "a"],
    ]) {
      const station = new Station();
      const listener = new Listener({ policy: "report" }, prefixes);
      listener.hear(station.publish("abc"));
      station.publish("abd");
      station.publish("abd");
      listener.hear(station.publish("abd"));
      expect(listener.events("alarm-raised")).toMatchObject([{ reason: "gap", topic: "abd", lost: 2 }]);
    }
  });

  it("a new topic is not compared with each subscription: there may be thousands of both", () => {
    const station = new Station();
    const listener = new Listener({ policy: "report" }, []);
    let looks = 0;
    const topics = series(1000).map((index) => `price.${index}.`);
    for (const topic of topics) {
      const prefix = new Proxy(textFrame(topic), {
        get(bytes, key) {
          looks += 1;
          return Reflect.get(bytes, key);
        },
      });
      listener.machine.handle({ type: "subscribe", prefix }, 0);
    }
    const looksBefore = looks;
    for (const topic of topics) listener.hear(station.publish(topic));
    expect(listener.takeAll()).toHaveLength(topics.length);
    expect(looks).toBe(looksBefore);
    station.publish("price.7.of.gold");
    listener.hear(station.publish("price.7.of.gold"));
    expect(listener.events("alarm-raised")).toMatchObject([
      { reason: "gap", topic: "price.7.of.gold", lost: 1 },
    ]);
  });

  it("what comes without a subscription says nothing of when one began: a peer may send anything", () => {
    const station = new Station();
    const listener = new Listener({ policy: "report" }, ["b"]);
    listener.hear(station.publish("a"));
    station.publish("b1");
    listener.hear(station.publish("b1"));
    expect(listener.takeAll()).toHaveLength(2);
    expect(listener.reasons).toEqual([]);
  });

  it("a subscription that is made late joins late", () => {
    const station = new Station();
    const listener = new Listener({}, ["a"]);
    listener.hear(station.publish("a"));
    station.publish("b1");
    station.publish("b2");
    listener.machine.handle({ type: "subscribe", prefix: textFrame("b") }, 0);
    listener.hear([...station.publish("b1"), ...station.publish("b2"), ...station.publish("a")]);
    expect(listener.takeAll()).toHaveLength(4);
  });
});

describe("topics that end", () => {
  it("an eviction is no gap, and the topic comes back", () => {
    const station = new Station(1n, 2);
    const listener = new Listener();
    for (const topic of ["a", "b", "c", "a", "b", "c"]) listener.hear(station.publish(topic));
    expect(listener.takeAll()).toHaveLength(6);
    expect(listener.machine.topicCount).toBe(2);
    expect(listener.events("topic-ended").map(({ topic }) => topic)).toEqual(["a", "b", "c", "a"]);
  });

  it("whoever lost an END knows so when the topic comes back", () => {
    const station = new Station(1n, 1);
    const listener = new Listener({ policy: "report" });
    listener.hear(station.publish("a"));
    station.publish("b");
    listener.hear(station.publish("a").slice(1));
    expect(listener.events("alarm-raised")).toMatchObject([{ reason: "gap", lost: undefined }]);
    expect(listener.machine.stats).toMatchObject({ gaps: 1, lost: 0 });
  });

  it("what was lost before an END is told with the next message", () => {
    const station = new Station(1n, 1);
    const listener = new Listener({ policy: "report" });
    listener.hear(station.publish("a"));
    station.publish("a");
    listener.hear(station.publish("b"));
    expect(listener.takeAll().map(({ topicText, alarm }) => [topicText, alarm?.topic, alarm?.lost])).toEqual([
      ["a", undefined, undefined],
      ["b", "a", 1],
    ]);
  });

  it("an eviction does not hide that the first messages of the next life are lost", () => {
    const station = new Station(1n, 1);
    const listener = new Listener({ policy: "report" });
    listener.hear([...station.publish("a"), ...station.publish("b")]);
    listener.hear(station.publish("a").slice(0, 1));
    listener.hear(station.publish("a"));
    expect(listener.events("alarm-raised")).toMatchObject([{ reason: "gap", topic: "a", lost: 1 }]);
  });

  it("a series of before is old", () => {
    const station = new Station(1n, 1);
    const listener = new Listener();
    const [old] = [station.publish("a"), station.publish("b")];
    listener.hear(station.publish("a").slice(1));
    listener.hear(old);
    expect(listener.machine.stats.duplicates).toBe(1);
  });

  it("the border of numbers: a series ends with the last one, and another begins", () => {
    const station = new Station(1n, 10, Number.MAX_SAFE_INTEGER - 2);
    const listener = new Listener();
    for (const _ of series(4)) listener.hear(station.publish("a"));
    expect(listener.takeAll().map(({ sequence }) => sequence)).toEqual([
      Number.MAX_SAFE_INTEGER - 2,
      Number.MAX_SAFE_INTEGER - 1,
      1,
      2,
    ]);
    expect(listener.machine.stats).toMatchObject({ received: 5, gaps: 0, dropped: 0 });
  });
});

describe("delay", () => {
  it.each([-HOUR, 0, HOUR])("two hosts' wall clocks are never compared: skew of %d ms", (skew) => {
    const station = new Station();
    const listener = new Listener({ policy: "report" });
    for (const index of series(10)) {
      const at = 2 * HOUR + index * 100;
      listener.hear(station.publish("a", at), at + skew + 3);
      expect(listener.take(at + skew + 3)?.delayMs).toBeCloseTo(0);
    }
    const at = 2 * HOUR + 1000;
    listener.hear(station.publish("a", at), at + skew + 1503);
    expect(listener.take(at + skew + 1503)?.alarm).toMatchObject({ reason: "delay", lost: 0 });
    expect(listener.events("alarm-raised")[0]?.delayMs).toBeCloseTo(1500);
  });

  it("clocks that drift are followed, and silence does not make a delay", () => {
    const station = new Station();
    const listener = new Listener();
    for (let at = 0; at < HOUR; at += 1000) {
      listener.hear(station.publish("a", at), at * 1.0002);
      expect(listener.take(at * 1.0002)).toBeDefined();
    }
    const morning = 24 * HOUR;
    listener.hear(station.publish("a", morning), morning * 1.0002);
    expect(listener.deaths).toBe(0);
  });

  it("a subscriber stopped for 5 s, or for an hour, is late", () => {
    for (const stoppedMs of [5000, HOUR]) {
      const station = new Station();
      const listener = new Listener();
      listener.hear(station.publish("a", 0), 0);
      listener.take(0);
      const waiting = station.publish("a", 10);
      listener.machine.handle({ type: "stalled", ms: stoppedMs }, stoppedMs);
      listener.hear(waiting, stoppedMs);
      expect(listener.reasons).toEqual(["delay"]);
      expect(listener.events("process-stalled")).toHaveLength(1);
    }
  });

  it("is told once for as long as it lasts", () => {
    const station = new Station();
    const listener = new Listener({ policy: "report" });
    for (const lateMs of [0, 1200, 1300, 600, 1200, 100, 1200]) {
      const at = listener.machine.stats.received * 2000;
      listener.hear(station.publish("a", at), at + lateMs);
    }
    expect(listener.reasons.filter((reason) => reason === "delay")).toHaveLength(2);
  });

  it("of the guide's publisher, whose clock may be anything", () => {
    const listener = new Listener({ format: "guide", policy: "report" });
    listener.hear([[textFrame("1700000000000")]], 5);
    listener.hear([[textFrame("1700000002000")]], 3005.5);
    listener.hear([[textFrame("no")]], 3006);
    const [first, second] = listener.takeAll(3006);
    expect(first).toMatchObject({ topicText: "", epoch: 0n, sequence: 0 });
    expect(frameText(second?.body[0] as Uint8Array)).toBe("1700000002000");
    expect(second?.alarm).toMatchObject({ reason: "delay" });
    expect(listener.events("publisher-heard")).toHaveLength(1);
    expect(listener.events("message-dropped")).toHaveLength(1);
  });

  it("of the guide's publisher: the policy die", () => {
    const listener = new Listener({ format: "guide" });
    listener.hear([[textFrame("0")], [textFrame("0")]], 0);
    listener.hear([[textFrame("0")], [textFrame("0")]], 1001);
    expect(listener.deaths).toBe(1);
  });
});

describe("the application's own queue", () => {
  it("a message that waits for too long is noticed by the clock", () => {
    const station = new Station();
    const listener = new Listener({ policy: "report" });
    expect(listener.machine.deadline).toBeUndefined();
    listener.hear(station.publish("a"), 7);
    expect(listener.machine.deadline).toBe(1007);
    listener.tick(1006);
    expect(listener.reasons).toEqual([]);
    listener.tick(1007);
    expect(listener.reasons).toEqual(["queue"]);
    expect(listener.machine.deadline).toBeUndefined();
    expect(listener.take(1100)).toMatchObject({ delayMs: 1093, alarm: { reason: "queue" } });
    listener.hear(station.publish("a", 1100), 1100);
    expect(listener.take(1200)?.alarm).toBeUndefined();
  });

  it("or when it is taken: the policy die", () => {
    const station = new Station();
    const listener = new Listener();
    listener.hear([...station.publish("a"), ...station.publish("a")]);
    expect(listener.take(1000)).toBeUndefined();
    expect(listener.deaths).toBe(1);
    listener.tick(2000);
    expect(listener.deaths).toBe(1);
  });

  it("when it is full the oldest goes, and the next one tells how many", () => {
    const station = new Station();
    const listener = new Listener({ policy: "report", maxQueued: 3 });
    listener.hear(station.publish("a"));
    station.publish("a");
    listener.hear(series(7).flatMap(() => station.publish("a")));
    const all = listener.takeAll();
    expect(all.map(({ sequence }) => sequence)).toEqual([7, 8, 9]);
    expect(all.map(({ alarm }) => alarm?.lost)).toEqual([6, undefined, undefined]);
    expect(listener.reasons).toEqual(["gap", "queue-full"]);
    expect(listener.machine.stats).toMatchObject({ queueDropped: 5, lost: 1 });
  });

  it("a gap behind what was dropped is told together with it", () => {
    const station = new Station();
    const listener = new Listener({ policy: "report", maxQueued: 1 });
    listener.hear(station.publish("a"));
    station.publish("a");
    listener.hear(station.publish("a"));
    expect(listener.take()?.alarm).toMatchObject({ reason: "queue-full", lost: 2 });
  });

  it("when it is full: the policies die and resync", () => {
    for (const policy of ["die", "resync"] as const) {
      const station = new Station();
      const listener = new Listener({ policy, maxQueued: 2 });
      listener.hear(series(4).flatMap(() => station.publish("a")));
      expect(listener.reasons).toEqual(["queue-full"]);
      expect(listener.deaths).toBe(policy === "die" ? 1 : 0);
      const left = listener.takeAll().map(({ sequence, alarm }) => [sequence, alarm?.reason]);
      expect(left).toEqual(policy === "die" ? [] : [[4, "queue-full"]]);
    }
  });
});

describe("the policy resync", () => {
  it("drops what waits, skips what is late, and tells with the first timely message", () => {
    const station = new Station();
    const listener = new Listener({ policy: "resync" });
    listener.hear(station.publish("a", 0), 0);
    for (const [at, heardAt] of [
      [10, 1500],
      [500, 1500],
      [1000, 1500],
      [1200, 1501],
    ]) {
      listener.hear(station.publish("a", at), heardAt);
    }
    expect(listener.takeAll(1501)).toMatchObject([{ sequence: 5, alarm: { reason: "delay", lost: 0 } }]);
    expect(listener.events("resynced")).toMatchObject([{ dropped: 1, skipped: 3, lost: 0, epoch: 1n }]);
    listener.hear(station.publish("a", 1510), 1510);
    expect(listener.take(1510)?.alarm).toBeUndefined();
  });

  it("a gap drops what waits and goes on with the message behind it", () => {
    const station = new Station();
    const listener = new Listener({ policy: "resync" });
    listener.hear([...station.publish("a"), ...station.publish("a")]);
    station.publish("a");
    listener.hear(station.publish("a"));
    station.publish("a");
    listener.hear(station.publish("a"));
    expect(listener.takeAll()).toMatchObject([{ sequence: 6, alarm: { reason: "gap", lost: 2 } }]);
    expect(listener.machine.stats).toMatchObject({ resyncs: 2, queueDropped: 3 });
  });

  it("a queue that waited for too long is dropped", () => {
    const station = new Station();
    const listener = new Listener({ policy: "resync" });
    listener.hear(station.publish("a"));
    listener.tick(1000);
    listener.hear(station.publish("a", 1000), 1000);
    expect(listener.take(1001)).toMatchObject({ sequence: 2, alarm: { reason: "queue" } });
  });

  it("each publisher comes back when it is timely", () => {
    const [slow, quick] = [new Station(1n), new Station(2n)];
    const listener = new Listener({ policy: "resync" });
    listener.hear([...slow.publish("a"), ...quick.publish("a")]);
    listener.takeAll();
    listener.hear(slow.publish("a", 0), 2000);
    listener.hear(quick.publish("a", 2000), 2000);
    listener.hear(slow.publish("a", 2000), 2000);
    expect(listener.takeAll(2000)).toMatchObject([
      { epoch: 2n, alarm: { reason: "delay" } },
      { epoch: 1n, alarm: { reason: "delay", lost: 0 } },
    ]);
    expect(listener.events("resynced").map(({ skipped }) => skipped)).toEqual([0, 1]);
    listener.hear(new Station(3n).publish("a", 2000), 2000);
    expect(listener.take(2000)?.alarm).toBeUndefined();
  });

  it("too many topics or publishers: all start anew", () => {
    const listener = new Listener({ policy: "resync", maxTopics: 1, maxPublishers: 1 });
    const station = new Station();
    listener.hear([...station.publish("a"), ...station.publish("b")]);
    expect(listener.take()).toMatchObject({ topicText: "b", alarm: { reason: "too-many-topics" } });
    expect(listener.machine.topicCount).toBe(1);
    listener.hear(new Station(2n).publish("a"));
    expect(listener.take()).toMatchObject({ epoch: 2n, alarm: { reason: "too-many-topics" } });
    expect(listener.machine.publisherCount).toBe(1);
  });
});

describe("too many topics", () => {
  it("the policy report: they are handed over, and that nobody watches them is told once", () => {
    const station = new Station(1n, 2);
    const listener = new Listener({ policy: "report", maxTopics: 1, maxPublishers: 1 });
    listener.hear(["a", "b", "b"].flatMap((topic) => station.publish(topic)));
    const other = new Station(2n, 1);
    listener.hear([...other.publish("x"), ...other.publish("y")]);
    expect(listener.takeAll().map(({ topicText, alarm }) => [topicText, alarm?.reason])).toEqual([
      ["a", undefined],
      ["b", "too-many-topics"],
      ["b", undefined],
      ["x", undefined],
      ["y", undefined],
    ]);
    expect(listener.machine.stats).toMatchObject({ untracked: 5, alarms: 1 });
    station.publish("b");
    listener.hear(station.publish("c").slice(0, 1));
    listener.hear(station.publish("d"));
    listener.hear(station.publish("e").slice(1));
    expect(listener.reasons).toEqual(["too-many-topics", "too-many-topics"]);
  });

  it("the policy die", () => {
    const crowd = new Listener({ maxTopics: 1 });
    const station = new Station();
    crowd.hear([...station.publish("a"), ...station.publish("b")]);
    const lives = new Listener({ maxPublishers: 1 });
    lives.hear([...new Station(1n).publish("a"), ...new Station(2n).publish("a")]);
    expect([crowd.reasons, lives.reasons]).toEqual([["too-many-topics"], ["too-many-topics"]]);
    expect([crowd.deaths, lives.deaths]).toEqual([1, 1]);
  });

  it("publishers that have been silent for long make room", () => {
    const listener = new Listener({ maxTopics: 2, maxPublishers: 2, clockWindowMs: 100 });
    const [first, second] = [new Station(1n), new Station(2n)];
    listener.hear(first.publish("a"), 0);
    listener.hear(second.publish("a", 50), 50);
    listener.takeAll(50);
    listener.hear(new Station(3n).publish("a", 101), 101);
    expect(listener.machine).toMatchObject({ publisherCount: 2, topicCount: 2 });
    listener.hear(second.publish("b", 140), 140);
    expect(listener.reasons).toEqual(["too-many-topics"]);
  });

  it("topics of publishers that have been silent for long make room", () => {
    const listener = new Listener({ maxTopics: 1, clockWindowMs: 100 });
    const silent = new Station(1n);
    listener.hear([...silent.publish("a"), ...silent.publish("a")]);
    listener.takeAll();
    listener.hear(new Station(2n).publish("b", 200), 200);
    expect(listener.machine).toMatchObject({ publisherCount: 1, topicCount: 1 });
  });
});

describe("everything else", () => {
  it("connections are told, and nothing after the end", () => {
    const listener = new Listener();
    for (const type of ["up", "down", "failed"] as const) {
      listener.machine.handle({ type, endpoint: "tcp://h:1" }, 1);
    }
    listener.machine.handle({ type: "close" }, 1);
    listener.hear(new Station().publish("a"));
    const told = ["connection-opened", "connection-lost", "connection-failed"] as const;
    for (const type of told) expect(listener.events(type)).toHaveLength(1);
    expect(listener.machine.stats.received).toBe(0);
  });

  it("malformed messages are counted and dropped", () => {
    const listener = new Listener();
    listener.hear([[textFrame("a")], encodePublished(textFrame("a"), epochBytes(1n), stamp(0), [])]);
    expect(listener.machine.stats).toMatchObject({ dropped: 2, received: 0 });
  });

  const stamp = (sequence: number) => ({ series: 1, sequence, timeUs: 1 });

  it("an END of a topic that was never heard is let pass", () => {
    const listener = new Listener();
    listener.hear([encodePublished(textFrame("a"), epochBytes(1n), stamp(9), [])]);
    expect(listener.machine).toMatchObject({ topicCount: 0, queued: 0 });
  });

  it("two alarms make one: the graver, with the losses of both", () => {
    const alarm = { reason: "gap", topic: "a", epoch: 1n, lost: 2, delayMs: 5, at: 1 } as const;
    const worse = { ...alarm, reason: "queue-full", topic: "b", lost: 3, delayMs: 2 } as const;
    expect(mergedAlarm(undefined, alarm)).toBe(alarm);
    for (const merged of [mergedAlarm(alarm, worse), mergedAlarm(worse, alarm)]) {
      expect(merged).toMatchObject({ reason: "queue-full", topic: "b", lost: 5, delayMs: 5 });
    }
    expect(mergedAlarm({ ...alarm, lost: undefined }, worse).lost).toBeUndefined();
    expect(mergedAlarm(alarm, { ...worse, lost: undefined }).lost).toBeUndefined();
  });

  it("each reason has its words", () => {
    const alarm = { topic: "a", epoch: 1n, lost: 2, delayMs: 1234.5, at: 1 } as const;
    const reasons = ["gap", "delay", "queue", "queue-full", "too-many-topics"] as const;
    const texts = reasons.map((reason) => new SnailError({ ...alarm, reason }).message);
    expect(new Set(texts).size).toBe(5);
    expect(texts[0]).toBe('2 messages were lost on topic "a"');
    expect(new SnailError({ ...alarm, reason: "gap", lost: undefined }).message).toMatch("unknown number");
    expect(new SnailError({ ...alarm, reason: "gap" })).toMatchObject({ code: "ERR_TOO_SLOW", ...alarm });
  });
});
