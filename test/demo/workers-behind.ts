import type { Program } from "../harness/program.js";
import type { DemoFault, DemoLoad, DemoPattern, DemoRole } from "./pattern.js";

const WORKERS = ["worker 1", "worker 2", "worker 3", "worker 4"] as const;

/** A pattern with workers behind a role in the middle. */
interface PatternWithWorkers {
  readonly name: string;
  readonly title: string;
  /** The role that they work for. Its `path` is the way there. */
  readonly middle: DemoRole;
  /** Arguments of the workers besides the endpoint. */
  readonly workerArgs: readonly string[];
  readonly load: DemoLoad;
  /** Faults besides those that every such pattern survives. */
  readonly faults: readonly DemoFault[];
}

/** The demo of a pattern that has an example `worker`. Four of them reach the role in the middle through a proxy. */
export function workersBehind({
  name,
  title,
  middle,
  workerArgs,
  load,
  faults,
}: PatternWithWorkers): DemoPattern {
  const workers = WORKERS.map((worker) => ({
    name: worker,
    file: `examples/${name}/worker.ts`,
    args: (_port: unknown, path: (role: string) => number) => [
      "--connect",
      tcp(path(middle.name)),
      ...workerArgs,
    ],
  }));
  return {
    name,
    title,
    roles: [middle, ...workers],
    load,
    faults: [...survivedByAll(middle.name), ...faults],
  };
}

/** What every pattern with workers survives; `middle` is the role that they work for. */
const survivedByAll = (middle: string): readonly DemoFault[] => [
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
    name: `${middle} killed, started again`,
    inject: (stage) => stage.role(middle).kill(),
    heal: async (stage) => void (await stage.role(middle).start()),
  },
  {
    name: `${middle} frozen (SIGSTOP)`,
    inject: (stage) => stage.role(middle).pause(),
    heal: (stage) => stage.role(middle).resume(),
  },
  {
    name: "TCP to workers cut, refused",
    async inject(stage) {
      await stage.path(middle).refuse();
      stage.path(middle).cut();
    },
    heal: (stage) => stage.path(middle).accept(),
  },
];

/** The path to workers carries nothing for a while, and then its connections are dead without a word. */
export function blackHole(middle: string): DemoFault {
  return {
    name: "black hole, then half open",
    inject: (stage) => stage.path(middle).hold(),
    heal(stage) {
      stage.path(middle).lose();
      stage.path(middle).release();
    },
  };
}

function freeze(...programs: Program[]): void {
  for (const program of programs) program.pause();
}

function thaw(...programs: Program[]): void {
  for (const program of programs) program.resume();
}

/** The end of a connection, as programs take it. */
export function tcp(port: number): string {
  return `tcp://127.0.0.1:${port}`;
}
