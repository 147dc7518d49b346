/** A process with a store in a folder, for tests to kill, stop and starve. It answers each command with lines of text. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { LmdbStore } from "../src/lmdb.js";

const [folder = ""] = process.argv.slice(2);
const IN_FLIGHT = 200;
const store = new LmdbStore(folder, { lockWaitMs: 0 });
const service = Buffer.from("echo");
const body = [Buffer.alloc(700, 7)];
let isAdding = false;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function add(): Promise<string> {
  const id = crypto.getRandomValues(new Uint8Array(16));
  const added = await store.add({ id, service, body, key: undefined });
  if (added.type !== "added") throw new Error(`not added: ${added.type}`);
  return Buffer.from(id).toString("hex");
}

/** Takes requests in, many at once, and says the id of each that was promised, until that fails. */
async function addOnAndOn(): Promise<void> {
  while (isAdding) {
    try {
      say(`added ${await add()}`);
    } catch (error) {
      if (isAdding) say(`failed ${(error as { code?: string }).code} ${(error as Error).message}`);
      isAdding = false;
    }
  }
}

async function obey(command: string): Promise<void> {
  if (command === "add one") {
    await add().then(
      (id) => say(`added ${id}`),
      (error) => say(`failed ${error.code} ${error.message}`),
    );
    return say("stopped");
  }
  if (command === "add") {
    isAdding = true;
    await Promise.all(Array.from({ length: IN_FLIGHT }, addOnAndOn));
    return say("stopped");
  }
  isAdding = false;
  await store.close();
  say("closed");
}

// A limit for the size of files ends a process that does not listen to this; then it is an error like any other.
process.on("SIGXFSZ", () => {});
await store.open();
say("open");
const lines = createInterface({ input: process.stdin });
lines.on("line", (command) => void obey(command));
await once(lines, "close");
