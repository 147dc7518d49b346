import { once } from "node:events";
import { BinaryStarClient, BinaryStarServer } from "@seaworthy/binary-star";
import { describe, expect, it } from "vitest";
import { Dealer, Request } from "zeromq";
import type { Frame } from "./bare.js";
import {
  ACTIVE,
  BarePeer,
  GuideClient,
  GuideNode,
  HEARTBEAT_MS,
  introduce,
  PASSIVE,
  WAITING_BACKUP,
  WAITING_PRIMARY,
} from "./bstar-peers.js";
import { keep } from "./keep.js";

const ANY_PORT = "tcp://127.0.0.1:*";

interface Ours {
  readonly server: BinaryStarServer;
  /** Where clients ask. */
  readonly endpoint: string;
  /** Where its peer hears its states. */
  readonly statesAt: string;
}

/** A server of ours beside a bare peer; it answers with what it got. */
async function newServer(role: "primary" | "backup", peer: BarePeer, epochs: number[] = []): Promise<Ours> {
  const server = keep(new BinaryStarServer({ role, heartbeatMs: HEARTBEAT_MS, lingerMs: 0 }));
  server.on("became-active", ({ epoch }) => epochs.push(epoch));
  const endpoint = await server.bind(ANY_PORT);
  const statesAt = await server.bindPeer(ANY_PORT);
  peer.hear(statesAt);
  void server.serve(({ body }) => body);
  server.connectPeer(peer.endpoint);
  return { server, endpoint, statesAt };
}

function newNode(role: "primary" | "backup"): GuideNode {
  return keep(new GuideNode(role));
}

/** Patient where it asks first, since nothing is to be wrong with that. */
function newGuideClient(servers: readonly string[], timeoutMs = 1000): GuideClient {
  return keep(new GuideClient(servers, timeoutMs));
}

/** Resolves when it publishes this state. */
async function publishes(server: BinaryStarServer, state: string): Promise<void> {
  while (server.view().state !== state) await once(server, "state-changed");
}

const DIGIT = /^[1-4]$/;

