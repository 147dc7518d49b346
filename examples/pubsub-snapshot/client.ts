/**
 * Pub-sub snapshot client: joins the map that a server keeps, sets keys, and watches what others do.
 *
 *   npm run example pubsub-snapshot/client                                        how large the map is
 *   npm run example pubsub-snapshot/client -- --set /client/a=1 --set /client/b=2
 *   npm run example pubsub-snapshot/client -- --set /client/c=3 --ttl 10          for 10 seconds
 *   npm run example pubsub-snapshot/client -- --subtree /client/ --watch          until Ctrl-C
 *   npm run example pubsub-snapshot/client -- --updates 100000                    at random, as the guide's clonecli does
 *   npm run example pubsub-snapshot/client -- --connect tcp://localhost:5556 --connect tcp://localhost:5566    a pair
 *
 * Start pubsub-snapshot/server for it; the guide's clonesrv6 will do as well, and its clonesrv5 to read from. Exits with 0 when all was
 * done, and after Ctrl-C.
 */
import { SnapshotClient } from "@seaworthy/pubsub-snapshot";
import { Command, InvalidArgumentError } from "commander";

/** Sets under way at a time. */
const IN_FLIGHT = 100;

const program = new Command("pubsub-snapshot/client")
  .description("Joins the map that a server keeps, sets keys, and watches what others do.")
  .option("--connect <endpoint...>", "the servers of the pair: the first of their ports", [
    "tcp://localhost:5556",
  ])
  .option("--subtree <path>", "a part of the map, such as /client/", "")
  .option("--set <key=value...>", "set a key; without a value, delete it", [])
  .option(
    "--updates <n>",
    "set so many keys at random, below the subtree or /client/",
    wholeNumber(0, 1e9),
    0,
  )
  .option("--ttl <s>", "how long what is set here lives, in seconds", wholeNumber(1, 1e9))
  .option("--print", "print the map")
  .option("--watch", "print what changes, until Ctrl-C")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = program.opts<{
  connect: string[];
  subtree: string;
  set: string[];
  updates: number;
  ttl?: number;
  print?: true;
  watch?: true;
}>();
const ttlMs = options.ttl === undefined ? undefined : options.ttl * 1000;
const sets = options.set.map(keyAndValue);

const client = openClient();
client.on("joined", ({ endpoint, sequence, keys }) =>
  console.log(`joined ${endpoint}: ${keys} keys, sequence ${sequence}`),
);
client.on("server-left", ({ endpoint, reason }) => console.log(`left ${endpoint}: ${reason}`));
client.on("gap-noticed", ({ missing }) => console.log(`missed ${missing ?? "some"}`));
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());

try {
  await client.ready({ signal: stop.signal });
  console.log(`ready ${client.size} keys`);
  const changes = options.watch && client.watch(options.subtree, { signal: stop.signal });
  if (options.print) for (const { keyText, value } of client) console.log(`${keyText} = ${value}`);
  for (const [key, value] of sets) {
    const sequence =
      value === "" ? await client.delete(key) : await client.set(key, value, { ttlMs, signal: stop.signal });
    console.log(`${value === "" ? `deleted ${key}` : `set ${key} = ${value}`} as ${sequence}`);
  }
  if (options.updates > 0) await update(options.updates);
  if (changes) {
    for await (const { type, keyText, entry, sequence } of changes)
      console.log(`${sequence} ${keyText} ${type === "set" ? `= ${entry?.value}` : "is deleted"}`);
  }
} catch (error) {
  if (!stop.signal.aborted) {
    console.error(`error: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
const { size, sequence } = client;
await client.close();
console.log(`stopped with ${size} keys, sequence ${sequence}`);

async function update(count: number): Promise<void> {
  const beganAt = performance.now();
  const below = options.subtree === "" ? "/client/" : options.subtree;
  let begun = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (; begun < count && !stop.signal.aborted; ) {
        begun += 1;
        const key = `${below}${Math.floor(Math.random() * 10_000)}`;
        await client.set(key, `${Math.floor(Math.random() * 1_000_000)}`, { ttlMs, signal: stop.signal });
      }
    }),
  );
  const seconds = (performance.now() - beganAt) / 1000;
  console.log(`updated ${begun} in ${seconds.toFixed(2)} s: ${Math.round(begun / seconds)}/s`);
}

function openClient(): SnapshotClient {
  let what = "--subtree";
  try {
    const client = new SnapshotClient({ subtree: options.subtree });
    what = "--connect";
    for (const endpoint of options.connect) client.connect(endpoint);
    return client;
  } catch (error) {
    // The client checks them itself, and names what is wrong.
    return program.error(`error: ${what}: ${(error as Error).message}`);
  }
}

function keyAndValue(text: string): [key: string, value: string] {
  const end = text.indexOf("=");
  if (end > 0) return [text.slice(0, end), text.slice(end + 1)];
  return program.error(`error: --set: it must be of the form key=value, got ${JSON.stringify(text)}`);
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
