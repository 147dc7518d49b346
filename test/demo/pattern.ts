import type { Program } from "../harness/program.js";
import type { TcpProxy } from "../harness/tcp-proxy.js";

/** The processes and network paths of a running pattern, as its faults see them. */
export interface Stage {
  /** The process of a role. */
  role(name: string): Program;
  /** The proxy in front of a role. */
  path(name: string): TcpProxy;
}

/** A process to start: an example, as users run it. */
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
}

/** What the load drives, in a process of its own. */
interface Requester {
  request(body: string): Promise<string>;
  /** Attempts beyond the first, so far. */
  retried(): number;
  close(): Promise<void>;
}

/** The load on a pattern. */
interface DemoLoad {
  /** Requests that are kept in flight. */
  readonly inFlight: number;
  /** What answers them, for the reader: "one server". */
  readonly against: string;
  /** A request that has not ended after so many ms is counted as lost. */
  readonly boundMs: number;
  /** Opens a client; `endpoint` gives the proxy's endpoint of a role, or else the port's of that name. */
  open(endpoint: (name: string) => string): Requester;
}

/** One kind of fault. */
export interface DemoFault {
  readonly name: string;
  inject(stage: Stage): void | Promise<void>;
  /** Takes the cause away. What it waits for (a server's `ready`) still counts as the fault. */
  heal(stage: Stage): void | Promise<void>;
}

/** A pattern in the demo: each file of `patterns/` exports one, as `pattern`. */
export interface DemoPattern {
  readonly name: string;
  readonly title: string;
  /** Started in this order. */
  readonly roles: readonly DemoRole[];
  readonly load: DemoLoad;
  readonly faults: readonly DemoFault[];
}
