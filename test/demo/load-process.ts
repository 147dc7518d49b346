/**
 * The client side of a pattern, in a process of its own so that drawing does not disturb measuring.
 * Arguments: the pattern, and the endpoints as JSON.
 */
import { Load } from "../harness/load.js";
import type { LoadCommand, LoadMessage, LoadReport } from "./load-messages.js";
import { loadPattern } from "./patterns.js";

const REPORT_MS = 100;

const [name = "", endpoints = "{}"] = process.argv.slice(2);
const addresses = new Map(Object.entries(JSON.parse(endpoints) as Record<string, string>));
const pattern = await loadPattern(name);

const requester = pattern.load.open((role) => {
  const address = addresses.get(role);
  if (address === undefined) throw new Error(`pattern ${name} has no role or port "${role}"`);
  return address;
});
const load = new Load({ ...pattern.load, request: (body) => requester.request(body) });

function report(): LoadReport {
  return {
    ...load.counters,
    ...load.latency(),
    retried: requester.retried(),
    failures: load.failures,
  };
}

function tell(message: LoadMessage): void {
  process.send?.(message);
}

process.on("message", async (command: LoadCommand) => {
  if (command.type === "watch-answer") {
    const at = await load.firstAnswerAfter(command.since);
    tell({ type: "first-answer", since: command.since, at });
    return;
  }
  await load.stop();
  clearInterval(timer);
  tell({ type: "finished", report: report() });
  await requester.close();
  process.disconnect();
});

load.start();
await load.answers(1);
const timer = setInterval(() => tell({ type: "progress", report: report() }), REPORT_MS);
console.log("ready");
