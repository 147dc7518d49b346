/**
 * Majordomo stream: reads a reply in parts as they come. It offers the service that it asks itself, one that
 * counts, so that a broker is all it takes; with --service it asks a service of others.
 *
 *   npm run example majordomo/stream                          counts to 10, five numbers a second
 *   npm run example majordomo/stream -- --body 100 --pause 10
 *   npm run example majordomo/stream -- --protocol 0.1        the whole reply as one part: 0.1 has no others
 *   npm run example majordomo/stream -- --service echo        asks a worker that runs elsewhere
 *
 * The broker may be majordomo/broker, or another that speaks MDP 0.1 or 0.2. Exits with 0 when the reply came to
 * its end, with 1 otherwise. Ctrl-C gives the request up: a broker of Seaworthy tells the worker, which stops.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { MajordomoClient, type MajordomoRequest, MajordomoWorker } from "@seaworthy/majordomo";
import { Command, InvalidArgumentError, Option } from "commander";

const program = new Command("majordomo/stream")
  .description("Reads a reply in parts, from a service that counts.")
  .option("--connect <endpoint...>", "brokers, used in turn", ["tcp://localhost:5555"])
  .option("--service <name>", "the service to ask (default: one that is offered here, and counts)")
  .addOption(
    new Option(
      "--protocol <version>",
      "version of MDP (default: 0.2 with brokers of Seaworthy, else 0.1)",
    ).choices(["0.1", "0.2"]),
  )
  .option("--body <text>", "what to send: for the service that counts, how far", "10")
  .option("--pause <ms>", "time between two numbers", wholeNumber, 200)
  .option("--timeout <ms>", "how long the first and each further part may take", wholeNumber, 2500)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { connect, service, protocol, body, pause, timeout } = program.opts<{
  connect: string[];
  service?: string;
  protocol?: "0.1" | "0.2";
  body: string;
  pause: number;
  timeout: number;
}>();

const client = new MajordomoClient({ timeoutMs: timeout, protocol });
client.on("connection-failed", ({ endpoint }) => console.error(`waiting for a broker at ${endpoint}`));
const worker = new MajordomoWorker("count", { protocol });
const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupt.abort());
for (const endpoint of connect) connectTo(endpoint);
const served = service === undefined ? worker.serve(count) : undefined;

let parts = 0;
try {
  for await (const part of client.stream(service ?? "count", body, { signal: interrupt.signal })) {
    parts += 1;
    console.log(`part ${parts}: ${part.join(" ")}`);
  }
  console.log(`end after ${parts} ${parts === 1 ? "part" : "parts"}`);
} catch (error) {
  // No request fails like that but by what it was given: the client checks it itself.
  if (error instanceof RangeError) program.error(`error: --service: ${error.message}`);
  if (!interrupt.signal.aborted) {
    console.log(`failed after ${parts} parts: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
await client.close();
await worker.close();
await served;

/** The service: each number but the last is a part of the reply. */
async function count(request: MajordomoRequest): Promise<string> {
  const { body, signal } = request;
  const last = Number(String(body[0]));
  if (!Number.isInteger(last) || last < 1) throw new RangeError("it takes a whole number to count to");
  for (let number = 1; number < last; number++) {
    await request.partial(String(number));
    await sleep(pause, undefined, { signal }); // nobody may be waiting for the rest any more
  }
  return String(last);
}

/** Client and worker check their endpoints themselves, and say what is wrong. */
function connectTo(endpoint: string): void {
  try {
    client.connect(endpoint);
    if (service === undefined) worker.connect(endpoint);
  } catch (error) {
    program.error(`error: --connect: ${(error as Error).message}`);
  }
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1e9) return value;
  throw new InvalidArgumentError("It must be a whole number from 1 to 1000000000.");
}
