import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { example, runExample, runExampleWell } from "../harness/example.js";
import { freePorts } from "../harness/ports.js";
import type { Program } from "../harness/program.js";
import { ServerExample, SnapshotPairExample } from "../harness/pubsub-snapshot.js";
import { testHelp, testRefusals } from "./scenes.js";

/** Of servers that no busy machine makes dead to each other, or to their clients. */
const PACE = ["--heartbeat", "1000"];
const run = (role: string, ...args: string[]) => runExample(`pubsub-snapshot/${role}`, ...args);

describe("arguments", () => {
  testHelp("pubsub-snapshot", [
    ["server", "--primary", "be the primary"],
    ["server", "--backup", "be the backup"],
    ["server", "--host", "*"],
    ["server", "--port", "5556", "5566"],
    ["server", "--peer-host", "localhost"],
    ["server", "--peer-port", "5566", "5556"],
    ["server", "--state-port", "5003", "5004"],
    ["server", "--peer-state-port", "5004", "5003"],
    ["server", "--heartbeat", "1000"],
    ["server", "--data", "keep the map"],
    ["client", "--connect", "tcp://localhost:5556"],
    ["client", "--subtree", "/client/"],
    ["client", "--set", "key=value", "delete"],
    ["client", "--updates", "0"],
    ["client", "--ttl", "seconds"],
    ["client", "--print", "the map"],
    ["client", "--watch", "Ctrl-C"],
  ]);

  testRefusals("pubsub-snapshot", [
    ["server", ["extra"], "too many arguments"],
    ["server", ["--primary", "--backup"], "--primary", "--backup"],
    ["server", ["--port", "65534"], "--port", "'65534'", "from 1 to 65533"],
    ["server", ["--host", "192.0.2.1"], "no address of this machine", "--host"],
    ["server", ["--host", "a b"], "--host", '"tcp://a b:5556"'],
    ["server", ["--heartbeat", "0"], "--heartbeat", "'0'", "from 1 to 1000000000"],
    ["server", ["--data", ""], "--data", '""'],
    ["client", ["extra"], "too many arguments"],
    ["client", ["--connect", "tcp://localhost:65535"], "--connect", "tcp://localhost:65535"],
    ["client", ["--subtree", "client"], "--subtree", "client"],
    ["client", ["--set", "novalue"], "--set", '"novalue"'],
    ["client", ["--set", "=nokey"], "--set", '"=nokey"'],
    ["client", ["--updates", "-1"], "--updates", "'-1'", "from 0 to 1000000000"],
    ["client", ["--ttl", "0.5"], "--ttl", "'0.5'", "from 1 to 1000000000"],
    ["client", ["--bogus"], "unknown option '--bogus'"],
  ]);
});

const client = (endpoints: readonly string[], ...args: string[]): Program => {
  const servers = endpoints.flatMap((endpoint) => ["--connect", endpoint]);
  return example("pubsub-snapshot/client", ...servers, ...args);
};

/** Runs a client to its end, which must be well; resolves to what it said. */
async function runClient(endpoints: readonly string[], ...args: string[]): Promise<string[]> {
  const servers = endpoints.flatMap((endpoint) => ["--connect", endpoint]);
  return (await runExampleWell("pubsub-snapshot/client", ...servers, ...args)).lines;
}

