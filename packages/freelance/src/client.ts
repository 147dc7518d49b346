import { randomBytes } from "node:crypto";
import { type Body, LimitError, type RequestLimits, systemScheduler } from "@seaworthy/core";
import { type DriverStats, type NonEmptyFrames, RequestClientRole, ZmqTransport } from "@seaworthy/core/node";
import { FreelanceClientMachine } from "./client-machine.js";
import type {
  FreelanceClientEvent,
  FreelanceClientStats,
  FreelanceServerStatistics,
} from "./client-messages.js";
import { type FreelanceClientOptions, resolveClientOptions } from "./client-options.js";
import { type WiredClient, wireClient } from "./client-wiring.js";

/** What one request may set for itself. */
export interface FreelanceRequestOptions extends RequestLimits {}

const OWNER = "FreelanceClient";

interface FreelanceClientEngine extends WiredClient {
  readonly machine: FreelanceClientMachine;
  readonly transport: ZmqTransport;
}

/**
 * A client of many servers that do the same, with no broker between. Each request ends in its own reply, or in a typed
 * error within `attempts × timeoutMs` and the pauses between. How servers are chosen is the `strategy`:
 *
 * - `failover` (guide model 1): one server gets everything; when it is lost or silent the next gets its turn. For any REP
 *   or ROUTER server.
 * - `shotgun` (guide model 2): each request goes to all connected servers, and the first reply wins. For any REP or ROUTER
 *   server whose requests may run many times.
 * - `tracked` (guide model 3, the default): each request goes to the server that is likely to be through with it first,
 *   among those that answer PINGs (10/FLP); to another if that one does not answer, and on demand (`hedgeAfterMs`)
 *   to a second one if it takes long. For `FreelanceServer`, and for FLP servers in any language. A server must have the
 *   very endpoint that is connected to as its routing id.
 *
 * A request is sent again when an attempt times out or its server is lost, so it may run more than once: make it
 * idempotent, or turn the reply cache of `FreelanceServer` on, which knows the repeats that come to one server.
 *
 * @example
 * ```ts
 * const client = new FreelanceClient();
 * for (const port of [5555, 5556, 5557]) client.connect(`tcp://localhost:${port}`);
 * const [reply] = await client.request("hello");
 * await client.close();
 * ```
 */
export class FreelanceClient extends RequestClientRole<FreelanceClientEvent, FreelanceClientEngine> {
  readonly #maxServers: number;

  /**
   * @throws TypeError or RangeError that names the option at fault
   */
  constructor(options: FreelanceClientOptions = {}) {
    const resolved = resolveClientOptions(options);
    const machine = new FreelanceClientMachine(resolved, randomBytes(8).readBigUInt64BE(), Math.random);
    const transport = new ZmqTransport(OWNER);
    const { socket, strategy } = resolved;
    super("freelance", OWNER, resolved, {}, (owner) => ({
      machine,
      transport,
      ...wireClient(machine, { transport, scheduler: systemScheduler, strategy, socket, owner }),
    }));
    this.#maxServers = resolved.maxServers;
  }

  /**
   * Enters a server, also while requests are in flight. One that is entered twice is one server.
   *
   * @throws ClosedError if the client is closed; LimitError beyond `maxServers`; TypeError or RangeError if the endpoint
   * is not of the form `transport://address`
   */
  override connect(endpoint: string): void {
    this.assertConnectable(endpoint);
    const { machine } = this.engine;
    if (!machine.has(endpoint) && machine.serverCount >= this.#maxServers)
      throw new LimitError("maxServers", this.#maxServers, "too many servers");
    this.engine.feed({ type: "connect", endpoint });
  }

  /**
   * Takes a server out. It gets no more requests; those that it has may still be answered, and its connection is kept
   * until they are. An endpoint that is not in use is let pass.
   *
   * @throws TypeError or RangeError if the endpoint is not of the form `transport://address`
   */
  override disconnect(endpoint: string): void {
    super.disconnect(endpoint);
  }

  /**
   * Sends a request and waits for its reply.
   *
   * Bytes are not copied: once given they must not be changed any more, not even when the promise has settled.
   * After a retry, a hedge, a timeout or an abort they may still be on their way.
   *
   * @returns the frames of the reply
   * @throws (by rejecting) RequestTimeoutError, ConnectionLostError, NotConnectedError,
   * RemoteError, AbortedError, ClosedError, LimitError; TypeError or RangeError for wrong arguments
   */
  override request(body: Body, options: FreelanceRequestOptions = {}): Promise<NonEmptyFrames> {
    return super.request(body, options);
  }

  /** What is known of each server, in the order in which they were entered. */
  servers(): FreelanceServerStatistics[] {
    return this.engine.machine.servers(systemScheduler.now());
  }

  /** Counters since construction, and how much is in flight and alive now. */
  stats(): FreelanceClientStats & {
    inFlight: number;
    servers: number;
    aliveServers: number;
    sockets: DriverStats;
  } {
    const { stats, inFlight, serverCount: servers, aliveCount: aliveServers } = this.engine.machine;
    return { ...stats, inFlight, servers, aliveServers, sockets: this.engine.transport.stats() };
  }
}
