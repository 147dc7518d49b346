import { BinaryStarClient } from "@seaworthy/binary-star";
import { requestBoundMs } from "../../harness/load.js";
import type { Program } from "../../harness/program.js";
import { ofActive } from "../of-active.js";
import type { DemoPattern, DemoRole } from "../pattern.js";
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

const isActive = (program: Program): boolean =>
  program.lines.findLast((line) => line.includes(" -> "))?.endsWith(" -> active") === true;

/** Makes a fault of the one that has said last that it is active. */
const ofActiveNode = ofActive((stage) => {
  const found = NODES.find((name) => isActive(stage.role(name)));
  if (found === undefined) throw new Error("neither of the two is active");
  return found;
});

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
    ofActiveNode(
      "active killed, started again",
      (stage, active) => stage.role(active).kill(),
      (stage, struck) => stage.role(struck).start(),
    ),
    ofActiveNode(
      "active frozen (SIGSTOP)",
      (stage, active) => stage.role(active).pause(),
      (stage, struck) => stage.role(struck).resume(),
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
