import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TitanicClient } from "@seaworthy/titanic";
import type { DemoPattern, DemoRole, Stage } from "../pattern.js";
import { requestLoad } from "../requests.js";
import { tcp } from "../workers-behind.js";

const HEARTBEAT_MS = 100;
const LIVENESS = 3;
const PACE = ["--heartbeat", String(HEARTBEAT_MS), "--liveness", String(LIVENESS)];

const WORKERS = ["worker 1", "worker 2"] as const;
/** Everything but the client, in the order in which a machine may start it. */
const ALL = ["broker", "server", ...WORKERS] as const;

let folder: string | undefined;

/** Where the server keeps requests, over all its starts; it is gone when the demo ends. */
function dataFolder(): string {
  if (folder !== undefined) return folder;
  const made = mkdtempSync(join(tmpdir(), "titanic-"));
  process.once("exit", () => rmSync(made, { recursive: true, force: true, maxRetries: 10 }));
  folder = made;
  return made;
}

const worker = (name: string): DemoRole => ({
  name,
  file: "examples/majordomo/worker.ts",
  args: (_port, path) => ["--connect", tcp(path("broker")), "--concurrency", "100", ...PACE],
});

async function restart(stage: Stage, ...roles: readonly string[]): Promise<void> {
  await Promise.all(roles.map((role) => stage.role(role).start()));
}

export const pattern: DemoPattern = {
  name: "titanic",
  title: "Titanic",
  roles: [
    {
      name: "broker",
      file: "examples/majordomo/broker.ts",
      args: (port) => ["--bind", tcp(port("everybody")), ...PACE],
      path: "everybody",
    },
    {
      name: "server",
      file: "examples/titanic/server.ts",
      args: (_port, path) => ["--connect", tcp(path("broker")), "--data", dataFolder(), ...PACE],
    },
    ...WORKERS.map(worker),
  ],
  load: requestLoad({
    inFlight: 300,
    against: "one server with two workers behind one broker",
    boundMs: 60_000,
    open(endpoint) {
      const client = new TitanicClient({
        timeoutMs: 1000,
        attempts: 50,
        heartbeatMs: HEARTBEAT_MS,
        liveness: LIVENESS,
        backoff: { maxMs: 400 },
        poll: { maxMs: 200 },
        socket: { reconnectMaxIntervalMs: 400 },
      });
      // Not through the proxy: that is between the broker and the others.
      client.connect(endpoint("everybody"));
      return {
        request: async (body) => String((await client.call("echo", body))[0]),
        retried: () => client.stats().retries,
        close: () => client.close(),
      };
    },
  }),
  faults: [
    {
      // Its folder counts as abandoned only after some seconds, which are a part of the fault: not right before the last,
      // which has the same, or requests would go through both.
      name: "server killed, started again",
      inject: (stage) => stage.role("server").kill(),
      heal: (stage) => restart(stage, "server"),
    },
    {
      name: "worker killed, started again",
      inject: (stage) => stage.role(WORKERS[0]).kill(),
      heal: (stage) => restart(stage, WORKERS[0]),
    },
    {
      name: "broker killed, started again",
      inject: (stage) => stage.role("broker").kill(),
      heal: (stage) => restart(stage, "broker"),
    },
    {
      name: "server frozen (SIGSTOP)",
      inject: (stage) => stage.role("server").pause(),
      heal: (stage) => stage.role("server").resume(),
    },
    {
      name: "TCP to server, workers cut",
      async inject(stage) {
        await stage.path("broker").refuse();
        stage.path("broker").cut();
      },
      heal: (stage) => stage.path("broker").accept(),
    },
    {
      name: "all killed at once",
      inject: async (stage) => void (await Promise.all(ALL.map((role) => stage.role(role).kill()))),
      heal: (stage) => restart(stage, ...ALL),
    },
  ],
};
