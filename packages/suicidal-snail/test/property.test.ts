import fc from "fast-check";
import { expect, it } from "vitest";
import { Listener, Station } from "./machines.js";

const step = fc.record({
  topic: fc.constantFrom("a", "b", "c", "d"),
  fate: fc.oneof(
    { weight: 6, arbitrary: fc.constant("arrives" as const) },
    fc.constantFrom("lost" as const, "twice" as const),
  ),
  pauseMs: fc.nat({ max: 50 }),
  lateMs: fc.oneof({ weight: 4, arbitrary: fc.nat({ max: 900 }) }, fc.integer({ min: 1001, max: 4000 })),
});

/** What a subscriber should make of one topic, told from what was published and not from any header. */
interface Truth {
  isKnown: boolean;
  /** Messages that were lost since it was heard last. */
  lost: number;
  hasLostEnd: boolean;
}

it("no lost message goes unnoticed at the next one of its topic, and nothing else is an alarm", () => {
  const run = fc.record({
    steps: fc.array(step, { maxLength: 80 }),
    skewMs: fc.integer({ min: -3_600_000, max: 3_600_000 }),
    maxTopics: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(run, ({ steps, skewMs, maxTopics }) => {
      const station = new Station(7n, maxTopics);
      const listener = new Listener({ policy: "report", maxDelayMs: 1000.5, clockWindowMs: 3_600_000 });
      const begin = 4_000_000;
      let published = begin;
      let arrivals = begin;
      const gaps: (number | undefined)[] = [];
      const truths = new Map<string, Truth>();
      const truth = (topic: string): Truth => {
        const known = truths.get(topic) ?? { isKnown: false, lost: 0, hasLostEnd: false };
        truths.set(topic, known);
        return known;
      };
      const note = (topic: string, isEnd: boolean, isLost: boolean): void => {
        const at = truth(topic);
        if (isLost) {
          at.lost += 1;
          at.hasLostEnd ||= isEnd && at.isKnown;
          // A life that is over and of which nothing was heard is as if it had not been.
          if (isEnd && !at.isKnown) truths.delete(topic);
          return;
        }
        if (at.lost > 0) gaps.push(at.hasLostEnd ? undefined : at.lost);
        truths.set(topic, { isKnown: !isEnd, lost: 0, hasLostEnd: false });
      };
      // The subscriber has joined, with a message that did not wait.
      listener.hear(station.publish("first", published), arrivals + skewMs);
      listener.takeAll(arrivals + skewMs);
      truths.set("first", { isKnown: true, lost: 0, hasLostEnd: false });
      let late = 0;
      let isLate = false;
      for (const { topic, fate, pauseMs, lateMs } of steps) {
        published += pauseMs;
        for (const frames of station.publish(topic, published)) {
          const isEnd = frames.length === 2;
          note(Buffer.from(frames[0] as Uint8Array).toString(), isEnd, fate === "lost");
          if (fate === "lost") continue;
          // One path keeps the order.
          arrivals = Math.max(arrivals, published + lateMs);
          listener.hear(fate === "twice" && !isEnd ? [frames, frames] : [frames], arrivals + skewMs);
          const delayMs = arrivals - published;
          if (delayMs > 1000.5 && !isLate) late += 1;
          if (delayMs > 1000.5) isLate = true;
          else if (delayMs * 2 < 1000.5) isLate = false;
        }
        listener.takeAll(arrivals + skewMs);
      }
      const heard = listener.events("alarm-raised");
      expect(heard.filter(({ reason }) => reason === "gap").map(({ lost }) => lost)).toEqual(gaps);
      expect(heard.filter(({ reason }) => reason === "delay")).toHaveLength(late);
      expect(heard).toHaveLength(gaps.length + late);
    }),
    { numRuns: 500 },
  );
});
