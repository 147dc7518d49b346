import { describe, expect, it } from "vitest";
import {
  ANY_PORT,
  example,
  freeEndpoint,
  runExample,
  runExampleWell,
  startListening,
} from "../harness/example.js";
import { freePort } from "../harness/ports.js";
import type { Program } from "../harness/program.js";
import { BareFlpClient } from "../interop/flp-peers.js";
import { answersPlainRequest, cannotBind, survivesCrashes, testHelp, testRefusals } from "./scenes.js";

const run = (role: string, ...args: string[]) => runExample(`freelance/${role}`, ...args);

/** A server that is ready, and where clients find it. */
const startServer = (...args: string[]) => startListening("freelance/server", ...args);

const connecting = (...endpoints: string[]): string[] =>
  endpoints.flatMap((endpoint) => ["--connect", endpoint]);

/** The requests that a client has sent to each of its servers, in their order, by what it says in the end. */
function requestsBy(client: Program): number[] {
  return client.lines.flatMap((line) => {
    const count = /^server \S+: \w+, requests (\d+), answered \d+, timeouts \d+, losses \d+$/.exec(line)?.[1];
    return count === undefined ? [] : [Number(count)];
  });
}

const summary = (client: Program): string | undefined =>
  client.lines.find((line) => line.startsWith("answered "));

describe("arguments", () => {
  testHelp("freelance", [
    ["server", "--endpoint", "tcp://127.0.0.1:5555"],
    ["server", "--bind", "default: there"],
    ["server", "--plain", "failover and shotgun"],
    ["server", "--concurrency", "100"],
    ["server", "--delay", "0"],
    ["server", "--chaos", "crash"],
    ["client", "--connect", "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556", "tcp://127.0.0.1:5557"],
    ["client", "--strategy", "failover", "shotgun", "tracked"],
    ["client", "--requests", "10"],
    ["client", "--in-flight", "1"],
    ["client", "--timeout", "2500"],
    ["client", "--attempts", "3"],
    ["client", "--heartbeat", "2000"],
    ["client", "--liveness", "3"],
    ["client", "--hedge-after", "second server"],
    ["client", "--hedge-percentile", "share"],
    ["client", "--quiet", "replies"],
  ]);

  testRefusals("freelance", [
    ["server", ["extra"], "too many arguments"],
    ["server", ["--endpoint", "nowhere"], "--endpoint", '"nowhere"'],
    ["server", ["--endpoint", "tcp://*:5555"], "tcp://*:5555", "--bind"],
    ["server", ["--endpoint", "tcp://192.0.2.1:5555"], "no address of this machine", "--bind"],
    ["server", ["--endpoint", "tcp://a:5555", "--bind", "nope://*:5555"], "--bind", "nope://"],
    ["server", ["--delay", "-1"], "--delay", "'-1'", "from 0 to 1000000000"],
    ["client", ["--connect", "tcp://*:5555"], "--connect", "tcp://*:5555"],
    ["client", ["--requests", "1.5"], "--requests", "'1.5'", "from 1 to 1000000000"],
    ["client", ["--strategy", "luck"], "--strategy", "'luck'"],
    ["client", ["--strategy", "shotgun", "--hedge-after", "5"], "tracked", "shotgun"],
    ["client", ["--hedge-after", "5", "--hedge-percentile", "0.9"], "--hedge-after", "--hedge-percentile"],
    ["client", ["--hedge-percentile", "1"], "--hedge-percentile", "from 0.5 to 0.999"],
  ]);
});

