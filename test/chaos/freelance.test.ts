import { once } from "node:events";
import { FreelanceClient, type FreelanceClientOptions, type FreelanceStrategy } from "@seaworthy/freelance";
import { expect, it } from "vitest";
import { Crew, chaosMs } from "../harness/crew.js";
import { freeEndpoint } from "../harness/example.js";
import { Fleet } from "../harness/fleet.js";

const SERVERS = 5;
const CHAOS_MS = chaosMs(3);
const LIMIT_MS = CHAOS_MS + 90_000;

async function startServers(...flags: readonly string[]): Promise<{ fleet: Fleet; endpoints: string[] }> {
  const endpoints = await Promise.all(Array.from({ length: SERVERS }, freeEndpoint));
  const lists = endpoints.map((endpoint) => ["--endpoint", endpoint, ...flags]);
  return { fleet: await Fleet.startEach(lists, "freelance/server"), endpoints };
}

/** One client with requests in flight all the time, which knows all servers. */
async function crewOf(
  strategy: FreelanceStrategy,
  endpoints: string[],
  inFlight: number,
  options: FreelanceClientOptions = {},
): Promise<Crew<FreelanceClient>> {
  const pace = { strategy, heartbeatMs: 100, connectTimeoutMs: 500, ...options };
  const crew = new Crew(
    {
      open: (common) => new FreelanceClient({ ...common, ...pace }),
      ask: (client, body) => client.request(body),
      typed: [],
    },
    { endpoints, inFlight, timeoutMs: 1000, attempts: 20, chaosMs: CHAOS_MS },
  );
  const { client } = crew;
  const wanted = strategy === "failover" ? 1 : SERVERS;
  while (client.stats().aliveServers < wanted) await once(client, "server-alive");
  return crew;
}

/** Every request was answered, by its own reply; returns what the client says of its servers. */
async function allAnswered(crew: Crew<FreelanceClient>, fleet: Fleet, what: string) {
  await crew.isCalm();
  await crew.isAccountedFor(`${what} (${JSON.stringify(fleet.suffered)})`);
  expect(crew.load.failures).toEqual({});
  return crew.client.servers();
}

it.each([
  { what: "tracked", inFlight: 1000, hedging: {} },
  // So few that none of them waits for the others so long: hedges are for those whose server is frozen.
  { what: "tracked, hedging", inFlight: 50, hedging: { hedgeAfterMs: 100, maxHedgeRatio: 0.05 } },
])(
  "$what: all requests are answered when servers are killed and frozen",
  async ({ what, inFlight, hedging }) => {
    const { fleet, endpoints } = await startServers();
    await using _fleet = fleet;
    await using crew = await crewOf("tracked", endpoints, inFlight, hedging);
    const dropped: string[] = [];
    crew.client.on("message-dropped", ({ reason }) => dropped.push(reason));
    crew.client.on("reply-dropped", ({ reason }) => dropped.push(reason));
    await crew.isCalm();
    await fleet.suffer(CHAOS_MS, "killed", "frozen");
    const servers = await allAnswered(crew, fleet, what);
    expect(servers.reduce((sum, { losses }) => sum + losses, 0)).toBeGreaterThan(0);
    for (const { answered } of servers) expect(answered).toBeGreaterThan(0);
    // Nothing was sent but for a request, a retry or a hedge of one.
    const { requests, retries, hedges } = crew.client.stats();
    const sent = servers.reduce((sum, server) => sum + server.requests, 0);
    expect(sent).toBeLessThanOrEqual(requests + retries + hedges);
    // A socket that is given up may have read something already.
    const legitimate = ["late", "message of a server that was given up"];
    expect(dropped.filter((reason) => !legitimate.includes(reason))).toEqual([]);
    // All are well again, and none was given up for good.
    while (crew.client.stats().aliveServers < SERVERS) await once(crew.client, "server-alive");
    if (what === "tracked") expect(hedges).toBe(0);
    // Which reply comes first is for the machine to say.
    else expect(hedges).toBeGreaterThan(0);
    expect(hedges).toBeLessThanOrEqual(10 + 0.05 * requests);
    await fleet.end();
  },
  LIMIT_MS,
);

it(
  "failover and shotgun: all requests are answered while servers are killed and frozen",
  async () => {
    const { fleet, endpoints } = await startServers("--plain");
    await using _fleet = fleet;
    await using failover = await crewOf("failover", endpoints, 200);
    await using shotgun = await crewOf("shotgun", endpoints, 200);
    await failover.isCalm();
    await shotgun.isCalm();
    await fleet.suffer(CHAOS_MS, "killed", "frozen");
    const servers = await allAnswered(failover, fleet, "failover");
    expect(servers.filter(({ requests }) => requests > 0).length).toBeGreaterThan(1);
    for (const { answered } of await allAnswered(shotgun, fleet, "shotgun"))
      expect(answered).toBeGreaterThan(0);
    const { duplicateReplies, requests } = shotgun.client.stats();
    expect(duplicateReplies).toBeGreaterThan(requests);
    await fleet.end();
  },
  LIMIT_MS,
);
