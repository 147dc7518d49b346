import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { LazyPirateClient } from "@seaworthy/lazy-pirate";
import { ParanoidPirateQueue, ParanoidPirateWorker } from "@seaworthy/paranoid-pirate";
import { afterEach, describe, expect, it } from "vitest";
import { Dealer, Router, Proxy as ZmqProxy } from "zeromq";
import { gate, newReq } from "./bare.js";
import { askInTurn, BareQueue, BareWorker, echo, echoThreeFrames, HEARTBEAT, READY } from "./ppp-peers.js";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((peer) => peer.close()));
});

function keep<T extends { close(): unknown }>(peer: T): T {
  open.push(peer);
  return peer;
}

const ANY_PORT = "tcp://127.0.0.1:*";

interface OurQueue {
  readonly queue: ParanoidPirateQueue;
  readonly front: string;
  readonly back: string;
}

/** With the patience that a busy machine needs, unless told otherwise. */
async function newQueue(options = {}): Promise<OurQueue> {
  const queue = keep(new ParanoidPirateQueue({ heartbeatMs: 100, liveness: 50, lingerMs: 0, ...options }));
  return { queue, front: await queue.bindFrontend(ANY_PORT), back: await queue.bindBackend(ANY_PORT) };
}

/** Resolves when the queue has told of something by which this has become true. */
async function until(queue: ParanoidPirateQueue, isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await once(queue, "status");
}

function newWorker(endpoint: string, options = {}): ParanoidPirateWorker {
  const worker = keep(new ParanoidPirateWorker({ heartbeatMs: 50, liveness: 100, lingerMs: 0, ...options }));
  worker.connect(endpoint);
  return worker;
}

const reqs = (count: number, endpoint: string) => Array.from({ length: count }, () => keep(newReq(endpoint)));

