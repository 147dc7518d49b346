/**
 * A Suicidal Snail subscriber with the policy `resync`, as an application has it. It tells the judge what it was handed, and
 * what it was told to be missing. Arguments: its name, the endpoint of the publisher, and that of the judge.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { SnailSubscriber } from "@seaworthy/suicidal-snail";
import { Push } from "zeromq";
import { monotonicMs } from "../harness/monotonic.js";
import { type Handed, MAX_DELAY_MS, type SnailOrder, type SnailWord } from "./snail-words.js";

const TELL_MS = 20;

const [name = "", publisher = "", judge = ""] = process.argv.slice(2);
const alarms: Record<string, number> = {};
let handed: Handed[] = [];
let workMs = 0;

const subscriber = new SnailSubscriber({
  policy: "resync",
  maxDelayMs: MAX_DELAY_MS,
  socket: { reconnectMaxIntervalMs: 400 },
});
subscriber.on("alarm-raised", ({ reason }) => {
  alarms[reason] = (alarms[reason] ?? 0) + 1;
});
subscriber.once("connection-opened", () => console.log("ready"));
process.on("message", (order: SnailOrder) => {
  workMs = order.workMs;
});
const telling = new Push({ linger: 0, sendHighWaterMark: 1_000_000 });
telling.connect(judge);
void tell();
subscriber.subscribe("");
subscriber.connect(publisher);
for await (const { epoch, topicText, body, alarm } of subscriber) {
  handed.push({
    life: String(epoch),
    topic: topicText,
    number: Number(body[0]),
    at: monotonicMs(),
    isAlarming: alarm !== undefined,
  });
  if (workMs > 0) await sleep(workMs);
}

async function tell(): Promise<void> {
  while (true) {
    const { lost, queueDropped, skipped, resyncs } = subscriber.stats();
    const noticed = lost + queueDropped + skipped;
    const word: SnailWord = { subscriber: name, handed, noticed, resyncs, alarms };
    handed = [];
    await telling.send(JSON.stringify(word));
    await sleep(TELL_MS);
  }
}
