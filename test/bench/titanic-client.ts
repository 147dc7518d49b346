import type { Frames } from "@seaworthy/core";
import { ZmqTransport } from "@seaworthy/core/node";
import { encodeRequest, encodeRequestHeader } from "@seaworthy/majordomo/machine";
import { TitanicClient } from "@seaworthy/titanic";
import { highWaterMarks, type Job } from "./asking.js";

/**
 * What a client does: has Majordomo alone answer, has requests accepted, with a key or without, or has them
 * accepted, waits for their replies and closes them.
 */
type Errand = "echo" | "accept" | "accept-keyed" | "cycle";

/** A job of a client. */
export interface ClientJob extends Job {
  readonly errand: Errand;
}

/** How long a job took, and each of its requests, in ms. */
export interface ClientDone {
  readonly elapsedMs: number;
  readonly latenciesMs: readonly number[];
}

/** Nobody offers it: what is accepted for it stays. */
const UNOFFERED = Buffer.from("later");
const ECHO = "echo";
const OK = "200";
/** Where the first frame of the body is: `[header][][MDPC02][final][service][body…]`. */
const BODY_AT = 5;

const body = Buffer.from("hello world");

function requestOf(errand: Exclude<Errand, "cycle">, sequence: number): Frames {
  const numbers = { epoch: BigInt(process.pid), sequence: BigInt(sequence), first: 0, second: 0 };
  const header = encodeRequestHeader({ kind: "message", ...numbers });
  const ask = (service: string, frames: Frames): Frames =>
    encodeRequest("0.2", Buffer.from(service), header, frames);
  switch (errand) {
    case "echo":
      return ask(ECHO, [body]);
    case "accept":
      return ask("titanic.request", [UNOFFERED, body]);
    case "accept-keyed":
      return ask("titanic.submit", [Buffer.from(`${process.pid}-${sequence}`), UNOFFERED, body]);
  }
}

/** Keeps `inFlight` of `count` promises going. */
async function keepGoing({ count, inFlight }: Job, once: () => Promise<unknown>): Promise<number[]> {
  const latencies: number[] = [];
  let begun = 0;
  async function lane(): Promise<void> {
    while (begun++ < count) {
      const startedAt = performance.now();
      await once();
      latencies.push(performance.now() - startedAt);
    }
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, lane));
  return latencies;
}

/** Asks over the socket driver, so that the client costs as little as it can. */
function openAsker(endpoint: string): (job: ClientJob) => Promise<number[]> {
  let onReply = (_frames: Frames): void => {};
  const dealer = new ZmqTransport("Bench").open(
    { type: "dealer", ...highWaterMarks, maxQueued: 1_000_000 },
    { message: (frames) => onReply(frames) },
  );
  dealer.connect(endpoint);
  let sequence = 0;
  return ({ errand, count, inFlight }) =>
    new Promise((resolve, reject) => {
      const sentAt: number[] = [];
      const latencies: number[] = [];
      const ask = (): void => {
        sentAt.push(performance.now());
        dealer.send(requestOf(errand as "echo", sequence++));
      };
      onReply = (frames) => {
        const status = Buffer.from(frames[BODY_AT] ?? []).toString();
        if (errand !== "echo" && status !== OK) return reject(new Error(`not accepted: ${status}`));
        // With several in flight the order may differ, but one by one is what it is asked for.
        latencies.push(performance.now() - (sentAt[latencies.length] as number));
        if (sentAt.length < count) ask();
        else if (latencies.length === count) resolve(latencies);
      };
      while (sentAt.length < Math.min(inFlight, count)) ask();
    });
}

/** Does the jobs that its parent sends. */
export function startClient(endpoint: string): void {
  const ask = openAsker(endpoint);
  const client = new TitanicClient({ socket: highWaterMarks });
  client.connect(endpoint);
  const run = (job: ClientJob): Promise<number[]> =>
    job.errand === "cycle" ? keepGoing(job, () => client.call(ECHO, body)) : ask(job);
  process.on("message", async (job: ClientJob) => {
    const startedAt = performance.now();
    const latenciesMs = await run(job);
    const elapsedMs = performance.now() - startedAt;
    process.send?.({ elapsedMs, latenciesMs: job.inFlight === 1 ? latenciesMs : [] } satisfies ClientDone);
  });
  process.send?.({});
}
