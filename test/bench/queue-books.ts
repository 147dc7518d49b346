import { DELIMITER, frameKey, openEnvelope, textFrame } from "@seaworthy/core";
import {
  ParanoidPirateQueueMachine,
  resolveQueueOptions,
  type WorkerCommand,
} from "@seaworthy/paranoid-pirate/machine";
import { median } from "./figures.js";

/** What a request costs a queue's machine. */
export interface BookCost {
  /** Workers in the books. */
  readonly workers: number;
  readonly perRequestNs: number;
}

const ROUNDS = 9;
const REQUESTS = 50_000;
const body = textFrame("hello world");
const client = [textFrame("client"), textFrame("request id"), DELIMITER, body];

/** A queue's machine with so many workers, all of them ready. */
class Books {
  readonly #machine: ParanoidPirateQueueMachine;
  #now = 0;

  constructor(workers: number) {
    this.#machine = new ParanoidPirateQueueMachine(resolveQueueOptions());
    for (let index = 0; index < workers; index++) {
      const id = textFrame(`worker ${index}`);
      const ready = { type: "said", worker: frameKey(id), id, command: { type: "ready" } } as const;
      this.#machine.handle(ready, this.#now);
    }
    while (this.#machine.take() !== undefined);
  }

  /** One request, to a worker and back; time goes on, so that heartbeats fall due. */
  exchange(): void {
    const machine = this.#machine;
    this.#now += 0.05;
    if (machine.deadline !== undefined && machine.deadline <= this.#now) machine.tick(this.#now);
    const request = openEnvelope(client);
    if (request.type === "malformed") throw new Error(request.reason);
    machine.handle(request, this.#now);
    for (let output = machine.take(); output !== undefined; output = machine.take()) {
      if (output.type === "status") throw new Error(`unexpected: ${output.event.type}`);
      if (output.type !== "deliver") continue;
      const { worker: id, request } = output;
      const command: WorkerCommand = { type: "reply", number: request.number, body: [body] };
      machine.handle({ type: "said", worker: frameKey(id), id, command }, this.#now);
    }
  }
}

function roundNs(workers: number): number {
  const books = new Books(workers);
  for (let index = 0; index < REQUESTS / 10; index++) books.exchange();
  const startedAt = performance.now();
  for (let index = 0; index < REQUESTS; index++) books.exchange();
  return ((performance.now() - startedAt) * 1e6) / REQUESTS;
}

/** Medians over rounds in which all sizes take turns. */
export function measureBooks(sizes: readonly number[]): BookCost[] {
  const times = sizes.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, workers] of sizes.entries()) times[index]?.push(roundNs(workers));
  }
  return sizes.map((workers, index) => ({ workers, perRequestNs: median(times[index] ?? []) }));
}
