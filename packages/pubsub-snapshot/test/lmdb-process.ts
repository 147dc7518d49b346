/** A process with a store in a folder, for tests to kill and to starve. */
import { createInterface } from "node:readline";
import { LmdbStore } from "../src/lmdb.js";
import { mapOf, pairOf, REPLACED_SIZE } from "./lmdb-maps.js";

const [folder = "", task, argument] = process.argv.slice(2);
const IN_FLIGHT = 50;
const store = new LmdbStore(folder);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Commits pairs of updates, many at once, and says the last number of each that is kept, until one is not. */
async function commitOnAndOn(from: number): Promise<number> {
  let sequence = from;
  let isFailing = false;
  const lane = async (): Promise<void> => {
    while (!isFailing) {
      sequence += 2;
      const pair = pairOf(sequence);
      await store.commit(pair).then(
        () => say(`kept ${pair[1].sequence}`),
        (error: Error) => {
          if (!isFailing) say(`failed ${error.message}`);
          isFailing = true;
        },
      );
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  say("stopped");
  return sequence;
}

/** Replaces the map, and kills itself after so many turns of the event loop, if it is not done by then. */
async function replace(generation: number, turns: number): Promise<void> {
  let turn = 0;
  const count = (): void => {
    if (++turn === turns) process.kill(process.pid, "SIGKILL");
    setImmediate(count);
  };
  count();
  await store.replace(mapOf(generation, REPLACED_SIZE));
  process.stdout.write("replaced\n", () => process.exit());
}

// A limit for the size of files ends a process that does not listen to this; then it is an error like any other.
process.on("SIGXFSZ", () => {});
let { sequence } = await store.open();
say("open");
if (task === "replace") {
  await replace(sequence + 1, Number(argument));
} else {
  for await (const _ of createInterface({ input: process.stdin })) sequence = await commitOnAndOn(sequence);
}