describe("our queue", () => {
  it("between bare REQ clients and bare PPP workers", async () => {
    const { queue, front, back } = await newQueue();
    const workers = [1, 2, 3].map(() => keep(new BareWorker(back, echo)));
    expect(await askInTurn(reqs(10, front), 20)).toEqual([]);
    expect(queue.stats()).toMatchObject({ requests: 200, answered: 200, redelivered: 0, workers: 3 });
    // Each in turn: none is left out.
    for (const { requests } of workers) expect(requests.length).toBeGreaterThan(0);
  });

  it("says to a worker of others nothing but [address][][body…] and [0x02], at work or not", async () => {
    const { front, back } = await newQueue();
    const worker = keep(new BareWorker(back, () => undefined, { routingId: "theirs" }));
    await worker.until(() => worker.commands.length >= 3);
    const client = keep(newReq(front));
    await client.send(["body", "more"]);
    await worker.until(() => worker.requests.length > 0);
    const idle = worker.commands.length;
    await worker.until(() => worker.commands.length >= idle + 3);
    const [request = []] = worker.requests;
    expect(request.slice(1).map(String)).toEqual(["", "body", "more"]);
    expect(request[0]).not.toHaveLength(0);
    for (const command of worker.commands) expect(command).toEqual([HEARTBEAT]);
    await worker.say(request);
    expect((await client.receive()).map(String)).toEqual(["body", "more"]);
  });

  it("with a worker that knows requests by their three frames, whatever the envelope of the client", async () => {
    const { queue, front, back } = await newQueue();
    const worker = keep(new BareWorker(back, echoThreeFrames));
    const plain = keep(newReq(front));
    const correlating = keep(newReq(front, { correlate: true, relaxed: true }));
    const frontend = new Router();
    frontend.bindSync(ANY_PORT);
    const endpoint = frontend.lastEndpoint as string;
    const backend = new Dealer();
    backend.connect(front);
    const proxy = new ZmqProxy(frontend, backend);
    const proxied = proxy.run();
    const behind = keep(newReq(endpoint));
    for (const client of [plain, correlating, behind]) {
      await client.send("body");
      expect(String(await client.receive())).toBe("body");
    }
    const lazy = keep(new LazyPirateClient({ lingerMs: 0 }));
    lazy.connect(front);
    expect(String(await lazy.request("body"))).toBe("body");
    expect(worker.requests).toHaveLength(4);
    expect(queue.stats()).toMatchObject({ answered: 4 });
    proxy.terminate();
    await proxied;
  });

  it.each([true, false])("a bare worker's request is not lost with it (departures: %s)", async (detects) => {
    const { queue, front, back } = await newQueue({
      liveness: 3,
      detectDepartures: detects,
      maxDeliveries: 2,
    });
    const doomed = keep(new BareWorker(back, () => undefined));
    await until(queue, () => queue.stats().ready === 1);
    const client = keep(newReq(front));
    await client.send("precious");
    await doomed.until(() => doomed.requests.length === 1);
    keep(new BareWorker(back, echo));
    await until(queue, () => queue.stats().ready === 1);
    doomed.close();
    expect(String(await client.receive())).toBe("precious");
    expect(queue.stats()).toMatchObject({ redelivered: 1, answered: 1, givenUp: 0 });
  });

  it("a bare worker that is there and silent: its request goes to another, and its late reply nowhere", async () => {
    const { queue, front, back } = await newQueue({ heartbeatMs: 50, liveness: 4 });
    // It waits in the queue: the worker is not missed before it has come.
    const client = keep(newReq(front));
    await client.send("precious");
    while (queue.stats().waiting === 0) await turn(); // it tells of no such thing
    const mute = keep(new BareWorker(back, () => undefined, { heartbeatMs: Number.POSITIVE_INFINITY }));
    await mute.until(() => mute.requests.length === 1);
    keep(new BareWorker(back, echo, { heartbeatMs: 10 }));
    expect(String(await client.receive())).toBe("precious");
    const late = once(queue, "reply-dropped");
    await mute.say([...(mute.requests[0] as Buffer[]).slice(0, 2), "late"]);
    await late;
    expect(queue.stats()).toMatchObject({ answered: 1, repliesDropped: 1, redelivered: 1 });
  });

  it("a bare worker's heartbeats bring it no second request", async () => {
    const { queue, front, back } = await newQueue();
    const worker = keep(new BareWorker(back, () => undefined));
    await until(queue, () => queue.stats().ready === 1);
    const [first, second] = reqs(2, front);
    await first?.send("first");
    await worker.until(() => worker.requests.length === 1);
    await second?.send("second");
    const noise = once(queue, "message-dropped");
    for (let beat = 0; beat < 10; beat++) await worker.say([HEARTBEAT]);
    // What is dropped was said after all heartbeats, and so handled after them.
    await worker.say(["noise"]);
    await noise;
    expect(queue.stats()).toMatchObject({ delivered: 1, running: 1, ready: 0 });
    await worker.say(worker.requests[0] as Buffer[]);
    await worker.until(() => worker.requests.length === 2);
    expect(String(await first?.receive())).toBe("first");
    await worker.say(worker.requests[1] as Buffer[]);
    expect(String(await second?.receive())).toBe("second");
  });
});

