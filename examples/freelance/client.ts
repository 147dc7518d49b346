/**
 * Freelance client: sends the requests "1", "2", … to several servers that do the same, each request to one of them
 * or to all, as the strategy says, and tells in the end what each server did.
 *
 *   npm run example freelance/client                                     10 requests to ports 5555, 5556 and 5557
 *   npm run example freelance/client -- --requests 100000 --in-flight 1000 --quiet
 *   npm run example freelance/client -- --hedge-after 20                 ask a second server if the first takes longer
 *   npm run example freelance/client -- --strategy failover              servers with --plain, one after another
 *   npm run example freelance/client -- --strategy shotgun               the same, all of them at once
 *
 * The servers may be freelance/server, or the guide's: flserver3 for `tracked`, whose name is tcp://localhost:5555,
 * flserver1 for `failover`, flserver2 for `shotgun`. Exits with 0 when every request was answered, with 1 otherwise.
 */
import { createHistogram } from "node:perf_hooks";
import { FreelanceClient, type FreelanceStrategy } from "@seaworthy/freelance";
import { Command, InvalidArgumentError, Option } from "commander";

const program = new Command("freelance/client")
  .description("Sends requests to several servers, and tells what each did.")
  .option("--connect <endpoint...>", "the servers, by the names that they have", [
    "tcp://127.0.0.1:5555",
    "tcp://127.0.0.1:5556",
    "tcp://127.0.0.1:5557",
  ])
  .addOption(
    new Option("--strategy <name>", "one server after another, all at once, or the best that is alive")
      .choices(["failover", "shotgun", "tracked"])
      .default("tracked"),
  )
  .option("--requests <count>", "how many requests to send", wholeNumber(1), 10)
  .option("--in-flight <count>", "how many of them at a time", wholeNumber(1), 1)
  .option("--timeout <ms>", "how long one attempt may take", wholeNumber(1), 2500)
  .option("--attempts <count>", "how often a request is tried", wholeNumber(1), 3)
  .option(
    "--heartbeat <ms>",
    "tracked: how often to ask each server whether it is there",
    wholeNumber(1),
    2000,
  )
  .option("--liveness <count>", "tracked: how many heartbeats a server may miss", wholeNumber(1), 3)
  .option("--hedge-after <ms>", "tracked: ask a second server after so long", wholeNumber(0))
  .addOption(
    new Option("--hedge-percentile <share>", "tracked: the same, for what takes longer than this share")
      .argParser(share)
      .conflicts("hedgeAfter"),
  )
  .option("--quiet", "do not print replies")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = program.opts<{
  connect: string[];
  strategy: FreelanceStrategy;
  requests: number;
  inFlight: number;
  timeout: number;
  attempts: number;
  heartbeat: number;
  liveness: number;
  hedgeAfter?: number;
  hedgePercentile?: number;
  quiet?: true;
}>();

const client = openClient();
client.on("server-alive", ({ endpoint }) => console.log(`alive ${endpoint}`));
client.on("server-suspected", ({ endpoint }) => console.log(`suspected ${endpoint}`));
client.on("server-gone", ({ endpoint, reason }) => console.log(`gone ${endpoint}: ${reason}`));
client.on("server-unaddressable", ({ endpoint }) => {
  console.error(`${endpoint} is there, but has another name: connect to the --endpoint that it was given`);
});
client.on("request-retried", ({ call, attempt, reason }) => {
  console.log(`retry ${call}: attempt ${attempt} ${reason}`);
});
client.on("request-hedged", ({ call, endpoint }) => console.log(`hedge ${call}: to ${endpoint}`));
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    interrupted = true;
    void client.close(); // gives the requests in flight a second
  });
}

const latency = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 });
const counts = { sent: 0, answered: 0, failed: 0 };
const startedAt = performance.now();
await Promise.all(Array.from({ length: Math.min(options.inFlight, options.requests) }, sendOneAfterAnother));
summarize((performance.now() - startedAt) / 1000);
await client.close();
process.exitCode = counts.failed === 0 ? 0 : 1;

async function sendOneAfterAnother(): Promise<void> {
  while (counts.sent < options.requests && !interrupted) await sendOne(++counts.sent);
}

async function sendOne(number: number): Promise<void> {
  const sentAt = performance.now();
  try {
    const reply = await client.request(String(number));
    latency.record(Math.max(1, Math.round((performance.now() - sentAt) * 1000)));
    counts.answered += 1;
    if (!options.quiet) console.log(`reply ${number}: ${reply.join(" ")}`);
  } catch (error) {
    // Whoever stops early has not failed, and counts only what was answered.
    if (interrupted) counts.sent -= 1;
    else {
      counts.failed += 1;
      console.log(`failed ${number}: ${(error as Error).message}`);
    }
  }
}

function summarize(seconds: number): void {
  const { retries, hedges, hedgesWon, duplicateReplies } = client.stats();
  const { sent, answered, failed } = counts;
  console.log(
    `answered ${answered} of ${sent}, failed ${failed}, retries ${retries}, hedges ${hedges}, ` +
      `won ${hedgesWon}, duplicates ${duplicateReplies}`,
  );
  if (answered > 0) {
    console.log(`rate ${Math.round(answered / seconds)} requests/s`);
    const ms = (microseconds: number): string => `${(microseconds / 1000).toFixed(2)} ms`;
    const [median, p99] = [latency.percentile(50), latency.percentile(99)];
    console.log(`latency median ${ms(median)}, p99 ${ms(p99)}, longest ${ms(latency.max)}`);
  }
  for (const { endpoint, state, ...server } of client.servers()) {
    const { requests, answered, timeouts, losses } = server;
    console.log(
      `server ${endpoint}: ${state}, requests ${requests}, answered ${answered}, timeouts ${timeouts}, losses ${losses}`,
    );
  }
}

function openClient(): FreelanceClient {
  const { strategy, timeout: timeoutMs, attempts, inFlight: maxInFlight } = options;
  const { heartbeat: heartbeatMs, liveness, hedgeAfter: hedgeAfterMs, hedgePercentile } = options;
  const [hedging] = (["hedgeAfter", "hedgePercentile"] as const).filter(
    (name) => options[name] !== undefined,
  );
  if (hedging !== undefined && strategy !== "tracked")
    program.error(`error: hedging needs the strategy tracked, not ${strategy}`);
  try {
    const maxServers = options.connect.length;
    const calls = { timeoutMs, attempts, maxInFlight, maxServers };
    const client = new FreelanceClient({
      ...calls,
      strategy,
      heartbeatMs,
      liveness,
      hedgeAfterMs,
      hedgePercentile,
    });
    for (const endpoint of options.connect) client.connect(endpoint);
    return client;
  } catch (error) {
    // The client checks its endpoints itself, and names what is wrong.
    return program.error(`error: --connect: ${(error as Error).message}`);
  }
}

function share(text: string): number {
  const value = Number(text);
  if (value >= 0.5 && value <= 0.999) return value;
  throw new InvalidArgumentError("It must be a number from 0.5 to 0.999.");
}

function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= 1e9) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to 1000000000.`);
  };
}
