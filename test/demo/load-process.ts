/**
 * The load on a pattern, in a process of its own so that drawing does not disturb measuring.
 * Arguments: the pattern, and the endpoints as JSON.
 */
import type { LoadCommand, LoadMessage } from "./load-messages.js";
import { loadPattern } from "./patterns.js";

const REPORT_MS = 100;

const [name = "", endpoints = "{}"] = process.argv.slice(2);
const addresses = new Map(Object.entries(JSON.parse(endpoints) as Record<string, string>));
const pattern = await loadPattern(name);

const work = pattern.load.open((role) => {
  const address = addresses.get(role);
  if (address === undefined) throw new Error(`pattern ${name} has no role or port "${role}"`);
  return address;
});

function tell(message: LoadMessage): void {
  process.send?.(message);
}

process.on("message", async (command: LoadCommand) => {
  if (command.type === "watch-recovery") {
    const at = await work.recoveredAfter(command.since);
    tell({ type: "recovered", since: command.since, at });
    return;
  }
  await work.finish();
  clearInterval(timer);
  tell({ type: "finished", report: work.report() });
  await work.close();
  process.disconnect();
});

await work.start();
const timer = setInterval(() => tell({ type: "progress", report: work.report() }), REPORT_MS);
console.log("ready");
