import { once } from "node:events";
import { MajordomoClient } from "@seaworthy/majordomo";
import { Crew, type CrewOptions } from "./crew.js";
import { freeEndpoint, startExample } from "./example.js";
import type { Program } from "./program.js";

/** How often all roles say something in these tests, in ms, and how much of that may be missed. */
const HEARTBEAT_MS = 200;
const LIVENESS = 3;
/** As arguments of examples. */
export const PACE: readonly string[] = ["--heartbeat", String(HEARTBEAT_MS), "--liveness", String(LIVENESS)];

/** The example broker, in a process of its own, and the workers that it has in service as its lines tell. */
export class BrokerExample implements AsyncDisposable {
  readonly program: Program;
  readonly endpoint: string;
  readonly #workers = new Set<string>();

  private constructor(program: Program, endpoint: string) {
    this.program = program;
    this.endpoint = endpoint;
    program.on("line", (line) => this.#note(line)).on("exit", () => this.#workers.clear());
  }

  /** Starts one. */
  static async start(...args: readonly string[]): Promise<BrokerExample> {
    const endpoint = await freeEndpoint();
    const program = await startExample("majordomo/broker", "--bind", endpoint, ...args);
    return new BrokerExample(program, endpoint);
  }

  /** Starts an example worker, and waits until it is in service. */
  async startWorker(...args: readonly string[]): Promise<Program> {
    const joined = this.says(/^joined /);
    const worker = await startExample("majordomo/worker", "--connect", this.endpoint, ...args);
    await joined;
    return worker;
  }

  /** A client that has no reason to ask twice. */
  connect(): MajordomoClient {
    const client = new MajordomoClient({ timeoutMs: 60_000 });
    client.connect(this.endpoint);
    return client;
  }

  /** Resolves when so many workers are in service. */
  async has(workers: number): Promise<void> {
    while (this.#workers.size !== workers) await once(this.program, "line");
  }

  /** Resolves when the broker has said so, as often, from now on. */
  async says(what: RegExp, times = 1): Promise<string> {
    let said = 0;
    return await this.program.nextLine((line) => what.test(line) && ++said === times);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.kill();
  }

  #note(line: string): void {
    const [, what = "", worker = ""] = /^(joined|returned|expired|left|gone) (\w+)/.exec(line) ?? [];
    if (what === "joined" || what === "returned") this.#workers.add(worker);
    else this.#workers.delete(worker);
  }
}

/** Arguments of example workers for these brokers, with the pace of these tests. */
export function workerArguments(brokers: readonly BrokerExample[], concurrency: number): string[] {
  const endpoints = brokers.flatMap(({ endpoint }) => ["--connect", endpoint]);
  return [...endpoints, "--concurrency", String(concurrency), ...PACE];
}

/** A crew of Majordomo clients that ask `echo`. */
export class MajordomoCrew extends Crew<MajordomoClient> {
  constructor(options: CrewOptions) {
    super(
      {
        open: (common) => new MajordomoClient({ ...common, heartbeatMs: HEARTBEAT_MS, liveness: LIVENESS }),
        ask: (client, body) => client.request("echo", body),
        typed: ["ERR_REQUEST_TIMEOUT", "ERR_BROKER_UNREACHABLE", "ERR_NO_SERVICE"],
      },
      options,
    );
  }

  /** What came to the brokers: all that the sockets have sent but the notes that a request is given up. */
  get asked(): number {
    return this.clients.reduce((sum, client) => sum - client.stats().cancelled, this.stats().sent);
  }
}
