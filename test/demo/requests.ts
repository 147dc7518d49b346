import { Load } from "../harness/load.js";
import type { LoadReport } from "./load-messages.js";
import type { DemoLoad, Workload } from "./pattern.js";
import { REQUEST_TERMS } from "./terms.js";

/** A client, of any pattern that answers requests. */
export interface Requester {
  request(body: string): Promise<string>;
  /** Attempts beyond the first, so far. */
  retried(): number;
  close(): Promise<void>;
}

/** Requests as a load. */
interface RequestLoadOptions {
  /** Requests that are kept in flight. */
  readonly inFlight: number;
  /** What answers them, for the reader: "one server". */
  readonly against: string;
  /** A request that has not ended after so many ms is counted as lost. */
  readonly boundMs: number;
  /** Opens a client: see {@link DemoLoad.open}. */
  open(endpoint: (name: string) => string): Requester;
}

const count = new Intl.NumberFormat("en-US");

/** The load on a pattern that answers requests: a client that keeps a number of them in flight. */
export function requestLoad(options: RequestLoadOptions): DemoLoad {
  const { inFlight, against, boundMs, open } = options;
  return {
    process: "client",
    about: `${count.format(inFlight)} requests in flight all the time against ${against}`,
    terms: REQUEST_TERMS,
    boundMs,
    open: (endpoint) => new RequestWorkload(open(endpoint), inFlight, boundMs),
  };
}

/** Requests of one requester, each judged by its own reply. */
export class RequestWorkload implements Workload {
  readonly #requester: Requester;
  readonly #load: Load;

  constructor(requester: Requester, inFlight: number, boundMs: number) {
    this.#requester = requester;
    this.#load = new Load({ request: (body) => requester.request(body), inFlight, boundMs });
  }

  async start(): Promise<void> {
    this.#load.start();
    await this.#load.answers(1);
  }

  report(): LoadReport {
    const { counters, failures } = this.#load;
    return { ...counters, ...this.#load.latency(), retried: this.#requester.retried(), failures };
  }

  recoveredAfter(since: number): Promise<number> {
    return this.#load.firstAnswerAfter(since);
  }

  finish(): Promise<void> {
    return this.#load.stop();
  }

  close(): Promise<void> {
    return this.#requester.close();
  }
}