describe("our queue, with hostile workers", () => {
  it("counts and drops their noise, and serves others", async () => {
    const { queue, front, back } = await newQueue({ heartbeatMs: 1000 });
    keep(new BareWorker(back, echo));
    await until(queue, () => queue.stats().ready === 1);
    const hostile = keep(new Dealer({ linger: 0 }));
    hostile.connect(back);
    const endless = Array.from({ length: 300 }, () => "hop");
    const messages = [
      [""],
      ["x"],
      [Buffer.from([0x04])],
      [Buffer.from([0xff])],
      [READY, "a frame too many"],
      [HEARTBEAT, "no greeting"],
      [HEARTBEAT, Buffer.from("5357010000000000", "hex")],
      ["", "", ""],
      ["address", "body", "no empty frame"],
      ["address", "more", ""],
      ["", "x", "", "body"],
      endless,
      [...endless, "", "body"],
      ["SW", Buffer.alloc(1_000_000)],
    ];
    // Before it has said READY, and after: as nobody, and as a worker.
    for (const message of messages) await hostile.send(message);
    await hostile.send(READY);
    for (const message of messages) await hostile.send(message);
    await until(queue, () => queue.stats().malformed === 2 * messages.length);
    // It is a worker now, and takes requests without a word; those go to the other, one after the other.
    hostile.close();
    expect(await askInTurn(reqs(5, front), 10)).toEqual([]);
    expect(queue.stats()).toMatchObject({ answered: 50, malformed: 2 * messages.length });
  });

  it("READY twice makes no two workers, and its request goes to another at once", async () => {
    const { queue, front, back } = await newQueue({ heartbeatMs: 1000 });
    const hasty = keep(new BareWorker(back, () => undefined));
    await until(queue, () => queue.stats().ready === 1);
    const noise = once(queue, "message-dropped");
    for (let again = 0; again < 5; again++) await hasty.say([READY]);
    await hasty.say(["noise"]);
    await noise;
    const client = keep(newReq(front));
    await client.send("precious");
    await hasty.until(() => hasty.requests.length === 1);
    expect(queue.stats()).toMatchObject({ workers: 1, ready: 0, running: 1, delivered: 1 });
    keep(new BareWorker(back, echo));
    await until(queue, () => queue.stats().workers === 2);
    await hasty.say([READY]);
    expect(String(await client.receive())).toBe("precious");
    expect(queue.stats()).toMatchObject({ workers: 2, redelivered: 1, answered: 1 });
  });

  it("replies that nobody asked for, and to the addresses of others, reach no client", async () => {
    const { queue, front, back } = await newQueue({ heartbeatMs: 1000 });
    const honest = keep(new BareWorker(back, () => undefined));
    await until(queue, () => queue.stats().ready === 1);
    const client = keep(newReq(front));
    await client.send("question");
    await honest.until(() => honest.requests.length === 1);
    const [address, ...rest] = honest.requests[0] as [Buffer, ...Buffer[]];

    const hostile = keep(new BareWorker(back, () => undefined));
    await until(queue, () => queue.stats().workers === 2);
    const dropped = queue.stats().repliesDropped;
    const forged = Buffer.from(address);
    forged.writeUInt8(forged.readUInt8(15) ^ 1, 15);
    const replies = [
      [address, "", "stolen"],
      [address, "more", "", "stolen"],
      [forged, "", "forged"],
      [Buffer.alloc(16), "", "forged"],
      [Buffer.alloc(1_000_000, 1), "", "large"],
      [Buffer.alloc(1_000_000, 1), Buffer.alloc(1_000_000, 2), "", "large"],
      ["nobody", "", "unasked"],
    ];
    for (const reply of replies) await hostile.say(reply);
    await until(queue, () => queue.stats().repliesDropped === dropped + replies.length);

    await honest.say([address, ...rest]);
    expect((await client.receive()).map(String)).toEqual(["question"]);
    // Once more, as the one who had it: too late.
    await honest.say([address, ...rest]);
    await until(queue, () => queue.stats().repliesDropped === dropped + replies.length + 1);
    expect(queue.stats()).toMatchObject({ answered: 1, redelivered: 0, workers: 2 });
  });

  it("a crowd of them fills the books to their bound and no further, until they are gone", async () => {
    const { queue, front, back } = await newQueue({ heartbeatMs: 1000, maxWorkers: 20, maxDeliveries: 50 });
    keep(new BareWorker(back, echo));
    await until(queue, () => queue.stats().ready === 1);
    let refused = 0;
    queue.on("worker-refused", () => {
      refused += 1;
    });
    const crowd = Array.from({ length: 100 }, () => {
      const socket = keep(new Dealer({ linger: 0 }));
      socket.connect(back);
      return socket;
    });
    for (const socket of crowd) await socket.send(READY);
    await until(queue, () => refused === 81);
    expect(queue.stats()).toMatchObject({ workers: 20, ready: 20 });
    // They take requests and say nothing; the queue's one honest worker answers all, once they are gone.
    const asked = askInTurn(reqs(5, front), 10);
    for (const socket of crowd) socket.close();
    expect(await asked).toEqual([]);
    await until(queue, () => queue.stats().workers === 1);
    expect(queue.stats()).toMatchObject({ answered: 50, workers: 1, ready: 1 });
  });

  it("a flood of them keeps nobody from being served", async () => {
    const { queue, front, back } = await newQueue({ heartbeatMs: 1000 });
    keep(new BareWorker(back, echo));
    await until(queue, () => queue.stats().ready === 1);
    const hostile = keep(new Dealer({ linger: 0 }));
    hostile.connect(back);
    const kinds = [["x"], [HEARTBEAT, "no greeting"], ["nobody", "", "unasked"], ["a", "b", "c"]];
    let isFlooding = true;
    let sent = 0;
    const flood = async (): Promise<void> => {
      while (isFlooding || sent < 20_000) await hostile.send(kinds[sent++ % kinds.length] as string[]);
    };
    const flooded = flood();
    expect(await askInTurn(reqs(5, front), 20)).toEqual([]);
    isFlooding = false;
    await flooded;
    const noise = () => queue.stats().malformed + queue.stats().repliesDropped;
    await until(queue, () => noise() === sent);
    expect(queue.stats()).toMatchObject({ answered: 100, workers: 1, waiting: 0 });
  });
});

