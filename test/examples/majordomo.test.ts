import { describe, expect, it } from "vitest";
import { Dealer, Request, Router } from "zeromq";
import { ANY_PORT, example, freeEndpoint, runExample, startExample } from "../harness/example.js";
import { BrokerExample } from "../harness/majordomo.js";
import { cannotBind, SIGNALS, testHelp, testRefusals } from "./scenes.js";

const VERSIONS = ["0.1", "0.2"] as const;

const run = (role: string, ...args: string[]) => runExample(`majordomo/${role}`, ...args);

/** Runs a client that asks nothing again because the machine is busy. */
const ask = ({ endpoint }: { endpoint: string }, requests: number, ...args: string[]) =>
  run("client", "--connect", endpoint, "--timeout", "60000", "--requests", String(requests), ...args);

/** What a client says in the end when all is well. */
const summary = (requests: number) => [
  `answered ${requests} of ${requests}, failed 0, mismatched 0, retries 0`,
  expect.stringMatching(/^rate \d+ requests\/s$/),
  expect.stringMatching(/^latency median \d+\.\d\d ms, p99 \d+\.\d\d ms, longest \d+\.\d\d ms$/),
];

describe("arguments", () => {
  testHelp("majordomo", [
    ["broker", "--bind", "tcp://*:5555"],
    ["broker", "--heartbeat", "1000"],
    ["broker", "--liveness", "3"],
    ["broker", "--max-deliveries", "3"],
    ["worker", "--connect", "tcp://localhost:5555"],
    ["worker", "--service", "echo"],
    ["worker", "--protocol", "0.1", "0.2"],
    ["worker", "--concurrency", "1"],
    ["worker", "--chaos", "crash"],
    ["worker", "--heartbeat", "1000"],
    ["worker", "--liveness", "3"],
    ["client", "--connect", "tcp://localhost:5555"],
    ["client", "--service", "echo"],
    ["client", "--protocol", "0.1", "0.2"],
    ["client", "--requests", "1000"],
    ["client", "--in-flight", "100"],
    ["client", "--body", "Hello world"],
    ["client", "--timeout", "2500"],
    ["client", "--attempts", "3"],
    ["client", "--print", "reply"],
    ["stream", "--connect", "tcp://localhost:5555"],
    ["stream", "--service", "counts"],
    ["stream", "--protocol", "0.1", "0.2"],
    ["stream", "--body", "10"],
    ["stream", "--pause", "200"],
    ["stream", "--timeout", "2500"],
    ["threads-worker", "--connect", "tcp://localhost:5555"],
    ["threads-worker", "--service", "primes"],
    ["threads-worker", "--threads", "processors"],
    ["threads-worker", "--heartbeat", "1000"],
    ["threads-worker", "--liveness", "3"],
  ]);

  const elsewhere = "no address of this machine";
  testRefusals("majordomo", [
    ["broker", ["--bogus"], "unknown option '--bogus'"],
    ["broker", ["--bind", ANY_PORT, "tcp://127.0.0.1:99999"], "--bind", "tcp://127.0.0.1:99999"],
    ["broker", ["--bind", "tcp://192.0.2.1:5555"], "--bind", elsewhere],
    ["broker", ["--heartbeat", "0"], "--heartbeat", "'0'"],
    ["broker", ["--max-deliveries", "0"], "--max-deliveries", "'0'"],
    ["worker", ["extra"], "too many arguments"],
    ["worker", ["--connect", "nowhere"], "--connect", '"nowhere"'],
    ["worker", ["--service", "mmi.mine"], "--service", "mmi."],
    ["worker", ["--protocol", "0.3"], "--protocol", "0.1, 0.2"],
    ["worker", ["--concurrency", "100001"], "--concurrency", "from 1 to 100000"],
    ["client", ["--connect", "tcp://127.0.0.1:99999"], "--connect", "tcp://127.0.0.1:99999"],
    ["client", ["--service", "x".repeat(256)], "--service", "255"],
    ["client", ["--in-flight", "0"], "--in-flight", "'0'"],
    ["stream", ["--connect", "nowhere"], "--connect", '"nowhere"'],
    ["stream", ["--service", ""], "--service"],
    ["threads-worker", ["--connect", "nowhere"], "--connect", '"nowhere"'],
    ["threads-worker", ["--threads", "1025"], "--threads", "from 1 to 1024"],
  ]);

  it("exits with 1 when a port is taken", async () => {
    await using broker = await BrokerExample.start();
    await cannotBind("majordomo/broker", "--bind", broker.endpoint);
  });
});

