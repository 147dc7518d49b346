import { MajordomoBroker } from "@seaworthy/majordomo";

/** A broker in a process of its own, which tells how much memory it has when it is asked. */
const broker = new MajordomoBroker({ lingerMs: 0 });
process.on("message", () => {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send?.({ rss, heap: heapUsed + external, stats: broker.stats() });
});
console.log("ready", await broker.bind("tcp://127.0.0.1:*"));
