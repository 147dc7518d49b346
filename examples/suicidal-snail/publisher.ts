/**
 * Suicidal Snail publisher: publishes numbers at a steady rate, over several topics in turn.
 *
 *   npm run example suicidal-snail/publisher                                     1000 messages a second on tcp://*:5556
 *   npm run example suicidal-snail/publisher -- --rate 20000 --topics 1000       more than a slow subscriber can take
 *
 * Its topics are "topic.1.", "topic.2." and so on. Subscribers are suicidal-snail/subscriber, any number of them, which may
 * come and go. Ctrl-C ends it.
 */
import { LimitError, SnailPublisher } from "@seaworthy/suicidal-snail";
import { Command, InvalidArgumentError } from "commander";

const program = new Command("suicidal-snail/publisher")
  .description("Publishes numbers at a steady rate, over several topics in turn.")
  .option("--bind <endpoint>", "endpoint for subscribers", "tcp://*:5556")
  .option("--rate <count>", "messages a second", wholeNumber(1, 1e6), 1000)
  .option("--topics <count>", "over how many topics", wholeNumber(1, 1e6), 1)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { bind, rate, topics } = program.opts<{ bind: string; rate: number; topics: number }>();

const names = Array.from({ length: topics }, (_, index) => `topic.${index + 1}.`);
const publisher = new SnailPublisher({ maxTopics: Math.max(topics, 1000) });
console.log(`ready ${await listen()}`);

let published = 0;
const startedAt = performance.now();
const timer = setInterval(publishWhatIsDue, 1);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());

function publishWhatIsDue(): void {
  const due = Math.floor(((performance.now() - startedAt) / 1000) * rate);
  try {
    while (published < due) {
      publisher.publish(names[published % topics] as string, String(published + 1));
      published += 1;
    }
  } catch (error) {
    // A process that stood still, or cannot keep the rate, goes on when the socket's queue has room again.
    if (!(error instanceof LimitError)) throw error;
  }
}

async function stop(): Promise<void> {
  clearInterval(timer);
  await publisher.close();
  console.log(`stopped after ${published} messages`);
}

async function listen(): Promise<string> {
  try {
    return await publisher.bind(bind);
  } catch (error) {
    const { message, cause } = error as Error;
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    // EAGAIN and ENODEV are what ZeroMQ says of a host that it cannot look up.
    const isElsewhere = code === "EAGAIN" || code === "ENODEV" || code === "EADDRNOTAVAIL";
    console.error(`error: --bind: ${message}${isElsewhere ? " (it may be no address of this machine)" : ""}`);
    return process.exit(code === "EADDRINUSE" ? 1 : 2);
  }
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
