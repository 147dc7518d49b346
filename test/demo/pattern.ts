import type { Program } from "../harness/program.js";
import type { TcpProxy } from "../harness/tcp-proxy.js";
import type { LoadReport } from "./load-messages.js";
import type { Terms } from "./terms.js";

/** The processes and network paths of a running pattern, as its faults see them. */
export interface Stage {
  /** The process of a role. */
  role(name: string): Program;
  /** The proxy in front of a role. */
  path(name: string): TcpProxy;
}

/** A process to start: an example, as users run it, or a program of the demo's own. */
export interface DemoRole {
  readonly name: string;
  /** TypeScript file below the root of the repository. */
  readonly file: string;
  /**
   * Its arguments; `port` gives a free port by a name of your choice, the same one each time, and `path`
   * that of the proxy in front of a role.
   */
  args(port: (name: string) => number, path: (role: string) => number): readonly string[];
  /** Name of the port in front of which the proxy {@link Stage.path} stands, if there is to be one. */
  readonly path?: string;
  /** Whether its faults send it messages: {@link Program.send}. */
  readonly channel?: boolean;
}

/**
 * What is counted, in a process of its own: it has the pattern do its work, as long as it runs, and judges what became of
 * all that was sent. It does so by what it has seen itself, and never by what the pattern says of itself alone.
 */
export interface Workload {
  /** Begins, and resolves when the first thing sent has been answered. */
  start(): Promise<void>;
  /** The counters now. */
  report(): LoadReport;
  /** When all was well again after a moment, which may have passed; both on `monotonicMs()`. */
  recoveredAfter(since: number): Promise<number>;
  /** Sends no more, and resolves when what became of everything is known, or too old to be awaited any longer. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** The load on a pattern. */
export interface DemoLoad {
  /** What its process is to the pattern, for the reader: "client". */
  readonly process: string;
  /** The load in words, for the reader. */
  readonly about: string;
  /** What its counters mean. */
  readonly terms: Terms;
  /** What was sent before so many ms, and whose end is not known, is counted as lost. */
  readonly boundMs: number;
  /** Opens it; `endpoint` gives the proxy's endpoint of a role, or else the port's of that name. */
  open(endpoint: (name: string) => string): Workload;
}

/** One kind of fault. */
export interface DemoFault {
  readonly name: string;
  inject(stage: Stage): void | Promise<void>;
  /** Takes the cause away. What it waits for (a server's `ready`) still counts as the fault. */
  heal(stage: Stage): void | Promise<void>;
}

/** A pattern in the demo, which is processes, what is counted, and faults: each file of `patterns/` exports one, as `pattern`. */
export interface DemoPattern {
  readonly name: string;
  readonly title: string;
  /** Started in this order. */
  readonly roles: readonly DemoRole[];
  readonly load: DemoLoad;
  readonly faults: readonly DemoFault[];
}