describe("at work", () => {
  it.each(SIGNALS)("they say what happens from ready to the end by %s", async (signal) => {
    await using broker = await BrokerExample.start();
    await using worker = await broker.startWorker();
    const { code, program: client } = await ask(broker, 20, "--in-flight", "5");
    expect(code, client.lastOutput).toBe(0);
    expect(client.lines).toEqual([`opened ${broker.endpoint}`, ...summary(20)]);
    const left = broker.program.nextLine((line) => line.startsWith("left "));
    expect(await worker.end(signal)).toEqual({ code: 0, signal: null });
    await left;
    expect(worker.lines).toEqual([`ready ${broker.endpoint}`, "stopped after 20 requests"]);
    expect(await broker.program.end(signal)).toEqual({ code: 0, signal: null });
    // The client also asked whether the broker is one of Seaworthy.
    expect(broker.program.lines).toEqual([
      `ready ${broker.endpoint}`,
      expect.stringMatching(/^joined \w+: echo$/),
      expect.stringMatching(/^left \w+$/),
      "stopped after 21 requests",
    ]);
  });

  it.each(VERSIONS.flatMap((client) => VERSIONS.map((worker) => ({ client, worker }))))(
    "a client of $client and a worker of $worker understand one another, many requests at a time",
    async (versions) => {
      await using broker = await BrokerExample.start();
      await using _worker = await broker.startWorker("--protocol", versions.worker, "--concurrency", "8");
      const { code, program } = await ask(broker, 2000, "--protocol", versions.client, "--in-flight", "500");
      expect({ code, lines: program.lines.slice(1) }).toEqual({ code: 0, lines: summary(2000) });
    },
  );

  it("a broker listens at all endpoints that it is given, and says on which ports", async () => {
    await using broker = example("majordomo/broker", "--bind", ANY_PORT, ANY_PORT);
    const [, first = "", second = ""] = (await broker.start()).split(" ");
    expect(second).not.toBe(first);
    await using _worker = await startExample("majordomo/worker", "--connect", first);
    const { code, program } = await ask({ endpoint: second }, 3);
    expect(code, program.lastOutput).toBe(0);
  });

  it("a client prints what it gets if it is asked to, and sends what it is told", async () => {
    await using broker = await BrokerExample.start();
    await using _worker = await broker.startWorker("--service", "parrot");
    const { program } = await ask(broker, 2, "--service", "parrot", "--body", "a word", "--print");
    expect(program.lines.slice(1, 3).sort()).toEqual(["reply 1: a word 1", "reply 2: a word 2"]);
  });

  it("a client counts replies that are not its request's own, and exits with 1", async () => {
    await using broker = await BrokerExample.start();
    const worker = new Dealer({ linger: 0, receiveTimeout: 20_000 });
    worker.connect(broker.endpoint);
    await worker.send(["", "MDPW01", "\x01", "echo"]);
    const client = example(
      "majordomo/client",
      "--connect",
      broker.endpoint,
      "--requests",
      "2",
      "--timeout",
      "60000",
      "--in-flight",
      "1",
    );
    client.spawn();
    for (const replies = ["wrong", "also wrong"]; replies.length > 0; ) {
      const [, header = "", command = "", address = "", , ...body] = await worker.receive();
      if (String(command) === "\x04") await worker.send(["", header, command]);
      else {
        expect(String(body[0])).toBe("Hello world");
        await worker.send(["", header, "\x03", address, "", replies.shift() as string]);
      }
    }
    expect((await client.exited).code).toBe(1);
    expect(client.lines[1]).toBe("answered 0 of 2, failed 0, mismatched 2, retries 0");
    worker.close();
  });

  it("a client says which requests failed and why, and exits with 1", async () => {
    await using broker = await BrokerExample.start();
    const flags = ["--service", "nobody", "--timeout", "1500", "--attempts", "2", "--in-flight", "1"];
    const { code, program } = await ask(broker, 1, ...flags);
    expect(code).toBe(1);
    expect(program.lines[1]).toMatch(/^failed 1: no worker offers the service after 2 attempts/);
    expect(program.lines.at(-1)).toBe("answered 0 of 1, failed 1, mismatched 0, retries 1");
  });

  it.each(SIGNALS)("a client ends with 0 on %s, and tells what it has got", async (signal) => {
    await using broker = await BrokerExample.start();
    await using worker = await broker.startWorker("--concurrency", "100");
    const client = example(
      "majordomo/client",
      "--connect",
      broker.endpoint,
      "--requests",
      "1000000000",
      "--print",
    );
    const some = client.nextLine((line) => line.startsWith("reply 500:"));
    client.spawn();
    await some;
    worker.pause(); // what is in flight now is not answered
    expect(await client.end(signal)).toEqual({ code: 0, signal: null });
    expect(client.lines.at(-3)).toMatch(/^answered (\d+) of \1, failed 0, mismatched 0, retries 0$/);
  });

  it("a client goes to the next of several brokers, and workers work for all of them", async () => {
    await using first = await BrokerExample.start();
    await using second = await BrokerExample.start();
    await using worker = await first.startWorker("--connect", second.endpoint);
    const flags = [
      "--connect",
      await freeEndpoint(),
      "--connect",
      second.endpoint,
      "--connect",
      first.endpoint,
    ];
    const { code, program } = await run("client", ...flags, "--requests", "5", "--in-flight", "1");
    expect({ code, lines: program.lines.slice(1) }).toEqual({ code: 0, lines: summary(5) });
    expect(program.stderr).toContain("waiting for a broker at ");
    expect((await worker.end("SIGTERM")).code).toBe(0);
    expect(worker.lines.slice(0, 2).sort()).toEqual(
      [expect.stringMatching(/^opened /), expect.stringMatching(/^ready /)].sort(),
    );
  });
});

