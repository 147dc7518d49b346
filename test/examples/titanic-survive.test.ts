import { once } from "node:events";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { example, freeEndpoint, runExample } from "../harness/example.js";
import type { Exit, Program } from "../harness/program.js";

/** So many that the client is not done before the last of the faults, which is its own. */
const REQUESTS = 2000;
/** Four faults, and what a busy machine takes for so many requests. */
const LIMIT_MS = 240_000;

it(
  "kills each part in turn, and all replies come",
  async () => {
    const { code, program } = await runExample(
      "titanic/survive",
      "--requests",
      `${REQUESTS}`,
      "--endpoint",
      await freeEndpoint(),
    );
    const said = program.lines.map((line) => line.replace(/^ *\d+\.\d s {2}/, ""));
    expect(said).toEqual([
      ...["worker", "broker", "server", "client"].flatMap((victim) => [
        expect.stringMatching(`^\\d+ of ${REQUESTS} replies came: killing the ${victim}$`),
        expect.stringMatching(`^the ${victim} is back, and replies come again, after \\d+\\.\\d s$`),
      ]),
      `all ${REQUESTS} replies came, and all were right`,
    ]);
    expect(code).toBe(0);
  },
  LIMIT_MS,
);

it("ends all that it has started, and itself with 0, when it is told to stop", async () => {
  // A terminal tells all processes, a process manager the first alone.
  await Promise.all([
    isStopped((surviving) => surviving.end("SIGINT", "group")),
    isStopped((surviving) => surviving.end("SIGTERM", "leader")),
  ]);
});

it("is told to stop as all others are, and learns of their ends no later than of that", async () => {
  await isStopped(async (surviving, endpoint) => {
    const { hostname, port } = new URL(endpoint);
    const toBroker = connect(Number(port), hostname);
    await once(toBroker, "connect");
    surviving.pause("leader");
    const ended = surviving.end("SIGINT");
    await once(toBroker.resume(), "close");
    // Its sockets are closed. In the time in which another program begins and ends, so does the rest of it.
    await runExample("titanic/client", "--help");
    surviving.resume("leader");
    return await ended;
  });
});

it("ends all that it has started, and itself with 1, when a part cannot go on", async () => {
  const endpoint = await freeEndpoint();
  await using broker = example("majordomo/broker", "--bind", endpoint);
  await broker.start();
  const { code, program } = await runExample("titanic/survive", "--endpoint", endpoint);
  expect(code).toBe(1);
  expect(program.lines).toEqual([expect.stringMatching(/the broker ended with 1$/)]);
});

/** Stops it amid its work, and looks at what it says and leaves. */
async function isStopped(stop: (surviving: Program, endpoint: string) => Promise<Exit>): Promise<void> {
  const endpoint = await freeEndpoint();
  await using surviving = example("titanic/survive", "--requests", "1000000", "--endpoint", endpoint);
  surviving.spawn();
  // It says nothing before the first fault: that it has begun is seen by what it has started.
  expect((await runExample("titanic/client", "--connect", endpoint, "--requests", "1")).code).toBe(0);
  expect(await stop(surviving, endpoint)).toEqual({ code: 0, signal: null });
  expect(surviving.lines).toEqual([expect.stringMatching(/stopped after \d+ requests$/)]);
  await using broker = example("majordomo/broker", "--bind", endpoint);
  await broker.start();
}