describe("our server and the guide's", () => {
  it("ours as primary is active, hands over when it closes, and comes back as passive", async () => {
    const backup = newNode("backup");
    const { server, endpoint } = await newServer("primary", backup.peer);
    await Promise.all([publishes(server, "active"), backup.is(PASSIVE)]);
    const client = newGuideClient([endpoint, backup.endpoint]);
    expect(await client.ask("1")).toBe("1");
    expect(client.server).toBe(endpoint);
    expect(backup.requests).toEqual([]);

    await server.close();
    await backup.is(ACTIVE);
    expect(await client.ask("2")).toBe("2");
    expect(client.server).toBe(backup.endpoint);

    const again = await newServer("primary", backup.peer);
    await publishes(again.server, "passive");
    expect(await client.ask("3")).toBe("3");
    // What it reads frame by frame are states, and nothing else.
    expect(backup.peer.frames.filter((frame) => !DIGIT.test(frame))).toEqual([]);
    expect(new Set(backup.peer.frames)).toEqual(new Set([WAITING_PRIMARY, ACTIVE, PASSIVE]));
    expect(backup.isOver).toBe(false);
  });

  it("ours as backup follows, and takes over by a client's vote when the guide's primary is gone", async () => {
    const primary = newNode("primary");
    const { server, endpoint } = await newServer("backup", primary.peer);
    await Promise.all([publishes(server, "passive"), primary.is(ACTIVE)]);
    const client = newGuideClient([primary.endpoint, endpoint]);
    expect(await client.ask("1")).toBe("1");
    expect(server.stats().pair.accepted).toBe(0);

    primary.close();
    expect(await client.ask("2")).toBe("2");
    expect(client.server).toBe(endpoint);
    expect(server.view()).toMatchObject({ state: "active", epoch: 2, isServing: true });
    expect(primary.peer.frames.filter((frame) => !DIGIT.test(frame))).toEqual([]);
    expect(new Set(primary.peer.frames)).toEqual(new Set([WAITING_BACKUP, PASSIVE]));
  });

  it("says nothing to a plain client, and the reason to ours, while it is passive", async () => {
    const primary = newNode("primary");
    const { server, endpoint } = await newServer("backup", primary.peer);
    await publishes(server, "passive");
    const plain = keep(new Request({ linger: 0 }));
    plain.connect(endpoint);
    await plain.send("plain");
    await once(server, "request-rejected");
    const client = keep(new BinaryStarClient({ attempts: 1, lingerMs: 0 }));
    client.connect(endpoint);
    await expect(client.request("ours")).rejects.toMatchObject({ code: "ERR_NOT_ACTIVE" });
    // What it would not answer then it does not keep for later either.
    primary.close();
    const voted = await client.request("vote", { attempts: 100, timeoutMs: 10_000 });
    expect(String(voted)).toBe("vote");
    expect(server.stats()).toMatchObject({ run: 1, answered: 1 });
  });

  it.each([
    { role: "primary", words: [WAITING_BACKUP], stays: true },
    { role: "backup", words: [ACTIVE, WAITING_PRIMARY], stays: false },
  ] as const)(
    "two are active, no epochs known: ours as $role stays: $stays",
    async ({ role, words, stays }) => {
      const peer = keep(new BarePeer());
      const epochs: number[] = [];
      const { server, endpoint } = await newServer(role, peer, epochs);
      for (const word of words) {
        peer.keepSaying(word);
        await publishes(server, word === ACTIVE ? "passive" : "active");
      }
      const resolved = once(server, "split-brain-resolved");
      peer.keepSaying(ACTIVE);
      expect((await resolved)[0]).toMatchObject({ stays, peerEpoch: undefined });
      expect(server.view().state).toBe(stays ? "active" : "passive");
      if (stays) expect(await newGuideClient([endpoint]).ask("still")).toBe("still");
      expect(epochs).toHaveLength(1);
    },
  );

  it.each(["primary", "backup"] as const)(
    "ours as %s that stood still while the guide's took over makes way unheard, and the guide's goes on",
    async (role) => {
      const peer = keep(new BarePeer());
      const { server } = await newServer(role, peer);
      peer.keepSaying(role === "primary" ? WAITING_BACKUP : ACTIVE);
      await publishes(server, role === "primary" ? "active" : "passive");
      peer.keepSaying(role === "primary" ? PASSIVE : WAITING_PRIMARY);
      await peer.until(() => peer.frames.filter((frame) => frame === ACTIVE).length >= 2);
      const { length: before } = peer.frames;
      const resolved = once(server, "split-brain-resolved");
      peer.sayWhileAllStands(ACTIVE);
      expect((await resolved)[0]).toMatchObject({ stays: false, peerEpoch: undefined });
      await peer.until(() => peer.heard === PASSIVE);
      expect(peer.frames.slice(before), "the guide's would end itself").not.toContain(ACTIVE);
    },
  );

  it("the guide's ends itself where both are active, and ours stays and answers", async () => {
    const former = newNode("primary");
    const rival = newNode("backup");
    introduce(former, rival);
    await Promise.all([former.is(ACTIVE), rival.is(PASSIVE)]);
    former.close();
    expect(await newGuideClient([rival.endpoint]).ask("vote")).toBe("vote");

    const peer = keep(new BarePeer());
    const { server, endpoint, statesAt } = await newServer("primary", peer);
    peer.keepSaying(WAITING_BACKUP);
    await publishes(server, "active");
    peer.close();
    // As if the link between the two had been cut, and were whole again.
    const resolved = once(server, "split-brain-resolved");
    server.connectPeer(rival.peer.endpoint);
    expect((await resolved)[0]).toMatchObject({ stays: true });
    rival.peer.hear(statesAt);
    await rival.until(() => rival.isOver);
    expect(await newGuideClient([endpoint]).ask("after")).toBe("after");
  });
});

/** A record as ours add to their states, with something changed. */
function record(
  changes: { role?: number; heartbeatMs?: number; epoch?: bigint; bytes?: number } = {},
): Buffer {
  const { role = 1, heartbeatMs = HEARTBEAT_MS, epoch = 1n, bytes = 16 } = changes;
  const frame = Buffer.alloc(24);
  frame.write("SW");
  frame[2] = 1;
  frame[3] = role;
  frame.writeUInt32BE(heartbeatMs, 4);
  frame.writeBigUInt64BE(epoch, 8);
  return frame.subarray(0, bytes);
}

