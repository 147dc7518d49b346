import { LazyPirateClient } from "@seaworthy/lazy-pirate";
import { requestBoundMs } from "../harness/load.js";
import type { DemoLoad } from "./pattern.js";
import { requestLoad } from "./requests.js";

const TIMEOUT_MS = 500;
const ATTEMPTS = 6;
const MAX_PAUSE_MS = 400;

/**
 * The load of a Lazy Pirate client.
 *
 * @param against - what answers, for the reader
 * @param at - where it connects: a role with a proxy in front, or the name of a port
 */
export function lazyPirateLoad(against: string, at: string): DemoLoad {
  return requestLoad({
    inFlight: 300,
    against,
    boundMs: requestBoundMs(ATTEMPTS, TIMEOUT_MS, MAX_PAUSE_MS),
    open(endpoint) {
      const client = new LazyPirateClient({
        timeoutMs: TIMEOUT_MS,
        attempts: ATTEMPTS,
        backoff: { maxMs: MAX_PAUSE_MS },
        socket: { reconnectMaxIntervalMs: 400 },
      });
      client.connect(endpoint(at));
      return {
        request: async (body) => String((await client.request(body))[0]),
        retried: () => client.stats().retries,
        close: () => client.close(),
      };
    },
  });
}
