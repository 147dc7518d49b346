import { BinaryStarClient } from "@seaworthy/binary-star";
import { requestBoundMs } from "../../harness/load.js";
import type { Program } from "../../harness/program.js";
import type { DemoFault, DemoPattern, DemoRole, Stage } from "../pattern.js";
import { requestLoad } from "../requests.js";
import { tcp } from "../workers-behind.js";

const HEARTBEAT_MS = 100;
const TIMEOUT_MS = 500;
const ATTEMPTS = 12;
const MAX_PAUSE_MS = 400;

const NODES = ["primary", "backup"] as const;
type Node = (typeof NODES)[number];

/** Each hears the other's states through a proxy; clients reach both without. */
const node = (name: Node, other: Node): DemoRole => ({
  name,
  file: "examples/binary-star/server.ts",
  args(port, path) {
    const clients = ["--bind", tcp(port(`clients of ${name}`))];
    const peers = ["--local", tcp(port(`states of ${name}`)), "--remote", tcp(path(other))];
    return [`--${name}`, ...clients, ...peers, "--heartbeat", String(HEARTBEAT_MS)];
  },
  path: `states of ${name}`,
});

/** The one that has said last that it is active. */
function activeOf(stage: Stage): Program {
  const isActive = (program: Program): boolean =>
    program.lines.findLast((line) => line.includes(" -> "))?.endsWith(" -> active") === true;
  const found = NODES.map((name) => stage.role(name)).find(isActive);
  if (found === undefined) throw new Error("neither of the two is active");
  return found;
}

/** A fault of the one that is active when it begins. */
function ofActive(
  name: string,
  strike: (active: Program) => void | Promise<void>,
  heal: (struck: Program) => unknown,
): DemoFault {
  let struck: Program | undefined;
  return {
    name,
    inject(stage) {
      struck = activeOf(stage);
      return strike(struck);
    },
    heal: async () => void (await (struck && heal(struck))),
  };
}

export const pattern: DemoPattern = {
  name: "binary-star",
  title: "Binary Star",
  roles: [node("primary", "backup"), node("backup", "primary")],
  load: requestLoad({
    inFlight: 300,
    against: "a pair of servers",
    boundMs: requestBoundMs(ATTEMPTS, TIMEOUT_MS, MAX_PAUSE_MS),
    open(endpoint) {
      const client = new BinaryStarClient({
        heartbeatMs: HEARTBEAT_MS,
        timeoutMs: TIMEOUT_MS,
        attempts: ATTEMPTS,
        backoff: { maxMs: MAX_PAUSE_MS },
        socket: { reconnectMaxIntervalMs: 400 },
      });
      for (const name of NODES) client.connect(endpoint(`clients of ${name}`));
      return {
        request: async (body) => String((await client.request(body))[0]),
        retried: () => client.stats().retries,
        close: () => client.close(),
      };
    },
  }),
  faults: [
    ofActive(
      "active killed, started again",
      (active) => active.kill(),
      (struck) => struck.start(),
    ),
    ofActive(
      "active frozen (SIGSTOP)",
      (active) => active.pause(),
      (struck) => struck.resume(),
    ),
    {
      name: "TCP between the two cut",
      async inject(stage) {
        await Promise.all(NODES.map((name) => stage.path(name).refuse()));
        for (const name of NODES) stage.path(name).cut();
      },
      heal: async (stage) => void (await Promise.all(NODES.map((name) => stage.path(name).accept()))),
    },
    {
      name: "both killed, started again",
      inject: async (stage) => void (await Promise.all(NODES.map((name) => stage.role(name).kill()))),
      heal: async (stage) => void (await Promise.all(NODES.map((name) => stage.role(name).start()))),
    },
  ],
};
