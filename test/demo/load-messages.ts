import type { Latency, LoadCounters } from "../harness/load.js";

/** State of the load, as its process reports it. What it counts is in the `Terms` of the pattern. */
export interface LoadReport extends LoadCounters, Latency {
  readonly retried: number;
  /** What failed, by the reason that the application was told. */
  readonly failures: Readonly<Record<string, number>>;
}

/** What the demo tells the load process. */
export type LoadCommand =
  /** Report when all is well after this moment. */
  | { readonly type: "watch-recovery"; readonly since: number }
  /** Let what is in flight end, report once more, and exit. */
  | { readonly type: "finish" };

/** What the load process tells the demo. */
export type LoadMessage =
  | { readonly type: "progress"; readonly report: LoadReport }
  | { readonly type: "recovered"; readonly since: number; readonly at: number }
  | { readonly type: "finished"; readonly report: LoadReport };
