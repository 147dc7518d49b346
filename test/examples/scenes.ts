import { once } from "node:events";
import { expect, it } from "vitest";
import * as zmq from "zeromq";
import { example, freeEndpoint, helpOf, runExample, startExample } from "../harness/example.js";
import type { Fleet } from "../harness/fleet.js";
import { Load } from "../harness/load.js";
import type { Program } from "../harness/program.js";
import { CRASH, Restarted } from "../harness/restarted.js";

export const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Tests that `--help` of an example describes an option with these texts. */
export function testHelp(
  pattern: string,
  rows: readonly (readonly [role: string, option: string, ...says: string[]])[],
): void {
  it.each(rows)("%s --help tells of %s", async (role, option, ...says) => {
    const help = await helpOf(`${pattern}/${role}`);
    const [described] = help.slice(help.indexOf(`${option} `) + option.length).split(" --");
    for (const text of says) expect(described).toContain(text);
  });
}

/** Tests that an example ends before it has begun when it is given these arguments, and says why. */
export function testRefusals(
  pattern: string,
  rows: readonly (readonly [role: string, args: readonly string[], ...says: string[]])[],
): void {
  it.each(rows)("%s %j is refused with exit code 2", async (role, args, ...says) => {
    const { code, program } = await runExample(`${pattern}/${role}`, ...args);
    expect(code).toBe(2);
    expect(program.stderr).not.toBe("");
    for (const text of says) expect(program.stderr).toContain(text);
    expect(program.lines).toEqual([]);
  });
}

/** An example ends with 1 where it cannot bind the endpoint that an option of it names, and says so. */
export async function cannotBind(
  name: string,
  option: string,
  endpoint: string,
  ...others: string[]
): Promise<void> {
  const { code, program } = await runExample(name, option, endpoint, ...others);
  expect(code).toBe(1);
  expect(program.stderr).toContain(`${option}: cannot bind ${endpoint}`);
  expect(program.lines).toEqual([]);
}

/** A plain REQ client is answered with all frames that it sent. */
export async function answersPlainRequest(endpoint: string): Promise<void> {
  const client = new zmq.Request({ linger: 0, receiveTimeout: 20_000 });
  client.connect(endpoint);
  await client.send(["one", "", "three"]);
  expect((await client.receive()).map(String)).toEqual(["one", "", "three"]);
  client.close();
}

/** Has clients run, one after another, until a program that was started with `--chaos` has crashed; it is started again each time. */
export async function survivesCrashes(program: Program, client: () => Promise<void>): Promise<void> {
  using restarted = new Restarted(program);
  for (let clients = 0; clients < 20 && restarted.ends.length === 0; clients++) await client();
  expect(restarted.ends.length).toBeGreaterThan(0);
  for (const end of restarted.ends) expect(end).toEqual(CRASH);
}

/** What a worker works for: a queue or a broker, which can be started again. */
interface Master {
  readonly program: Program;
  /** Has a client's requests answered. */
  ask(requests: number): Promise<unknown>;
}

/** Tests of a worker whose master is not there yet, or not any more; `start` starts one at an endpoint for workers. */
export function testLoneWorker(
  name: string,
  master: "queue" | "broker",
  start: (endpoint: string) => Promise<Master>,
): void {
  it(`waits for its ${master}, says so, and is ready once it is there`, async () => {
    const endpoint = await freeEndpoint();
    await using worker = example(name, "--connect", endpoint);
    const said = once(worker, "stderr");
    const ready = worker.nextLine((line) => line.startsWith("ready"));
    worker.spawn();
    expect(String(await said)).toContain(`waiting for a ${master} at ${endpoint}`);
    expect(worker.lines).toEqual([]);
    const { program, ask } = await start(endpoint);
    await using _program = program;
    expect(await ready).toBe(`ready ${endpoint}`);
    await ask(1);
  });

  it.each(SIGNALS)(`ends with 0 on %s while it waits for its ${master}`, async (signal) => {
    await using worker = example(name, "--connect", await freeEndpoint());
    const said = once(worker, "stderr");
    worker.spawn();
    await said;
    expect(await worker.end(signal)).toEqual({ code: 0, signal: null });
    expect(worker.lines).toEqual(["stopped after 0 requests"]);
  });

  it(`comes back to a ${master} that was killed and started again`, async () => {
    const endpoint = await freeEndpoint();
    const { program, ask } = await start(endpoint);
    await using _program = program;
    const joined = program.nextLine((line) => line.startsWith("joined "));
    await using worker = await startExample(name, "--connect", endpoint);
    await joined;
    const lost = worker.nextLine((line) => line === `lost ${endpoint}: disconnected`);
    await program.kill();
    await lost;
    const back = worker.nextLine((line) => line === `opened ${endpoint}`);
    await program.start();
    await back;
    await ask(2);
  });
}

type Request = (body: string) => Promise<string>;

/** Busy workers, told to stop while others go on, lose nothing that a client asks. */
export async function leaveWithoutLoss(workers: Fleet, request: Request): Promise<void> {
  const load = new Load({ request, inFlight: 100, boundMs: 60_000 });
  load.start();
  await load.answers(1000);
  for (const requests of await workers.end()) expect(requests).toBeGreaterThan(0);
  await load.answers(1000);
  await load.stop();
  expect(load.counters).toMatchObject({ failed: 0, lost: 0, mismatched: 0, inFlight: 0 });
}

/** A queue or broker with two workers that is told to stop lets the first of them answer what it has, and ends with 0. */
export async function stopsWithAnswer(master: Program, busy: Program, request: Request): Promise<void> {
  busy.pause();
  const first = request("first");
  await request("second"); // so that the first is with the worker that is frozen
  const ended = master.end("SIGTERM");
  busy.resume();
  expect(await first).toBe("first");
  expect(await ended).toEqual({ code: 0, signal: null });
}
