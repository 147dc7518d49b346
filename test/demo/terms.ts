/** Columns of the tables whose meaning depends on what a pattern does. */
export type Column =
  | "sent"
  | "answered"
  | "retried"
  | "failed"
  | "lost"
  | "mismatched"
  | "median"
  | "p99"
  | "to recover";

/** What the counters of a pattern mean. */
export interface Terms {
  /** What is sent: "requests". */
  readonly things: string;
  /** What counters are called while it runs, where that is not the name of the column. */
  readonly words: Partial<Readonly<Record<Column, string>>>;
  /** What has not happened after a fault, until all is well: "no answer". */
  readonly missing: string;
  /** What the columns mean; several lines for one that takes more than 68 characters. What is clear of itself has none. */
  readonly legend: Partial<Readonly<Record<Column, readonly string[]>>>;
}

/** For all patterns that answer requests. */
export const REQUEST_TERMS: Terms = {
  things: "requests",
  words: {},
  missing: "no answer",
  legend: {
    retried: [
      "attempts beyond the first: a fault makes every request in flight try",
      "again, one round after the other until an answer comes",
    ],
    failed: ["ended in a typed error"],
    lost: ["ended neither in a reply nor in a typed error within its bound"],
    mismatched: ["ended in a reply that is not its own"],
    median: ["half of the answered requests took at most so long, all their", "attempts counted"],
    p99: ["99 of 100 answered requests took at most so long"],
    "to recover": [
      "from the moment the cause is gone (the server says ready again,",
      "SIGCONT is sent, the proxy is open) to the next answer",
    ],
  },
};
