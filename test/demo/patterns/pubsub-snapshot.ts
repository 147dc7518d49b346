import type { Program } from "../../harness/program.js";
import { mapLoad, NODES, type Node, PORTS } from "../map-load.js";
import type { DemoFault, DemoPattern, DemoRole, Stage } from "../pattern.js";

const HEARTBEAT_MS = 100;

/** Updates reach clients through a proxy; the two servers reach each other without. */
const node = (name: Node, peer: Node): DemoRole => ({
  name,
  file: "examples/pubsub-snapshot/server.ts",
  args: (port) => [
    `--${name}`,
    "--host=127.0.0.1",
    `--port=${port(PORTS.snapshot(name))}`,
    `--updates-port=${port(PORTS.publisher(name))}`,
    `--collector-port=${port(PORTS.collector(name))}`,
    `--state-port=${port(`states of ${name}`)}`,
    "--peer-host=127.0.0.1",
    `--peer-port=${port(PORTS.snapshot(peer))}`,
    `--peer-state-port=${port(`states of ${peer}`)}`,
    `--heartbeat=${HEARTBEAT_MS}`,
  ],
  path: PORTS.publisher(name),
});

/** What a server has said last of its part in the pair. */
const isActive = (program: Program): boolean =>
  program.lines
    .findLast(
      (line) => line.startsWith("active in epoch") || line.startsWith("not active") || line === "passive",
    )
    ?.startsWith("active in epoch") === true;

function activeOf(stage: Stage): Node {
  const found = NODES.findLast((name) => stage.role(name).running && isActive(stage.role(name)));
  if (found === undefined) throw new Error("neither of the two is active");
  return found;
}

/** Resolves when there is an active server, and the other follows it: only then may the active be struck again. */
async function followed(stage: Stage): Promise<void> {
  const follows = (program: Program): boolean =>
    program.lines.findLast((line) => line.startsWith("the peer ")) === "the peer follows" &&
    isActive(program);
  const programs = NODES.map((name) => stage.role(name));
  while (!programs.some(follows)) await Promise.race(programs.map((program) => program.nextLine(() => true)));
}

/** A fault of the one that is active when it begins. */
function ofActive(
  name: string,
  strike: (stage: Stage, active: Node) => void | Promise<void>,
  heal: (stage: Stage, struck: Node) => unknown,
): DemoFault {
  let struck: Node = "primary";
  return {
    name,
    async inject(stage) {
      await followed(stage);
      struck = activeOf(stage);
      await strike(stage, struck);
    },
    heal: async (stage) => void (await heal(stage, struck)),
  };
}

export const pattern: DemoPattern = {
  name: "pubsub-snapshot",
  title: "Pub-sub snapshot",
  roles: [node("primary", "backup"), node("backup", "primary")],
  load: mapLoad,
  faults: [
    ofActive(
      "active killed, started again",
      (stage, active) => stage.role(active).kill(),
      (stage, struck) => stage.role(struck).start(),
    ),
    ofActive(
      "active frozen (SIGSTOP)",
      (stage, active) => stage.role(active).pause(),
      (stage, struck) => stage.role(struck).resume(),
    ),
    ofActive(
      "TCP of its updates cut",
      async (stage, active) => {
        await stage.path(active).refuse();
        stage.path(active).cut();
      },
      (stage, struck) => stage.path(struck).accept(),
    ),
    ofActive(
      "passive killed, started again",
      (stage, active) => stage.role(active === "primary" ? "backup" : "primary").kill(),
      (stage, struck) => stage.role(struck === "primary" ? "backup" : "primary").start(),
    ),
  ],
};
