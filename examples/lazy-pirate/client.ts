/**
 * Lazy Pirate client: sends the requests "1", "2", … one after another, and tries again when the
 * server is silent or gone. A request that is never answered ends in an error, and the next one is tried.
 *
 *   npm run example lazy-pirate/client                            10 requests to tcp://localhost:5555
 *   npm run example lazy-pirate/client -- --requests 100 --connect tcp://a:5555 --connect tcp://b:5555
 *
 * The server may be lazy-pirate/server, or any REP server such as the guide's lpserver. Exits with 0
 * when every request was answered, with 1 otherwise.
 */
import { LazyPirateClient } from "@seaworthy/lazy-pirate";
import { Command, InvalidArgumentError } from "commander";

const program = new Command("lazy-pirate/client")
  .description("Sends requests one after another, and tries again when the server is silent or gone.")
  .option("--connect <endpoint...>", "servers, used in turn", ["tcp://localhost:5555"])
  .option("--requests <count>", "how many requests to send", wholeNumber, 10)
  .option("--timeout <ms>", "how long one attempt may take", wholeNumber, 2500)
  .option("--attempts <count>", "how often a request is tried", wholeNumber, 3)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { connect, requests, timeout, attempts } = program.opts<{
  connect: string[];
  requests: number;
  timeout: number;
  attempts: number;
}>();

const client = openClient();
client.on("request-retried", ({ call, attempt, reason }) => {
  console.log(`retry ${call}: attempt ${attempt} ${reason}`);
});
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    interrupted = true;
    void client.close(); // gives the request in flight a second
  });
}

let failed = 0;
for (let number = 1; number <= requests && !interrupted; number++) {
  try {
    const [reply] = await client.request(String(number));
    console.log(`reply ${reply}`);
  } catch (error) {
    if (interrupted) break;
    failed += 1;
    console.log(`failed ${number}: ${(error as Error).message}`);
  }
}
await client.close();
process.exitCode = failed === 0 ? 0 : 1;

function openClient(): LazyPirateClient {
  try {
    const client = new LazyPirateClient({ timeoutMs: timeout, attempts });
    for (const endpoint of connect) client.connect(endpoint);
    return client;
  } catch (error) {
    // The client checks its endpoints itself, and names what is wrong.
    return program.error(`error: --connect: ${(error as Error).message}`);
  }
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1e9) return value;
  throw new InvalidArgumentError("It must be a whole number from 1 to 1000000000.");
}
