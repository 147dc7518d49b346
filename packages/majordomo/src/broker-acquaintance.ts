import { go, ignore, impossible, TransitionTable } from "@seaworthy/core";

/** What a client knows of the broker at the other end of a connection. */
export type Acquaintance =
  | "connecting"
  /** Asked whether it is ours; requests wait for the answer. */
  | "asked"
  /** It said so. */
  | "ours"
  /** It has not answered yet: treated as foreign. */
  | "presumed-foreign"
  | "foreign";

/** What a client learns of it. */
export type AcquaintanceEvent = "up" | "introduced" | "disowned" | "no-answer";

/** What follows from it. */
export type AcquaintanceAction = "ask" | "recognise";

const upAlready = ignore("a connection is made once");
const unasked = ignore("nobody has asked: what comes first on a connection proves nothing");
const settled = ignore("it is known, and this says only that the broker is there");
const notWaiting = impossible("only an answer that is waited for can fail to come");

/** How a client gets to know a broker. */
export const acquaintance: TransitionTable<Acquaintance, AcquaintanceEvent, AcquaintanceAction> =
  new TransitionTable<Acquaintance, AcquaintanceEvent, AcquaintanceAction>({
    name: "Majordomo broker as its client knows it",
    initial: "connecting",
    final: [],
    events: ["up", "introduced", "disowned", "no-answer"],
    states: {
      connecting: {
        up: go("asked", "ask"),
        introduced: unasked,
        disowned: unasked,
        "no-answer": notWaiting,
      },
      asked: {
        up: upAlready,
        introduced: go("ours", "recognise"),
        disowned: go("foreign", "recognise"),
        "no-answer": go("presumed-foreign", "recognise"),
      },
      ours: { up: upAlready, introduced: settled, disowned: settled, "no-answer": notWaiting },
      "presumed-foreign": {
        up: upAlready,
        introduced: go("ours", "recognise"),
        disowned: go("foreign"),
        "no-answer": notWaiting,
      },
      foreign: {
        up: upAlready,
        introduced: ignore("it has said that it is not"),
        disowned: settled,
        "no-answer": notWaiting,
      },
    },
  });
