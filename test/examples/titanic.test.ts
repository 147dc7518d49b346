import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MajordomoWorker } from "@seaworthy/majordomo";
import { describe, expect, it } from "vitest";
import { Request } from "zeromq";
import { example, freeEndpoint, runExample } from "../harness/example.js";
import { requestsOf } from "../harness/fleet.js";
import { BrokerExample } from "../harness/majordomo.js";
import type { Program } from "../harness/program.js";
import { EMPTY, numbersOf, TitanicExample } from "../harness/titanic.js";
import { testHelp, testRefusals } from "./scenes.js";

const run = (role: string, ...args: string[]) => runExample(`titanic/${role}`, ...args);

const client = ({ endpoint }: { endpoint: string }, requests: number, ...args: string[]): Program =>
  example("titanic/client", "--connect", endpoint, "--requests", String(requests), ...args);

async function ask(...args: Parameters<typeof client>): Promise<{ code: number | null; program: Program }> {
  const program = client(...args);
  program.spawn();
  const { code } = await program.exited;
  return { code, program };
}

/** What a client says last when all is well. */
const summary = (requests: number, before: number | RegExp = 0): unknown =>
  typeof before === "number"
    ? `right ${requests} of ${requests}, ${before} of them before, failed 0, mismatched 0, left 0`
    : expect.stringMatching(`^right ${requests} of ${requests}, ${before.source} of them before, failed 0`);

const range = (count: number): Set<number> => new Set(Array.from({ length: count }, (_, index) => index + 1));

describe("arguments", () => {
  testHelp("titanic", [
    ["server", "--connect", "tcp://localhost:5555"],
    ["server", "--data", "./titanic-data"],
    ["server", "--postgres", "database"],
    ["server", "--timeout", "60000"],
    ["server", "--attempts", "10"],
    ["server", "--lease", "30000"],
    ["server", "--heartbeat", "1000"],
    ["server", "--liveness", "3"],
    ["client", "--connect", "tcp://localhost:5555"],
    ["client", "--service", "echo"],
    ["client", "--requests", "100"],
    ["client", "--in-flight", "10"],
    ["client", "--key", "run"],
    ["client", "--body", "Hello world"],
    ["client", "--timeout", "2500"],
    ["client", "--attempts", "20"],
    ["survive", "--requests", "2000"],
    ["survive", "--endpoint", "tcp://127.0.0.1:5555"],
  ]);

  testRefusals("titanic", [
    ["server", ["--bogus"], "unknown option '--bogus'"],
    ["server", ["--connect", "nowhere"], "--connect", '"nowhere"'],
    ["server", ["--postgres", "nowhere"], "--postgres", "must be a URL"],
    ["server", ["--data", "here", "--postgres", "postgres://there"], "--data", "--postgres"],
    ["client", ["--connect", "tcp://127.0.0.1:99999"], "--connect", "tcp://127.0.0.1:99999"],
    ["client", ["--service", "mmi.mine"], "--service", "mmi."],
    ["client", ["--key", "x".repeat(255)], "--key", "255"],
    ["survive", ["--requests", "10"], "--requests", "from 500"],
  ]);

  it("a server exits with 1 when its store cannot be opened", async () => {
    await using server = await TitanicExample.make(await freeEndpoint());
    const file = join(server.folder, "file");
    await writeFile(file, "not a folder");
    const nobody = (await freeEndpoint()).replace("tcp:", "postgres:");
    await Promise.all(
      [
        ["--data", file],
        ["--postgres", nobody],
      ].map(async (place) => {
        const { code, program } = await run("server", ...place);
        expect(code).toBe(1);
        expect(program.stderr).toContain("error: cannot open the store: ");
        expect(program.lines).toEqual([]);
      }),
    );
  });
});

