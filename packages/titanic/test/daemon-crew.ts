import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Frames, textFrame } from "@seaworthy/core";
import {
  MajordomoBroker,
  MajordomoClient,
  type MajordomoRequest,
  MajordomoWorker,
} from "@seaworthy/majordomo";
import { afterEach, expect, vi } from "vitest";
import { killPrograms, ProgramProcess } from "../../majordomo/test/daemon-process.js";
import { decodeAnswer, encodeId, encodeSubmit, parseId, type TitanicAnswer } from "../src/wire.js";

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url));

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  // First those who may still write into folders that are removed.
  await killPrograms();
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A folder that is gone after the test. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "titanic-"));
  cleanUps.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** `titanic` in a process of its own. */
export class TitanicProcess extends ProgramProcess {
  constructor(args: readonly string[], nodeFlags: readonly string[] = []) {
    super(bin, args, "pipe", nodeFlags);
  }

  /** Runs it to its end. */
  static async run(
    args: readonly string[],
  ): Promise<{ code: number | string; out: string[]; err: string[] }> {
    const program = new TitanicProcess(args);
    return { code: await program.exit, out: program.lines, err: program.errors };
  }
}

/** A broker, a client of a Titanic server behind it, and workers. */
export class Crew {
  readonly endpoint: string;
  readonly #client = new MajordomoClient({ timeoutMs: 20_000 });
  readonly #broker: MajordomoBroker;

  private constructor(broker: MajordomoBroker, endpoint: string) {
    this.#broker = broker;
    this.endpoint = endpoint;
    this.#client.connect(endpoint);
    cleanUps.push(() => this.#client.close());
  }

  static async muster(): Promise<Crew> {
    const broker = new MajordomoBroker({ lingerMs: 0 });
    cleanUps.push(() => broker.close());
    return new Crew(broker, await broker.bind("tcp://127.0.0.1:*"));
  }

  /** Resolves when so many requests wait in the broker's lines. */
  async waiting(count: number): Promise<void> {
    await vi.waitFor(() => expect(this.#broker.stats().waiting).toBe(count), { timeout: 20_000 });
  }

  /** Starts a server and waits until it is ready. */
  async serve(args: readonly string[]): Promise<TitanicProcess> {
    const server = new TitanicProcess(["--connect", this.endpoint, ...args]);
    await server.ready();
    return server;
  }

  /** Offers a service, and hands its requests out one by one. */
  worker(service: string): AsyncIterator<MajordomoRequest> {
    const worker = new MajordomoWorker(service, { lingerMs: 0 });
    worker.connect(this.endpoint);
    cleanUps.push(() => worker.close());
    return worker[Symbol.asyncIterator]();
  }

  /** Offers a service that answers in capitals, or fails if it is asked to. */
  offer(service: string): void {
    const worker = new MajordomoWorker(service, { lingerMs: 0 });
    worker.connect(this.endpoint);
    cleanUps.push(() => worker.close());
    void worker.serve(({ body: [word] }) => {
      if (String(word) === "fail") throw new Error("it was asked to");
      return String(word).toUpperCase();
    });
  }

  /** Hands in a request; resolves with its id when it is accepted. */
  async submit(service: string, text: string, key?: string): Promise<string> {
    const verb = key === undefined ? "titanic.request" : "titanic.submit";
    const keyFrame = key === undefined ? undefined : textFrame(key);
    const answer = await this.#ask(verb, encodeSubmit(keyFrame, textFrame(service), [textFrame(text)]));
    if (answer.type !== "ok") throw new Error(`not accepted: ${JSON.stringify(answer)}`);
    return String(Buffer.from(answer.frames[0] as Uint8Array));
  }

  /** What there is for a request: the text of its reply, or what the server says instead. */
  async reply(id: string): Promise<string> {
    const answer = await this.#ask("titanic.reply", encodeId(parseId(id) as Uint8Array));
    return answer.type === "ok" ? Buffer.concat(answer.frames).toString() : answer.type;
  }

  async #ask(service: string, body: Frames): Promise<TitanicAnswer> {
    const answer = decodeAnswer(await this.#client.request(service, body));
    if (answer.type === "malformed") throw new Error(answer.reason);
    return answer;
  }
}