describe("programs from the text of 7/MDP at the other side", () => {
  it("a REQ client, and a worker of bare sockets", async () => {
    await using broker = await BrokerExample.start();
    await using worker = await broker.startWorker();
    const client = new Request({ linger: 0, receiveTimeout: 20_000 });
    client.connect(broker.endpoint);
    await client.send(["MDPC01", "echo", "one", "", "three"]);
    expect((await client.receive()).map(String)).toEqual(["MDPC01", "echo", "one", "", "three"]);
    await client.send(["MDPC01", "mmi.service", "echo"]);
    expect((await client.receive()).map(String)).toEqual(["MDPC01", "mmi.service", "200"]);
    const left = broker.program.nextLine((line) => line.startsWith("left "));
    expect((await worker.end("SIGTERM")).code).toBe(0);
    await left;
    await client.send(["MDPC01", "mmi.service", "echo"]);
    expect((await client.receive()).map(String)).toEqual(["MDPC01", "mmi.service", "404"]);
    client.close();
  });

  it("a broker that knows no extension: client and worker get along with it", async () => {
    const router = new Router({ linger: 0 });
    await router.bind(ANY_PORT);
    const idle: Buffer[] = [];
    const waiting: Buffer[][] = [];
    void (async () => {
      for await (const [id = Buffer.alloc(0), , header, ...rest] of router) {
        const command = String(rest[0]);
        if (String(header) === "MDPC01" && command === "echo") waiting.push([id, ...rest.slice(1)]);
        else if (String(header) === "MDPC01") await router.send([id, "", "MDPC01", command, "501"]);
        else if (command === "\x01") idle.push(id);
        else if (command === "\x03") {
          const [, client = "", , ...body] = rest;
          await router.send([client, "", "MDPC01", "echo", ...body]);
          idle.push(id);
        }
        while (idle.length > 0 && waiting.length > 0) {
          const [client = "", ...body] = waiting.shift() as Buffer[];
          await router.send([idle.shift() as Buffer, "", "MDPW01", "\x02", client, "", ...body]);
        }
      }
    })();
    const endpoint = String(router.lastEndpoint);
    // This broker says nothing but requests, and the first of those come when the client's process has started.
    const flags = ["--connect", endpoint, "--concurrency", "3", "--liveness", "60"];
    await using worker = await startExample("majordomo/worker", ...flags);
    const { code, program } = await ask({ endpoint }, 200, "--in-flight", "50");
    expect(code, program.lastOutput).toBe(0);
    expect(program.lines.slice(1)).toEqual(summary(200));
    expect((await worker.end("SIGTERM")).code).toBe(0);
    expect(worker.lines).toEqual([`ready ${endpoint}`, "stopped after 200 requests"]);
    router.close();
  });
});
