import { once } from "node:events";
import { LazyPirateClient } from "@seaworthy/lazy-pirate";
import { describe, expect, it } from "vitest";
import { ANY_PORT, example, freeEndpoint, runExampleWell, startExample } from "../harness/example.js";
import { Fleet } from "../harness/fleet.js";
import type { Program } from "../harness/program.js";
import {
  answersPlainRequest,
  cannotBind,
  leaveWithoutLoss,
  SIGNALS,
  stopsWithAnswer,
  survivesCrashes,
  testHelp,
  testLoneWorker,
  testRefusals,
} from "./scenes.js";

interface Queue extends AsyncDisposable {
  readonly program: Program;
  readonly frontend: string;
  readonly backend: string;
}

/** What queue and worker of both patterns promise. */
describe.each(["simple-pirate", "paranoid-pirate"])("%s", (pattern) => {
  /** A queue on ports that the system picks. */
  async function startQueue(frontend = ANY_PORT, backend = ANY_PORT): Promise<Queue> {
    const program = example(`${pattern}/queue`, "--frontend", frontend, "--backend", backend);
    const [, clients = "", workers = ""] = (await program.start()).split(" ");
    return {
      program,
      frontend: clients,
      backend: workers,
      [Symbol.asyncDispose]: () => program.kill(),
    };
  }

  /** A worker that the queue knows. */
  async function startWorker({ program, backend }: Queue, ...args: string[]): Promise<Program> {
    const joined = program.nextLine((line) => line.startsWith("joined "));
    const worker = await startExample(`${pattern}/worker`, "--connect", backend, ...args);
    await joined;
    return worker;
  }

  /** The text of what a client is answered. */
  const echo = async (client: LazyPirateClient, body: string): Promise<string> =>
    String((await client.request(body))[0]);

  /** Runs a client, all of whose requests are answered; none is asked again if the machine is busy. */
  const ask = ({ frontend }: Queue, requests: number, ...args: string[]) => {
    const common = ["--connect", frontend, "--timeout", "60000", "--requests", String(requests)];
    return runExampleWell("lazy-pirate/client", ...common, ...args);
  };

  describe("arguments", () => {
    testHelp(pattern, [
      ["queue", "--frontend", "tcp://*:5555"],
      ["queue", "--backend", "tcp://*:5556"],
      ["worker", "--connect", "tcp://localhost:5556"],
      ["worker", "--chaos", "crash"],
    ]);

    const elsewhere = "no address of this machine";
    testRefusals(pattern, [
      ["queue", ["--bogus"], "unknown option '--bogus'"],
      ["queue", ["extra"], "too many arguments"],
      ["queue", ["--frontend"], "argument missing"],
      ["queue", ["--backend"], "argument missing"],
      ["queue", ["--frontend", "nowhere"], "--frontend", '"nowhere"'],
      ["queue", ["--frontend", "tcp://127.0.0.1:99999"], "--frontend", "tcp://127.0.0.1:99999"],
      ["queue", ["--frontend", "tcp://999.9.9.9:5555"], "--frontend", "tcp://999.9.9.9:5555", elsewhere],
      ["queue", ["--frontend", ANY_PORT, "--backend", "nowhere"], "--backend", '"nowhere"'],
      ["queue", ["--frontend", ANY_PORT, "--backend", "nope://127.0.0.1:5556"], "--backend", "nope://"],
      ["queue", ["--frontend", ANY_PORT, "--backend", "tcp://192.0.2.1:5556"], "--backend", elsewhere],
      ["worker", ["--bogus"], "unknown option '--bogus'"],
      ["worker", ["extra"], "too many arguments"],
      ["worker", ["--connect"], "argument missing"],
      ["worker", ["--connect", "nowhere"], "--connect", '"nowhere"'],
      ["worker", ["--connect", "tcp://127.0.0.1:99999"], "--connect", "tcp://127.0.0.1:99999"],
      ["worker", ["--connect", "nope://127.0.0.1:5556"], "--connect", "nope://127.0.0.1:5556"],
    ]);

    it("exits with 1 when a port is taken", async () => {
      await using queue = await startQueue();
      await cannotBind(`${pattern}/queue`, "--frontend", queue.frontend, "--backend", ANY_PORT);
      await cannotBind(`${pattern}/queue`, "--backend", queue.backend, "--frontend", ANY_PORT);
    });
  });

  describe("at work", () => {
    it.each(SIGNALS)("says what happens from ready to the end by %s", async (signal) => {
      await using queue = await startQueue();
      await using worker = await startWorker(queue);
      expect((await ask(queue, 3)).lines).toEqual(["reply 1", "reply 2", "reply 3"]);
      expect(await worker.end(signal)).toEqual({ code: 0, signal: null });
      expect(worker.lines).toEqual([`ready ${queue.backend}`, "stopped after 3 requests"]);
      expect(await queue.program.end(signal)).toEqual({ code: 0, signal: null });
      const { lines } = queue.program;
      expect(lines[0]).toBe(`ready ${queue.frontend} ${queue.backend}`);
      expect(lines[1]).toMatch(/^joined \S+$/);
      expect(lines.at(-1)).toBe("stopped after 3 requests");
      expect(lines.filter((line) => line.startsWith("ready"))).toHaveLength(1);
    });

    it("answers a plain REQ client with all frames that it sent", async () => {
      await using queue = await startQueue();
      await using _worker = await startWorker(queue);
      await answersPlainRequest(queue.frontend);
    });

    it("shares requests among all workers", async () => {
      await using queue = await startQueue();
      let known = 0;
      const all = queue.program.nextLine((line) => line.startsWith("joined ") && ++known === 3);
      await using workers = await Fleet.start(3, `${pattern}/worker`, "--connect", queue.backend);
      await all;
      await ask(queue, 9);
      // One after another, each to the worker that has been ready for longest.
      expect(await workers.end()).toEqual([3, 3, 3]);
    });

    it("keeps requests until a worker comes", async () => {
      await using queue = await startQueue();
      const client = new LazyPirateClient({ timeoutMs: 60_000 });
      client.connect(queue.frontend);
      const reply = client.request("early");
      await once(client, "connection-opened");
      await using _worker = await startWorker(queue);
      expect(String((await reply)[0])).toBe("early");
      await client.close();
    });
  });

  it("lets workers answer what they have when the queue is told to stop, and ends with 0", async () => {
    await using queue = await startQueue();
    await using busy = await startWorker(queue);
    await using _idle = await startWorker(queue);
    const client = new LazyPirateClient({ timeoutMs: 60_000 });
    client.connect(queue.frontend);
    await stopsWithAnswer(queue.program, busy, (body) => echo(client, body));
    expect(queue.program.lines.at(-1)).toBe("stopped after 2 requests");
    await client.close();
  });

  describe("worker", () => {
    testLoneWorker(`${pattern}/worker`, "queue", async (backend) => {
      const queue = await startQueue(await freeEndpoint(), backend);
      return { program: queue.program, ask: (requests) => ask(queue, requests) };
    });

    it("crashes under --chaos; a client whose worker is started again each time gets all its replies", async () => {
      await using queue = await startQueue();
      await using worker = await startWorker(queue, "--chaos");
      await survivesCrashes(worker, async () => {
        const { lines } = await ask(queue, 20, "--timeout", "500", "--attempts", "30");
        expect(lines.filter((line) => line.startsWith("reply"))).toHaveLength(20);
      });
    });
  });

  it("loses nothing when busy workers are told to stop", async () => {
    await using queue = await startQueue();
    await using leaving = await Fleet.start(2, `${pattern}/worker`, "--connect", queue.backend);
    await using _staying = await startWorker(queue);
    // Where something has to be asked for again: later than a busy machine may answer.
    const timeoutMs = pattern === "simple-pirate" ? 5000 : 60_000;
    const client = new LazyPirateClient({ timeoutMs, attempts: 10 });
    client.connect(queue.frontend);
    await leaveWithoutLoss(leaving, (body) => echo(client, body));
    // Simple Pirate workers cannot say that they go: what was on its way to them has to be asked for again.
    expect(client.stats().retries).toBeLessThanOrEqual(pattern === "simple-pirate" ? 2 : 0);
    await client.close();
  });
});
