import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { curveKeyPair, Dealer, Publisher, Request } from "zeromq";
import { unusedEndpoint } from "../../core/test/support/sockets.js";
import {
  type Arbiter,
  BinaryStar,
  BinaryStarClient,
  type BinaryStarOptions,
  type BinaryStarRequest,
  BinaryStarServer,
  type BinaryStarServerOptions,
  MemoryArbiter,
  type StarRole,
  systemScheduler,
} from "../src/index.js";
import { decodeAnswer, encodeRequest, encodeRequestId, encodeState } from "../src/wire.js";

const ANY = "tcp://127.0.0.1:*";
const open: { close(): unknown }[] = [];
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "binary-star-"));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((role) => role.close()));
  rmSync(folder, { recursive: true, force: true });
});

function newServer(options: BinaryStarServerOptions): BinaryStarServer {
  const server = new BinaryStarServer({ lingerMs: 100, ...options });
  open.push(server);
  return server;
}

function newStar(options: BinaryStarOptions): BinaryStar {
  const star = new BinaryStar({ lingerMs: 100, ...options });
  open.push(star);
  return star;
}

interface Endpoints {
  readonly service: string;
  readonly states: string;
}

interface Serving extends Endpoints {
  readonly server: BinaryStarServer;
}

/** A server that answers with its role and epoch, bound anew or where it was before. */
async function serve(options: BinaryStarServerOptions, at?: Endpoints): Promise<Serving> {
  const server = newServer(options);
  const service = await server.bind(at?.service ?? ANY);
  const states = await server.bindPeer(at?.states ?? ANY);
  void server.serve(({ epoch, body }) => `${options.role} ${epoch} ${body}`, { concurrency: 5 });
  return { server, service, states };
}

/** A pair of which the primary is active and the backup passive. */
async function pair(
  common: Partial<BinaryStarServerOptions> = {},
  options: Partial<Record<StarRole, Partial<BinaryStarServerOptions>>> = {},
): Promise<Record<StarRole, Serving>> {
  const primary = await serve({ role: "primary", ...common, ...options.primary });
  const backup = await serve({ role: "backup", ...common, ...options.backup });
  const ready = Promise.all([once(primary.server, "became-active"), once(backup.server, "became-passive")]);
  primary.server.connectPeer(backup.states);
  backup.server.connectPeer(primary.states);
  await ready;
  return { primary, backup };
}

/** A REQ of any language: one request, and its reply. */
async function ask(endpoint: string, word = "hi"): Promise<string> {
  const request = new Request({ linger: 0 });
  open.push(request);
  request.connect(endpoint);
  await request.send(word);
  const reply = await request.receive();
  return reply.map(String).join("|");
}

/** As a client does it that hears nothing: again and again, until there is a reply. */
async function askOften(endpoint: string): Promise<string> {
  const dealer = new Dealer({ linger: 0 });
  dealer.connect(endpoint);
  const timer = setInterval(() => void dealer.send(["", "hi"]), 20);
  try {
    const [, reply] = await dealer.receive();
    return String(reply);
  } finally {
    clearInterval(timer);
    dealer.close();
  }
}

