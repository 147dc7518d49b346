import { FreelanceClient } from "@seaworthy/freelance";
import { requestBoundMs } from "../../harness/load.js";
import type { DemoPattern, DemoRole, Stage } from "../pattern.js";
import { requestLoad } from "../requests.js";
import { tcp } from "../workers-behind.js";

const TIMEOUT_MS = 500;
const ATTEMPTS = 12;
const MAX_PAUSE_MS = 400;

const SERVERS = ["server 1", "server 2", "server 3"] as const;
type Server = (typeof SERVERS)[number];
const [FIRST, SECOND, THIRD] = SERVERS;

/** Its name is the way that clients take to it, which is through a proxy. */
const server = (name: Server): DemoRole => ({
  name,
  file: "examples/freelance/server.ts",
  args: (port, path) => ["--endpoint", tcp(path(name)), "--bind", tcp(port(`bound by ${name}`))],
  path: `bound by ${name}`,
});

async function kill(stage: Stage, servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((name) => stage.role(name).kill()));
}

async function start(stage: Stage, servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((name) => stage.role(name).start()));
}

export const pattern: DemoPattern = {
  name: "freelance",
  title: "Freelance",
  roles: SERVERS.map(server),
  load: requestLoad({
    inFlight: 300,
    against: "three servers",
    boundMs: requestBoundMs(ATTEMPTS, TIMEOUT_MS, MAX_PAUSE_MS),
    open(endpoint) {
      const client = new FreelanceClient({
        heartbeatMs: 100,
        connectTimeoutMs: 500,
        timeoutMs: TIMEOUT_MS,
        attempts: ATTEMPTS,
        backoff: { maxMs: MAX_PAUSE_MS },
        socket: { reconnectMaxIntervalMs: 400 },
      });
      for (const name of SERVERS) client.connect(endpoint(name));
      return {
        request: async (body) => String((await client.request(body))[0]),
        retried: () => client.stats().retries,
        close: () => client.close(),
      };
    },
  }),
  faults: [
    {
      name: "server killed, started again",
      inject: (stage) => kill(stage, [FIRST]),
      heal: (stage) => start(stage, [FIRST]),
    },
    {
      name: "two of three frozen (SIGSTOP)",
      inject(stage) {
        for (const name of [FIRST, SECOND]) stage.role(name).pause();
      },
      heal(stage) {
        for (const name of [FIRST, SECOND]) stage.role(name).resume();
      },
    },
    {
      name: "TCP to two of three cut",
      async inject(stage) {
        for (const name of [SECOND, THIRD]) {
          await stage.path(name).refuse();
          stage.path(name).cut();
        }
      },
      async heal(stage) {
        for (const name of [SECOND, THIRD]) await stage.path(name).accept();
      },
    },
    {
      name: "black hole, then half open",
      inject(stage) {
        for (const name of SERVERS) stage.path(name).hold();
      },
      heal(stage) {
        for (const name of SERVERS) {
          stage.path(name).lose();
          stage.path(name).release();
        }
      },
    },
    {
      name: "all killed at once",
      inject: (stage) => kill(stage, SERVERS),
      heal: (stage) => start(stage, SERVERS),
    },
  ],
};
