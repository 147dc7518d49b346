import { availableParallelism } from "node:os";
import { relative } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes longest comes first, so that nothing long is left for the end, when the other processors have nothing to do. */
const LONGEST = [
  "test/docs/site",
  "test/simulation",
  "test/examples",
  "test/chaos",
  "test/packaging",
  "packages",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const path = relative(import.meta.dirname, moduleId);
      const found = LONGEST.findIndex((beginning) => path.startsWith(beginning));
      return found === -1 ? LONGEST.length : found;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

const SOCKETS = "packages/*/test/**/*.zmq.test.ts";

// Tests run from source: the export condition must be set for the server side, where tests run.
// Under `resolve.conditions` alone they would silently test dist.
export default defineConfig({
  ssr: { resolve: { conditions: ["@seaworthy/source", "module", "node", "default"] } },
  test: {
    // Many tests wait for other processes: one file for each processor would waste them.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    // None may hang; but a busy machine may take ten times as long as a quiet one.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        // They leave nothing behind that another file could see, and starting a process for each costs more than the tests.
        test: {
          name: "units",
          include: ["packages/*/test/**/*.test.ts"],
          exclude: [SOCKETS],
          isolate: false,
        },
      },
      {
        extends: true,
        test: { name: "sockets", include: [SOCKETS] },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["test/**/*.test.ts"],
          // Simulations throw away most of what they make: the smaller the room for that, the more often it is cleared.
          execArgv: ["--max-semi-space-size=32"],
          // Real processes, browsers and package installs: each may take a while, none may hang.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