/** Each process started serves many assertions. */
describe("tracked", () => {
  it("servers come, die and stop, and every request of their client is answered", async () => {
    const named = `tcp://localhost:${await freePort()}`;
    const first = await startServer("--endpoint", named);
    await using _first = first.program;
    const second = await startServer("--endpoint", ANY_PORT);
    await using _second = second.program;
    expect(first.program.lines).toEqual([`ready ${named}`]);

    // A port that is taken ends a server with 1.
    await cannotBind("freelance/server", "--endpoint", second.endpoint);

    const servers = connecting(first.endpoint, second.endpoint);
    const pace = ["--requests", "1000000", "--in-flight", "20", "--quiet"];
    await using client = example("freelance/client", ...servers, ...pace, "--timeout", "20000");
    let alive = 0;
    const met = client.nextLine((line) => line.startsWith("alive ") && ++alive === 2);
    client.spawn();
    await met;
    const gone = client.nextLine((line) => line === `gone ${named}: lost`);
    await first.program.kill();
    await gone;
    const back = client.nextLine((line) => line === `alive ${named}`);
    await first.program.start();
    await back;
    expect(await second.program.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(second.program.lines.at(-1)).toMatch(/^stopped after [1-9]\d* requests$/);

    // The other goes on alone; SIGINT ends the client with what it has.
    expect(await client.end("SIGINT")).toEqual({ code: 0, signal: null });
    const [, answered, sent] = /^answered (\d+) of (\d+), failed 0, /.exec(summary(client) ?? "") ?? [];
    expect(Number(answered)).toBeGreaterThan(0);
    expect(answered).toBe(sent);
    expect(client.lines.filter((line) => line.startsWith("reply "))).toEqual([]);
    expect(requestsBy(client).every((count) => count > 0)).toBe(true);
    expect(await first.program.end("SIGINT")).toEqual({ code: 0, signal: null });
  });

  it("a client prints its replies and what each server did, hedges what takes long, and exits with 0", async () => {
    const slow = await startServer("--endpoint", ANY_PORT, "--delay", "60000");
    await using _slow = slow.program;
    const fast = await startServer("--endpoint", ANY_PORT);
    await using _fast = fast.program;
    const servers = connecting(slow.endpoint, fast.endpoint);
    const pace = ["--requests", "8", "--in-flight", "8", "--timeout", "30000", "--hedge-after", "2000"];
    const { lines } = await runExampleWell("freelance/client", ...servers, ...pace);
    const replies = lines.filter((line) => line.startsWith("reply "));
    expect(replies.sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((number) => `reply ${number}: ${number}`));
    expect(lines).toContain(`alive ${fast.endpoint}`);
    const last = lines.slice(-5);
    expect(last[0]).toMatch(/^answered 8 of 8, failed 0, retries 0, hedges \d+, won \d+, duplicates 0$/);
    expect(last[1]).toMatch(/^rate \d+ requests\/s$/);
    expect(last[2]).toMatch(/^latency median [\d.]+ ms, p99 [\d.]+ ms, longest [\d.]+ ms$/);
    // On a busy machine the fast one may have answered everything before the slow one has been reached, or has said a word.
    expect(last[3]).toMatch(
      new RegExp(`^server ${slow.endpoint}: (connecting|reachable|alive), requests \\d+, answered 0`),
    );
    expect(last[4]).toMatch(`server ${fast.endpoint}: alive, requests 8, answered 8, timeouts 0, losses 0`);
    const hedges = lines.filter((line) => line.startsWith("hedge "));
    for (const line of hedges) expect(line).toMatch(new RegExp(`^hedge \\d: to ${fast.endpoint}$`));
    expect(last[0]).toContain(`hedges ${hedges.length}, won ${hedges.length}`);
  });

  it("a server that is told to stop answers what it has", async () => {
    const { program, endpoint } = await startServer("--endpoint", ANY_PORT, "--delay", "500");
    await using _server = program;
    const client = new BareFlpClient(endpoint);
    await client.say(endpoint, "1", "the last");
    await client.say(endpoint, "PING");
    // It reads in order: what came before the PING is with a handler now.
    await client.until(() => client.words.length === 1);
    expect(await program.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(program.lines.at(-1)).toBe("stopped after 1 requests");
    await client.until(() => client.words.length === 2);
    expect(client.words.map(({ frames }) => frames.join("+"))).toEqual(["PONG", "1+the last"]);
    client.close();
  });

  it("gives up, says why, and exits with 1 where nobody has the name that it connects to", async () => {
    const port = await freePort();
    await using _server = (await startServer("--endpoint", `tcp://localhost:${port}`)).program;
    const args = ["--requests", "1", "--timeout", "1000", "--attempts", "2", "--heartbeat", "20"];
    const { code, program } = await run("client", ...connecting(`tcp://127.0.0.1:${port}`), ...args);
    expect(code).toBe(1);
    const lines = program.lines.filter((line) => !line.startsWith("gone "));
    expect(lines.slice(0, 3)).toEqual([
      "retry 1: attempt 1 timed-out",
      expect.stringMatching(/^failed 1: no reply after 2 attempts, 0 of them sent/),
      "answered 0 of 1, failed 1, retries 1, hedges 0, won 0, duplicates 0",
    ]);
    expect(program.stderr).toContain(`tcp://127.0.0.1:${port} is there, but has another name`);
  });

  it("crashes under --chaos; a client whose server is started again each time gets all its replies", async () => {
    await using server = example("freelance/server", "--endpoint", await freeEndpoint(), "--chaos");
    const endpoint = (await server.start()).slice("ready ".length);
    const args = ["--requests", "20", "--timeout", "500", "--attempts", "30", "--heartbeat", "200"];
    await survivesCrashes(server, async () => {
      const { lines } = await runExampleWell("freelance/client", ...connecting(endpoint), ...args);
      expect(lines.filter((line) => line.startsWith("reply "))).toHaveLength(20);
    });
  });
});

describe("failover and shotgun", () => {
  it("one server gets everything, or all of them do; a plain REQ client is answered with all its frames", async () => {
    // So slow that shotgun has reached both before one of them has answered everything.
    const flags = ["--endpoint", ANY_PORT, "--plain", "--delay", "50"];
    const servers = await Promise.all([1, 2].map(() => startServer(...flags)));
    await using _first = servers[0]?.program;
    await using _second = servers[1]?.program;
    const endpoints = servers.map(({ endpoint }) => endpoint);
    await answersPlainRequest(endpoints[0] as string);

    const dead = await freeEndpoint();
    const common = [...connecting(dead, ...endpoints), "--requests", "20", "--strategy"];
    const failover = await runExampleWell("freelance/client", ...common, "failover");
    expect(requestsBy(failover)).toEqual([0, 20, 0]);
    const replies = failover.lines.filter((line) => line.startsWith("reply "));
    expect(replies).toEqual(Array.from({ length: 20 }, (_, index) => `reply ${index + 1}: ${index + 1}`));

    const shotgun = await runExampleWell("freelance/client", ...common, "shotgun");
    expect(summary(shotgun)).toContain("answered 20 of 20, failed 0, retries 0");
    const [none, ...both] = requestsBy(shotgun);
    expect(none).toBe(0);
    // One of them may be connected a request or more after the other.
    expect(Math.max(...both)).toBe(20);
    expect(Math.min(...both)).toBeGreaterThan(0);
    for (const { program } of servers) expect((await program.end("SIGTERM")).code).toBe(0);
  });
});
