import { type MajordomoClient, MajordomoWorker } from "@seaworthy/majordomo";
import { describe, expect, it } from "vitest";
import { example, freeEndpoint, runExample, runExampleWell } from "../harness/example.js";
import { BrokerExample } from "../harness/majordomo.js";

const stream = (endpoint: string, ...args: string[]) =>
  runExample("majordomo/stream", "--connect", endpoint, ...args);

describe("stream", () => {
  it("offers the service that it asks, and reads what that counts in parts", async () => {
    await using broker = await BrokerExample.start();
    const left = broker.says(/^left /);
    const { code, program } = await stream(broker.endpoint, "--pause", "1");
    const parts = Array.from({ length: 10 }, (_, index) => `part ${index + 1}: ${index + 1}`);
    expect({ code, lines: program.lines }).toEqual({ code: 0, lines: [...parts, "end after 10 parts"] });
    await left;
    expect(broker.program.lines.slice(1)).toEqual([
      expect.stringMatching(/^joined \w+: count$/),
      expect.stringMatching(/^left /),
    ]);
  });

  it("gets all as one part over 0.1", async () => {
    await using broker = await BrokerExample.start();
    const { code, program } = await stream(
      broker.endpoint,
      "--pause",
      "1",
      "--body",
      "3",
      "--protocol",
      "0.1",
    );
    expect({ code, lines: program.lines }).toEqual({ code: 0, lines: ["part 1: 1 2 3", "end after 1 part"] });
  });

  it("asks a service of others, and prints each part when it comes", async () => {
    await using broker = await BrokerExample.start();
    await using worker = new MajordomoWorker("tea");
    worker.connect(broker.endpoint);
    const program = example(
      "majordomo/stream",
      "--connect",
      broker.endpoint,
      "--service",
      "tea",
      "--body",
      "a cup",
    );
    const served = worker.serve(async (request) => {
      const seen = program.nextLine((line) => line === "part 1: pot kettle");
      await request.partial(["pot", "kettle"]);
      await seen;
      return request.body;
    });
    program.spawn();
    expect((await program.exited).code).toBe(0);
    expect(program.lines.slice(1)).toEqual(["part 2: a cup", "end after 2 parts"]);
    await worker.close();
    await served;
  });

  it("says what went wrong, and exits with 1", async () => {
    await using broker = await BrokerExample.start();
    const wrong = await stream(broker.endpoint, "--body", "far");
    expect(wrong.code).toBe(1);
    expect(wrong.program.lines).toEqual(["failed after 0 parts: it takes a whole number to count to"]);
    const nobody = await stream(await freeEndpoint(), "--timeout", "50");
    expect(nobody.code).toBe(1);
    expect(nobody.program.lines).toEqual([
      expect.stringMatching(/^failed after 0 parts: no broker to be reached/),
    ]);
    expect(nobody.program.stderr).toContain("waiting for a broker at ");
  });

  it.each(["SIGINT", "SIGTERM"] as const)("ends with 0 on %s, and gives its request up", async (signal) => {
    await using broker = await BrokerExample.start();
    const program = example(
      "majordomo/stream",
      "--connect",
      broker.endpoint,
      "--body",
      "1000000",
      "--pause",
      "1",
    );
    const begun = program.nextLine((line) => line.startsWith("part 5:"));
    // Where a part finds the connection ended, the broker knows that before it has read what came over it last.
    const dropped = broker.says(/^dropped for count: (cancelled|client-gone)$/);
    program.spawn();
    await begun;
    expect(await program.end(signal)).toEqual({ code: 0, signal: null });
    await dropped;
    expect(program.lines.at(-1)).toMatch(/^part \d+: \d+$/);
  });
});

describe("threads-worker", () => {
  it("sends heartbeats and answers other requests while it computes", async () => {
    // Silent for two seconds is dead: less than the threads compute, more than the machine keeps others waiting.
    const pace = ["--heartbeat", "200", "--liveness", "10"];
    await using broker = await BrokerExample.start(...pace);
    const args = ["--connect", broker.endpoint, "--threads", "2", ...pace];
    await using worker = example("majordomo/threads-worker", ...args);
    await worker.start();
    await using client: MajordomoClient = broker.connect();
    const order: string[] = [];
    const count = async (below: number): Promise<string> => {
      const reply = await client.request("primes", [String(below), "kept"]);
      order.push(String(below));
      return reply.join(" ");
    };
    const long = count(200_000_000); // some seconds
    for (const below of [0, 10, 1000]) await count(below);
    expect(order).toEqual(["0", "10", "1000"]);
    expect(await long).toBe("11078937 kept");
    expect(await count(3)).toBe("1 kept");
    await expect(count(-1)).rejects.toMatchObject({
      code: "ERR_HANDLER_FAILED",
      message: "the first frame must be a whole number from 0 to 1000000000",
    });
    expect(client.stats().retries).toBe(0);
    const left = broker.says(/^left /);
    expect(await worker.end("SIGTERM")).toEqual({ code: 0, signal: null });
    await left;
    expect(worker.lines).toEqual([
      `ready ${broker.endpoint}`,
      "failed: the first frame must be a whole number from 0 to 1000000000",
      "stopped after 6 requests",
    ]);
    expect(broker.program.lines.slice(1)).toEqual([
      expect.stringMatching(/^joined \w+: primes$/),
      "dropped for primes: handler-failed",
      expect.stringMatching(/^left /),
    ]);
  });

  it("is asked by the example client", async () => {
    await using broker = await BrokerExample.start();
    await using worker = example("majordomo/threads-worker", "--connect", broker.endpoint);
    await worker.start();
    const flags = ["--service", "primes", "--body", "100", "--requests", "2", "--print"];
    const program = await runExampleWell("majordomo/client", "--connect", broker.endpoint, ...flags);
    expect(program.lines.slice(1, 3).sort()).toEqual(["reply 1: 25 1", "reply 2: 25 2"]);
  });
});
