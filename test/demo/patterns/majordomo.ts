import { MajordomoClient } from "@seaworthy/majordomo";
import { requestBoundMs } from "../../harness/load.js";
import type { DemoPattern } from "../pattern.js";
import { requestLoad } from "../requests.js";
import { blackHole, tcp, workersBehind } from "../workers-behind.js";

const TIMEOUT_MS = 500;
const ATTEMPTS = 6;
const MAX_PAUSE_MS = 400;
const HEARTBEAT_MS = 100;
const LIVENESS = 3;
const PACE = ["--heartbeat", String(HEARTBEAT_MS), "--liveness", String(LIVENESS)];

export const pattern: DemoPattern = workersBehind({
  name: "majordomo",
  title: "Majordomo",
  middle: {
    name: "broker",
    file: "examples/majordomo/broker.ts",
    args: (port) => ["--bind", tcp(port("everybody")), ...PACE],
    path: "everybody",
  },
  workerArgs: [...PACE, "--concurrency", "100"],
  load: requestLoad({
    inFlight: 300,
    against: "one broker with four workers",
    boundMs: requestBoundMs(ATTEMPTS, TIMEOUT_MS, MAX_PAUSE_MS),
    open(endpoint) {
      const client = new MajordomoClient({
        timeoutMs: TIMEOUT_MS,
        attempts: ATTEMPTS,
        heartbeatMs: HEARTBEAT_MS,
        liveness: LIVENESS,
        backoff: { maxMs: MAX_PAUSE_MS },
        socket: { reconnectMaxIntervalMs: 400 },
      });
      // Not through the proxy: that is between the broker and its workers.
      client.connect(endpoint("everybody"));
      return {
        request: async (body) => String((await client.request("echo", body))[0]),
        retried: () => client.stats().retries,
        close: () => client.close(),
      };
    },
  }),
  faults: [blackHole("broker")],
});
