import type { DemoPattern, DemoRole, Stage } from "../pattern.js";
import { snailLoad } from "../snail-load.js";
import { JUDGE, RATE, type SnailOrder, SUBSCRIBERS, TOPICS, UPDATES } from "../snail-words.js";
import { tcp } from "../workers-behind.js";

/** Far too long for so many messages. */
const SLOW_MS = 20;

const [FROZEN, CUT, SLOW] = SUBSCRIBERS;

/** One of them reaches the publisher through a proxy. */
const subscriber = (name: (typeof SUBSCRIBERS)[number]): DemoRole => ({
  name,
  file: "test/demo/snail-subscriber.ts",
  args: (port, path) => [name, tcp(name === CUT ? path("publisher") : port(UPDATES)), tcp(port(JUDGE))],
  channel: true,
});

function work(stage: Stage, ms: number): void {
  stage.role(SLOW).send({ workMs: ms } satisfies SnailOrder);
}

export const pattern: DemoPattern = {
  name: "suicidal-snail",
  title: "Suicidal Snail",
  roles: [
    {
      name: "publisher",
      file: "examples/suicidal-snail/publisher.ts",
      args: (port) => ["--bind", tcp(port(UPDATES)), "--rate", String(RATE), "--topics", String(TOPICS)],
      path: UPDATES,
    },
    ...SUBSCRIBERS.map(subscriber),
  ],
  load: snailLoad,
  faults: [
    {
      name: "publisher killed, started again",
      inject: (stage) => stage.role("publisher").kill(),
      heal: async (stage) => void (await stage.role("publisher").start()),
    },
    {
      name: "subscriber frozen (SIGSTOP)",
      inject: (stage) => stage.role(FROZEN).pause(),
      heal: (stage) => stage.role(FROZEN).resume(),
    },
    {
      name: "TCP to a subscriber cut",
      async inject(stage) {
        await stage.path("publisher").refuse();
        stage.path("publisher").cut();
      },
      heal: (stage) => stage.path("publisher").accept(),
    },
    {
      name: "subscriber too slow",
      inject: (stage) => work(stage, SLOW_MS),
      heal: (stage) => work(stage, 0),
    },
  ],
};
