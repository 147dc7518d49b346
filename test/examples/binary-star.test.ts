import { describe, expect, it } from "vitest";
import { PairExample } from "../harness/binary-star.js";
import { ANY_PORT, example, freeEndpoint, runExample } from "../harness/example.js";
import { answersPlainRequest, cannotBind, testHelp, testRefusals } from "./scenes.js";

const run = (role: string, ...args: string[]) => runExample(`binary-star/${role}`, ...args);
/** That of servers which no busy machine makes dead to each other. */
const PACE = ["--heartbeat", "1000"];

describe("arguments", () => {
  testHelp("binary-star", [
    ["server", "--primary", "be the primary"],
    ["server", "--backup", "be the backup"],
    ["server", "--bind", "tcp://*:5001", "tcp://*:5002"],
    ["server", "--local", "tcp://*:5003", "tcp://*:5004"],
    ["server", "--remote", "tcp://localhost:5004", "tcp://localhost:5003"],
    ["server", "--heartbeat", "1000"],
    ["server", "--epoch-file", "restarts"],
    ["client", "--connect", "tcp://localhost:5001", "tcp://localhost:5002"],
    ["client", "--requests", "10"],
    ["client", "--interval", "0"],
    ["client", "--heartbeat", "1000"],
    ["client", "--timeout", "1000"],
  ]);

  const primary = ["--primary", "--bind", ANY_PORT, "--local", ANY_PORT];
  testRefusals("binary-star", [
    ["server", [], "one of --primary and --backup"],
    ["server", ["--primary", "--backup"], "--primary", "--backup"],
    ["server", ["--primary", "--bind", "nowhere"], "--bind", '"nowhere"'],
    ["server", ["--primary", "--bind", "tcp://192.0.2.1:5001"], "--bind", "no address of this machine"],
    ["server", ["--backup", "--bind", ANY_PORT, "--local", "nope://127.0.0.1:5004"], "--local", "nope://"],
    ["server", [...primary, "--remote", "tcp://127.0.0.1:99999"], "--remote", "tcp://127.0.0.1:99999"],
    ["server", ["--primary", "--heartbeat", "0"], "--heartbeat", "'0'", "from 1 to 1000000000"],
    ["server", ["--primary", "--epoch-file", "package.json"], "--epoch-file", "package.json"],
    ["server", ["--primary", "extra"], "too many arguments"],
    ["client", ["--connect", "nowhere"], "--connect", '"nowhere"'],
    ["client", ["--requests", "1.5"], "--requests", "'1.5'", "from 1 to 1000000000"],
    ["client", ["--bogus"], "unknown option '--bogus'"],
  ]);
});

/** A pair and a client, from the first request to the last: each process started serves many assertions. */
describe("a pair and its client", () => {
  it("hand over on SIGTERM, and take over after SIGKILL, with every request answered, each once and in turn", async () => {
    await using pair = await PairExample.start(...PACE);
    const { primary, backup, endpoints } = pair;
    expect(primary.program.lines.filter((line) => line.startsWith("ready"))).toEqual([
      `ready ${primary.endpoint}`,
    ]);
    expect(primary.program.lines).toEqual(
      expect.arrayContaining(["active in epoch 1: peer-waiting", "primary -> active"]),
    );
    expect(backup.program.lines).toEqual(
      expect.arrayContaining([`ready ${backup.endpoint}`, "peer is active", "backup -> passive"]),
    );

    // A plain client is answered with all frames that it sent; a port that is taken ends a server with 1.
    await answersPlainRequest(primary.endpoint);
    await cannotBind("binary-star/server", "--bind", primary.endpoint, "--backup");

    const servers = endpoints.flatMap((endpoint) => ["--connect", endpoint]);
    const pace = ["--requests", "1000000", "--interval", "5", ...PACE];
    await using client = example("binary-star/client", ...servers, ...pace, "--timeout", "5000");
    const replied = (): Promise<string> => client.nextLine((line) => line.startsWith("reply "));
    const first = replied();
    client.spawn();
    expect(await first).toBe("reply 1");

    const succeeds = backup.says("active in epoch 2: peer-waiting");
    const moved = client.nextLine((line) => line.startsWith("move "));
    expect(await primary.program.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(primary.program.lines.at(-1)).toMatch(/^stopped after \d+ requests$/);
    await succeeds;
    expect(await moved).toMatch(`move from ${primary.endpoint} to ${backup.endpoint}: `);
    await replied();

    await primary.program.start();
    await primary.is("passive");
    const silent = primary.says((line) => /^peer is silent for \d+ ms$/.test(line));
    const takesOver = primary.says("active in epoch 3: peer-dead");
    const back = client.nextLine((line) => line.startsWith("move "));
    await backup.program.kill();
    await silent;
    await takesOver;
    expect(await back).toBe(`move from ${backup.endpoint} to ${primary.endpoint}: lost`);
    await replied();

    expect(await client.end("SIGINT")).toEqual({ code: 0, signal: null });
    const replies = client.lines.filter((line) => !line.startsWith("move "));
    expect(replies).toEqual(replies.map((_, index) => `reply ${index + 1}`));
    expect(await primary.program.end("SIGINT")).toEqual({ code: 0, signal: null });
    expect(primary.program.lines.at(-1)).toMatch(/^stopped after \d+ requests$/);
  });

  it("a server that cannot keep its epoch, or has a peer of its own role, says so, and is not active", async () => {
    await using pair = await PairExample.make(...PACE, "--epoch-file", "/nowhere/epoch");
    const denied = pair.primary.says((line) => line.startsWith("no epoch: ENOENT"));
    await Promise.all([pair.primary.program.start(), pair.backup.program.start()]);
    await denied;
    expect([pair.primary.state, pair.backup.state]).toEqual(["primary", "backup"]);

    const itself = await freeEndpoint();
    await using lone = example(
      "binary-star/server",
      "--primary",
      "--bind",
      ANY_PORT,
      "--local",
      itself,
      "--remote",
      itself,
    );
    const clashes = lone.nextLine((line) => line === "peer is a primary as well");
    await lone.start();
    await clashes;
  });

  it("the client gives up, says why, and exits with 1 when neither server is there", async () => {
    const servers = ["--connect", await freeEndpoint(), "--connect", await freeEndpoint()];
    const { code, program } = await run(
      "client",
      ...servers,
      "--requests",
      "1",
      "--timeout",
      "20",
      "--heartbeat",
      "20",
    );
    expect(code).toBe(1);
    expect(program.lines.at(-1)).toMatch(/^failed 1: no reply after 0 attempts/);
  });
});
