import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import {
  askAll,
  BareClient,
  BareDealer,
  closing,
  hasRead,
  newQueue,
  readyWorker,
  record,
  reported,
  serve,
} from "./peers.js";

/** A REQ worker in a process of its own, which prints each body that it gets, and never replies. */
const MUTE_WORKER = `
import { Request } from "zeromq";
const [, backend, routingId] = process.argv;
const socket = new Request(routingId === undefined ? {} : { routingId });
socket.connect(backend);
await socket.send("\\x01");
for await (const frames of socket) console.log(String(frames.at(-1)));
`;

class WorkerProcess {
  readonly #child;

  /** @param name - its routing id, under which it might come back */
  constructor(backend: string, ...name: string[]) {
    this.#child = spawn(process.execPath, ["--input-type=module", "-e", MUTE_WORKER, backend, ...name], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "inherit"],
    });
    closing(this);
  }

  /** The next output. */
  async says(): Promise<string> {
    const [text] = (await once(this.#child.stdout, "data")) as [Buffer];
    return String(text).trim();
  }

  /** Kills it; once it has ended the system has closed its connections. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

describe("workers that die", () => {
  it("fault: a request for a worker that was killed idle goes to the next", async () => {
    const { queue, frontend, backend } = await newQueue();
    const joined = reported(queue, "worker-joined");
    const dead = new WorkerProcess(backend, "mortal");
    await joined;
    await dead.close();
    // What another says comes in behind the end of the dead one's connection.
    void (await readyWorker(queue, backend)).echo();
    const events = record(queue);
    expect(await new BareClient(frontend).ask("x")).toBe("x");
    expect(events).toHaveLength(1);
    expect(events[0]).toMatch(/^worker-gone:peer-(unknown|full)$/);
    expect(queue.stats()).toMatchObject({ workers: 1, dispatched: 2, returned: 1, answered: 1 });
  });

  it("or waits until there is one, in front of what came later", async () => {
    const { queue, frontend, backend } = await newQueue();
    const joined = reported(queue, "worker-joined");
    const dead = new WorkerProcess(backend, "mortal");
    await joined;
    await dead.close();
    await hasRead(queue, (garbage) => new BareDealer(backend).send(garbage));
    const gone = reported(queue, "worker-gone");
    const client = new BareClient(frontend);
    void client.ask("first");
    await gone;
    await askAll(queue, client, ["second"]);
    expect(queue.stats()).toMatchObject({ workers: 0, waiting: 2 });
    expect(await serve(await readyWorker(queue, backend), 2)).toEqual(["first", "second"]);
  });

  it("idle are known to be gone at once, unless they might come back under a name", async () => {
    const { queue, backend } = await newQueue();
    const joined = reported(queue, "worker-joined");
    const dead = new WorkerProcess(backend);
    await joined;
    const gone = reported(queue, "worker-gone");
    await dead.close();
    expect((await gone)[0]).toMatchObject({ reason: "departed" });
    expect(queue.stats()).toMatchObject({ workers: 0, ready: 0, lost: 0 });
  });

  it.each([
    { who: "a REQ", name: [], left: { workers: 1, busy: 0, lost: 1 } },
    // It may come back under its name, and there is no heartbeat: it counts as busy.
    { who: "a REQ with a name", name: ["mortal"], left: { workers: 2, busy: 1, lost: 0 } },
  ])("$who with a request takes it with it: its client has to ask again", async ({ name, left }) => {
    const { queue, frontend, backend } = await newQueue();
    const joined = reported(queue, "worker-joined");
    const dead = new WorkerProcess(backend, ...name);
    await joined;
    const client = new BareClient(frontend);
    void client.ask("first attempt");
    expect(await dead.says()).toBe("first attempt");
    await dead.close();
    // What another says comes in behind the end of the dead one's connection.
    void (await readyWorker(queue, backend)).echo();
    expect(await client.ask("second attempt")).toBe("second attempt");
    expect(queue.stats()).toMatchObject({ ready: 1, answered: 1, returned: 0, ...left });
  });

  it("one that was busy while the queue restarted is taken in again by the reply that it still owes", async () => {
    const first = await newQueue();
    const worker = await readyWorker(first.queue, first.backend);
    void new BareClient(first.frontend).ask("lost");
    const request = await worker.receive();
    const lost = new Promise((resolve) => worker.events.on("disconnect", resolve));
    await first.queue.close();
    // What it says before would be written into the connection that is over, and lost with it.
    await lost;
    const { queue, frontend } = await newQueue();
    const dropped = reported(queue, "reply-dropped");
    const joined = reported(queue, "worker-joined");
    await queue.bindBackend(first.backend);
    await worker.reply(request, "late");
    expect((await dropped)[0]).toMatchObject({ reason: "unknown" });
    await joined;
    void worker.echo();
    expect(await new BareClient(frontend).ask("new")).toBe("new");
  });
});

describe("overload", () => {
  // 5,001 round trips one after the other, each of which waits for the processor four times.
  it("clients take turns: one request does not wait behind 5,000 of another", {
    timeout: 240_000,
  }, async () => {
    // A busy machine may take longer for all of them than a request waits by default.
    const { queue, frontend, backend } = await newQueue({ maxWaitingMs: 600_000 });
    const worker = await readyWorker(queue, backend);
    const [flooding, modest] = [new BareClient(frontend), new BareClient(frontend)];
    const flood = Array.from({ length: 5000 }, (_, index) => `flood ${index}`);
    await askAll(queue, flooding, flood);
    await askAll(queue, modest, ["modest"]);
    expect(queue.stats()).toMatchObject({ waiting: 5000, busy: 1 });
    expect(await serve(worker, 5001)).toEqual(["flood 0", "flood 1", "modest", ...flood.slice(2)]);
  });

  it("the longest lane gives way: who floods pushes out its own requests", async () => {
    const { queue, frontend, backend } = await newQueue({ maxWaiting: 10 });
    const worker = await readyWorker(queue, backend);
    const [flooding, modest] = [new BareClient(frontend), new BareClient(frontend)];
    const events = record(queue);
    await askAll(queue, flooding, ["at work", ...Array.from({ length: 20 }, (_, index) => `flood ${index}`)]);
    await askAll(queue, modest, ["modest"]);
    expect(events.filter((event) => event === "request-dropped:queue-full")).toHaveLength(11);
    expect(queue.stats()).toMatchObject({ requests: 22, waiting: 10, dropped: 11 });
    const kept = Array.from({ length: 9 }, (_, index) => `flood ${index}`);
    expect(await serve(worker, 11)).toEqual(["at work", kept[0], "modest", ...kept.slice(1)]);
  });

  it("a request that has waited too long is dropped with an event, and not run", async () => {
    const { queue, frontend, backend } = await newQueue({ maxWaitingMs: 30 });
    const dropped = reported(queue, "request-dropped");
    const client = new BareClient(frontend);
    void client.ask("old");
    const [event] = await dropped;
    expect(event).toMatchObject({ reason: "too-old" });
    expect((event as { waitedMs: number }).waitedMs).toBeGreaterThanOrEqual(30);
    const worker = await readyWorker(queue, backend);
    void client.ask("new");
    expect(String((await worker.receive()).at(-1))).toBe("new");
  });

  it("fault: what waits is bounded in number, size and age, and the queue reads on", async () => {
    const { queue, frontend } = await newQueue({ maxWaiting: 2, maxWaitingBytes: 500, maxBodyBytes: 300 });
    const events = record(queue);
    const client = new BareClient(frontend);
    await askAll(queue, client, ["x".repeat(301), "x".repeat(300), "x".repeat(300), "fits", "one too many"]);
    expect(events.filter((event) => event.startsWith("request-dropped"))).toEqual([
      "request-dropped:body-too-large",
      "request-dropped:queue-full",
      "request-dropped:queue-full",
    ]);
    expect(queue.stats()).toMatchObject({ requests: 5, waiting: 2, dropped: 3 });
  });

  it("what a client leaves waiting goes with it, and a reply to it is counted", async () => {
    const { queue, frontend, backend } = await newQueue();
    const worker = await readyWorker(queue, backend);
    const client = new BareClient(frontend);
    await askAll(queue, client, ["at work", "waits"]);
    const request = await worker.receive();
    const dropped = reported(queue, "request-dropped");
    client.close();
    expect((await dropped)[0]).toMatchObject({ reason: "client-gone" });
    const undeliverable = reported(queue, "reply-undeliverable");
    await worker.reply(request, "nobody there");
    expect((await undeliverable)[0]).toMatchObject({ reason: "peer-unknown" });
    expect(queue.stats()).toMatchObject({ waiting: 0, undeliverable: 1, ready: 1 });
  });

  it("too large a reply is dropped, and its worker is ready for the next request", async () => {
    const { queue, frontend, backend } = await newQueue({ maxBodyBytes: 10 });
    const worker = await readyWorker(queue, backend);
    const client = new BareClient(frontend);
    void client.ask("x");
    const dropped = reported(queue, "reply-dropped");
    await worker.reply(await worker.receive(), "x".repeat(11));
    expect((await dropped)[0]).toMatchObject({ reason: "body-too-large" });
    void worker.echo();
    expect(await client.ask("y")).toBe("y");
  });

  it("at `maxWorkers` the one that has been busy for longest makes room, or else ready for longest", async () => {
    const { queue, frontend, backend } = await newQueue({ maxWorkers: 2 });
    const forgotten = reported(queue, "worker-forgotten");
    const names = ["first", "second", "third", "fourth"].map((name) => Buffer.from(name));
    await readyWorker(queue, backend, names[0]);
    await readyWorker(queue, backend, names[1]);
    const third = await readyWorker(queue, backend, names[2]);
    expect((await forgotten)[0]).toMatchObject({ worker: "first" });
    await askAll(queue, new BareClient(frontend), ["1", "2", "3"]);
    expect(queue.stats()).toMatchObject({ busy: 2, waiting: 1, workers: 2 });
    expect((await third.receive()).at(-1)?.toString()).toBe("2");
    const lost = reported(queue, "request-lost");
    const fourth = await readyWorker(queue, backend, names[3]);
    expect((await lost)[0]).toMatchObject({ worker: "second", reason: "worker-forgotten" });
    expect((await fourth.receive()).at(-1)?.toString()).toBe("3");
    expect(queue.stats()).toMatchObject({ workers: 2, lost: 1 });
  });
});
