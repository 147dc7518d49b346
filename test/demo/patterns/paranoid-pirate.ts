import type { DemoPattern } from "../pattern.js";
import { queueWithWorkers } from "../queue-with-workers.js";
import { blackHole } from "../workers-behind.js";

const PACE = ["--heartbeat", "100", "--liveness", "3"];

export const pattern: DemoPattern = queueWithWorkers({
  name: "paranoid-pirate",
  title: "Paranoid Pirate",
  queueArgs: PACE,
  workerArgs: [...PACE, "--concurrency", "8"],
  faults: [blackHole("queue")],
});
