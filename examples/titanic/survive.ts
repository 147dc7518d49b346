/**
 * Titanic survives: starts a broker, a Titanic server, a worker and a client, each a process of its own, kills them one
 * after the other (SIGKILL) while requests are under way, starts them again, and shows that every reply comes.
 *
 *   npm run example titanic/survive
 *   npm run example titanic/survive -- --requests 10000
 *
 * The four are examples, too: majordomo/broker, titanic/server, majordomo/worker and titanic/client. Requests are kept
 * in a temporary folder. Exits with 0 when all replies came and were right, with 1 otherwise; Ctrl-C ends it early.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Command, InvalidArgumentError } from "commander";

const program = new Command("titanic/survive")
  .description("Kills every part of a Titanic while requests are under way, and shows that all replies come.")
  .option("--requests <count>", "how many requests to hand in", wholeNumber, 2000)
  .option("--endpoint <endpoint>", "where the broker listens meanwhile", "tcp://127.0.0.1:5555")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { requests, endpoint } = program.opts<{ requests: number; endpoint: string }>();

const data = await mkdtemp(join(tmpdir(), "titanic-"));
const parts = {
  broker: ["../majordomo/broker.ts", "--bind", endpoint],
  server: ["server.ts", "--connect", endpoint, "--data", data],
  worker: ["../majordomo/worker.ts", "--connect", endpoint, "--concurrency", "10"],
  // With a key the client finds its requests again when it was killed.
  client: [
    ...["client.ts", "--connect", endpoint, "--requests", String(requests)],
    ...["--in-flight", "50", "--key", "survive"],
  ],
};
type Part = keyof typeof parts;

const running = new Map<Part, ChildProcess>();
/** Numbers of the requests whose replies came and were right. */
const done = new Set<number>();
/** Says `ready` when a part is, and `done` when there is one more in {@link done}. */
const news = new EventEmitter();
const startedAt = performance.now();
let isEnding = false;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => void end(0, `stopped after ${done.size} requests`));
}

for (const part of ["broker", "server", "worker", "client"] as const) await start(part);

const victims = ["worker", "broker", "server", "client"] as const;
for (const [turn, victim] of victims.entries()) {
  await untilDone(Math.floor((requests * (turn + 1)) / (victims.length + 1)));
  const dead = running.get(victim);
  if (dead === undefined) break; // the client has got everything already
  say(`${done.size} of ${requests} replies came: killing the ${victim}`);
  const killedAt = performance.now();
  running.delete(victim);
  dead.kill("SIGKILL");
  await once(dead, "exit");
  await start(victim);
  // For the server that takes seconds: whoever finds its folder in use makes sure first that nobody is left there.
  await untilDone(Math.min(requests, done.size + 1));
  say(`the ${victim} is back, and replies come again, after ${seconds(killedAt)} s`);
}
await untilDone(requests);
await end(0, `all ${requests} replies came, and all were right`);

/** Starts a part, and waits until it can be used. The client just begins. */
async function start(part: Part): Promise<void> {
  if (isEnding) return;
  const [file = "", ...args] = parts[part];
  // In the way that this very process was started.
  const command = [...process.execArgv, join(import.meta.dirname, file), ...args];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  running.set(part, child);
  const ready = part === "client" ? undefined : once(news, "ready");
  createInterface({ input: child.stdout }).on("line", (line) => heard(part, line));
  child.once("exit", (code) => {
    if (running.get(part) !== child) return; // it was killed
    running.delete(part);
    // The client ends by itself when it has got everything.
    if (part === "client" && code === 0) return;
    // Ctrl-C ends all of them at once, and on a busy machine this process hears of their ends before its own signal.
    setTimeout(() => void end(1, `the ${part} ended with ${code}`), 1000);
  });
  await ready;
}

function heard(part: Part, line: string): void {
  if (line.startsWith("ready ")) news.emit("ready");
  const [, number] = /^closed (\d+)/.exec(line) ?? [];
  if (part === "client" && number !== undefined) {
    done.add(Number(number));
    news.emit("done");
  }
}

async function untilDone(count: number): Promise<void> {
  while (done.size < count) await once(news, "done");
}

/** Lets every part end, the client first and the broker last, and then this process. */
async function end(code: number, why: string): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  for (const part of ["client", "worker", "server", "broker"] as const) {
    const child = running.get(part);
    if (child === undefined) continue;
    running.delete(part);
    child.kill("SIGTERM");
    await once(child, "exit");
  }
  await rm(data, { recursive: true });
  say(why);
  process.exit(code);
}

function say(what: string): void {
  console.log(`${seconds(startedAt).padStart(5)} s  ${what}`);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 500 && value <= 1e9) return value;
  throw new InvalidArgumentError("It must be a whole number from 500 to 1000000000.");
}
