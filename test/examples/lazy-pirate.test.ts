import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Reply } from "zeromq";
import {
  ANY_PORT,
  example as exampleOf,
  freeEndpoint,
  runExample,
  runExampleWell,
} from "../harness/example.js";
import { Program } from "../harness/program.js";
import {
  answersPlainRequest,
  cannotBind,
  SIGNALS,
  survivesCrashes,
  testHelp,
  testRefusals,
} from "./scenes.js";

const example = (role: string, ...args: string[]): Program => exampleOf(`lazy-pirate/${role}`, ...args);
/** Of a client that asks nothing again because the machine is busy. */
const PATIENT = ["--timeout", "60000"];
const run = (role: string, ...args: string[]) => runExample(`lazy-pirate/${role}`, ...args);

describe("the script", () => {
  it("says which examples there are when the name is wrong, and exits with 2", async () => {
    await using program = Program.spawn({ file: "examples/run.ts", args: ["lazy-pirate/sever"] });
    expect(await program.exited).toEqual({ code: 2, signal: null });
    expect(program.lines).toEqual([]);
    expect(program.stderr).toContain('there is no example "lazy-pirate/sever"');
    expect(program.stderr.split("\n")).toEqual(
      expect.arrayContaining(["  lazy-pirate/client", "  lazy-pirate/server"]),
    );
  });

  it("passes arguments and the exit code through npm", async () => {
    const file = { script: "example" };
    const endpoint = await freeEndpoint();
    await using server = example("server", "--bind", endpoint);
    await server.start();
    const args = ["lazy-pirate/client", "--connect", endpoint, "--requests", "2"];
    await using client = Program.spawn({ file, args });
    expect(await client.exited).toEqual({ code: 0, signal: null });
    expect(client.lines).toEqual(["reply 1", "reply 2"]);
    await using wrong = Program.spawn({ file, args: ["lazy-pirate/client", "--bogus"] });
    expect(await wrong.exited).toEqual({ code: 2, signal: null });
  });

  it("says where options go when npm has kept one of them", () => {
    const cwd = join(import.meta.dirname, "..", "..");
    const args = ["run", "--silent", "example", "lazy-pirate/client", "--requests", "5"];
    const { status, stdout, stderr } = spawnSync("npm", args, { cwd, encoding: "utf8" });
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("too many arguments");
    expect(stderr).toContain('Options go after "--": npm run example lazy-pirate/client -- --option value');
  });

  it("says nothing of that when it is something else that is wrong", async () => {
    const args = ["lazy-pirate/client", "--requests", "many"];
    await using program = Program.spawn({ file: { script: "example" }, args });
    expect(await program.exited).toEqual({ code: 2, signal: null });
    expect(program.stderr).not.toContain("Options go after");
  });

  it.each(SIGNALS)("passes %s to npm on to the example", async (signal) => {
    const endpoint = await freeEndpoint();
    const args = ["lazy-pirate/server", "--bind", endpoint];
    await using server = await Program.start({ file: { script: "example" }, args });
    expect(await server.end(signal, "leader")).toEqual({ code: 0, signal: null });
    expect(server.lines).toEqual([`ready ${endpoint}`, "stopped after 0 requests"]);
  });

  // What Ctrl-C does. npm forwards what it gets, so the example gets the signal twice, and Node's own
  // way out no longer handles signals: the second may end a process that has done all its work. So
  // this asserts that work; the exit code of a single signal is asserted above and below.
  it.each(SIGNALS)("drains when npm and the example both get %s", async (signal) => {
    const endpoint = await freeEndpoint();
    const args = ["lazy-pirate/server", "--bind", endpoint];
    await using server = await Program.start({ file: { script: "example" }, args });
    await server.end(signal, "group");
    expect(server.lines).toEqual([`ready ${endpoint}`, "stopped after 0 requests"]);
  });
});

describe("arguments", () => {
  testHelp("lazy-pirate", [
    ["server", "--bind", "tcp://*:5555"],
    ["server", "--chaos", "crash"],
    ["client", "--connect", "tcp://localhost:5555"],
    ["client", "--requests", "10"],
    ["client", "--timeout", "2500"],
    ["client", "--attempts", "3"],
  ]);

  testRefusals("lazy-pirate", [
    ["server", ["--bogus"], "unknown option '--bogus'"],
    ["server", ["extra"], "too many arguments"],
    ["server", ["--bind"], "argument missing"],
    ["server", ["--bind", "nowhere"], "--bind", '"nowhere"'],
    ["server", ["--bind", "tcp://127.0.0.1:99999"], "--bind", "tcp://127.0.0.1:99999"],
    ["server", ["--bind", "nope://127.0.0.1:5555"], "--bind", "nope://127.0.0.1:5555"],
    ["server", ["--bind", "tcp://999.9.9.9:5555"], "tcp://999.9.9.9:5555", "no address of this machine"],
    ["server", ["--bind", "tcp://192.0.2.1:5555"], "tcp://192.0.2.1:5555", "no address of this machine"],
    ["client", ["--bogus"], "unknown option '--bogus'"],
    ["client", ["--requests", "many"], "--requests", "'many'"],
    ["client", ["--requests", "0"], "--requests", "'0'", "from 1 to 1000000000"],
    ["client", ["--requests", "1.5"], "--requests", "'1.5'"],
    ["client", ["--timeout", "soon"], "--timeout", "'soon'", "from 1 to 1000000000"],
    ["client", ["--timeout", "-1"], "--timeout", "'-1'"],
    ["client", ["--timeout", "31622400001"], "--timeout", "'31622400001'"],
    ["client", ["--attempts", "0"], "--attempts", "'0'"],
    ["client", ["--attempts", "2.5"], "--attempts", "'2.5'"],
    ["client", ["--connect", "nowhere"], "--connect", '"nowhere"'],
    ["client", ["--requests", "1", "extra"], "too many arguments"],
  ]);
});