/** The event loop is blocked for so many ms. */
function standStill(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

/** A peer on bare sockets that publishes what it is told to, again and again, until it is closed. */
async function barePeer(frames: readonly Uint8Array[]): Promise<{ states: string; close(): void }> {
  const publisher = new Publisher({ linger: 0 });
  await publisher.bind(ANY);
  const timer = setInterval(() => void publisher.send([...frames] as never), 20);
  const peer = {
    states: publisher.lastEndpoint as string,
    close() {
      clearInterval(timer);
      publisher.close();
    },
  };
  open.push(peer);
  return peer;
}

describe("a pair of servers", () => {
  it("the active one answers REQ clients; the other one takes over when it is closed, and back", async () => {
    const { primary, backup } = await pair();
    expect(await ask(primary.service)).toBe("primary 1 hi");
    expect(primary.server.view()).toEqual({
      role: "primary",
      state: "active",
      isServing: true,
      epoch: 1,
      peerState: expect.stringMatching(/backup|passive/),
    });
    expect(backup.server.view()).toMatchObject({ state: "passive", isServing: false, epoch: 1 });

    const promoted = once(backup.server, "became-active");
    await primary.server.close();
    expect((await promoted)[0]).toMatchObject({ epoch: 2, because: "peer-waiting" });
    expect(await ask(backup.service)).toBe("backup 2 hi");

    const returned = await serve({ role: "primary" }, primary);
    const follows = once(returned.server, "became-passive");
    returned.server.connectPeer(backup.states);
    await follows;
    expect(await ask(backup.service), "it does not take over without need").toBe("backup 2 hi");
    expect(returned.server.view()).toMatchObject({ state: "passive", epoch: 2, peerState: "active" });

    const back = once(returned.server, "became-active");
    await backup.server.close();
    expect((await back)[0]).toMatchObject({ epoch: 3 });
    expect(await ask(returned.service)).toBe("primary 3 hi");
  });

  it("a rejected request is counted and told; our clients get a word of it", async () => {
    const { backup } = await pair();
    const rejected = once(backup.server, "request-rejected");
    const dealer = new Dealer({ linger: 0 });
    open.push(dealer);
    dealer.connect(backup.service);
    await dealer.send(
      encodeRequest(encodeRequestId({ epoch: 7n, sequence: 1n }), [Buffer.from("hi")]) as never,
    );
    expect((await rejected)[0]).toMatchObject({ state: "passive" });
    const answer = decodeAnswer(await dealer.receive());
    expect(answer).toMatchObject({ type: "refusal", epoch: 7n, sequence: 1n, state: "passive" });
    // A heartbeat may be late on a busy machine; then it says how long it will wait for the next.
    if (answer.type === "refusal") expect(answer.retryAfterMs ?? 0).toBeLessThanOrEqual(2000);
    const again = once(backup.server, "request-rejected");
    const request = new Request({ linger: 0 });
    open.push(request);
    request.connect(backup.service);
    await request.send("hi");
    await again;
    expect(backup.server.stats()).toMatchObject({ run: 0, pair: { rejected: 2, accepted: 0 } });
  });

  it("stats tell what happened to both", async () => {
    const { primary } = await pair();
    await ask(primary.service);
    expect(primary.server.stats()).toMatchObject({
      requests: 1,
      run: 1,
      answered: 1,
      fenced: 0,
      queued: 0,
      running: 0,
      cached: 0,
      pair: { activations: 1, accepted: 1, rejected: 0, splitBrains: 0, malformed: 0 },
    });
  });

  it("may be encrypted: one of the two is the server of both connections", async () => {
    const keys = curveKeyPair();
    const mine = curveKeyPair();
    const { primary } = await pair(
      {},
      {
        primary: { peerSocket: { curve: { server: true, secretKey: keys.secretKey } } },
        backup: { peerSocket: { curve: { ...mine, serverKey: keys.publicKey } } },
      },
    );
    expect(await ask(primary.service)).toBe("primary 1 hi");
  });
});

describe("a peer that dies without a word", () => {
  it("is taken over from when it was silent for two heartbeats and a client asks, and not before", async () => {
    const peer = await barePeer([Buffer.from("3")]);
    const backup = await serve({ role: "backup", heartbeatMs: 100 });
    const passive = once(backup.server, "became-passive");
    backup.server.connectPeer(peer.states);
    await passive;
    const expired = once(backup.server, "peer-expired");
    peer.close();
    expect((await expired)[0].silentMs).toBeGreaterThanOrEqual(200);
    expect(backup.server.view()).toMatchObject({ state: "passive", peerState: undefined });
    expect(await askOften(backup.service)).toBe("backup 2 hi");
    expect(backup.server.stats().pair.activations).toBe(1);
  });

  it("a lone primary serves the first client that asks after two heartbeats", async () => {
    const { server, service } = await serve({ role: "primary", heartbeatMs: 100 });
    const nowhere = await unusedEndpoint();
    // Its time begins when the client is there: a connection may take long on a busy machine.
    const reply = askOften(service);
    await once(server, "request-rejected");
    server.connectPeer(nowhere);
    const before = server.stats().pair.rejected;
    expect(await reply).toBe("primary 1 hi");
    expect(server.stats().pair.rejected, "until then they are rejected").toBeGreaterThan(before);
  });
});

describe("two that were both started as the primary", () => {
  it("say so, and neither answers: they would in the same epoch", async () => {
    const [one, other] = [
      await serve({ role: "primary", heartbeatMs: 50 }),
      await serve({ role: "primary" }),
    ];
    const clashes = [once(one.server, "roles-clashed"), once(other.server, "roles-clashed")];
    one.server.connectPeer(other.states);
    other.server.connectPeer(one.states);
    for (const [clash] of await Promise.all(clashes)) expect(clash).toMatchObject({ role: "primary" });
    const dealer = new Dealer({ linger: 0 });
    open.push(dealer);
    dealer.connect(one.service);
    // One asks for longer than a peer that is not there may be silent.
    while (one.server.stats().pair.malformed < 3) {
      const rejected = once(one.server, "request-rejected");
      await dealer.send(["", "hi"]);
      await rejected;
    }
    expect(one.server.view()).toMatchObject({ state: "primary", isServing: false, epoch: 0 });
  });
});

describe("an active node that is deposed", () => {
  it("tells the requests that run, and answers none of them", async () => {
    const primary = newServer({ role: "primary" });
    const service = await primary.bind(ANY);
    const waiting = await barePeer([Buffer.from("2")]);
    const rival = await barePeer(encodeState("active", { role: "backup", heartbeatMs: 100, epoch: 8 }));
    const active = once(primary, "became-active");
    primary.connectPeer(waiting.states);
    await active;
    const dealer = new Dealer({ linger: 0 });
    open.push(dealer);
    dealer.connect(service);
    await dealer.send(["", "hi"]);
    const { value } = await primary[Symbol.asyncIterator]().next();
    const request = value as BinaryStarRequest;
    expect(request.epoch).toBe(1);
    const aborted = once(request.signal, "abort");
    waiting.close();
    primary.connectPeer(rival.states);
    await aborted;
    expect(request.signal.reason).toMatchObject({ code: "ERR_DEPOSED", epoch: 1, reason: "yielded" });
    await request.reply("too late");
    expect(primary.stats()).toMatchObject({ answered: 0, revoked: 1, running: 0 });
    expect(primary.view()).toMatchObject({ state: "passive", epoch: 8 });
  });
});

describe("an active node whose process stood still", () => {
  it("tells each client whose reply was ready, and did not leave in time, that it is to ask again", async () => {
    const heartbeatMs = 50;
    const server = newServer({ role: "primary", heartbeatMs });
    const service = await server.bind(ANY);
    let isStallDue = false;
    const serving = server.serve(
      ({ body: [word = Buffer.of()] }) => {
        if (isStallDue && String(word) === "long") {
          isStallDue = false;
          standStill(8 * heartbeatMs);
        }
        return word;
      },
      { concurrency: 2 },
    );
    server.connectPeer("tcp://127.0.0.1:1");
    // Whoever is not told waits for a minute.
    const client = new BinaryStarClient({ heartbeatMs, timeoutMs: 60_000, attempts: 1000 });
    open.push(client);
    client.connect(service);
    expect(String(await client.request("first"))).toBe("first");
    const reasons = new Set<string>();
    client.on("request-retried", ({ reason }) => reasons.add(reason));
    let fenced: number;
    do {
      fenced = server.stats().fenced;
      isStallDue = true;
      const replies = await Promise.all(["short", "long"].map((word) => client.request(word)));
      expect(replies.map(String)).toEqual(["short", "long"]);
      // Again, if the second one was not there yet when the first was read, whose reply left before the process stood still.
    } while (server.stats().fenced < fenced + 2);
    expect([...reasons]).toEqual(["refused"]);
    await server.close();
    await serving;
  });
});

describe("a pair around a service of one's own", () => {
  it("hooks are called in turn, and votes are answered by the active one alone", async () => {
    const log: string[] = [];
    const hooks = (role: StarRole): BinaryStarOptions => ({
      role,
      onActive: (epoch) => void log.push(`${role} active ${epoch}`),
      onPassive: (epoch, reason) => log.push(`${role} passive ${epoch} ${reason}`),
      transferState: async () => void log.push(`${role} transfers`),
    });
    const primary = newStar(hooks("primary"));
    const backup = newStar(hooks("backup"));
    const [a, b] = [await primary.bind(ANY), await backup.bind(ANY)];
    expect(primary.vote(), "nobody is heard yet").toBe(false);
    const ready = Promise.all([once(primary, "became-active"), once(backup, "became-passive")]);
    primary.connect(b);
    backup.connect(a);
    await ready;
    expect([primary.vote(), backup.vote()]).toEqual([true, false]);
    expect([primary.isServing, backup.isServing]).toEqual([true, false]);
    expect(primary.stats()).toMatchObject({ accepted: 1, rejected: 1, activations: 1 });
    const promoted = once(backup, "became-active");
    await primary.close();
    await promoted;
    expect(log).toEqual([
      "primary active 1",
      "backup transfers",
      "primary passive 1 closed",
      "backup active 2",
    ]);
    expect(primary.view()).toMatchObject({ role: "primary", isServing: false });
  });

  it("an application that cannot become active says so, and its node does not serve", async () => {
    const peer = await barePeer([Buffer.from("2")]);
    const star = newStar({
      role: "primary",
      onActive: async () => {
        throw new Error("no disk");
      },
    });
    const failed = once(star, "activation-failed");
    star.connect(peer.states);
    expect((await failed)[0]).toMatchObject({ epoch: 1, reason: "no disk" });
    expect(star.isServing).toBe(false);
  });

  it.each([
    ["a node", (options: BinaryStarOptions) => newStar(options)],
    ["a server", (options: BinaryStarServerOptions) => newServer(options)],
  ] as const)(
    "%s whose peer begins anew is told that there is no state to be had any more",
    async (_what, make) => {
      const active = await barePeer([Buffer.from("3")]);
      const waiting = await barePeer([Buffer.from("1")]);
      let begun = (_signal: AbortSignal): void => {};
      const transfer = new Promise<AbortSignal>((resolve) => {
        begun = resolve;
      });
      const role = make({
        role: "backup",
        transferState(signal) {
          begun(signal);
          return new Promise(() => {});
        },
      });
      const connect = (endpoint: string): void =>
        role instanceof BinaryStar ? role.connect(endpoint) : role.connectPeer(endpoint);
      connect(active.states);
      const signal = await transfer;
      expect(role.view().state).toBe("passive");
      const aborted = once(signal, "abort");
      active.close();
      connect(waiting.states);
      await aborted;
      expect(signal.reason).toMatchObject({ code: "ERR_NO_SOURCE" });
      expect(role.view().state).toBe("backup");
    },
  );

  it("closing twice is closing once, also from a hook of what closing leads to", async () => {
    const peer = await barePeer([Buffer.from("2")]);
    const closings: Promise<void>[] = [];
    const star = newStar({ role: "primary", onPassive: () => closings.push(star.close()) });
    const active = once(star, "became-active");
    star.connect(peer.states);
    await active;
    const closed = star.close();
    await closed;
    expect(closings).toHaveLength(1);
    expect(closings[0]).toBe(closed);
    expect(star.vote()).toBe(false);
  });

  it("once closed it binds and connects no more, and wrong endpoints are told", async () => {
    const star = newStar({ role: "primary" });
    await expect(star.bind("tcp://127.0.0.1")).rejects.toThrow("tcp://host:port");
    expect(() => star.connect("localhost")).toThrow("transport://address");
    await star.close();
    await expect(star.bind(ANY)).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect(() => star.connect("tcp://127.0.0.1:1")).toThrow("closed");
    const server = newServer({ role: "primary" });
    await expect(server.bindPeer("nonsense")).rejects.toThrow("transport://address");
    expect(() => server.connectPeer("localhost")).toThrow("transport://address");
    await server.close();
    await expect(server.bindPeer(ANY)).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect(() => server.connectPeer("tcp://127.0.0.1:1")).toThrow("closed");
  });
});

describe("epochs", () => {
  it("rise over the restarts of both nodes, if they are kept in a file", async () => {
    const files = {
      primary: { epochFile: join(folder, "primary") },
      backup: { epochFile: join(folder, "backup") },
    };
    const first = await pair({}, files);
    expect(await ask(first.primary.service)).toBe("primary 1 hi");
    await Promise.all([first.primary.server.close(), first.backup.server.close()]);
    const second = await pair({}, files);
    const [, epoch] = (await ask(second.primary.service)).split(" ");
    expect(Number(epoch)).toBeGreaterThan(1);
    expect(readFileSync(files.primary.epochFile, "utf8")).toBe(`${epoch}\n`);
  });

  it("that cannot be written down make nobody active", async () => {
    const peer = await barePeer([Buffer.from("2")]);
    const star = newStar({ role: "primary", epochFile: join(folder, "missing", "epoch") });
    const denied = once(star, "claim-denied");
    star.connect(peer.states);
    expect((await denied)[0].reason).toContain("ENOENT");
    expect(star.view()).toMatchObject({ state: "primary", epoch: 0 });
  });

  it("of an arbiter that has forgotten those before do not lower what the file holds", async () => {
    const epochFile = join(folder, "epoch");
    writeFileSync(epochFile, "9\n");
    const peer = await barePeer([Buffer.from("2")]);
    const arbiter = new MemoryArbiter({ leaseMs: 60_000, clock: systemScheduler });
    const star = newStar({
      role: "primary",
      epochFile,
      arbiter: {
        acquire: () => arbiter.acquire({ minEpoch: 1 }),
        renew: (lease) => arbiter.renew(lease),
        release: (lease) => arbiter.release(lease),
      },
    });
    const denied = once(star, "claim-denied");
    star.connect(peer.states);
    expect((await denied)[0].reason).toBe("the epoch granted is 1, which is below 11");
    await star.close();
    expect(readFileSync(epochFile, "utf8")).toBe("9\n");
  });
});

describe("an arbiter", () => {
  it("lends the epochs, and the lease goes on for as long as the node is active", async () => {
    // A busy machine may stand still for longer than a short lease lasts.
    const memory = new MemoryArbiter({ leaseMs: 1500, clock: systemScheduler });
    let renewals = 0;
    let enough = (): void => {};
    const renewedOften = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const arbiter: Arbiter = {
      acquire: (bid) => memory.acquire(bid),
      release: (lease) => memory.release(lease),
      renew(lease) {
        renewals += 1;
        if (renewals === 4) enough();
        return memory.renew(lease);
      },
    };
    const { primary, backup } = await pair({ arbiter });
    // Renewed at each third of its time: one that was not would be over.
    await renewedOften;
    expect(await ask(primary.service)).toBe("primary 1 hi");
    const promoted = once(backup.server, "became-active");
    await primary.server.close();
    await promoted;
    expect(await ask(backup.service)).toBe("backup 2 hi");
  });

  it("that gives the lease to another ends the node's service", async () => {
    const peer = await barePeer([Buffer.from("2")]);
    const star = newStar({
      role: "primary",
      arbiter: {
        acquire: async () => ({ epoch: 5, durationMs: 300 }),
        renew: async () => undefined,
        release: async () => {},
      },
    });
    const stopped = once(star, "stopped-serving");
    star.connect(peer.states);
    expect((await stopped)[0]).toMatchObject({ epoch: 5, reason: "lease-lost" });
  });
});

describe("status", () => {
  it("events are published on the diagnostics channel with their role", async () => {
    const messages: unknown[] = [];
    const listen = (message: unknown) => messages.push(message);
    subscribe("seaworthy:binary-star", listen);
    try {
      const { primary } = await pair();
      expect(messages).toContainEqual({
        role: primary.server,
        event: expect.objectContaining({ type: "became-active", epoch: 1 }),
      });
    } finally {
      unsubscribe("seaworthy:binary-star", listen);
    }
  });
});
