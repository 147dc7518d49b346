import { type Decision, go, ignore, impossible, TransitionTable } from "@seaworthy/core";
import { describe, expect, it } from "vitest";

type State = "shut" | "open" | "torn-down";
type Event = "push" | "kick" | "bell";

const door = new TransitionTable<State, Event, "creak" | "slam", "torn-down">({
  name: "door",
  initial: "shut",
  final: ["torn-down"],
  events: ["push", "kick", "bell"],
  states: {
    shut: { push: go("open", "creak"), kick: go("torn-down"), bell: ignore("nobody is at home") },
    open: { push: go("shut", "slam"), kick: go("shut", "slam"), bell: impossible("the bell is inside") },
  },
});

type Row = Readonly<Record<string, Decision<string, string>>>;

/** A table that the compiler knows nothing of, as one built at run time. */
function build(states: Record<string, Row>, initial = "a", final: string[] = []): () => unknown {
  return () =>
    new TransitionTable<string, string, string>({
      name: "t",
      initial,
      final: final as never[],
      events: ["e", "f"],
      states,
    });
}

const stay = ignore("so it is");

describe("TransitionTable", () => {
  it("steps: a transition with its action, or nothing where the event is ignored", () => {
    expect(door.step("shut", "push")).toEqual({ kind: "go", to: "open", action: "creak" });
    expect(door.step("shut", "kick")).toEqual({ kind: "go", to: "torn-down" });
    expect(door.step("shut", "bell")).toBeUndefined();
  });

  it("throws at the impossible and in a final state", () => {
    expect(() => door.step("open", "bell")).toThrow(
      new Error('door: event "bell" in state "open" is impossible: the bell is inside'),
    );
    expect(() => door.step("torn-down", "push")).toThrow(
      new Error('door: event "push" in state "torn-down" is impossible: the state is final'),
    );
  });

  it("lists states and rows in the order of the table", () => {
    expect(door.states).toEqual(["shut", "open", "torn-down"]);
    expect([...door.rows()].map(({ state, event, decision }) => [state, event, decision.kind])).toEqual([
      ["shut", "push", "go"],
      ["shut", "kick", "go"],
      ["shut", "bell", "ignore"],
      ["open", "push", "go"],
      ["open", "kick", "go"],
      ["open", "bell", "impossible"],
    ]);
  });

  it("draws itself as a Mermaid state diagram", () => {
    expect(door.toMermaid()).toBe(
      [
        "stateDiagram-v2",
        "  accTitle: door",
        "  accDescr: shut on push to open, shut on kick to torn-down, open on push to shut, open on kick to shut",
        '  state "shut" as shut',
        '  state "open" as open',
        '  state "torn-down" as torn_down',
        "  [*] --> shut",
        "  shut --> open : push<br/>/ creak",
        "  shut --> torn_down : kick",
        "  open --> shut : push<br/>kick<br/>/ slam",
        "  torn_down --> [*]",
        "",
      ].join("\n"),
    );
  });

  it("draws what goes on and what ends apart, and an event that ends every state once", () => {
    const table = new TransitionTable<"a" | "b" | "end", "go" | "stop" | "fail", "tidy", "end">({
      name: "job",
      initial: "a",
      final: ["end"],
      events: ["go", "stop", "fail"],
      states: {
        a: { go: go("b"), stop: go("end", "tidy"), fail: stay },
        b: { go: go("a"), stop: go("end", "tidy"), fail: go("end") },
      },
    });
    expect(table.toMermaid("going-on").split("\n").slice(1)).toEqual([
      "  accTitle: How a job goes on",
      "  accDescr: a on go to b, b on go to a",
      '  state "a" as a',
      '  state "b" as b',
      "  [*] --> a",
      "  a --> b : go",
      "  b --> a : go",
      "",
    ]);
    expect(table.toMermaid("ending").split("\n").slice(1)).toEqual([
      "  accTitle: How a job ends",
      "  accDescr: b on fail to end, in any state on stop to end",
      '  state "b" as b',
      '  state "end" as end',
      '  state "in any state" as in_any_state',
      "  b --> end : fail",
      "  in_any_state --> end : stop<br/>/ tidy",
      "",
    ]);
  });

  it("draws one arrow from a state to another, and writes what stays within a state into it", () => {
    const table = new TransitionTable<"a" | "b", "x" | "y" | "z", "act" | "tidy">({
      name: "pair",
      initial: "a",
      final: [],
      events: ["x", "y", "z"],
      states: {
        a: { x: go("b", "act"), y: go("b"), z: go("b", "tidy") },
        b: { x: go("a", "act"), y: go("b", "tidy"), z: go("a", "act") },
      },
    });
    expect(table.toMermaid().split("\n").slice(5, -1)).toEqual([
      "  [*] --> a",
      "  b : y<br/>/ tidy",
      "  a --> b : x<br/>/ act<br/>z<br/>/ tidy<br/>y",
      "  b --> a : x<br/>z<br/>/ act",
    ]);
  });

  it("reports a pair that nobody decided", () => {
    expect(build({ a: { e: stay } })).toThrow(
      new TypeError('table "t": nothing decided for event "f" in state "a"'),
    );
  });

  it("does not take what every object inherits for a decision", () => {
    const table = (): unknown =>
      new TransitionTable<string, string, string>({
        name: "t",
        initial: "a",
        final: [],
        events: ["toString"],
        states: { a: {} },
      });
    expect(table).toThrow('nothing decided for event "toString" in state "a"');
  });

  it("reports a transition to a state that is not there", () => {
    expect(build({ a: { e: go("b"), f: stay } })).toThrow('"a" leads to unknown state "b"');
  });

  it("reports an event that is not there", () => {
    expect(build({ a: { e: stay, f: stay, g: stay } })).toThrow('unknown event "g" in state "a"');
  });

  it("reports a state that nothing leads to, also if it leads to itself", () => {
    expect(build({ a: { e: stay, f: stay }, b: { e: go("b"), f: go("a") } })).toThrow(
      'nothing leads to state "b"',
    );
    expect(build({ a: { e: stay, f: stay } }, "a", ["z"])).toThrow('nothing leads to state "z"');
  });

  it("reports an initial state that is not there", () => {
    expect(build({ a: { e: go("a"), f: stay } }, "x")).toThrow('unknown initial state "x"');
  });

  it("reports a final state that has a row", () => {
    expect(build({ a: { e: stay, f: stay } }, "a", ["a"])).toThrow('final state "a" has a row');
  });

  it("reports all faults at once", () => {
    expect(build({ a: { e: go("c"), h: stay }, b: { e: stay, f: stay } })).toThrow(
      new TypeError(
        'table "t": "a" leads to unknown state "c"; nothing decided for event "f" in state "a"; ' +
          'unknown event "h" in state "a"; nothing leads to state "b"',
      ),
    );
  });
});
