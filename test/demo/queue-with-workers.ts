import { lazyPirateLoad } from "./lazy-pirate-load.js";
import type { DemoFault, DemoPattern } from "./pattern.js";
import { tcp, workersBehind } from "./workers-behind.js";

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
  return workersBehind({
    name,
    title,
    middle: {
      name: "queue",
      file: `examples/${name}/queue.ts`,
      args: (port) => ["--frontend", tcp(port("frontend")), "--backend", tcp(port("backend")), ...queueArgs],
      path: "backend",
    },
    workerArgs,
    load: lazyPirateLoad("one queue with four workers", "frontend"),
    faults,
  });
}
