import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Tests run from source: the export condition must be set for the server side, where tests run.
// Under `resolve.conditions` alone they would silently test dist.
export default defineConfig({
  ssr: { resolve: { conditions: ["@seaworthy/source", "module", "node", "default"] } },
  test: {
    // Many tests wait for other processes: on two processors, one file at a time would waste them.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        extends: true,
        test: { name: "packages", include: ["packages/*/test/**/*.test.ts"] },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["test/**/*.test.ts"],
          // Real processes, browsers and package installs: each may take a while, none may hang.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
