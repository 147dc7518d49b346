import { LazyPirateClient, LazyPirateServer } from "@seaworthy/lazy-pirate";
import { afterEach, describe, expect, it } from "vitest";
import { Dealer, Reply, Request, Router, Proxy as ZmqProxy } from "zeromq";

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

function listening<T extends Reply | Router | Dealer>(socket: T): [T, string] {
  keep(socket).bindSync(ANY_PORT);
  return [socket, socket.lastEndpoint as string];
}

async function newServer(options = {}): Promise<[LazyPirateServer, string]> {
  const server = keep(new LazyPirateServer({ lingerMs: 0, ...options }));
  return [server, await server.bind(ANY_PORT)];
}

function newClient(endpoint: string, options = {}): LazyPirateClient {
  const client = keep(new LazyPirateClient({ lingerMs: 0, ...options }));
  client.connect(endpoint);
  return client;
}

/** What the guide's lpserver does: one request at a time, each answered with itself. */
async function echoReply(socket: Reply): Promise<void> {
  for await (const body of socket) await socket.send(body);
}

describe("our client", () => {
  it("against a bare REP server: many requests in flight, each with its own reply", async () => {
    const [rep, endpoint] = listening(new Reply({ linger: 0 }));
    const served = echoReply(rep);
    const client = newClient(endpoint);
    const replies = await Promise.all(Array.from({ length: 500 }, (_, index) => client.request(`${index}`)));
    expect(replies.map(([body]) => Number(body))).toEqual(Array.from({ length: 500 }, (_, index) => index));
    rep.close();
    await served;
  });

  it("against a bare ROUTER server that answers out of order", async () => {
    const [router, endpoint] = listening(new Router({ linger: 0 }));
    const client = newClient(endpoint);
    const replies = Promise.all(["a", "b", "c"].map((body) => client.request([body, "second frame"])));
    const messages = [await router.receive(), await router.receive(), await router.receive()];
    for (const message of messages.reverse()) await router.send(message);
    expect((await replies).map((frames) => frames.join("+"))).toEqual([
      "a+second frame",
      "b+second frame",
      "c+second frame",
    ]);
  });

  it("sends exactly [request id, 20 bytes][][body…], and the same id on each retry", async () => {
    const [router, endpoint] = listening(new Router({ linger: 0 }));
    const client = newClient(endpoint, { timeoutMs: 100, attempts: 10, backoff: { initialMs: 1 } });
    const reply = client.request(["body", "more"]);
    const [, firstId, ...first] = await router.receive();
    const [route, secondId, ...second] = await router.receive();
    expect(first.map(String)).toEqual(["", "body", "more"]);
    expect(firstId).toHaveLength(20);
    expect(secondId).toEqual(firstId);
    expect(second).toEqual(first);
    await router.send([route as Buffer, secondId as Buffer, ...second]);
    // On a busy machine this may be too late for an attempt: those that follow are answered as well.
    void (async () => {
      for await (const again of router) await router.send(again);
    })();
    expect((await reply).map(String)).toEqual(["body", "more"]);
  });

  it("through a ROUTER–DEALER queue to several REP servers", async () => {
    const [frontend, frontEndpoint] = listening(new Router());
    const [backend, backEndpoint] = listening(new Dealer());
    const queue = new ZmqProxy(frontend, backend);
    const queued = queue.run();
    // The queue owns its sockets from here on.
    open.splice(0);
    const workers = [1, 2].map(() => keep(new Reply({ linger: 0 })));
    const served = workers.map((worker) => {
      worker.connect(backEndpoint);
      return echoReply(worker);
    });
    const client = newClient(frontEndpoint);
    const replies = await Promise.all(Array.from({ length: 100 }, (_, index) => client.request(`${index}`)));
    expect(replies.map(String)).toEqual(Array.from({ length: 100 }, (_, index) => `${index}`));
    queue.terminate();
    await queued;
    for (const worker of workers) worker.close();
    await Promise.all(served);
  });

  it("an answer that nobody asked for, an answer twice, and noise disturb nothing", async () => {
    const [router, endpoint] = listening(new Router({ linger: 0 }));
    const client = newClient(endpoint);
    const reply = client.request("x");
    const [route, id, ...rest] = (await router.receive()) as [Buffer, Buffer, ...Buffer[]];
    const reasons: string[] = [];
    const late = new Promise<void>((resolve) => {
      client.on("reply-dropped", ({ reason }) => {
        reasons.push(reason);
        if (reason === "late") resolve();
      });
    });
    const foreign = Buffer.from(id);
    foreign.writeUInt8(foreign.readUInt8(4) ^ 0xff, 4);
    for (const frames of [
      [""],
      ["", "x"],
      [id],
      [id, "x"],
      [Buffer.alloc(1_000_000), "", "x"],
      [foreign, "", "x"],
    ]) {
      await router.send([route, ...frames]);
    }
    await router.send([route, id, ...rest]);
    await router.send([route, id, ...rest]);
    expect(String(await reply)).toBe("x");
    await late;
    expect(reasons).toEqual(["unknown", "late"]);
    expect(client.stats()).toMatchObject({ answered: 1, lateReplies: 1, dropped: 6 });
  });
});