describe("our worker", () => {
  it.each([1, 3])("against a bare queue, %s requests at a time", async (concurrency) => {
    const queue = keep(new BareQueue());
    const worker = newWorker(queue.backEndpoint);
    void worker.serve(({ body }) => body, { concurrency });
    expect(await askInTurn(reqs(5, queue.frontEndpoint), 20)).toEqual([]);
    expect(queue.readies).toHaveLength(concurrency);
    expect(new Set(queue.readies).size).toBe(concurrency);
    expect(worker.stats()).toMatchObject({ answered: 100, malformed: 0, sessions: concurrency });
    expect(queue.givenToBusy).toBe(0);
  });

  it("sends the address back as it came, with however many frames", async () => {
    const queue = keep(new BareQueue());
    void newWorker(queue.backEndpoint).serve(({ body }) => body);
    const client = keep(new LazyPirateClient({ lingerMs: 0 }));
    client.connect(queue.frontEndpoint);
    const bodies = Array.from({ length: 50 }, (_, index) => `${index}`);
    expect((await Promise.all(bodies.map((body) => client.request([body, "more"])))).map(String)).toEqual(
      bodies.map((body) => `${body},more`),
    );
    const replies = queue.heard.filter((frames) => frames.length > 1);
    // The routing id and the request id of the client, the empty frame, the body.
    for (const frames of replies) {
      expect(frames).toHaveLength(5);
      expect(frames[2]).toHaveLength(0);
    }
  });

  it("says to a queue of others nothing but READY, [0x02] and replies, also when it closes", async () => {
    const queue = keep(new BareQueue());
    const worker = newWorker(queue.backEndpoint, { liveness: 3 });
    void worker.serve(({ body }) => body);
    const [client] = reqs(1, queue.frontEndpoint);
    await client?.send("question");
    expect(String(await client?.receive())).toBe("question");
    const beats = () =>
      queue.heard.filter((frames) => frames.length === 1 && HEARTBEAT.equals(frames[0] as Buffer));
    await new Promise<void>((resolve) => {
      queue.looked = () => {
        if (beats().length >= 3) resolve();
      };
    });
    await worker.close();
    // The next to come is heard after all that the first one said.
    void newWorker(queue.backEndpoint).serve(({ body }) => body);
    await new Promise<void>((resolve) => {
      queue.looked = () => {
        if (queue.readies.length === 2) resolve();
      };
    });
    const commands = queue.heard.filter((frames) => frames.length < 3).map((frames) => Buffer.concat(frames));
    for (const command of commands) expect([READY, HEARTBEAT]).toContainEqual(command);
  });

  it("with a queue that gives a busy worker a second request: answers both, one after the other", async () => {
    const queue = keep(new BareQueue({ relistsBusy: true }));
    const worker = newWorker(queue.backEndpoint, { heartbeatMs: 20 });
    const isGivenMore = gate();
    let running = 0;
    let most = 0;
    void worker.serve(async ({ body }) => {
      running += 1;
      most = Math.max(most, running);
      await isGivenMore.opened;
      running -= 1;
      return body;
    });
    queue.looked = () => {
      if (queue.givenToBusy > 0) isGivenMore.open();
    };
    expect(await askInTurn(reqs(3, queue.frontEndpoint), 10)).toEqual([]);
    expect(queue.givenToBusy).toBeGreaterThan(0);
    expect(most).toBe(1);
    expect(worker.stats()).toMatchObject({ answered: 30, sessionsLost: 0, refused: 0 });
  });

  it("works on when a queue sends heartbeats to idle workers only", async () => {
    const queue = keep(new BareQueue({ heartbeatMs: 20 }));
    const worker = newWorker(queue.backEndpoint, { heartbeatMs: 20, liveness: 10 });
    const isLongSilent = gate();
    void worker.serve(async ({ body }) => {
      await isLongSilent.opened;
      return body;
    });
    const [client] = reqs(1, queue.frontEndpoint);
    await client?.send("question");
    // The worker has said so often that it lives while the queue said nothing.
    const beats = () => queue.heard.filter((frames) => frames.length === 1).length;
    queue.looked = () => {
      if (beats() >= 20) isLongSilent.open();
    };
    expect(String(await client?.receive())).toBe("question");
    expect(queue.readies).toHaveLength(1);
    expect(worker.stats()).toMatchObject({ answered: 1, sessionsLost: 0 });
  });

  it("comes back to a queue that was silent, under another name", async () => {
    const queue = keep(new BareQueue({ heartbeatMs: 2 ** 30 }));
    const worker = newWorker(queue.backEndpoint, { heartbeatMs: 20, liveness: 3, reconnect: { maxMs: 20 } });
    void worker.serve(({ body }) => body);
    const [lost] = await once(worker, "session-lost");
    expect(lost).toMatchObject({ how: "silent" });
    await once(worker, "session-opened");
    await new Promise<void>((resolve) => {
      queue.looked = () => {
        if (queue.readies.length >= 2) resolve();
      };
      queue.looked();
    });
    expect(new Set(queue.readies).size).toBe(queue.readies.length);
  });

  it("noise of a queue is counted and dropped", async () => {
    const queue = keep(new BareQueue());
    const worker = newWorker(queue.backEndpoint);
    void worker.serve(({ body }) => body);
    await new Promise<void>((resolve) => {
      queue.looked = resolve;
    });
    const endless = Array.from({ length: 300 }, () => "hop");
    const messages = [
      [""],
      ["x"],
      [READY],
      [HEARTBEAT, "no greeting"],
      ["", "", ""],
      ["a", "b", "c"],
      ["address", "more", ""],
      [...endless, "", "body"],
      [Buffer.alloc(1_000_000), "b"],
    ];
    for (const message of messages) queue.sayToReady(message);
    while (worker.stats().malformed < messages.length) await once(worker, "message-dropped");
    expect(await askInTurn(reqs(2, queue.frontEndpoint), 5)).toEqual([]);
    expect(worker.stats()).toMatchObject({ answered: 10, malformed: messages.length, sessionsLost: 0 });
  });
});
