/**
 * Titanic client: hands requests in, waits for their replies, checks them, and closes the requests; several at a time.
 *
 *   npm run example titanic/client                                    100 requests to `echo`
 *   npm run example titanic/client -- --requests 1000 --in-flight 100
 *   npm run example titanic/client -- --requests 1000 --key monday    goes on where a run with that key was killed
 *
 * A request has two frames: a text, and a number of its own with which its reply must end; services that send back what
 * they got do so. The server may be titanic/server, or without --key the guide's titanic. Exits with 0 when every reply
 * was right, with 1 otherwise. Ctrl-C ends it when what is in flight has its reply, after 5 seconds at most; with --key
 * the next run goes on from there.
 */
import {
  ClosedError,
  TitanicClient,
  type TitanicSubmitOptions,
  UnknownRequestError,
} from "@seaworthy/titanic";
import { Command, InvalidArgumentError } from "commander";

const program = new Command("titanic/client")
  .description("Hands requests in, waits for their replies, checks them, and closes the requests.")
  .option("--connect <endpoint...>", "brokers, used in turn", ["tcp://localhost:5555"])
  .option("--service <name>", "the service that is to work on them", "echo")
  .option("--requests <count>", "how many requests to hand in", wholeNumber, 100)
  .option("--in-flight <count>", "how many of them at a time", wholeNumber, 10)
  .option("--key <prefix>", "hand each in under a key of its own, so that a later run can go on with it")
  .option("--body <text>", "what to send", "Hello world")
  .option("--timeout <ms>", "how long a server may take to answer", wholeNumber, 2500)
  .option("--attempts <count>", "how often it is asked before a request counts as failed", wholeNumber, 20)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = program.opts<{
  connect: string[];
  service: string;
  requests: number;
  inFlight: number;
  key?: string;
  body: string;
  timeout: number;
  attempts: number;
}>();

/** How long what is in flight may take to end when the client is told to stop, in ms. */
const DRAIN_MS = 5000;

const { timeout: timeoutMs, attempts } = options;
const client = new TitanicClient({ timeoutMs, attempts, maxInFlight: options.inFlight, lingerMs: 0 });
client.on("connection-failed", ({ endpoint }) => console.error(`waiting for a broker at ${endpoint}`));
client.on("connection-lost", ({ endpoint }) => console.log(`lost ${endpoint}`));
client.on("connection-opened", ({ endpoint }) => console.log(`opened ${endpoint}`));
client.on("call-retried", ({ step, reason }) => console.log(`retry to ${step}: ${reason}`));
for (const endpoint of options.connect) checked(() => client.connect(endpoint));
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    interrupted = true;
    setTimeout(() => client.close(), DRAIN_MS).unref();
  });
}

const counts = { begun: 0, right: 0, before: 0, failed: 0, mismatched: 0, left: 0 };
await Promise.all(Array.from({ length: Math.min(options.inFlight, options.requests) }, oneAfterAnother));
await client.close();

const { begun, right, before, failed, mismatched, left } = counts;
console.log(
  `right ${right} of ${begun}, ${before} of them before, failed ${failed}, mismatched ${mismatched}, left ${left}`,
);
process.exitCode = failed + mismatched === 0 ? 0 : 1;

async function oneAfterAnother(): Promise<void> {
  while (counts.begun < options.requests && !interrupted) await one(++counts.begun);
}

/** The whole life of a request. `client.call()` does the same in one go; these are its steps. */
async function one(number: number): Promise<void> {
  try {
    const id = await client.submit(options.service, [options.body, String(number)], keyOf(number));
    console.log(`accepted ${number}: ${id}`); // whatever happens now, it is not lost
    const reply = await client.waitForReply(id);
    console.log(`reply ${number}: ${reply.join(" ")}`);
    if (String(reply.at(-1)) !== String(number)) {
      counts.mismatched += 1; // and is not closed: "titanic show" can still look at it
      return;
    }
    await client.close(id); // only now may the server forget it
    console.log(`closed ${number}`);
    counts.right += 1;
  } catch (error) {
    ended(number, error as Error);
  }
}

function ended(number: number, error: Error): void {
  // No request fails like that but by what it was given: the client checks it itself.
  if (error instanceof RangeError) program.error(`error: --service, --key: ${error.message}`);
  if (options.key !== undefined && error instanceof UnknownRequestError) {
    // The server knows its key but keeps no reply: it was right, and closed, in an earlier run.
    counts.right += 1;
    counts.before += 1;
    console.log(`closed ${number} before`);
  } else if (interrupted && error instanceof ClosedError) {
    counts.left += 1;
  } else {
    counts.failed += 1;
    console.log(`failed ${number}: ${error.message}`);
  }
}

function keyOf(number: number): TitanicSubmitOptions {
  return options.key === undefined ? {} : { idempotencyKey: `${options.key} ${number}` };
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