describe("our server", () => {
  it("against bare REQ clients, one after another and several at once", async () => {
    const [server, endpoint] = await newServer();
    void server.serve(({ body }) => body, { concurrency: 10 });
    await Promise.all(
      Array.from({ length: 20 }, async (_, who) => {
        const req = keep(new Request({ linger: 0 }));
        req.connect(endpoint);
        for (let turn = 0; turn < 20; turn++) {
          await req.send([`${who}`, `${turn}`]);
          expect((await req.receive()).map(String)).toEqual([`${who}`, `${turn}`]);
        }
      }),
    );
    expect(server.stats()).toMatchObject({ answered: 400 });
  });

  it("against the guide's lpclient: a REQ that is closed and opened anew on each timeout", async () => {
    const [server, endpoint] = await newServer({ replyCache: true });
    const asked: string[] = [];
    const mute = server[Symbol.asyncIterator]();
    for (let attempt = 1; attempt <= 3; attempt++) {
      const req = new Request({ linger: 0 });
      req.connect(endpoint);
      await req.send("1");
      asked.push(String((await mute.next()).value?.body));
      req.close();
    }
    // A plain REQ has no request id: each of its attempts is a request of its own.
    expect(asked).toEqual(["1", "1", "1"]);
    void server.serve(({ body }) => body);
    const req = keep(new Request({ linger: 0 }));
    req.connect(endpoint);
    await req.send("2");
    expect(String(await req.receive())).toBe("2");
  });

  it("against a REQ with correlation: its request id comes back first", async () => {
    const [server, endpoint] = await newServer({ replyCache: true });
    void server.serve(({ body }) => body);
    const req = keep(new Request({ linger: 0, correlate: true, relaxed: true }));
    req.connect(endpoint);
    for (const body of ["a", "b"]) {
      await req.send(body);
      expect(String(await req.receive())).toBe(body);
    }
  });

  it("against REQ clients behind a ROUTER–DEALER queue, whose hops are no request ids", async () => {
    const [server, endpoint] = await newServer({ replyCache: true });
    void server.serve(({ body }) => body, { concurrency: 5 });
    const [frontend, frontEndpoint] = listening(new Router());
    const backend = new Dealer();
    backend.connect(endpoint);
    const queue = new ZmqProxy(frontend, backend);
    const queued = queue.run();
    open.splice(open.indexOf(frontend), 1);
    const req = keep(new Request({ linger: 0 }));
    req.connect(frontEndpoint);
    for (const body of ["a", "b", "c"]) {
      await req.send(body);
      expect(String(await req.receive())).toBe(body);
    }
    expect(server.stats()).toMatchObject({ run: 3, repeats: 0 });
    queue.terminate();
    await queued;
  });

  it("hostile clients: noise is counted and dropped, and others are served", async () => {
    const [server, endpoint] = await newServer({ maxBodyBytes: 1000 });
    void server.serve(({ body }) => body);
    const hostile = keep(new Dealer({ linger: 0, sendHighWaterMark: 0 }));
    hostile.connect(endpoint);
    const endless = Array.from({ length: 200 }, () => "hop");
    for (const frames of [["x"], [""], endless, [...endless, "", "x"], ["", Buffer.alloc(1001)]])
      await hostile.send(frames);
    await hostile.send(["", "still served"]);
    expect((await hostile.receive()).map(String)).toEqual(["", "still served"]);
    expect(server.stats()).toMatchObject({ malformed: 4, refused: 1, answered: 1 });
  });
});
