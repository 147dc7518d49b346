import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { ParanoidPirateQueueEvent, ParanoidPirateWorkerEvent } from "../src/index.js";
import { resolveQueueOptions, resolveWorkerOptions } from "../src/machine.js";

// The compiler sees to it that none is missing here.
const queueEvents: Record<ParanoidPirateQueueEvent["type"], true> = {
  "worker-joined": true,
  "worker-left": true,
  "worker-expired": true,
  "worker-returned": true,
  "worker-gone": true,
  "worker-refused": true,
  "request-redelivered": true,
  "request-given-up": true,
  "request-dropped": true,
  "reply-dropped": true,
  "reply-undeliverable": true,
  "message-dropped": true,
  "process-stalled": true,
};
const workerEvents: Record<ParanoidPirateWorkerEvent["type"], true> = {
  "session-opened": true,
  "session-lost": true,
  "session-closed": true,
  "handler-failed": true,
  "reply-dropped": true,
  "request-refused": true,
  "message-dropped": true,
  "process-stalled": true,
};

const folder = fileURLToPath(new URL("..", import.meta.url));
const readme = await readFile(`${folder}/README.md`, "utf8");

/** The options in the table of a section. */
function options(section: string): string[] {
  const [, text = ""] = readme.split(`## ${section}\n`);
  const [, table = ""] = text.split("\n## ", 1)[0]?.split("| option |") ?? [];
  const rows = table.split("\n").filter((line) => line.startsWith("| `"));
  return rows.flatMap((row) =>
    [...(row.split("|")[1] ?? "").matchAll(/`(\w+)`/g)].map(([, name]) => `${name}`),
  );
}

describe("the README", () => {
  it("has an example that runs as it stands, and shows how a request outlives its worker", async () => {
    const [, program = ""] = /^```js\n(.*?)^```$/ms.exec(readme) ?? [];
    const flags = ["--conditions=@seaworthy/source", "--import", "tsx", "--input-type=module", "--eval"];
    const run = promisify(execFile)(process.execPath, [...flags, program], { cwd: folder });
    expect(await run).toEqual({
      stdout: "to another worker { deliveries: 1 }\nyou said ahoy\n",
      stderr: "",
    });
  });

  it("lists every option of both roles, and no other", () => {
    expect(options("The queue").sort()).toEqual(Object.keys(resolveQueueOptions()).sort());
    expect(options("The worker").sort()).toEqual(Object.keys(resolveWorkerOptions()).sort());
  });

  it("lists every event", () => {
    const events = [...Object.keys(queueEvents), ...Object.keys(workerEvents)];
    expect(events.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });
});
