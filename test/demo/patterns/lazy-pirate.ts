import { lazyPirateLoad } from "../lazy-pirate-load.js";
import type { DemoPattern } from "../pattern.js";

export const pattern: DemoPattern = {
  name: "lazy-pirate",
  title: "Lazy Pirate",
  roles: [
    {
      name: "server",
      file: "examples/lazy-pirate/server.ts",
      args: (port) => ["--bind", `tcp://127.0.0.1:${port("server")}`],
      path: "server",
    },
  ],
  load: lazyPirateLoad("one server", "server"),
  faults: [
    {
      name: "server killed, started again",
      inject: (stage) => stage.role("server").kill(),
      heal: async (stage) => void (await stage.role("server").start()),
    },
    {
      name: "server frozen (SIGSTOP)",
      inject: (stage) => stage.role("server").pause(),
      heal: (stage) => stage.role("server").resume(),
    },
    {
      name: "TCP cut and refused",
      async inject(stage) {
        await stage.path("server").refuse();
        stage.path("server").cut();
      },
      heal: (stage) => stage.path("server").accept(),
    },
    {
      name: "black hole, then half open",
      inject: (stage) => stage.path("server").hold(),
      heal(stage) {
        stage.path("server").lose();
        stage.path("server").release();
      },
    },
  ],
};
