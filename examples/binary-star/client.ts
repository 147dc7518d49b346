/**
 * Binary Star client: sends the requests "1", "2", … one after another to the active one of two servers, and moves to the
 * other when that one is gone.
 *
 *   npm run example binary-star/client                                       10 requests to ports 5001 and 5002
 *   npm run example binary-star/client -- --requests 1000 --interval 100     long enough to end a server meanwhile
 *
 * The servers may be binary-star/server, or the guide's bstarsrv or bstarsrv2. Exits with 0 when every request was answered, with 1
 * otherwise.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BinaryStarClient } from "@seaworthy/binary-star";
import { Command, InvalidArgumentError } from "commander";

const program = new Command("binary-star/client")
  .description(
    "Sends requests to the active one of two servers, and moves to the other when that one is gone.",
  )
  .option("--connect <endpoint...>", "the two servers, the primary first", [
    "tcp://localhost:5001",
    "tcp://localhost:5002",
  ])
  .option("--requests <count>", "how many requests to send", wholeNumber(1), 10)
  .option("--interval <ms>", "how long to wait between two requests", wholeNumber(0), 0)
  .option("--heartbeat <ms>", "that of the servers: a client moves after two", wholeNumber(1), 1000)
  .option("--timeout <ms>", "how long one attempt may take", wholeNumber(1), 1000)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { connect, requests, interval, heartbeat, timeout } = program.opts<{
  connect: string[];
  requests: number;
  interval: number;
  heartbeat: number;
  timeout: number;
}>();

const client = openClient();
client.on("server-changed", ({ from, to, reason }) => console.log(`move from ${from} to ${to}: ${reason}`));
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    interruption.abort();
    void client.close(); // gives the request in flight a second
  });
}

let failed = 0;
for (let number = 1; number <= requests && !interruption.signal.aborted; number++) {
  try {
    const [reply] = await client.request(String(number));
    console.log(`reply ${reply}`);
  } catch (error) {
    if (interruption.signal.aborted) break;
    failed += 1;
    console.log(`failed ${number}: ${(error as Error).message}`);
  }
  await sleep(interval, undefined, interruption).catch(() => undefined);
}
await client.close();
process.exitCode = failed === 0 ? 0 : 1;

function openClient(): BinaryStarClient {
  try {
    const client = new BinaryStarClient({ heartbeatMs: heartbeat, timeoutMs: timeout });
    for (const endpoint of connect) client.connect(endpoint);
    return client;
  } catch (error) {
    // The client checks its endpoints itself, and names what is wrong.
    return program.error(`error: --connect: ${(error as Error).message}`);
  }
}

function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= 1e9) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to 1000000000.`);
  };
}
