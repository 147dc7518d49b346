import { describe, expect, it } from "vitest";
import { SnailJudge } from "./snail-judge.js";
import { type Handed, MAX_DELAY_MS, type SnailWord, TOPICS, topicOf } from "./snail-words.js";

const HERS = "hers";
const HIS = "his";
/** From one message to the next. */
const PACE_MS = 1;

/** Numbers from one to another, all of the same topic. */
const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => (from + index) * TOPICS + 1);

const at = (number: number): number => number * PACE_MS;

const message = (number: number, more: Partial<Handed> = {}): Handed => ({
  life: "1",
  topic: topicOf(number),
  number,
  at: at(number),
  isAlarming: false,
  ...more,
});

const word = (handed: readonly Handed[], more: Partial<SnailWord> = {}): SnailWord => ({
  subscriber: HERS,
  handed,
  noticed: 0,
  resyncs: 0,
  alarms: {},
  ...more,
});

/** A judge of one subscriber, and a witness that has heard messages 0 to 9. */
function judgeOf(...subscribers: readonly string[]): SnailJudge {
  const judge = new SnailJudge(subscribers);
  for (const number of numbers(0, 9)) judge.witness("1", number, at(number));
  return judge;
}

/** What came out when all is over. */
function verdict(judge: SnailJudge) {
  judge.end();
  judge.settle();
  const { sent, answered, failed, lost, mismatched, inFlight } = judge.report();
  return { sent, answered, failed, lost, mismatched, inFlight };
}

describe("what was published", () => {
  it("counts for each subscriber from the first that it got", () => {
    const judge = judgeOf(HERS, HIS);
    judge.hear(word(numbers(0, 9).map((number) => message(number))));
    judge.hear(
      word(
        numbers(4, 9).map((number) => message(number)),
        { subscriber: HIS },
      ),
    );
    expect(verdict(judge)).toEqual({
      sent: 16,
      answered: 16,
      failed: 0,
      lost: 0,
      mismatched: 0,
      inFlight: 0,
    });
  });

  it("is in flight until a subscriber has got it, or a later one", () => {
    const judge = judgeOf(HERS);
    judge.hear(word(numbers(0, 3).map((number) => message(number))));
    expect(judge.report()).toMatchObject({ sent: 10, answered: 4, inFlight: 6 });
    judge.end();
    expect(judge.isSettled).toBe(false);
    judge.hear(word(numbers(4, 9).map((number) => message(number))));
    expect(judge.isSettled).toBe(true);
    expect(judge.report()).toMatchObject({ sent: 10, answered: 10, inFlight: 0 });
  });

  it("counts no more in the end, but tells what is missing before", () => {
    const judge = judgeOf(HERS);
    judge.hear(word(numbers(0, 3).map((number) => message(number))));
    judge.end();
    judge.hear(word([message(numbers(20, 20)[0] as number)]));
    expect(judge.isSettled).toBe(true);
    expect(verdict(judge)).toMatchObject({ sent: 10, answered: 4, lost: 6 });
  });
});

describe("what is missing", () => {
  const [before, after] = [numbers(0, 3), numbers(6, 9)];
  const handed = (isAlarming: boolean): Handed[] => [
    ...before.map((number) => message(number)),
    ...after.map((number, index) => message(number, { isAlarming: isAlarming && index === 0 })),
  ];

  it("is lost if there was no alarm, whatever the subscriber counts", () => {
    const judge = judgeOf(HERS);
    judge.hear(word(handed(false), { noticed: 2 }));
    expect(verdict(judge)).toMatchObject({ sent: 10, answered: 8, failed: 0, lost: 2, inFlight: 0 });
  });

  it("is noticed if the subscriber has raised an alarm, and counts it", () => {
    const judge = judgeOf(HERS);
    judge.hear(word(handed(true), { noticed: 2 }));
    expect(verdict(judge)).toMatchObject({ sent: 10, answered: 8, failed: 2, lost: 0, inFlight: 0 });
  });

  it("is lost as far as the subscriber has counted less, and once", () => {
    const judge = judgeOf(HERS);
    judge.hear(word(handed(true), { noticed: 1 }));
    judge.hear(word([], { noticed: 1 }));
    expect(verdict(judge)).toMatchObject({ answered: 8, failed: 1, lost: 1 });
  });

  it("is noticed by an alarm that another topic's message carried in the meantime", () => {
    const judge = judgeOf(HERS);
    const other = message(5 * TOPICS + 2, { isAlarming: true });
    const [first, ...rest] = [handed(false).slice(0, 4), [other], handed(false).slice(4)];
    judge.hear(word([...(first as Handed[]), ...rest.flat()], { noticed: 2 }));
    expect(verdict(judge)).toMatchObject({ failed: 2, lost: 0 });
  });

  it("is lost if the alarm was before the topic's latest message", () => {
    const judge = judgeOf(HERS);
    const alarmed = handed(false).map((one, index) => (index === 3 ? { ...one, isAlarming: true } : one));
    judge.hear(word(alarmed, { noticed: 2 }));
    expect(verdict(judge)).toMatchObject({ failed: 0, lost: 2 });
  });

  it("is lost if nothing came any more", () => {
    const judge = judgeOf(HERS);
    judge.hear(word(before.map((number) => message(number))));
    expect(verdict(judge)).toMatchObject({ answered: 4, lost: 6, inFlight: 0 });
  });
});