/** Each process started serves many assertions. */
describe("a server and its clients", () => {
  it("share a map, which is kept over a restart with --data", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pubsub-snapshot-"));
    const server = new ServerExample(await freePorts(), ["--data", folder, ...PACE]);
    await using program = server.program;
    await program.start();
    const at = [server.endpoint];
    expect(program.lines).toEqual([`ready ${server.endpoint}`]);
    const taken = await run("server", "--host", "127.0.0.1", "--port", `${server.port}`);
    expect(taken.code).toBe(1);
    expect(taken.program.stderr).toContain(`--port: cannot bind ${server.endpoint}`);
    const misplaced = await run("server", "--data", join(import.meta.filename, "map"));
    expect(misplaced.code).toBe(1);
    expect(misplaced.program.stderr).toMatch(/^error: cannot open the store: .*pubsub-snapshot\.test\.ts/);

    await using watching = client(at, "--subtree", "/client/", "--watch");
    await watching.start();
    expect(watching.lines).toEqual([`joined ${server.endpoint}: 0 keys, sequence 0`, "ready 0 keys"]);
    const gone = watching.nextLine((line) => line.endsWith(" /client/b is deleted"));
    const sets = ["--set", "/client/a=1=2", "--set", "/client/b=x", "/elsewhere=3", "/client/b="];
    expect(await runClient(at, ...sets)).toEqual([
      `joined ${server.endpoint}: 0 keys, sequence 0`,
      "ready 0 keys",
      "set /client/a = 1=2 as 1",
      "set /client/b = x as 2",
      "set /elsewhere = 3 as 3",
      "deleted /client/b as 4",
      "stopped with 2 keys, sequence 4",
    ]);
    await gone;
    const expired = watching.nextLine((line) => line === "6 /client/brief is deleted");
    await runClient(at, "--set", "/client/brief=now", "--ttl", "1");
    await expired;
    expect(await watching.end("SIGINT")).toEqual({ code: 0, signal: null });
    expect(watching.lines.slice(2)).toEqual([
      "1 /client/a = 1=2",
      "2 /client/b = x",
      "4 /client/b is deleted",
      "5 /client/brief = now",
      "6 /client/brief is deleted",
      "stopped with 1 keys, sequence 6",
    ]);

    const random = await runClient(at, "--updates", "500");
    expect(random.at(-2)).toMatch(/^updated 500 in [\d.]+ s: \d+\/s$/);
    expect(random.at(-1)).toMatch(/^stopped with \d+ keys, sequence 506$/);

    expect(await program.end("SIGTERM")).toEqual({ code: 0, signal: null });
    const keys = /with (\d+) keys/.exec(random.at(-1) as string)?.[1];
    expect(program.lines.at(-1)).toBe(`stopped after 506 updates, with ${keys} keys`);
    await program.start();
    const kept = await runClient(at, "--print");
    expect(kept[0]).toBe(`joined ${server.endpoint}: ${keys} keys, sequence 506`);
    expect(kept).toContain("/client/a = 1=2");
    expect(kept).toContain("/elsewhere = 3");
    expect(await program.end("SIGINT")).toEqual({ code: 0, signal: null });
    await rm(folder, { recursive: true });
  });

  it("a pair hands over on SIGTERM, and takes over after SIGKILL; its client goes on", async () => {
    await using pair = await SnapshotPairExample.start(...PACE);
    const { primary, backup, endpoints } = pair;
    expect(primary.program.lines).toEqual(
      expect.arrayContaining([`ready ${primary.endpoint}`, "active in epoch 1: peer-waiting"]),
    );
    expect(backup.program.lines).toEqual(
      expect.arrayContaining([`ready ${backup.endpoint}`, "caught up: 0 keys, sequence 0", "passive"]),
    );
    await using watching = client(endpoints, "--watch");
    await watching.start();
    const joined = (): Promise<string> => watching.nextLine((line) => line.startsWith("joined "));
    await runClient(endpoints, "--set", "/a=1");

    const moved = joined();
    expect(await primary.program.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(primary.program.lines.at(-1)).toBe("stopped after 1 updates, with 1 keys");
    expect(await moved).toBe(`joined ${backup.endpoint}: 1 keys, sequence 1`);
    await backup.becomesActive();
    await runClient(endpoints, "--set", "/b=2");

    await primary.program.start();
    const [active] = await pair.isWhole();
    expect(active).toBe(backup);
    const back = joined();
    await backup.program.kill();
    expect(await back).toBe(`joined ${primary.endpoint}: 2 keys, sequence 2`);
    expect(await runClient(endpoints, "--print", "--set", "/c=3")).toEqual([
      `joined ${primary.endpoint}: 2 keys, sequence 2`,
      "ready 2 keys",
      "/a = 1",
      "/b = 2",
      "set /c = 3 as 3",
      "stopped with 3 keys, sequence 3",
    ]);
    expect(pair.epochs).toEqual([1, 3, 2]);
    expect(await watching.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(watching.lines.filter((line) => /^\d/.test(line))).toEqual(["1 /a = 1", "2 /b = 2", "3 /c = 3"]);
    expect(await primary.program.end("SIGINT")).toEqual({ code: 0, signal: null });
  });

  it("a client that finds no server waits until it is told to stop", async () => {
    await using waiting = client([`tcp://127.0.0.1:${await freePorts()}`], "--set", "/a=1");
    waiting.spawn();
    await waiting.nextLine((line) => line.startsWith("left "));
    expect(await waiting.end("SIGINT")).toEqual({ code: 0, signal: null });
    expect(waiting.lines.at(-1)).toBe("stopped with 0 keys, sequence 0");
    expect(waiting.stderr).toBe("");
  });
});