describe("at work", () => {
  it("they say what happens from ready to the end", async () => {
    await using broker = await BrokerExample.start();
    await using server = await TitanicExample.start(broker.endpoint);
    const missed = server.program.nextLine((line) => line === "missed echo: it has no worker");
    const found = server.program.nextLine((line) => line === "found echo");
    const asking = client(broker, 2, "--in-flight", "1");
    asking.spawn();
    await missed;
    await using worker = await broker.startWorker();
    await found;
    expect((await asking.exited).code).toBe(0);
    expect(asking.lines).toEqual([
      `opened ${broker.endpoint}`,
      expect.stringMatching(/^accepted 1: [0-9A-F]{32}$/),
      "reply 1: Hello world 1",
      "closed 1",
      expect.stringMatching(/^accepted 2: [0-9A-F]{32}$/),
      "reply 2: Hello world 2",
      "closed 2",
      summary(2),
    ]);
    expect(await server.program.end("SIGINT")).toEqual({ code: 0, signal: null });
    expect(server.program.lines).toEqual([
      `ready ${broker.endpoint}`,
      "missed echo: it has no worker",
      "found echo",
      "stopped after 2 requests",
    ]);
    expect(await server.leaves()).toEqual(EMPTY);
    expect((await worker.end("SIGTERM")).code).toBe(0);
    expect(requestsOf(worker)).toBe(2);
  });

  it("a server waits for its broker, says so, and comes back to one that was killed and started again", async () => {
    const endpoint = await freeEndpoint();
    await using server = await TitanicExample.make(endpoint);
    const said = once(server.program, "stderr");
    const says = (what: string) => server.program.nextLine((line) => line === `${what} ${endpoint}`);
    const ready = says("ready");
    server.program.spawn();
    expect(String(await said)).toContain(`waiting for a broker at ${endpoint}`);
    expect(server.program.lines).toEqual([]);
    await using broker = example("majordomo/broker", "--bind", endpoint);
    await Promise.all([ready, broker.start()]);
    const lost = says("lost");
    await broker.kill();
    await lost;
    await Promise.all([says("opened"), broker.start()]);
    expect(await server.program.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(server.program.lines).toEqual([
      ...[`ready ${endpoint}`, `lost ${endpoint}`, `opened ${endpoint}`],
      "stopped after 0 requests",
    ]);
  });

  it("a server ends with 0 while it waits for its broker", async () => {
    await using server = await TitanicExample.make(await freeEndpoint());
    const said = once(server.program, "stderr");
    server.program.spawn();
    await said;
    expect(await server.program.end("SIGINT")).toEqual({ code: 0, signal: null });
    expect(server.program.lines).toEqual(["stopped after 0 requests"]);
  });

  it("a client that was killed goes on with the same requests when it is started again with its key", async () => {
    await using broker = await BrokerExample.start();
    await using server = await TitanicExample.start(broker.endpoint);
    await using worker = new MajordomoWorker("echo");
    worker.connect(broker.endpoint);
    let worked = 0;
    let letGo = (): void => {};
    const isKilled = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const served = worker.serve(
      async ({ body }) => {
        worked += 1;
        if (worked > 200) await isKilled; // so that it has not everything before it is killed
        return body;
      },
      { concurrency: 10 },
    );
    await using asking = client(broker, 400, "--key", "monday");
    const some = asking.nextLine((line) => line.startsWith("closed 100"));
    asking.spawn();
    await some;
    await asking.kill();
    letGo();
    const closed = numbersOf(asking, "closed");
    expect(closed.size).toBeLessThan(400);
    asking.spawn();
    expect((await asking.exited).code).toBe(0);
    expect(numbersOf(asking, "closed")).toEqual(range(400));
    for (const number of closed) expect(asking.lines).toContain(`closed ${number} before`);
    expect(asking.lines.at(-1)).toEqual(summary(400, /[1-9]\d*/));
    const again = await ask(broker, 400, "--key", "monday");
    expect({ code: again.code, last: again.program.lines.at(-1) }).toEqual({
      code: 0,
      last: summary(400, 400),
    });
    await worker.close();
    await served;
    expect(worked).toBe(400);
    expect((await server.program.end("SIGTERM")).code).toBe(0);
    expect(await server.leaves()).toEqual(EMPTY);
  });

  it("a client that is told to stop finishes what it has begun, and ends with 0", async () => {
    await using broker = await BrokerExample.start();
    await using server = await TitanicExample.start(broker.endpoint);
    await using _worker = await broker.startWorker("--concurrency", "10");
    await using asking = client(broker, 1e9);
    const some = asking.nextLine((line) => line.startsWith("closed 50"));
    asking.spawn();
    await some;
    expect(await asking.end("SIGINT")).toEqual({ code: 0, signal: null });
    expect(asking.lines.at(-1)).toMatch(
      /^right (\d+) of \1, 0 of them before, failed 0, mismatched 0, left 0$/,
    );
    expect((await server.program.end("SIGTERM")).code).toBe(0);
    expect(await server.leaves()).toEqual(EMPTY);
  });

  it("what a client leaves behind since nobody works on it is there for its next run, over a restart", async () => {
    await using broker = await BrokerExample.start();
    await using server = await TitanicExample.start(broker.endpoint);
    await using asking = client(broker, 20, "--key", "later");
    const accepted = asking.nextLine(
      (line) => /^accepted /.test(line) && numbersOf(asking, "accepted").size === 10,
    );
    asking.spawn();
    await accepted;
    expect(await asking.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(asking.lines.at(-1)).toBe("right 0 of 10, 0 of them before, failed 0, mismatched 0, left 10");
    expect((await server.program.end("SIGTERM")).code).toBe(0);
    expect(await server.leaves()).toEqual({ ...EMPTY, pending: 10 });
    await server.program.start();
    await using _worker = await broker.startWorker();
    expect((await ask(broker, 20, "--key", "later")).program.lines.at(-1)).toEqual(summary(20));
    expect((await server.program.end("SIGTERM")).code).toBe(0);
    expect(requestsOf(server.program)).toBe(10);
  });

  it("replies that are not a request's own are told of, kept, and end in exit code 1", async () => {
    await using broker = await BrokerExample.start();
    await using server = await TitanicExample.start(broker.endpoint);
    await using worker = new MajordomoWorker("parrot");
    worker.connect(broker.endpoint);
    void worker.serve(({ body: [text = "", number = ""] }) => [text, String(number) === "2" ? "3" : number]);
    const { code, program } = await ask(broker, 3, "--service", "parrot", "--body", "a word");
    expect(code).toBe(1);
    expect(program.lines).toContain("reply 2: a word 3");
    expect(program.lines.at(-1)).toBe("right 2 of 3, 0 of them before, failed 0, mismatched 1, left 0");
    expect((await server.program.end("SIGTERM")).code).toBe(0);
    expect(await server.leaves()).toEqual({ ...EMPTY, done: 1 });
  });

  it("a request whose worker fails each time is a dead letter: server and client say so", async () => {
    await using broker = await BrokerExample.start();
    await using server = await TitanicExample.start(broker.endpoint, "--attempts", "1");
    await using worker = new MajordomoWorker("printer");
    worker.connect(broker.endpoint);
    void worker.serve(() => {
      throw new Error("out of paper");
    });
    const { code, program } = await ask(broker, 1, "--service", "printer");
    expect(code).toBe(1);
    const [, id] = /^accepted 1: (\w+)$/.exec(program.lines[1] ?? "") ?? [];
    const why = "its handler failed: out of paper";
    expect(program.lines.slice(2)).toEqual([
      `failed 1: request ${id} is a dead letter: ${why}`,
      "right 0 of 1, 0 of them before, failed 1, mismatched 0, left 0",
    ]);
    expect(server.program.lines).toContain(`dead ${id}: ${why}`);
  });
});

describe("programs from the texts of 7/MDP and 9/TSP at the other side", () => {
  it("a REQ client hands in, fetches and closes", async () => {
    await using broker = await BrokerExample.start();
    await using _server = await TitanicExample.start(broker.endpoint);
    await using _worker = await broker.startWorker();
    const socket = new Request({ linger: 0, receiveTimeout: 20_000 });
    socket.connect(broker.endpoint);
    const bare = async (service: string, ...body: string[]): Promise<string[]> => {
      await socket.send(["MDPC01", service, ...body]);
      return (await socket.receive()).map(String).slice(2);
    };
    expect(await bare("mmi.service", "titanic.request")).toEqual(["200"]);
    const [status, id = "", ...more] = await bare("titanic.request", "echo", "one", "", "three");
    expect([status, more]).toEqual(["200", []]);
    let reply = await bare("titanic.reply", id);
    while (reply[0] === "300") reply = await bare("titanic.reply", id);
    expect(reply).toEqual(["200", "one", "", "three"]);
    expect(await bare("titanic.close", id)).toEqual(["200"]);
    expect(await bare("titanic.reply", id)).toEqual(["400"]);
    socket.close();
  });

  it("a server without titanic.submit: the client gets along with it, but for --key", async () => {
    await using broker = await BrokerExample.start();
    const kept = new Map<string, Uint8Array[]>();
    const offer = (
      name: string,
      answer: (body: Uint8Array[]) => (string | Uint8Array)[],
    ): MajordomoWorker => {
      const worker = new MajordomoWorker(name, { protocol: "0.1" });
      worker.connect(broker.endpoint);
      void worker.serve(({ body }) => answer(body) as [string]);
      return worker;
    };
    await using _request = offer("titanic.request", ([service, ...body]) => {
      const id = randomUUID().replaceAll("-", "").toUpperCase();
      kept.set(id, [Buffer.from(`${service} says`), ...body]);
      return ["200", id];
    });
    await using _reply = offer("titanic.reply", ([id]) => ["200", ...(kept.get(String(id)) as Uint8Array[])]);
    await using _close = offer("titanic.close", ([id]) => {
      kept.delete(String(id));
      return ["200"];
    });
    await broker.has(3);
    const { code, program } = await ask(broker, 3, "--in-flight", "1");
    expect(code).toBe(0);
    expect(program.lines).toContain("reply 3: echo says Hello world 3");
    expect(program.lines.at(-1)).toEqual(summary(3));
    expect(kept.size).toBe(0);
    const keyed = await ask(broker, 1, "--key", "monday");
    expect(keyed.code).toBe(1);
    expect(keyed.program.lines).toContainEqual(
      expect.stringMatching(/^failed 1: the server takes no idempotency keys/),
    );
  });
});
