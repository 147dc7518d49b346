/**
 * Majordomo client: keeps requests in flight to a service, checks that each gets its own reply, and measures rate
 * and latency.
 *
 *   npm run example majordomo/client                                     1000 requests to `echo`, 100 in flight
 *   npm run example majordomo/client -- --requests 100000 --in-flight 1000
 *   npm run example majordomo/client -- --connect tcp://a:5555 --connect tcp://b:5555
 *   npm run example majordomo/client -- --service primes --body 10000000 --requests 4 --print
 *
 * A request has two frames: the text, and a number of its own with which its reply must end; services that send
 * back what they got do so. The broker may be majordomo/broker, or another that speaks MDP such as the guide's
 * mdbroker. Exits with 0 when every request was answered by its own reply, with 1 otherwise.
 */
import { createHistogram } from "node:perf_hooks";
import { MajordomoClient } from "@seaworthy/majordomo";
import { Command, InvalidArgumentError, Option } from "commander";

const program = new Command("majordomo/client")
  .description("Keeps requests in flight to a service, and measures rate and latency.")
  .option("--connect <endpoint...>", "brokers, used in turn", ["tcp://localhost:5555"])
  .option("--service <name>", "the service to ask", "echo")
  .addOption(
    new Option(
      "--protocol <version>",
      "version of MDP (default: 0.2 with brokers of Seaworthy, else 0.1)",
    ).choices(["0.1", "0.2"]),
  )
  .option("--requests <count>", "how many requests to send", wholeNumber, 1000)
  .option("--in-flight <count>", "how many of them at a time", wholeNumber, 100)
  .option("--body <text>", "what to send", "Hello world")
  .option("--print", "print every reply")
  .option("--timeout <ms>", "how long one attempt may take", wholeNumber, 2500)
  .option("--attempts <count>", "how often a request is tried", wholeNumber, 3)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = program.opts<{
  connect: string[];
  service: string;
  protocol?: "0.1" | "0.2";
  requests: number;
  inFlight: number;
  body: string;
  print?: true;
  timeout: number;
  attempts: number;
}>();

const { timeout: timeoutMs, attempts, protocol, inFlight: maxInFlight } = options;
const client = new MajordomoClient({ timeoutMs, attempts, protocol, maxInFlight });
client.on("connection-failed", ({ endpoint }) => console.error(`waiting for a broker at ${endpoint}`));
client.on("connection-lost", ({ endpoint }) => console.log(`lost ${endpoint}`));
client.on("connection-opened", ({ endpoint }) => console.log(`opened ${endpoint}`));
for (const endpoint of options.connect) checked(() => client.connect(endpoint));
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    interrupted = true;
    void client.close(); // gives the requests in flight a second
  });
}

const latency = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 });
const counts = { sent: 0, answered: 0, failed: 0, mismatched: 0 };
const startedAt = performance.now();
await Promise.all(Array.from({ length: Math.min(maxInFlight, options.requests) }, sendOneAfterAnother));
const seconds = (performance.now() - startedAt) / 1000;
const { retries } = client.stats();
await client.close();

const { sent, answered, failed, mismatched } = counts;
console.log(
  `answered ${answered} of ${sent}, failed ${failed}, mismatched ${mismatched}, retries ${retries}`,
);
if (answered > 0) {
  console.log(`rate ${Math.round(answered / seconds)} requests/s`);
  const ms = (microseconds: number): string => `${(microseconds / 1000).toFixed(2)} ms`;
  const [median, p99] = [latency.percentile(50), latency.percentile(99)];
  console.log(`latency median ${ms(median)}, p99 ${ms(p99)}, longest ${ms(latency.max)}`);
}
process.exitCode = failed + mismatched === 0 ? 0 : 1;

async function sendOneAfterAnother(): Promise<void> {
  while (counts.sent < options.requests && !interrupted) await sendOne(++counts.sent);
}

async function sendOne(number: number): Promise<void> {
  const sentAt = performance.now();
  try {
    const reply = await client.request(options.service, [options.body, String(number)]);
    latency.record(Math.max(1, Math.round((performance.now() - sentAt) * 1000)));
    if (options.print) console.log(`reply ${number}: ${reply.join(" ")}`);
    if (String(reply.at(-1)) === String(number)) counts.answered += 1;
    else counts.mismatched += 1;
  } catch (error) {
    // No request fails like that but by what it was given: the client checks it itself.
    if (error instanceof RangeError) program.error(`error: --service: ${error.message}`);
    // Whoever stops early has not failed, and counts only what was answered.
    if (interrupted) counts.sent -= 1;
    else {
      counts.failed += 1;
      console.log(`failed ${number}: ${(error as Error).message}`);
    }
  }
}

/** The client checks its endpoints itself, and says what is wrong. */
function checked(use: () => void): void {
  try {
    use();
  } catch (error) {
    program.error(`error: --connect: ${(error as Error).message}`);
  }
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1e9) return value;
  throw new InvalidArgumentError("It must be a whole number from 1 to 1000000000.");
}
