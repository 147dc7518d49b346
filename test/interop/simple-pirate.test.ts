import { type EventEmitter, once } from "node:events";
import { LazyPirateClient } from "@seaworthy/lazy-pirate";
import { SimplePirateQueue, SimplePirateWorker } from "@seaworthy/simple-pirate";
import { afterEach, describe, expect, it } from "vitest";
import { Dealer, Request, Router } from "zeromq";

// Peers on bare zeromq sockets, written from 28/REQREP and from what the guide's programs do.

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((peer) => peer.close()));
});

function keep<T extends { close(): unknown }>(peer: T): T {
  open.push(peer);
  return peer;
}

const ANY_PORT = "tcp://127.0.0.1:*";
const READY = "\x01";

interface Ends {
  readonly frontend: string;
  readonly backend: string;
}

async function newQueue(options = {}): Promise<Ends & { queue: SimplePirateQueue }> {
  const queue = keep(new SimplePirateQueue({ lingerMs: 0, ...options }));
  return { queue, frontend: await queue.bindFrontend(ANY_PORT), backend: await queue.bindBackend(ANY_PORT) };
}

function newWorker(backend: string, options = {}): SimplePirateWorker {
  const worker = keep(new SimplePirateWorker({ lingerMs: 0, ...options }));
  worker.connect(backend);
  return worker;
}

function newClient(frontend: string): LazyPirateClient {
  const client = keep(new LazyPirateClient({ lingerMs: 0 }));
  client.connect(frontend);
  return client;
}

/** A bare DEALER, which says and reads what the test has it say and read. */
function newDealer(endpoint: string): Dealer {
  const dealer = keep(new Dealer({ linger: 0, sendHighWaterMark: 0 }));
  dealer.connect(endpoint);
  return dealer;
}

/** The next event of a type. */
async function reported(role: SimplePirateQueue | SimplePirateWorker, type: string): Promise<unknown> {
  const [event] = await once(role as unknown as EventEmitter, type);
  return event;
}

/** One request after another of a plain REQ, each answered with itself. */
async function plainRequests(frontend: string, count: number, ...first: string[]): Promise<void> {
  const req = keep(new Request({ linger: 0 }));
  req.connect(frontend);
  for (let turn = 0; turn < count; turn++) {
    const frames = [...first, `${turn}`];
    await req.send(frames);
    expect((await req.receive()).map(String)).toEqual(frames);
  }
}

/** Runs what reads a socket until that is closed. */
async function untilClosed(socket: { closed: boolean }, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!socket.closed) throw error;
  }
}

/**
 * What the guide's spworker does: a REQ with an identity of its own choice, which knows of messages of exactly
 * three frames, and sends each back as it came.
 */
async function guideWorker(
  backend: string,
  identity: string,
): Promise<{ served: number; done: Promise<void> }> {
  const req = keep(new Request({ linger: 0, routingId: identity }));
  req.connect(backend);
  await req.send(READY);
  const worker = { served: 0, done: Promise.resolve() };
  worker.done = untilClosed(req, async () => {
    for await (const frames of req) {
      if (frames.length !== 3 || frames[1]?.length !== 0) {
        throw new Error(`${identity} cannot read a message of ${frames.length} frames`);
      }
      worker.served += 1;
      await req.send(frames);
    }
  });
  return worker;
}

/** The same at our queue, which has heard of it. */
async function joinedWorker(
  { queue, backend }: { queue: SimplePirateQueue; backend: string },
  identity: string,
): Promise<{ served: number }> {
  const joined = reported(queue, "worker-joined");
  const worker = await guideWorker(backend, identity);
  await joined;
  return worker;
}

/**
 * What the guide's spqueue does: a list of workers, a message of each of which puts it at the end. Clients are
 * read only while there is one, and the whole envelope goes on to the first.
 */
class GuideQueue implements Ends {
  readonly #frontend = keep(new Router({ linger: 0 }));
  readonly #backend = keep(new Router({ linger: 0 }));
  readonly #workers: Buffer[] = [];
  #free: () => void = () => undefined;
  readonly done: Promise<unknown>;

  constructor() {
    this.#frontend.bindSync(ANY_PORT);
    this.#backend.bindSync(ANY_PORT);
    this.done = Promise.all([
      untilClosed(this.#backend, () => this.#readWorkers()),
      untilClosed(this.#frontend, () => this.#readClients()),
    ]);
  }

  get frontend(): string {
    return this.#frontend.lastEndpoint as string;
  }

  get backend(): string {
    return this.#backend.lastEndpoint as string;
  }

  async #readWorkers(): Promise<void> {
    for await (const [worker, , ...rest] of this.#backend) {
      this.#workers.push(worker as Buffer);
      this.#free();
      if (String(rest[0]) !== READY) await this.#frontend.send(rest);
    }
  }

  async #readClients(): Promise<void> {
    for (;;) {
      while (this.#workers.length === 0) {
        await new Promise<void>((resolve) => {
          this.#free = resolve;
        });
      }
      const frames = await this.#frontend.receive();
      await this.#backend.send([this.#workers.shift() as Buffer, "", ...frames]);
    }
  }
}

