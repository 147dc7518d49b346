import type { Latency, LoadCounters } from "../harness/load.js";

/** State of the load, as its process reports it. */
export interface LoadReport extends LoadCounters, Latency {
  readonly retried: number;
  /** Typed errors by code. */
  readonly failures: Readonly<Record<string, number>>;
}

/** What the demo tells the load process. */
export type LoadCommand =
  /** Report the first answer after this moment. */
  | { readonly type: "watch-answer"; readonly since: number }
  /** Let the requests in flight end, report once more, and exit. */
  | { readonly type: "finish" };

/** What the load process tells the demo. */
export type LoadMessage =
  | { readonly type: "progress"; readonly report: LoadReport }
  | { readonly type: "first-answer"; readonly since: number; readonly at: number }
  | { readonly type: "finished"; readonly report: LoadReport };
