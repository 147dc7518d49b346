import type { DemoPattern } from "../pattern.js";
import { queueWithWorkers } from "../queue-with-workers.js";

const PACE = ["--heartbeat", "100", "--liveness", "3"];

export const pattern: DemoPattern = queueWithWorkers({
  name: "paranoid-pirate",
  title: "Paranoid Pirate",
  queueArgs: PACE,
  workerArgs: [...PACE, "--concurrency", "8"],
  faults: [
    {
      name: "black hole, then half open",
      inject: (stage) => stage.path("queue").hold(),
      heal(stage) {
        stage.path("queue").lose();
        stage.path("queue").release();
      },
    },
  ],
});