describe("our queue", () => {
  it("between a plain REQ client and workers in the guide's manner, which take turns", async () => {
    const ends = await newQueue();
    const workers = [await joinedWorker(ends, "1A2B-0001"), await joinedWorker(ends, "1A2B-0002")];
    await plainRequests(ends.frontend, 20);
    expect(workers.map(({ served }) => served)).toEqual([10, 10]);
    expect(ends.queue.stats()).toMatchObject({ answered: 20, workers: 2, ready: 2, repliesDropped: 0 });
  });

  it("hides envelopes of any depth from workers that know of one address frame", async () => {
    const ends = await newQueue();
    const worker = await joinedWorker(ends, "simple");
    const client = newClient(ends.frontend);
    const replies = await Promise.all(Array.from({ length: 200 }, (_, turn) => client.request(`${turn}`)));
    expect(replies.map(String)).toEqual(Array.from({ length: 200 }, (_, turn) => `${turn}`));
    const dealer = newDealer(ends.frontend);
    await dealer.send(["hop", "another", "a third", "", "x"]);
    expect((await dealer.receive()).map(String)).toEqual(["hop", "another", "a third", "", "x"]);
    expect(worker.served).toBe(201);
  });

  it("many plain clients at once, and bodies of several frames, served by a plain REQ and by ours", async () => {
    const { queue, frontend, backend } = await newQueue();
    const plain = keep(new Request({ linger: 0 }));
    plain.connect(backend);
    await plain.send(READY);
    void untilClosed(plain, async () => {
      for await (const frames of plain) await plain.send(frames);
    });
    void newWorker(backend).serve(({ body }) => body, { concurrency: 3 });
    await Promise.all(Array.from({ length: 20 }, (_, who) => plainRequests(frontend, 20, `${who}`)));
    expect(queue.stats()).toMatchObject({ requests: 400, answered: 400, lost: 0 });
  });

  it("hears a worker again that is closed and opened anew under its identity, and is done with the old one", async () => {
    const { queue, frontend, backend } = await newQueue();
    const first = keep(new Request({ linger: 0, routingId: "fixed" }));
    first.connect(backend);
    await first.send(READY);
    const client = newDealer(frontend);
    await client.send(["1", "", "lost"]);
    await first.receive();
    const lost = reported(queue, "request-lost");
    first.close();
    const second = await guideWorker(backend, "fixed");
    expect(await lost).toMatchObject({ worker: "fixed", reason: "worker-ready" });
    await client.send(["2", "", "asked again"]);
    expect((await client.receive()).map(String)).toEqual(["2", "", "asked again"]);
    expect(second.served).toBe(1);
    expect(queue.stats()).toMatchObject({ workers: 1, ready: 1, busy: 0, lost: 1, answered: 1 });
  });
});

describe("our worker", () => {
  it("at a queue in the guide's manner, with plain REQ clients", async () => {
    const queue = new GuideQueue();
    const worker = newWorker(queue.backend);
    void worker.serve(({ body }) => body, { concurrency: 4 });
    await Promise.all(Array.from({ length: 10 }, (_, who) => plainRequests(queue.frontend, 20, `${who}`)));
    expect(worker.stats()).toMatchObject({ requests: 200, answered: 200, sessions: 4 });
  });

  it("gives back the whole envelope as it came: our client has two address frames", async () => {
    const queue = new GuideQueue();
    void newWorker(queue.backend).serve(({ body }) => body, { concurrency: 4 });
    const client = newClient(queue.frontend);
    const replies = await Promise.all(Array.from({ length: 200 }, (_, turn) => client.request(`${turn}`)));
    expect(replies.map(String)).toEqual(Array.from({ length: 200 }, (_, turn) => `${turn}`));
  });

  it("shares the work at such a queue with workers in the guide's manner", async () => {
    const queue = new GuideQueue();
    const ours = newWorker(queue.backend);
    const opened = reported(ours, "session-opened");
    void ours.serve(({ body }) => body);
    await opened;
    const theirs = await guideWorker(queue.backend, "theirs");
    const req = keep(new Request({ linger: 0 }));
    req.connect(queue.frontend);
    const ask = async (): Promise<void> => {
      await req.send("x");
      expect(String(await req.receive())).toBe("x");
    };
    while (ours.stats().answered === 0 || theirs.served === 0) await ask();
    const before = [ours.stats().answered, theirs.served];
    for (let count = 0; count < 20; count++) await ask();
    expect([ours.stats().answered, theirs.served]).toEqual(before.map((served) => served + 10));
  });

  it("whose handler fails is free again at such a queue, too", async () => {
    const queue = new GuideQueue();
    const worker = newWorker(queue.backend);
    let failures = 0;
    void worker.serve(({ body }) => {
      if (failures++ === 0) throw new Error("once");
      return body;
    });
    const client = newDealer(queue.frontend);
    for (const id of ["1", "2"]) await client.send([id, "", "x"]);
    expect((await client.receive()).map(String)).toEqual(["2", "", "x"]);
    expect(worker.stats()).toMatchObject({ failed: 1, answered: 1, sessions: 1 });
  });
});

