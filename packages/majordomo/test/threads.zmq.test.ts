import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { closing } from "../../core/test/support/queue-peers.js";
import type { MajordomoWorkerOptions } from "../src/worker-options.js";
import { address, BareBroker, DISCONNECT, DROPPED, FAILED, final, partial } from "./bare-broker.js";

const program = fileURLToPath(new URL("thread-worker.ts", import.meta.url));
const handler = new URL("thread-handler.ts", import.meta.url).href;

type ProcessOptions = MajordomoWorkerOptions & { threads?: number; closesAtStart?: boolean };

/** A worker in a process of its own. */
class WorkerProcess {
  readonly events: string[] = [];
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #news = new EventEmitter();

  constructor(
    endpoint: string,
    options: ProcessOptions = {},
    module: string = handler,
    flags: string[] = [],
  ) {
    const run = ["--import", "tsx", "--conditions=@seaworthy/source", ...flags, program];
    const given = JSON.stringify({ heartbeatMs: 60_000, threads: 2, ...options });
    this.#child = spawn(process.execPath, [...run, endpoint, module, given], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    lines.on("line", (line) => {
      const { type, message } = JSON.parse(line);
      if (type === "process-stalled") return;
      this.events.push(message === undefined ? type : `${type}: ${message}`);
      this.#news.emit("event");
    });
    this.ended = once(this.#child, "close").then(([code]) => code as number | null);
    closing(this);
  }

  /** Resolves when it has told of such an event, which comes by another way than its messages. */
  async told(event: string): Promise<void> {
    while (!this.events.includes(event)) await once(this.#news, "event");
  }

  terminate(): void {
    this.#child.kill("SIGTERM");
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}

/** A file that is not there yet. */
function flag(): { path: string; raise(): void } {
  const folder = mkdtempSync(join(tmpdir(), "threads-"));
  closing({ close: () => rmSync(folder, { recursive: true }) });
  const path = join(folder, "flag");
  return { path, raise: () => writeFileSync(path, "") };
}

/** A broker of ours with such a worker, and a way to give that a request. */
async function start(...options: [ProcessOptions?, string?, string[]?]) {
  const broker = new BareBroker();
  const worker = new WorkerProcess(broker.endpoint, ...options);
  const { id } = await broker.welcome();
  const give = (name: string, ...frames: string[]): void =>
    broker.send(id, ["MDPW02", "\x02", address(name), "", ...frames]);
  const hear = async (): Promise<string[]> => (await broker.next()).words;
  return { broker, worker, id, give, hear };
}

describe("handlers in threads", { timeout: 60_000 }, () => {
  it("that compute stop neither heartbeats nor other requests", async () => {
    const done = flag();
    // It does not give up a broker that is slow to answer: what is asked is that it goes on itself.
    const { broker, worker, give, hear } = await start({ heartbeatMs: 50, liveness: 1000 });
    give("slow", "compute", done.path);
    give("a", "echo", "before");
    expect(await hear()).toEqual(final("a", "before"));
    // For longer than a broker would wait for a silent worker.
    await broker.beat(2 * 3);
    give("b", "echo", "after");
    expect(await hear()).toEqual(final("b", "after"));
    done.raise();
    expect(await hear()).toEqual(final("slow", "computed"));
    expect(worker.events).toEqual(["session-opened", "broker-recognised"]);
  });

  it("send parts, all of them before the end", async () => {
    const { give, hear } = await start();
    give("x", "parts");
    expect(await hear()).toEqual(partial("x", "first"));
    expect(await hear()).toEqual([...partial("x", "second"), "of two frames"]);
    expect(await hear()).toEqual(partial("x", "third"));
    expect(await hear()).toEqual(final("x", "end"));
  });

  it("say nothing after the end: a part is refused, and one that nobody waited for is passed", async () => {
    const { give, hear } = await start({ threads: 1 });
    give("x", "late");
    expect(await hear()).toEqual(partial("x", "in time"));
    expect(await hear()).toEqual(final("x", "end"));
    give("y", "what-became-of-it");
    expect(await hear()).toEqual(final("y", "passed, ERR_ALREADY_ANSWERED"));
  });

  it("that throw, or return what is no body, are reported with the message", async () => {
    const { give, hear } = await start();
    give("x", "throw", "no luck");
    expect(await hear()).toEqual(final("x", "no luck", FAILED));
    give("y", "nothing");
    expect((await hear())[4]).toMatch("a body must be a string");
  });

  it("that say too much are told so", async () => {
    const { give, hear } = await start({ maxBodyBytes: 999 });
    give("x", "too-much");
    const reason = "reply body is too large: limit maxBodyBytes = 999 is reached";
    expect(await hear()).toEqual(final("x", reason, FAILED));
  });

  it.each([
    ["ends its process, as it thinks", "exit", "worker exited with code: 3"],
    ["runs out of memory", "exhaust-memory", "memory limit"],
    ["throws null where nobody catches it", "throw-null-later", "failed with null"],
  ])("one that %s fails with its request, and nothing else does", async (_how, what, message) => {
    const done = flag();
    const { worker, give, hear } = await start({}, handler, ["--max-old-space-size=128"]);
    give("slow", "compute", done.path);
    for (const name of ["x", "y", "z"]) {
      give(name, what);
      const words = await hear();
      expect(words.slice(0, 3)).toEqual(final(name, "", FAILED).slice(0, 3));
      expect(words[4]).toContain(message);
    }
    give("a", "echo", "still here");
    expect(await hear()).toEqual(final("a", "still here"));
    done.raise();
    expect(await hear()).toEqual(final("slow", "computed"));
    expect(worker.events.filter((event) => !event.startsWith("handler-failed"))).toEqual([
      "session-opened",
      "broker-recognised",
    ]);
  });

  it("hear of a client that has given up", async () => {
    const { broker, id, give, hear, worker } = await start();
    give("x", "wait");
    expect(await hear()).toEqual(partial("x", "waiting"));
    broker.cancel(id, "x");
    expect(await hear()).toEqual(final("x", "", DROPPED));
    await worker.told("reply-dropped");
    expect(worker.events.at(-1)).toBe("reply-dropped");
  });

  it("hear that the worker closes, and may finish", async () => {
    const { broker, id, give, hear, worker } = await start({ lingerMs: 60_000 });
    give("x", "wait");
    expect(await hear()).toEqual(partial("x", "waiting"));
    worker.terminate();
    expect((await hear()).slice(0, 2)).toEqual(["MDPW02", "\x05"]);
    expect(await hear()).toEqual(final("x", "MajordomoWorker is closed"));
    expect(await hear()).toEqual(DISCONNECT);
    broker.send(id, DISCONNECT);
    expect(await worker.ended).toBe(0);
    // The threads end while the broker's answer is waited for.
    expect(worker.events.slice(-2).sort()).toEqual(["served", "session-closed"]);
  });

  it("are ended when `lingerMs` is over, whatever they compute", async () => {
    const { give, hear, worker } = await start({ lingerMs: 50, threads: 2 });
    give("slow", "compute", "/nowhere");
    give("a", "echo", "x");
    expect(await hear()).toEqual(final("a", "x"));
    worker.terminate();
    expect((await hear()).slice(0, 2)).toEqual(["MDPW02", "\x05"]);
    expect(await hear(), "another gets the request").toEqual(DISCONNECT);
    expect(await worker.ended).toBe(0);
    expect(worker.events.at(-1)).toBe("served");
  });
});

it("closing a worker while its threads start ends `serve` without an error", {
  timeout: 60_000,
}, async () => {
  const broker = new BareBroker();
  // It is loaded for ever.
  const module = "data:text/javascript,await new Promise(() => setInterval(() => {}, 1e6)); export default 5";
  const worker = new WorkerProcess(broker.endpoint, { closesAtStart: true }, module);
  expect(await worker.ended).toBe(0);
  expect(worker.events).toEqual(["session-closed", "served"]);
});

describe("a module that is no handler", { timeout: 60_000 }, () => {
  it.each([
    ["is not there", new URL("nowhere.js", import.meta.url).href, /Cannot find module/],
    ["exports no function", "data:text/javascript,export default 5", /must be a function/],
    ["throws", "data:text/javascript,throw new Error('out of order')", /out of order/],
    ["throws null", "data:text/javascript,throw null", /failed with null/],
  ])("ends `serve` before a request is asked for: one that %s", async (_how, module, message) => {
    const broker = new BareBroker();
    const worker = new WorkerProcess(broker.endpoint, {}, module);
    expect(await worker.ended).toBe(0);
    expect(worker.events[0]).toMatch(message);
    expect(worker.events.slice(1)).toEqual(["served", "session-closed"]);
  });
});
