import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../harness/monotonic.js";
import { freePort } from "../harness/ports.js";
import { Program } from "../harness/program.js";
import { TcpProxy } from "../harness/tcp-proxy.js";
import type { LoadCommand, LoadMessage, LoadReport } from "./load-messages.js";
import type { DemoFault, DemoPattern, DemoRole, Stage } from "./pattern.js";

/** How long the demo waits after a fault until all is well, in ms. */
const RECOVERY_LIMIT_MS = 15_000;

/** Where a fault stands: it is there, its cause is being taken away, its cause is gone. */
export type FaultPhase = "there" | "healing" | "gone";

/** One fault in the life of a pattern. */
export interface FaultTimes {
  /** How long the cause was there, in ms. */
  readonly lastedMs: number;
  /** From the end of the cause until all was well, in ms; null if it did not get so. */
  readonly recoveryMs: number | null;
}

const NOTHING: LoadReport = {
  sent: 0,
  answered: 0,
  failed: 0,
  lost: 0,
  mismatched: 0,
  inFlight: 0,
  retried: 0,
  failures: {},
  medianMs: Number.NaN,
  p99Ms: Number.NaN,
};

/** A pattern on stage: its processes, its proxies and its load. */
export class Show implements Stage {
  /** The latest news from the load. */
  report: LoadReport = NOTHING;
  readonly #pattern: DemoPattern;
  readonly #roles = new Map<string, Program>();
  readonly #paths = new Map<string, TcpProxy>();
  readonly #ports = new Map<string, number>();
  #load: Program | undefined;

  constructor(pattern: DemoPattern) {
    this.#pattern = pattern;
  }

  role(name: string): Program {
    return found(this.#roles, name, "role");
  }

  path(name: string): TcpProxy {
    return found(this.#paths, name, "path");
  }

  /** Starts the roles, then the load; resolves when the first thing sent has been answered. */
  async open(): Promise<void> {
    const { roles } = this.#pattern;
    for (const role of roles) await this.#prepare(role);
    for (const role of roles) await this.#startRole(role);
    const endpoints = new Map([...this.#ports].map(([name, port]) => [name, endpointOf(port)]));
    for (const [name, proxy] of this.#paths) endpoints.set(name, endpointOf(proxy.port));
    const load = new Program({
      file: "test/demo/load-process.ts",
      args: [this.#pattern.name, JSON.stringify(Object.fromEntries(endpoints))],
      ipc: true,
    });
    load.on("message", (message) => {
      const news = message as LoadMessage;
      if (news.type !== "recovered") this.report = news.report;
    });
    this.#load = load;
    await load.start();
  }

  /** Lets a fault happen for a while, takes it away, and waits until all is well. */
  async suffer(fault: DemoFault, forMs: number, onPhase: (phase: FaultPhase) => void): Promise<FaultTimes> {
    onPhase("there");
    const beganAt = monotonicMs();
    await fault.inject(this);
    await sleep(Math.max(0, forMs - (monotonicMs() - beganAt)));
    onPhase("healing");
    await fault.heal(this);
    const goneAt = monotonicMs();
    onPhase("gone");
    const news = await this.#ask({ type: "watch-recovery", since: goneAt }, "recovered", RECOVERY_LIMIT_MS);
    return { lastedMs: goneAt - beganAt, recoveryMs: news === undefined ? null : news.at - goneAt };
  }

  /** Lets what is in flight end. */
  async finish(): Promise<LoadReport> {
    const limitMs = this.#pattern.load.boundMs + 10_000;
    const news = await this.#ask({ type: "finish" }, "finished", limitMs);
    if (news === undefined)
      throw new Error(`the load of ${this.#pattern.name} did not end within ${limitMs} ms`);
    return news.report;
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await Promise.all([this.#load?.kill(), ...[...this.#roles.values()].map((role) => role.kill())]);
    await Promise.all([...this.#paths.values()].map((proxy) => proxy.close()));
  }

  /** Finds its ports, and opens its proxy: it may be reached that way before it is started. */
  async #prepare(role: DemoRole): Promise<void> {
    // Arguments are made in one go, so the ports must be known before: ask which, then ask again.
    const wanted = new Set<string>();
    const wantedPort = (name: string): number => {
      wanted.add(name);
      return 0;
    };
    role.args(wantedPort, () => 0);
    for (const name of wanted) if (!this.#ports.has(name)) this.#ports.set(name, await freePort());
    if (role.path !== undefined) this.#paths.set(role.name, await TcpProxy.to(this.#port(role.path)));
  }

  async #startRole(role: DemoRole): Promise<void> {
    const args = role.args(
      (name) => this.#port(name),
      (name) => this.path(name).port,
    );
    const program = new Program({ file: role.file, args, ipc: role.channel === true });
    this.#roles.set(role.name, program);
    await program.start();
  }

  #port(name: string): number {
    return found(this.#ports, name, "port");
  }

  async #ask<T extends LoadMessage["type"]>(
    command: LoadCommand,
    reply: T,
    withinMs: number,
  ): Promise<Extract<LoadMessage, { type: T }> | undefined> {
    const load = this.#load;
    if (load === undefined) throw new Error("the show has not begun");
    return await new Promise((resolve, reject) => {
      const settle = (action: () => void): void => {
        clearTimeout(timer);
        load.off("message", onMessage).off("exit", onExit);
        action();
      };
      const onMessage = (message: unknown): void => {
        const news = message as LoadMessage;
        if (news.type === reply) settle(() => resolve(news as Extract<LoadMessage, { type: T }>));
      };
      const onExit = (): void => settle(() => reject(new Error(`the load died:\n${load.stderr}`)));
      const timer = setTimeout(() => settle(() => resolve(undefined)), withinMs);
      load.on("message", onMessage).on("exit", onExit);
      load.send(command);
    });
  }
}

function endpointOf(port: number): string {
  return `tcp://127.0.0.1:${port}`;
}

function found<T>(map: ReadonlyMap<string, T>, name: string, what: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`there is no ${what} "${name}"`);
  return value;
}
