import { once } from "node:events";
import { expect, it } from "vitest";
import { chaosMs, LazyPirateCrew } from "../harness/crew.js";
import { startExample } from "../harness/example.js";
import { monotonicMs } from "../harness/monotonic.js";
import { freePort } from "../harness/ports.js";
import type { Program } from "../harness/program.js";
import { TcpProxy } from "../harness/tcp-proxy.js";

interface Server extends AsyncDisposable {
  readonly process: Program;
  readonly proxy: TcpProxy;
  /** The proxy's. */
  readonly endpoint: string;
}

async function startServer(): Promise<Server> {
  const port = await freePort();
  const process = await startExample("lazy-pirate/server", "--bind", `tcp://127.0.0.1:${port}`);
  const proxy = await TcpProxy.to(port);
  return {
    process,
    proxy,
    endpoint: `tcp://127.0.0.1:${proxy.port}`,
    async [Symbol.asyncDispose]() {
      await process.kill();
      await proxy.close();
    },
  };
}

function crewOf(...servers: Server[]): LazyPirateCrew {
  const endpoints = servers.map(({ endpoint }) => endpoint);
  return new LazyPirateCrew({ endpoints, inFlight: 500, timeoutMs: 400, attempts: 5, chaosMs: chaosMs(0) });
}

interface Fault {
  readonly title: string;
  readonly label: string;
  /** Called before the fault; resolves when the client has felt it. */
  felt(crew: LazyPirateCrew): Promise<unknown>;
  begin(server: Server): unknown;
  /** Takes the cause away. */
  end?(server: Server): unknown;
  /** How often in one round. Default once. */
  readonly times?: number;
  /** Codes of the requests that must fail. Default: none need to. */
  readonly failures?: readonly string[];
}

const faults: readonly Fault[] = [
  {
    title: "outlives a server that is killed and started again",
    label: "killed",
    felt: (crew) => crew.feelsIt(),
    begin: ({ process }) => process.kill(),
    end: ({ process }) => process.start(),
  },
  {
    title: "outlives a server that is frozen and goes on, and takes no late reply for another",
    label: "frozen",
    felt: (crew) => crew.feelsIt(),
    begin: ({ process }) => process.pause(),
    end: ({ process }) => process.resume(),
  },
  {
    title: "fails typed, within the bound, while a server stays frozen, and answers again after it",
    label: "frozen for long",
    felt: ({ client }) => once(client, "request-failed"),
    begin: ({ process }) => process.pause(),
    end: ({ process }) => process.resume(),
    failures: ["ERR_REQUEST_TIMEOUT"],
  },
  {
    title: "outlives TCP connections that are cut, again and again",
    label: "cut",
    felt: ({ client }) => once(client, "connection-lost"),
    begin: ({ proxy }) => proxy.cut(),
    times: 10,
  },
  {
    title: "outlives a network that refuses connections for a while",
    label: "refused",
    felt: (crew) => crew.feelsIt(),
    async begin({ proxy }) {
      await proxy.refuse();
      proxy.cut();
    },
    end: ({ proxy }) => proxy.accept(),
  },
  {
    title: "replaces a half-open connection that nobody reports as gone",
    label: "half open",
    async felt({ client }) {
      expect((await once(client, "connection-replaced"))[0]).toMatchObject({ reason: "silent" });
    },
    begin: ({ proxy }) => proxy.lose(),
  },
  {
    title: "outlives replies that are lost, while requests arrive",
    label: "replies held back",
    felt: (crew) => crew.feelsIt(),
    begin: ({ proxy }) => proxy.hold("to-client"),
    end: ({ proxy }) => proxy.release(),
  },
];

it.each(faults)("$title", async ({ label, felt, begin, end, times = 1, failures }) => {
  await using server = await startServer();
  await using crew = crewOf(server);
  await crew.survives(async () => {
    for (let time = 0; time < times; time++) {
      const isFelt = felt(crew);
      await begin(server);
      await isFelt;
      await end?.(server);
      await crew.recovers();
    }
  });
  if (failures !== undefined) expect(Object.keys(crew.load.failures)).toEqual(failures);
  await crew.isAccountedFor(label);
});

interface Outage {
  readonly what: string;
  /** What the client reports when it goes over, and how. */
  readonly event: "connection-opened" | "connection-replaced";
  report(victim: Server, heir: Server): object;
  begin(victim: Server): unknown;
  end(victim: Server): unknown;
}

const outages: readonly Outage[] = [
  {
    what: "killed",
    event: "connection-opened",
    report: (_victim, heir) => ({ endpoint: heir.endpoint }),
    begin: ({ process }) => process.kill(),
    end: ({ process }) => process.start(),
  },
  {
    what: "frozen",
    event: "connection-replaced",
    report: (victim, heir) => ({ from: victim.endpoint, to: heir.endpoint, reason: "silent" }),
    begin: ({ process }) => process.pause(),
    end: ({ process }) => process.resume(),
  },
];

it.each(outages)("goes over to another server when the one in use is $what, and back", async (outage) => {
  await using first = await startServer();
  await using second = await startServer();
  await using crew = crewOf(first, second);
  // Where the machine keeps a server waiting for as long as an attempt may take, the client goes over without a fault.
  let inUse = first.endpoint;
  crew.client.on("connection-opened", ({ endpoint }) => {
    inUse = endpoint;
  });
  await crew.survives(async () => {
    for (let turn = 0; turn < 2; turn++) {
      const [victim, heir] = inUse === first.endpoint ? [first, second] : [second, first];
      const reported = once(crew.client, outage.event);
      const beganAt = monotonicMs();
      await outage.begin(victim);
      expect((await reported)[0]).toMatchObject(outage.report(victim, heir));
      await crew.recovers(beganAt);
      await outage.end(victim);
    }
  });
  await crew.isAccountedFor(`two servers, one ${outage.what}`);
});
