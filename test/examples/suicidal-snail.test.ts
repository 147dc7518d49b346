import { describe, expect, it } from "vitest";
import { XPublisher } from "zeromq";
import {
  ANY_PORT,
  example,
  freeEndpoint,
  runExample,
  startExample,
  startListening,
} from "../harness/example.js";
import type { Program } from "../harness/program.js";
import { cannotBind, testHelp, testRefusals } from "./scenes.js";

const run = (role: string, ...args: string[]) => runExample(`suicidal-snail/${role}`, ...args);
/** Longer than a busy machine may stop for. */
const PATIENT = ["--max-delay", "60000"];

/** A publisher that is ready, and where subscribers find it. */
const startPublisher = (...args: string[]) =>
  startListening("suicidal-snail/publisher", "--bind", ANY_PORT, ...args);

const subscriber = (endpoint: string, ...args: string[]): Program =>
  example("suicidal-snail/subscriber", "--connect", endpoint, ...args);

const beginningWith = (program: Program, beginning: string): Promise<string> =>
  program.nextLine((line) => line.startsWith(beginning));

describe("arguments", () => {
  testHelp("suicidal-snail", [
    ["publisher", "--bind", "tcp://*:5556"],
    ["publisher", "--rate", "1000"],
    ["publisher", "--topics", "1"],
    ["subscriber", "--connect", "tcp://localhost:5556"],
    ["subscriber", "--topic", "begin"],
    ["subscriber", "--work", "0"],
    ["subscriber", "--max-delay", "1000"],
    ["subscriber", "--policy", "die", "resync", "report"],
    ["subscriber", "--guide", "guide's publisher"],
    ["subscriber", "--print", "each message"],
  ]);

  testRefusals("suicidal-snail", [
    ["publisher", ["extra"], "too many arguments"],
    ["publisher", ["--bind", "nowhere"], "--bind", '"nowhere"'],
    ["publisher", ["--bind", "tcp://192.0.2.1:5556"], "--bind", "no address of this machine"],
    ["publisher", ["--rate", "0"], "--rate", "'0'", "from 1 to 1000000"],
    ["publisher", ["--topics", "1.5"], "--topics", "'1.5'", "from 1 to 1000000"],
    ["subscriber", ["--connect", "tcp://*:5556"], "--connect", "tcp://*:5556"],
    ["subscriber", ["--work", "-1"], "--work", "'-1'", "from 0 to 1000000000"],
    ["subscriber", ["--max-delay", "0"], "--max-delay", "'0'", "from 1 to 1000000000"],
    ["subscriber", ["--policy", "luck"], "--policy", "'luck'"],
  ]);
});

/** Each process started serves many assertions. */
describe("a publisher and its subscribers", () => {
  it("who keeps up gets what it has subscribed to, and loses nothing over a restart of the publisher", async () => {
    const endpoint = await freeEndpoint();
    await using publisher = await startExample(
      "suicidal-snail/publisher",
      ...["--bind", endpoint, "--rate", "500", "--topics", "3"],
    );
    expect(publisher.lines).toEqual([`ready ${endpoint}`]);
    await cannotBind("suicidal-snail/publisher", "--bind", endpoint);

    await using some = subscriber(endpoint, "--topic", "topic.2.", "--print", ...PATIENT);
    const first = beginningWith(some, "message ");
    await some.start();
    expect(some.lines[0]).toMatch(/^ready tcp:/);
    await first;
    expect(await publisher.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(publisher.lines.at(-1)).toMatch(/^stopped after [1-9]\d* messages$/);

    const again = beginningWith(some, "heard ");
    await publisher.start();
    await again;
    await beginningWith(some, "message ");
    expect(await some.end("SIGINT")).toEqual({ code: 0, signal: null });

    const messages = some.lines.filter((line) => line.startsWith("message "));
    expect(messages.every((line) => /^message topic\.2\.: \d+$/.test(line))).toBe(true);
    expect(new Set(some.lines.filter((line) => line.startsWith("heard "))).size).toBe(2);
    expect(some.lines.at(-2)).toMatch(`received ${messages.length}, lost 0, alarms 0, longest delay `);
    expect(some.lines.at(-1)).toBe(`stopped after ${messages.length} messages`);
    expect(await publisher.end("SIGINT")).toEqual({ code: 0, signal: null });
  });

  it("a publisher that cannot keep its rate publishes as much as it can", async () => {
    const { program, endpoint } = await startPublisher("--rate", "1000000");
    await using _program = program;
    await using listening = subscriber(endpoint, "--policy", "report", ...PATIENT);
    const heard = beginningWith(listening, "heard ");
    listening.spawn();
    await heard;
    expect(await program.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(program.lines.at(-1)).toMatch(/^stopped after [1-9]\d* messages$/);
    expect(await listening.end("SIGTERM")).toEqual({ code: 0, signal: null });
  });

  it("who is too slow dies, catches up or goes on", async () => {
    const { program, endpoint } = await startPublisher("--rate", "2000");
    await using _program = program;
    const slow = ["--work", "20", "--max-delay", "200"];

    const { code, program: dead } = await run("subscriber", "--connect", endpoint, ...slow);
    expect(code).toBe(1);
    expect(dead.stderr).toMatch(/^error: \S/);
    expect(dead.lines.at(-1)).toMatch(/^died after \d+ messages$/);
    expect(dead.lines.at(-2)).toMatch(/, alarms 1, /);

    await using skipping = subscriber(endpoint, ...slow, "--policy", "resync");
    const resynced = beginningWith(skipping, "resynced: dropped ");
    const alarmed = skipping.nextLine((line) =>
      /^alarm \S+: topic "topic\.1\.", lost \w+, delay [\d.]+ ms$/.test(line),
    );
    skipping.spawn();
    await Promise.all([alarmed, resynced]);
    expect(await skipping.end("SIGINT")).toEqual({ code: 0, signal: null });
    expect(skipping.lines.at(-1)).toMatch(/^stopped after [1-9]\d* messages$/);

    await using telling = subscriber(endpoint, ...slow, "--policy", "report");
    const told = beginningWith(telling, "alarm ");
    telling.spawn();
    await told;
    expect(await telling.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(telling.lines.some((line) => line.startsWith("resynced"))).toBe(false);
    expect(await program.end("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});

describe("the guide's publisher", () => {
  it("is read, whatever its clock says, until a message is late", async () => {
    const hour = 3_600_000;
    const publisher = new XPublisher({ linger: 0, receiveTimeout: 60_000 });
    await publisher.bind(ANY_PORT);
    await using dying = subscriber(
      publisher.lastEndpoint ?? "",
      "--guide",
      "--print",
      "--max-delay",
      "20000",
    );
    dying.spawn();
    const [subscription] = await publisher.receive();
    expect(subscription).toEqual(Buffer.from([1]));

    const said = [Date.now() + hour, Date.now() + hour].map(String);
    const heard = dying.nextLine((line) => line === `message : ${said[1]}`);
    for (const text of said) await publisher.send(text);
    await heard;
    await publisher.send(String(Date.now() + hour - 30_000));
    expect(await dying.exited).toEqual({ code: 1, signal: null });
    expect(dying.lines.filter((line) => line.startsWith("message "))).toHaveLength(2);
    expect(dying.lines.at(-1)).toBe("died after 2 messages");
    publisher.close();
  });
});