describe("hostile peers", () => {
  const noStates: readonly (readonly Frame[])[] = [
    ...["", "0", "5", "33", "x", "SW-BSTAR-1"].map((frame) => [frame]),
    [Buffer.alloc(10_000_000, ACTIVE)],
    Array.from({ length: 200 }, () => ""),
  ];
  const noRecords = [
    record({ bytes: 3 }),
    record({ bytes: 15 }),
    record({ bytes: 24 }),
    record({ role: 0 }),
    record({ role: 3 }),
    record({ heartbeatMs: 0 }),
    record({ epoch: 2n ** 52n + 1n }),
    record({ epoch: 2n ** 64n - 1n }),
  ];
  const sameRole = [[ACTIVE, record({ role: 2 })], [WAITING_BACKUP]];

  it("what is no state, or comes from the same role, is counted and dropped, and moves nothing", async () => {
    const peer = keep(new BarePeer());
    const { server } = await newServer("backup", peer);
    peer.keepSaying(ACTIVE, record());
    await publishes(server, "passive");
    expect(server.view()).toMatchObject({ peerState: "active", epoch: 1 });
    const reasons: unknown[] = [];
    server.on("message-dropped", ({ reason }) => reasons.push(reason));
    const clashes: unknown[] = [];
    server.on("roles-clashed", (event) => clashes.push(event));
    const bad = [...noStates, ...noRecords.map((frame) => [WAITING_PRIMARY, frame]), ...sameRole];
    for (const frames of bad) peer.say(...frames);
    while (server.stats().pair.malformed < bad.length) await once(server, "status");
    expect(reasons).toHaveLength(noStates.length + noRecords.length);
    expect(clashes).toHaveLength(sameRole.length);
    expect(server.view()).toMatchObject({ state: "passive", epoch: 1 });
    // It is heard as before.
    const heard = once(server, "peer-changed");
    peer.keepSaying(WAITING_PRIMARY, record());
    expect((await heard)[0]).toMatchObject({ from: "active", to: "primary" });
    await publishes(server, "active");
    expect(server.view().epoch).toBe(2);
  });

  it("a second frame of somebody else's, and frames beyond it, are passed over", async () => {
    const peer = keep(new BarePeer());
    const { server } = await newServer("backup", peer);
    peer.keepSaying(ACTIVE, Buffer.alloc(10_000_000, 7), ...Array.from({ length: 50 }, () => "more"));
    await publishes(server, "passive");
    expect(server.view()).toMatchObject({ peerState: "active", epoch: 0 });
    expect(server.stats().pair.malformed).toBe(0);
  });
});

it("hostile clients are counted and dropped, and others are served", async () => {
  const backup = newNode("backup");
  const { server, endpoint } = await newServer("primary", backup.peer);
  await publishes(server, "active");
  const hostile = keep(new Dealer({ linger: 0, sendHighWaterMark: 0 }));
  hostile.connect(endpoint);
  const endless = Array.from({ length: 200 }, () => "hop");
  const bad = [["x"], [""], ["no", "delimiter"], endless, [...endless, "", "x"]];
  for (const frames of bad) await hostile.send(frames);
  await hostile.send(["", "one", "", "three"]);
  expect((await hostile.receive()).map(String)).toEqual(["", "one", "", "three"]);
  expect(server.stats()).toMatchObject({ malformed: bad.length, answered: 1 });
  expect(await newGuideClient([endpoint]).ask("others")).toBe("others");
});

describe("our client against the guide's pair", () => {
  function newPair(): [primary: GuideNode, backup: GuideNode] {
    const pair = [newNode("primary"), newNode("backup")] as [GuideNode, GuideNode];
    introduce(...pair);
    return pair;
  }

  function newClient(nodes: readonly GuideNode[], timeoutMs: number): BinaryStarClient {
    const client = keep(
      new BinaryStarClient({ heartbeatMs: HEARTBEAT_MS, timeoutMs, attempts: 30, lingerMs: 0 }),
    );
    for (const { endpoint } of nodes) client.connect(endpoint);
    return client;
  }

  it("has its requests answered by the active one, and by the other when that is gone", async () => {
    const [primary, backup] = newPair();
    await Promise.all([primary.is(ACTIVE), backup.is(PASSIVE)]);
    const client = newClient([primary, backup], 5000);
    const bodies = Array.from({ length: 100 }, (_, index) => `${index}`);
    const ask = (): Promise<string[]> =>
      Promise.all(bodies.map(async (body) => String(await client.request(body))));
    expect(await ask()).toEqual(bodies);
    expect(backup.requests).toEqual([]);
    primary.close();
    expect(await ask()).toEqual(bodies);
    expect(backup.state).toBe(ACTIVE);
    expect(client.stats()).toMatchObject({ answered: 200, failed: 0, moves: 1 });
  });

  it("leaves a server that says nothing, because it is passive, for the one that answers", async () => {
    const [primary, backup] = newPair();
    await Promise.all([primary.is(ACTIVE), backup.is(PASSIVE)]);
    const client = newClient([backup, primary], 1000);
    const settling = once(client, "settling-began");
    const moved = once(client, "server-changed");
    const reply = client.request(["body", "more"]);
    expect((await settling)[0]).toMatchObject({ endpoint: backup.endpoint, reason: "silent" });
    expect((await moved)[0]).toMatchObject({ to: primary.endpoint, reason: "silent" });
    expect((await reply).map(String)).toEqual(["body", "more"]);
    // The same request to both, with the same id.
    const [, id, ...rest] = primary.requests[0] as Buffer[];
    expect(id).toHaveLength(20);
    expect(rest.map(String)).toEqual(["", "body", "more"]);
    for (const [, sent, ...frames] of backup.requests) expect([sent, ...frames]).toEqual([id, ...rest]);
    expect(backup.state).toBe(PASSIVE);
  });
});
