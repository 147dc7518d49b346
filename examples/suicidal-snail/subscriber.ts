/**
 * Suicidal Snail subscriber: reads what is published, notices what it has lost and when it is too slow, and then dies,
 * catches up or goes on, as the policy says.
 *
 *   npm run example suicidal-snail/subscriber                                   keeps up
 *   npm run example suicidal-snail/subscriber -- --work 3                       too slow for 1000 messages a second: it dies
 *   npm run example suicidal-snail/subscriber -- --work 3 --policy resync       drops what it is behind with, and goes on
 *   npm run example suicidal-snail/subscriber -- --topic topic.7.               one topic of many
 *   npm run example suicidal-snail/subscriber -- --guide                        reads the publisher of the guide's suisnail
 *
 * Start suicidal-snail/publisher for it. Exits with 1 when it dies of its slowness, with 0 after Ctrl-C. To have it
 * start again, as whoever runs such a subscriber should:
 *
 *   until npm run --silent example suicidal-snail/subscriber -- --work 3; do echo "starting again"; done
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type SnailAlarm, SnailError, type SnailPolicy, SnailSubscriber } from "@seaworthy/suicidal-snail";
import { Command, InvalidArgumentError, Option } from "commander";

const program = new Command("suicidal-snail/subscriber")
  .description("Reads what is published, and notices what it has lost and when it is too slow.")
  .option("--connect <endpoint...>", "the publishers", ["tcp://localhost:5556"])
  .option("--topic <prefix...>", "what the topics begin with", [""])
  .option("--work <ms>", "how long each message takes", wholeNumber(0, 1e9), 0)
  .option("--max-delay <ms>", "how late a message may be", wholeNumber(1, 1e9), 1000)
  .addOption(
    new Option("--policy <name>", "what to do about a loss or a delay")
      .choices(["die", "resync", "report"])
      .default("die"),
  )
  .option("--guide", "read messages of the guide's publisher, which have no topic and no numbers")
  .option("--print", "print each message")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = program.opts<{
  connect: string[];
  topic: string[];
  work: number;
  maxDelay: number;
  policy: SnailPolicy;
  guide?: true;
  print?: true;
}>();

const subscriber = openSubscriber();
subscriber.once("connection-opened", ({ endpoint }) => console.log(`ready ${endpoint}`));
subscriber.on("publisher-heard", ({ epoch }) => console.log(`heard ${epoch}`));
subscriber.on("alarm-raised", (alarm) => console.log(`alarm ${describe(alarm)}`));
subscriber.on("resynced", ({ dropped, skipped, lost }) =>
  console.log(`resynced: dropped ${dropped}, skipped ${skipped}, lost ${lost ?? "unknown"}`),
);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void subscriber.close());

let received = 0;
let longestMs = 0;
try {
  for await (const { topicText, body, delayMs } of subscriber) {
    received += 1;
    longestMs = Math.max(longestMs, delayMs);
    if (options.print) console.log(`message ${topicText}: ${body.join(" ")}`);
    if (options.work > 0) await sleep(options.work);
  }
} catch (error) {
  if (!(error instanceof SnailError)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
const { lost, alarms } = subscriber.stats();
console.log(`received ${received}, lost ${lost}, alarms ${alarms}, longest delay ${longestMs.toFixed(1)} ms`);
console.log(`${process.exitCode === 1 ? "died" : "stopped"} after ${received} messages`);

function describe({ reason, topic, lost, delayMs }: SnailAlarm): string {
  return `${reason}: topic ${JSON.stringify(topic)}, lost ${lost ?? "unknown"}, delay ${delayMs.toFixed(1)} ms`;
}

function openSubscriber(): SnailSubscriber {
  const { policy, maxDelay: maxDelayMs, guide } = options;
  const subscriber = new SnailSubscriber({
    policy,
    maxDelayMs,
    format: guide ? "guide" : "snail",
  });
  try {
    for (const endpoint of options.connect) subscriber.connect(endpoint);
  } catch (error) {
    // The subscriber checks its endpoints itself, and names what is wrong.
    return program.error(`error: --connect: ${(error as Error).message}`);
  }
  for (const prefix of options.topic) subscriber.subscribe(prefix);
  return subscriber;
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
