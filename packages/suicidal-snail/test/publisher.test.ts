import { bodyFrames, frameText } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import {
  decodePublished,
  isEnd,
  PublisherMachine,
  type SnailPublisherOutput,
  sequenceOf,
  seriesOf,
  timeOf,
} from "../src/machine.js";
import { Station } from "./machines.js";

function read(frames: Uint8Array[]): { topic: string; header: Uint8Array } {
  const message = decodePublished(frames);
  if (message.type === "malformed") throw new Error(message.reason);
  return { topic: frameText(message.topic), header: message.header };
}

const numbersOf = (all: Uint8Array[][]): (string | number)[][] =>
  all.map(read).map(({ topic, header }) => [topic, sequenceOf(header), isEnd(header) ? "END" : ""]);

describe("PublisherMachine", () => {
  it("numbers each topic by itself", () => {
    const station = new Station();
    const all = ["a", "b", "a", "b", "b"].flatMap((topic) => station.publish(topic));
    expect(numbersOf(all).map(([topic, sequence]) => `${topic}${sequence}`)).toEqual([
      "a1",
      "b1",
      "a2",
      "b2",
      "b3",
    ]);
  });

  it("a topic is its bytes, however it is given", () => {
    const station = new Station();
    for (const text of ["plain", "grün", "\u{1F40C}", ""]) {
      const bytes = Buffer.from(text);
      station.publish(text);
      expect(numbersOf(station.publish(bytes))).toEqual([[text, 2, ""]]);
    }
    expect(station.machine.topicCount).toBe(4);
    // One character of text is not the one byte with the same number.
    for (const topic of [Uint8Array.of(0xe9), "é"]) {
      expect(sequenceOf(read(station.publish(topic)[0] as Uint8Array[]).header)).toBe(1);
    }
  });

  it("bytes of a topic may be changed afterwards", () => {
    const station = new Station();
    const bytes = Buffer.from("a");
    station.publish(bytes);
    bytes[0] = 0x62;
    expect(numbersOf(station.publish("a"))).toEqual([["a", 2, ""]]);
  });

  it("ends the topic that was published to least recently, before another begins", () => {
    const station = new Station(1n, 2);
    for (const topic of ["a", "b", "a"]) station.publish(topic);
    const both = station.publish("c");
    expect(numbersOf(both)).toEqual([
      ["b", 2, "END"],
      ["c", 1, ""],
    ]);
    const [, back] = station.publish("b");
    expect(seriesOf(read(back as Uint8Array[]).header)).toBeGreaterThan(
      seriesOf(read(both[0] as Uint8Array[]).header),
    );
    expect(station.machine).toMatchObject({ topicCount: 2, stats: { ended: 2, published: 5 } });
  });

  it("times never run backwards, and no series begins before what was said", () => {
    const station = new Station();
    let latest = -1;
    for (const [index, now] of [0, 0, 5, 5, 5, 7.25, 7.25].entries()) {
      const { header } = read(station.publish(`topic ${index % 4}`, now)[0] as Uint8Array[]);
      if (sequenceOf(header) === 1) expect(seriesOf(header)).toBeGreaterThan(latest);
      expect(timeOf(header)).toBeGreaterThanOrEqual(Math.max(latest, seriesOf(header), now * 1000));
      latest = timeOf(header);
    }
    expect(latest).toBe(7250);
  });

  it("a message that the socket did not take has no number", () => {
    const station = new Station(1n, 1);
    station.publish("a");
    const { machine } = station;
    machine.handle({ type: "publish", topic: "b", body: bodyFrames("x") }, 0);
    refuseAll(machine);
    expect(machine.stats).toEqual({ published: 1, ended: 0, refused: 1 });
    expect(machine.topicCount).toBe(1);
    // The END is taken back with it, and "a" goes on where it was.
    expect(numbersOf(station.publish("a"))).toEqual([["a", 2, ""]]);
    expect(numbersOf(station.publish("b"))).toEqual([
      ["a", 3, "END"],
      ["b", 1, ""],
    ]);
    machine.handle({ type: "publish", topic: "b", body: bodyFrames("x") }, 0);
    refuseAll(machine);
    expect(numbersOf(station.publish("b"))).toEqual([["b", 2, ""]]);
  });

  it("an END at the border of numbers that the socket did not take does not bring the old series back", () => {
    const station = new Station(1n, 5, Number.MAX_SAFE_INTEGER - 1);
    station.publish("a");
    station.machine.handle({ type: "publish", topic: "a", body: bodyFrames("x") }, 0);
    refuseAll(station.machine);
    expect(numbersOf(station.publish("a"))).toEqual([["a", 1, ""]]);
  });

  function refuseAll(machine: PublisherMachine): void {
    const refused: (SnailPublisherOutput & { type: "send" })[] = [];
    for (let output = machine.take(); output !== undefined; output = machine.take()) {
      if (output.type === "send") refused.push(output);
    }
    for (const { life, isEnd: end } of refused) machine.handle({ type: "refused", life, isEnd: end }, 0);
  }

  it("tells of connections, and has nothing to do with time", () => {
    const machine = new PublisherMachine({ maxTopics: 1 }, 1n);
    machine.handle({ type: "stalled", ms: 5 }, 1);
    machine.tick();
    expect(machine.take()).toBeUndefined();
    machine.handle({ type: "failed", endpoint: "tcp://h:1", reason: "no" }, 1);
    expect(machine.take()).toEqual({
      type: "status",
      event: { type: "connection-failed", endpoint: "tcp://h:1", reason: "no", at: 1 },
    });
  });
});
