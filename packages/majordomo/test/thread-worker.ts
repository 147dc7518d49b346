/** A worker with threads: its endpoint, the URL of its handler's module, and options as JSON. SIGTERM closes it. */
import { MajordomoWorker } from "../src/worker.js";

const [endpoint, handler, options] = process.argv.slice(2) as [string, string, string];
const { threads, ...rest } = JSON.parse(options);

await using worker = new MajordomoWorker("echo", rest);
worker.on("status", (event) => console.log(JSON.stringify(event)));
worker.connect(endpoint);
process.once("SIGTERM", () => void worker.close());
try {
  await worker.serve(new URL(handler), { threads });
} catch (error) {
  console.log(JSON.stringify({ type: "serve-failed", message: (error as Error).message }));
}
console.log(JSON.stringify({ type: "served" }));
