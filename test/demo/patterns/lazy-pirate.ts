import { LazyPirateClient } from "@seaworthy/lazy-pirate";
import { requestBoundMs } from "../../harness/load.js";
import type { DemoPattern } from "../pattern.js";

const TIMEOUT_MS = 500;
const ATTEMPTS = 6;
const MAX_PAUSE_MS = 400;

export const pattern: DemoPattern = {
  name: "lazy-pirate",
  title: "Lazy Pirate",
  roles: [
    {
      name: "server",
      file: "examples/lazy-pirate/server.ts",
      args: (port) => ["--bind", `tcp://127.0.0.1:${port("server")}`],
      path: "server",
    },
  ],
  load: {
    inFlight: 300,
    against: "one server",
    boundMs: requestBoundMs(ATTEMPTS, TIMEOUT_MS, MAX_PAUSE_MS),
    open(endpoint) {
      const client = new LazyPirateClient({
        timeoutMs: TIMEOUT_MS,
        attempts: ATTEMPTS,
        backoff: { maxMs: MAX_PAUSE_MS },
        socket: { reconnectMaxIntervalMs: 400 },
      });
      client.connect(endpoint("server"));
      return {
        request: async (body) => String((await client.request(body))[0]),
        retried: () => client.stats().retries,
        close: () => client.close(),
      };
    },
  },
  faults: [
    {
      name: "server killed, started again",
      inject: (stage) => stage.role("server").kill(),
      heal: async (stage) => void (await stage.role("server").start()),
    },
    {
      name: "server frozen (SIGSTOP)",
      inject: (stage) => stage.role("server").pause(),
      heal: (stage) => stage.role("server").resume(),
    },
    {
      name: "TCP cut and refused",
      async inject(stage) {
        await stage.path("server").refuse();
        stage.path("server").cut();
      },
      heal: (stage) => stage.path("server").accept(),
    },
    {
      name: "black hole, then half open",
      inject: (stage) => stage.path("server").hold(),
      heal(stage) {
        stage.path("server").lose();
        stage.path("server").release();
      },
    },
  ],
};
