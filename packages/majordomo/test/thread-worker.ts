/** A worker with threads: its endpoint, the URL of its handler's module, and options as JSON. SIGTERM closes it. */
import { MajordomoWorker } from "../src/worker.js";

const [endpoint, handler, options] = process.argv.slice(2) as [string, string, string];
const { threads, closesAtStart, ...rest } = JSON.parse(options);

await using worker = new MajordomoWorker("echo", rest);
worker.on("status", (event) => console.log(JSON.stringify(event)));
worker.connect(endpoint);
process.once("SIGTERM", () => void worker.close());
try {
  const serving = worker.serve(new URL(handler), { threads });
  if (closesAtStart) void worker.close();
  await serving;
} catch (error) {
  console.log(JSON.stringify({ type: "serve-failed", message: (error as Error).message }));
}
console.log(JSON.stringify({ type: "served" }));
