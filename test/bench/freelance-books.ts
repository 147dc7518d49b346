import { textFrame } from "@seaworthy/core";
import {
  FreelanceClientMachine,
  type FreelanceClientOptions,
  resolveClientOptions,
} from "@seaworthy/freelance/machine";
import { median } from "./figures.js";

/** What a request costs a client's machine. */
export interface BookCost {
  /** Servers in the books, all of them alive. */
  readonly servers: number;
  readonly perRequestNs: number;
}

const ROUNDS = 9;
const REQUESTS = 50_000;
/** Requests that are with servers at a time. */
const IN_FLIGHT = 100;
/** Time from one request to the next, in ms, so that PINGs fall due as they would at 20,000 requests a second. */
const STEP_MS = 0.05;
const BODY = [textFrame("hello world")];
const EPOCH = 1n;

/** The same numbers from 0 to 1 in each round. */
function numbers(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state / 0x8000_0000;
  };
}

/** A client's machine with so many servers, which answer each in its turn. */
class Books {
  readonly #machine: FreelanceClientMachine;
  readonly #timeoutMs: number;
  readonly #sent: { connection: number; sequence: bigint }[] = [];
  #next = 0;
  #now = 0;
  #calls = 0;
  #answered = 0;

  constructor(servers: number, options: FreelanceClientOptions) {
    const resolved = resolveClientOptions({ maxServers: servers, ...options });
    this.#timeoutMs = resolved.timeoutMs;
    this.#machine = new FreelanceClientMachine(resolved, EPOCH, numbers());
    for (let index = 0; index < servers; index++) {
      this.#machine.handle({ type: "connect", endpoint: `tcp://server-${index}:5555` }, this.#now);
      this.#perform();
    }
    if (this.#machine.aliveCount !== servers) throw new Error("not all servers are alive");
  }

  /** So many requests, to servers and back. */
  exchange(count: number): void {
    const goal = this.#answered + count;
    while (this.#answered < goal) {
      this.#now += STEP_MS;
      const { deadline } = this.#machine;
      if (deadline !== undefined && deadline <= this.#now) {
        this.#machine.tick(this.#now);
        this.#perform();
      }
      const call = ++this.#calls;
      const limits = { timeoutMs: this.#timeoutMs, attempts: 3 };
      this.#machine.handle({ type: "request", call, body: BODY, ...limits }, this.#now);
      this.#perform();
      if (this.#calls - this.#answered > IN_FLIGHT) this.#answerOne();
    }
  }

  #answerOne(): void {
    const { connection, sequence } = this.#sent[this.#next++] as { connection: number; sequence: bigint };
    const message = { type: "reply", epoch: EPOCH, sequence, body: BODY as Uint8Array[] } as const;
    this.#machine.handle({ type: "received", connection, message }, this.#now);
    this.#perform();
    if (this.#next < 4096) return;
    this.#sent.splice(0, this.#next);
    this.#next = 0;
  }

  #perform(): void {
    const machine = this.#machine;
    for (let output = machine.take(); output !== undefined; output = machine.take()) {
      switch (output.type) {
        case "open":
          machine.handle({ type: "up", connection: output.connection }, this.#now);
          break;
        case "ping": {
          const { connection } = output;
          machine.handle({ type: "received", connection, message: { type: "pong" } }, this.#now);
          break;
        }
        case "send":
          this.#sent.push({ connection: output.connection, sequence: output.id.sequence });
          break;
        case "answered":
          this.#answered += 1;
          break;
        case "failed":
          throw new Error(`unexpected: ${output.failure.code}`);
      }
    }
  }
}

function roundNs(servers: number, options: FreelanceClientOptions): number {
  const books = new Books(servers, options);
  books.exchange(REQUESTS / 10);
  const startedAt = performance.now();
  books.exchange(REQUESTS);
  return ((performance.now() - startedAt) * 1e6) / REQUESTS;
}

/** Medians over rounds in which all sizes take turns. */
export function measureBooks(sizes: readonly number[], options: FreelanceClientOptions = {}): BookCost[] {
  const times = sizes.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, servers] of sizes.entries()) times[index]?.push(roundNs(servers, options));
  }
  return sizes.map((servers, index) => ({ servers, perRequestNs: median(times[index] ?? []) }));
}
