import type { Program } from "../harness/program.js";
import { lazyPirateLoad } from "./lazy-pirate-load.js";
import type { DemoFault, DemoPattern, DemoRole } from "./pattern.js";

const WORKERS = ["worker 1", "worker 2", "worker 3", "worker 4"] as const;

/** A pattern of a queue between Lazy Pirate clients and four workers. */
interface QueuePattern {
  readonly name: string;
  readonly title: string;
  /** Arguments of its examples besides endpoints. */
  readonly queueArgs?: readonly string[];
  readonly workerArgs?: readonly string[];
  /** Faults besides those that every queue survives. */
  readonly faults?: readonly DemoFault[];
}

/** The demo of a pattern whose examples are `queue` and `worker`. The workers reach the queue through a proxy. */
export function queueWithWorkers({
  name,
  title,
  queueArgs = [],
  workerArgs = [],
  faults = [],
}: QueuePattern): DemoPattern {
  const queue: DemoRole = {
    name: "queue",
    file: `examples/${name}/queue.ts`,
    args: (port) => ["--frontend", tcp(port("frontend")), "--backend", tcp(port("backend")), ...queueArgs],
    path: "backend",
  };
  const workers = WORKERS.map((worker) => ({
    name: worker,
    file: `examples/${name}/worker.ts`,
    args: (_port: unknown, path: (role: string) => number) => [
      "--connect",
      tcp(path("queue")),
      ...workerArgs,
    ],
  }));
  return {
    name,
    title,
    roles: [queue, ...workers],
    load: lazyPirateLoad("one queue with four workers", "frontend"),
    faults: [...SURVIVED_BY_ALL, ...faults],
  };
}

const SURVIVED_BY_ALL: readonly DemoFault[] = [
  {
    name: "worker killed, started again",
    inject: (stage) => stage.role(WORKERS[0]).kill(),
    heal: async (stage) => void (await stage.role(WORKERS[0]).start()),
  },
  {
    name: "half of the workers frozen",
    inject: (stage) => freeze(stage.role(WORKERS[1]), stage.role(WORKERS[2])),
    heal: (stage) => thaw(stage.role(WORKERS[1]), stage.role(WORKERS[2])),
  },
  {
    name: "queue killed, started again",
    inject: (stage) => stage.role("queue").kill(),
    heal: async (stage) => void (await stage.role("queue").start()),
  },
  {
    name: "queue frozen (SIGSTOP)",
    inject: (stage) => stage.role("queue").pause(),
    heal: (stage) => stage.role("queue").resume(),
  },
  {
    name: "TCP to workers cut, refused",
    async inject(stage) {
      await stage.path("queue").refuse();
      stage.path("queue").cut();
    },
    heal: (stage) => stage.path("queue").accept(),
  },
];

function freeze(...programs: Program[]): void {
  for (const program of programs) program.pause();
}

function thaw(...programs: Program[]): void {
  for (const program of programs) program.resume();
}

function tcp(port: number): string {
  return `tcp://127.0.0.1:${port}`;
}