describe("server", () => {
  it("says on which port it listens when the system picks one", async () => {
    await using server = example("server", "--bind", ANY_PORT);
    const endpoint = (await server.start()).slice("ready ".length);
    const { code, program } = await run("client", "--connect", endpoint, "--requests", "1");
    expect({ code, lines: program.lines }).toEqual({ code: 0, lines: ["reply 1"] });
  });

  it("answers a plain REQ client with all frames that it sent", async () => {
    const endpoint = await freeEndpoint();
    await using server = example("server", "--bind", endpoint);
    await server.start();
    await answersPlainRequest(endpoint);
  });

  it.each(SIGNALS)("ends with 0 on %s", async (signal) => {
    const endpoint = await freeEndpoint();
    await using server = example("server", "--bind", endpoint);
    await server.start();
    await run("client", ...PATIENT, "--connect", endpoint, "--requests", "3");
    expect(await server.end(signal)).toEqual({ code: 0, signal: null });
    expect(server.lines).toEqual([`ready ${endpoint}`, "stopped after 3 requests"]);
  });

  it("exits with 1 when the port is taken", async () => {
    const endpoint = await freeEndpoint();
    await using server = example("server", "--bind", endpoint);
    await server.start();
    await cannotBind("lazy-pirate/server", "--bind", endpoint);
  });

  it("crashes under --chaos; a client whose server is started again each time gets all its replies", async () => {
    const endpoint = await freeEndpoint();
    await using server = example("server", "--bind", endpoint, "--chaos");
    await server.start();
    const args = ["--connect", endpoint, "--requests", "20", "--timeout", "500", "--attempts", "30"];
    await survivesCrashes(server, async () => {
      const { lines } = await runExampleWell("lazy-pirate/client", ...args);
      expect(lines.filter((line) => line.startsWith("reply"))).toHaveLength(20);
    });
  });
});

describe("client", () => {
  it("gets its replies from a plain REP server", async () => {
    const server = new Reply({ linger: 0, receiveTimeout: 20_000 });
    await server.bind(ANY_PORT);
    const client = example("client", ...PATIENT, "--connect", String(server.lastEndpoint), "--requests", "3");
    client.spawn();
    const seen: string[] = [];
    for (let request = 0; request < 3; request++) {
      const frames = await server.receive();
      seen.push(frames.map(String).join("|"));
      await server.send(frames);
    }
    expect(await client.exited).toEqual({ code: 0, signal: null });
    expect(seen).toEqual(["1", "2", "3"]);
    expect(client.lines).toEqual(["reply 1", "reply 2", "reply 3"]);
    server.close();
  });

  it("tries again, gives up, and exits with 1 when there is no server", async () => {
    const endpoint = await freeEndpoint();
    const args = ["--connect", endpoint, "--requests", "2", "--timeout", "50", "--attempts", "2"];
    const { code, program } = await run("client", ...args);
    expect(code).toBe(1);
    const failed = /^failed (1|2): no reply after 2 attempts, 0 of them sent/;
    expect(program.lines).toEqual([
      "retry 1: attempt 1 timed-out",
      expect.stringMatching(failed),
      "retry 2: attempt 1 timed-out",
      expect.stringMatching(failed),
    ]);
  });

  it("goes to the next of several servers", async () => {
    const endpoint = await freeEndpoint();
    await using server = example("server", "--bind", endpoint);
    await server.start();
    const dead = await freeEndpoint();
    const { code, program } = await run(
      "client",
      "--connect",
      dead,
      "--connect",
      endpoint,
      "--requests",
      "1",
    );
    expect(code).toBe(0);
    expect(program.lines.at(-1)).toBe("reply 1");
  });

  it.each(SIGNALS)("ends with 0 on %s, its request in flight dropped", async (signal) => {
    const server = new Reply({ linger: 0, receiveTimeout: 20_000 });
    await server.bind(ANY_PORT);
    const client = example("client", ...PATIENT, "--connect", String(server.lastEndpoint));
    client.spawn();
    await server.receive();
    expect(await client.end(signal)).toEqual({ code: 0, signal: null });
    expect(client.lines).toEqual([]);
    server.close();
  });
});
