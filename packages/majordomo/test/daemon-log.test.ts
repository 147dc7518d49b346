import type { Scheduler } from "@seaworthy/core";
import { beforeEach, describe, expect, it } from "vitest";
import type { MajordomoBrokerEvent } from "../src/broker-messages.js";
import { type EventLevel, EventLog, levelOf } from "../src/daemon-log.js";

/** Time that goes on when it is told to. */
class FakeTime implements Scheduler {
  #now = 5000;
  #calls: { at: number; wake: () => void }[] = [];

  now = (): number => this.#now;

  schedule(at: number, wake: () => void): () => void {
    const call = { at, wake };
    this.#calls.push(call);
    return () => {
      this.#calls = this.#calls.filter((other) => other !== call);
    };
  }

  get scheduled(): number {
    return this.#calls.length;
  }

  /** The process is busy for so long: timers are late. */
  pass(ms: number): void {
    this.#now += ms;
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const { at, wake } of [...this.#calls]) {
      if (at > this.#now) continue;
      this.#calls = this.#calls.filter((call) => call.wake !== wake);
      wake();
    }
  }
}

let time: FakeTime;
let lines: { level: EventLevel; fields: object; message: string }[];
let levels: EventLevel[];
let log: EventLog;
const write =
  (level: EventLevel) =>
  (fields: object, message: string): void =>
    void lines.push({ level, fields, message });

beforeEach(() => {
  time = new FakeTime();
  lines = [];
  levels = ["warn", "info", "debug"];
  log = new EventLog(
    {
      ...{ warn: write("warn"), info: write("info"), debug: write("debug") },
      isLevelEnabled: (level) => levels.includes(level),
    },
    time,
  );
});

const dropped = (reason: "limit" | "cancelled", service = "echo"): MajordomoBrokerEvent => ({
  ...{ type: "request-dropped", at: 1, service, reason, waitedMs: 3 },
});
const joined: MajordomoBrokerEvent = {
  ...{ type: "worker-joined", at: 1, worker: "w", service: "echo", protocol: "0.1", credit: 1 },
};
const times = (count: number, event: MajordomoBrokerEvent): void => {
  for (let index = 0; index < count; index++) log.write(event);
};
const summaries = (): string[] =>
  lines.filter(({ fields }) => "held" in fields).map(({ message }) => message);

describe("levels", () => {
  const worker = { at: 1, worker: "w", service: "echo" };
  it.each<[EventLevel, MajordomoBrokerEvent]>([
    ["info", joined],
    ["info", { type: "worker-returned", ...worker }],
    ["warn", { type: "worker-expired", ...worker }],
    ["info", { type: "worker-gone", ...worker, reason: "disconnected" }],
    ["info", { type: "worker-gone", ...worker, reason: "departed" }],
    ["warn", { type: "worker-gone", ...worker, reason: "unexpected" }],
    ["warn", { type: "worker-refused", ...worker, reason: "maxWorkers" }],
    ["info", { type: "service-added", at: 1, service: "echo" }],
    ["warn", dropped("limit")],
    ["debug", dropped("cancelled")],
    ["info", { type: "request-redelivered", at: 1, service: "echo", deliveries: 1 }],
    ["debug", { type: "reply-dropped", at: 1, reason: "late" }],
    ["warn", { type: "reply-dropped", at: 1, reason: "body-too-large" }],
    ["debug", { type: "reply-undeliverable", at: 1, reason: "peer-unknown" }],
    ["warn", { type: "reply-undeliverable", at: 1, reason: "peer-full" }],
    ["warn", { type: "message-dropped", at: 1, reason: "no MDP header" }],
    ["warn", { type: "process-stalled", at: 1, ms: 4000 }],
  ])("%s: %j", (level, event) => {
    expect(levelOf(event)).toBe(level);
    log.write(event);
    expect(lines.map((line) => line.level)).toEqual([level]);
  });

  it("a line has what the event has, but for the time on the role's clock", () => {
    log.write(dropped("limit"));
    const fields = { event: "request-dropped", service: "echo", reason: "limit", waitedMs: 3 };
    expect(lines).toEqual([{ level: "warn", fields, message: "request dropped" }]);
  });
});

describe("a flood of events", () => {
  it("becomes ten lines a second and a count of what was held back", () => {
    times(1_000_000, dropped("limit"));
    expect(lines).toHaveLength(10);
    time.advance(999);
    expect(lines).toHaveLength(10);
    time.advance(1);
    expect(lines).toHaveLength(11);
    expect(lines[10]).toEqual({
      level: "warn",
      fields: { event: "request-dropped", held: 999_990 },
      message: "request dropped: 999990 more",
    });
    expect(time.scheduled).toBe(0);
  });

  it("that goes on is never more than eleven lines a second, and every event is counted", () => {
    for (let tick = 0; tick < 10_000; tick++) {
      times(7, dropped("limit"));
      time.advance(1);
    }
    log.close();
    expect(lines.length).toBeLessThanOrEqual(110);
    const held = lines.map(({ fields }) => (fields as { held?: number }).held);
    const counted = held.reduce<number>((sum, count) => sum + (count ?? 1), 0);
    expect(counted).toBe(70_000);
  });

  it("hides nothing of other types, nor of other levels", () => {
    times(1000, dropped("cancelled"));
    log.write(joined);
    log.write(dropped("limit"));
    expect(lines.map(({ level }) => level).filter((level) => level !== "debug")).toEqual(["info", "warn"]);
  });

  it("that nobody wants to read costs nothing", () => {
    levels = ["warn"];
    times(1000, dropped("cancelled"));
    time.advance(1000);
    expect(lines).toEqual([]);
    expect(time.scheduled).toBe(0);
  });

  it("is counted also if the timer is late", () => {
    times(15, dropped("limit"));
    time.pass(5000);
    times(11, dropped("limit"));
    expect(summaries()).toEqual(["request dropped: 5 more"]);
    expect(lines).toHaveLength(21);
    time.advance(1000);
    expect(summaries()).toEqual(["request dropped: 5 more", "request dropped: 1 more"]);
  });

  it("is counted at the end", () => {
    times(15, dropped("limit"));
    times(3, joined);
    log.close();
    expect(summaries()).toEqual(["request dropped: 5 more"]);
    expect(time.scheduled).toBe(0);
  });

  it("leaves no timer behind where there was none", () => {
    times(10, dropped("limit"));
    expect(time.scheduled).toBe(0);
    time.advance(1000);
    times(10, dropped("limit"));
    expect(lines).toHaveLength(20);
    expect(summaries()).toEqual([]);
  });
});