describe("a publisher that was killed and started again", () => {
  const [end, beginning] = [numbers(0, 7), numbers(3, 4)];

  it("begins anew, and the rest of its life before is noticed by whoever has heard of the new one", () => {
    const judge = judgeOf(HERS, HIS);
    const ofNewLife = beginning.map((number) => message(number, { life: "2" }));
    judge.hear(word([...end.map((number) => message(number)), ...ofNewLife]));
    judge.hear(
      word(
        end.map((number) => message(number)),
        { subscriber: HIS },
      ),
    );
    expect(verdict(judge)).toEqual({
      sent: 10 + 2 + 10,
      answered: 8 + 2 + 8,
      failed: 2,
      lost: 2,
      mismatched: 0,
      inFlight: 0,
    });
  });

  it("again and again: books of lives that are over are closed", () => {
    const judge = judgeOf(HERS);
    judge.hear(word(end.map((number) => message(number))));
    for (const life of ["2", "3"]) {
      judge.hear(word(beginning.map((number) => message(number, { life }))));
    }
    expect(judge.report()).toMatchObject({ sent: 10 + 2 + 2, answered: 8 + 2 + 2, failed: 2, inFlight: 0 });
  });
});

describe("mismatched", () => {
  const all = numbers(0, 9).map((number) => message(number));

  it.each([
    ["comes twice", [...all, all[9] as Handed]],
    ["comes too late for its place", [...all, all[2] as Handed]],
    ["comes on another topic", [...all, message(10 * TOPICS + 1, { topic: topicOf(3) })]],
  ])("is what %s", (_, handed) => {
    const judge = judgeOf(HERS);
    judge.hear(word(handed));
    expect(judge.report()).toMatchObject({ answered: 10, mismatched: 1 });
  });

  const late = (number: number, more: Partial<Handed> = {}): Handed =>
    message(number, { at: at(number) + 4 * MAX_DELAY_MS, ...more });

  it("is what comes far too late as if it were fresh, again and again", () => {
    const judge = judgeOf(HERS);
    judge.hear(word(numbers(0, 9).map((number) => late(number))));
    expect(judge.report()).toMatchObject({ answered: 10, mismatched: 9 });
  });

  it("is not what is late with an alarm, nor one message at whose hand-over the process stood still", () => {
    const judge = judgeOf(HERS);
    const [first, second, third, ...rest] = numbers(0, 9) as [number, number, number, ...number[]];
    judge.hear(
      word([
        late(first),
        late(second, { isAlarming: true }),
        late(third),
        ...rest.map((number) => message(number)),
      ]),
    );
    expect(judge.report()).toMatchObject({ answered: 10, mismatched: 0 });
  });
});

describe("timely again", () => {
  it("is when the last of the subscribers was handed a message that is not late, after the moment", () => {
    const judge = judgeOf(HERS, HIS);
    const [first, second, third] = numbers(7, 9) as [number, number, number];
    judge.hear(word([message(first), message(second), message(third)]));
    expect(judge.allTimelyAfter(0)).toBeUndefined();
    const lateAt = at(first) + MAX_DELAY_MS;
    judge.hear(word([message(first, { at: lateAt })], { subscriber: HIS }));
    expect(judge.allTimelyAfter(0)).toBeUndefined();
    judge.hear(word([message(third, { at: lateAt + 1 })], { subscriber: HIS }));
    expect(judge.allTimelyAfter(0)).toBeUndefined();
    const [next] = numbers(20, 20) as [number];
    judge.witness("1", next, at(next));
    judge.hear(word([message(next, { at: at(next) + 3 })], { subscriber: HIS, noticed: 10 }));
    expect(judge.allTimelyAfter(0)).toBe(at(next) + 3);
    expect(judge.allTimelyAfter(at(first))).toBe(at(next) + 3);
    expect(judge.allTimelyAfter(at(third))).toBeUndefined();
  });
});

it("adds up what the subscribers count", () => {
  const judge = judgeOf(HERS, HIS);
  judge.hear(word([], { resyncs: 2, alarms: { gap: 1, delay: 1 } }));
  judge.hear(word([], { subscriber: HIS, resyncs: 1, alarms: { gap: 3 } }));
  expect(judge.report()).toMatchObject({
    retried: 3,
    failures: { 'alarm "gap"': 4, 'alarm "delay"': 1 },
    medianMs: Number.NaN,
  });
});
