import type { Program } from "../../harness/program.js";
import { mapLoad, NODES, type Node, PORTS } from "../map-load.js";
import { ofActive } from "../of-active.js";
import type { DemoPattern, DemoRole } from "../pattern.js";

const HEARTBEAT_MS = 200;

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
const partOf = ({ lines }: Program): string =>
  lines.findLast((line) => /^(ready|active in epoch|not active|passive$)/.test(line)) ?? "";

/** Makes a fault of the active server, when the other has everything: only then does the pair survive the loss of either. */
const ofActiveNode = ofActive(async (stage): Promise<Node> => {
  for (;;) {
    for (const [name, other] of [NODES, NODES.toReversed() as [Node, Node]]) {
      const program = stage.role(name);
      const isFollowed =
        program.lines.findLast((line) => line.startsWith("the peer ")) === "the peer follows";
      const isPassive = partOf(stage.role(other)) === "passive";
      if (isFollowed && isPassive && partOf(program).startsWith("active")) return name;
    }
    await Promise.race(NODES.map((name) => stage.role(name).nextLine(() => true)));
  }
});

export const pattern: DemoPattern = {
  name: "pubsub-snapshot",
  title: "Pub-sub snapshot",
  roles: [node("primary", "backup"), node("backup", "primary")],
  load: mapLoad,
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
    ofActiveNode(
      "TCP of its updates cut",
      async (stage, active) => {
        await stage.path(active).refuse();
        stage.path(active).cut();
      },
      (stage, struck) => stage.path(struck).accept(),
    ),
    ofActiveNode(
      "passive killed, started again",
      (stage, active) => stage.role(active === "primary" ? "backup" : "primary").kill(),
      (stage, struck) => stage.role(struck === "primary" ? "backup" : "primary").start(),
    ),
  ],
};