describe("hostile workers", () => {
  /** Everything that is neither READY nor a reply, behind the routing id that the ROUTER adds. */
  const garbage = [
    ["x"],
    [""],
    ["", ""],
    ["", "", "no address"],
    ["", "\x02"],
    ["", "address", ""],
    ["", "address", "no empty frame"],
    ["", ...Array.from({ length: 200 }, () => "hop"), "", "x"],
  ];

  it("garbage is counted and dropped, and nobody who says only that is a worker", async () => {
    const { queue, backend } = await newQueue();
    const hostile = newDealer(backend);
    const joined = reported(queue, "worker-joined");
    for (const frames of garbage) await hostile.send(frames);
    await hostile.send(["", READY]);
    await joined;
    expect(queue.stats()).toMatchObject({ malformed: garbage.length, workers: 1, repliesDropped: 0 });
  });

  it("one that says READY a thousand times has one place in the list", async () => {
    const { queue, frontend, backend } = await newQueue();
    const hostile = newDealer(backend);
    for (let count = 0; count < 1000; count++) await hostile.send(["", READY]);
    const read = reported(queue, "message-dropped");
    await hostile.send("end");
    await read;
    expect(queue.stats()).toMatchObject({ workers: 1, ready: 1 });
    const honest = await joinedWorker({ queue, backend }, "honest");
    const client = newDealer(frontend);
    for (const id of ["1", "2", "3", "4"]) await client.send([id, "", "x"]);
    // It has one of them, which it keeps, and the others go to others.
    expect(String((await hostile.receive()).at(-1))).toBe("x");
    for (const id of ["2", "3", "4"]) expect(String((await client.receive())[0])).toBe(id);
    expect(honest.served).toBe(3);
    expect(queue.stats()).toMatchObject({ dispatched: 4, answered: 3, busy: 1, ready: 1, lost: 0 });
  });

  it("replies that nobody asked for, to addresses of 1 MB and of 30 frames, reach no client", async () => {
    const { queue, frontend, backend } = await newQueue();
    const hostile = newDealer(backend);
    await hostile.send(["", READY]);
    const victim = keep(new Request({ linger: 0, routingId: "victim" }));
    victim.connect(frontend);
    await victim.send("question");
    const [, address, , question] = (await hostile.receive()) as [Buffer, Buffer, Buffer, Buffer];
    const foreign = Buffer.from(address);
    foreign.writeUInt8(foreign.readUInt8(0) ^ 0xff, 0);
    const other = Buffer.from(address);
    other.writeUInt8(other.readUInt8(15) + 1, 15);
    const invented = [
      ["victim"],
      [foreign],
      [other],
      [Buffer.alloc(1_000_000, 1)],
      [address, address],
      Array.from({ length: 30 }, () => "hop"),
      [Buffer.concat([address, Buffer.from([0])])],
    ];
    for (const [count, to] of invented.entries()) {
      const dropped = reported(queue, "reply-dropped");
      await hostile.send(["", ...to, "", "lie"]);
      expect(await dropped).toMatchObject({ reason: "unknown" });
      expect(queue.stats()).toMatchObject({ repliesDropped: count + 1, answered: 0, busy: 1 });
    }
    await hostile.send(["", address, "", question]);
    expect(String(await victim.receive())).toBe("question");
    expect(queue.stats()).toMatchObject({ answered: 1, workers: 1, ready: 1, undeliverable: 0 });
  });

  it("more of them than `maxWorkers`, each with a request that it keeps, push out only each other", async () => {
    const { queue, frontend, backend } = await newQueue({ maxWorkers: 5 });
    const client = newDealer(frontend);
    for (let id = 0; id <= 20; id++) await client.send([`${id}`, "", "x"]);
    for (let count = 0; count < 20; count++) {
      const hostile = newDealer(backend);
      await hostile.send(["", READY]);
      expect(String((await hostile.receive()).at(-1))).toBe("x");
    }
    expect(queue.stats()).toMatchObject({ workers: 5, busy: 5, lost: 15 });
    await guideWorker(backend, "honest");
    expect((await client.receive()).map(String)).toEqual(["20", "", "x"]);
    expect(queue.stats()).toMatchObject({ workers: 5, busy: 4, ready: 1, lost: 16 });
  });
});
