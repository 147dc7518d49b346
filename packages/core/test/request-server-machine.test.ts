import { describe, expect, it } from "vitest";
import {
  type RequestServerInput,
  RequestServerMachine,
  type RequestServerOptions,
  type RequestServerOutput,
  resolveRequestServerOptions,
} from "../src/index.js";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

class ServerDriver {
  readonly machine: RequestServerMachine;
  readonly outputs: RequestServerOutput[] = [];
  now = 0;

  constructor(options: RequestServerOptions = {}) {
    this.machine = new RequestServerMachine(resolveRequestServerOptions("Server", options));
  }

  feed(input: RequestServerInput | { type: "stalled"; ms: number }): this {
    this.machine.handle(input, this.now);
    for (let output = this.machine.take(); output !== undefined; output = this.machine.take()) {
      this.outputs.push(output);
    }
    return this;
  }

  /** A request by way of `route`, with the key of one of our clients if given. */
  request(route: number, key?: string, body: Uint8Array = bytes(route)): this {
    return this.feed({ type: "request", route: [bytes(route)], key, kind: 0, body: [body] });
  }

  demand(count: number): this {
    return this.feed({ type: "demand", count });
  }

  reply(ticket: number): this {
    return this.feed({ type: "reply", ticket, body: [bytes(200 + ticket)] });
  }

  get runs(): number[] {
    return this.outputs.flatMap((output) => (output.type === "run" ? [output.ticket] : []));
  }

  /** Answers as `route: first byte of the reply`, or the failure's message. */
  get answers(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type !== "answer") return [];
      const { outcome } = output;
      return [
        `${output.route[0]?.[0]}: ${outcome.type === "reply" ? outcome.body[0]?.[0] : outcome.message}`,
      ];
    });
  }

  get statuses(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type !== "status") return [];
      return ["reason" in output.event ? `${output.event.type}:${output.event.reason}` : output.event.type];
    });
  }
}

describe("handlers", () => {
  it("get requests in order, as many as they ask for", () => {
    const server = new ServerDriver().request(1).request(2).request(3);
    expect(server.runs).toEqual([]);
    expect(server.demand(2).runs).toEqual([1, 2]);
    expect(server.machine).toMatchObject({ queued: 1, running: 2 });
    expect(server.demand(2).runs).toEqual([1, 2, 3]);
    expect(server.request(4).runs).toEqual([1, 2, 3, 4]);
  });

  it("answer each request by the way it came, in any order", () => {
    const server = new ServerDriver().demand(2).request(1).request(2).reply(2).reply(1);
    expect(server.answers).toEqual(["2: 202", "1: 201"]);
    expect(server.machine.stats).toMatchObject({ requests: 2, run: 2, answered: 2 });
  });

  it("answer once", () => {
    const server = new ServerDriver().demand(1).request(1).reply(1).reply(1);
    server.feed({ type: "fail", ticket: 1, message: "x" }).feed({ type: "drop", ticket: 1 });
    expect(server.answers).toHaveLength(1);
    expect(server.machine.stats).toMatchObject({ answered: 1, failed: 0, dropped: 0 });
  });

  it("that throw are reported", () => {
    const server = new ServerDriver().demand(1).request(1);
    server.feed({ type: "fail", ticket: 1, message: "broken" });
    expect(server.answers).toEqual(["1: broken"]);
    expect(server.statuses).toEqual(["handler-failed"]);
    expect(server.machine.stats).toMatchObject({ failed: 1, answered: 0 });
  });

  it("may drop a request", () => {
    const server = new ServerDriver({ replyCache: true }).demand(2).request(1, "k");
    server.feed({ type: "drop", ticket: 1 });
    expect(server.answers).toEqual([]);
    expect(server.machine).toMatchObject({ running: 0, stats: { dropped: 1 } });
    expect(server.request(1, "k").runs).toEqual([1, 2]);
  });
});

describe("limits", () => {
  it("a full queue refuses with an event", () => {
    const server = new ServerDriver({ maxQueued: 2 }).request(1).request(2).request(3);
    expect(server.statuses).toEqual(["request-refused:queue-full"]);
    expect(server.machine).toMatchObject({ queued: 2, stats: { refused: 1 } });
    expect(server.demand(5).runs).toEqual([1, 2]);
  });

  it("a queue with too many bytes refuses too, and has room again when a handler takes one", () => {
    const server = new ServerDriver({ maxQueuedBytes: 10 });
    const ask = () => server.request(1, undefined, new Uint8Array(4));
    ask();
    ask();
    ask();
    expect(server.statuses).toEqual(["request-refused:queue-full"]);
    server.demand(1);
    ask();
    expect(server.machine).toMatchObject({ queued: 2, running: 1, stats: { refused: 1 } });
  });

  it("what waits counts with its envelope, and with very many frames, which take memory though they are empty", () => {
    const empty = Array.from({ length: 1000 }, () => bytes());
    for (const [route, body] of [
      [[bytes(1), new Uint8Array(20_000)], [bytes(1)]],
      [[bytes(1)], empty],
    ] as [Uint8Array[], Uint8Array[]][]) {
      const server = new ServerDriver({ maxQueuedBytes: 10_000 });
      server.feed({ type: "request", route, key: undefined, kind: 0, body });
      expect(server.statuses).toEqual(["request-refused:queue-full"]);
    }
  });

  it("a repeat that joins a waiting request brings no more of an envelope than there is room for", () => {
    const server = new ServerDriver({ maxQueuedBytes: 30, replyCache: true }).request(1, "a");
    const repeat = (...route: Uint8Array[]) =>
      server.feed({ type: "request", route, key: "a", kind: 0, body: [bytes(1)] });
    repeat(bytes(2), new Uint8Array(20));
    for (let n = 0; n < 5; n++) server.request(3);
    expect(server.machine).toMatchObject({ queued: 5, stats: { refused: 1 } });
    repeat(bytes(7), new Uint8Array(40));
    expect(server.statuses.filter((status) => status === "repeat-joined")).toHaveLength(2);
    expect(server.demand(5).reply(1).answers).toEqual(["2: 201"]);
    // All of it has room again.
    for (let n = 0; n < 16; n++) server.request(1);
    expect(server.machine).toMatchObject({ queued: 15, stats: { refused: 2 } });
  });

  it("an application that does not answer is given no more, until it does", () => {
    const server = new ServerDriver({ maxUnanswered: 2 })
      .demand(9)
      .request(1)
      .request(2)
      .request(3)
      .request(4);
    expect(server.runs).toEqual([1, 2]);
    expect(server.reply(2).runs).toEqual([1, 2, 3]);
    server.feed({ type: "drop", ticket: 1 });
    expect(server.runs).toEqual([1, 2, 3, 4]);
  });

  it("too large a body is refused with an event, and with a failure for who understands it", () => {
    const server = new ServerDriver({ maxBodyBytes: 4 }).demand(2).request(1, undefined, new Uint8Array(4));
    server.request(2, undefined, new Uint8Array(5));
    expect(server.statuses).toEqual(["request-refused:body-too-large"]);
    expect(server.answers).toEqual(["2: the request's body is larger than maxBodyBytes = 4"]);
    expect(server.runs).toEqual([1]);
  });
});

describe("repeats", () => {
  it("without the cache run again", () => {
    const server = new ServerDriver().demand(2).request(1, "k").request(1, "k");
    expect(server.runs).toEqual([1, 2]);
    expect(server.reply(1).reply(2).machine.cached).toBe(0);
  });

  it("with the cache are answered with what was answered before, by the way the repeat came", () => {
    const server = new ServerDriver({ replyCache: true }).demand(9).request(1, "k").reply(1).request(2, "k");
    expect(server.runs).toEqual([1]);
    expect(server.answers).toEqual(["1: 201", "2: 201"]);
    expect(server.statuses).toEqual(["repeat-answered"]);
    expect(server.machine.stats.repeats).toBe(1);
  });

  it("of a request that waits or runs join it, and the answer goes the latest way", () => {
    const server = new ServerDriver({ replyCache: true }).request(1, "k").request(2, "k").demand(9);
    server.request(3, "k").reply(1);
    expect(server.runs).toEqual([1]);
    expect(server.statuses).toEqual(["repeat-joined", "repeat-joined"]);
    expect(server.answers).toEqual(["3: 201"]);
  });

  it("of a request whose handler failed get the failure again", () => {
    const server = new ServerDriver({ replyCache: true }).demand(9).request(1, "k");
    server.feed({ type: "fail", ticket: 1, message: "broken" }).request(2, "k");
    expect(server.answers).toEqual(["1: broken", "2: broken"]);
  });

  it("of clients that are not ours are never taken for repeats", () => {
    const server = new ServerDriver({ replyCache: true }).demand(9).request(1).reply(1).request(1);
    expect(server.runs).toEqual([1, 2]);
    expect(server.machine.cached).toBe(0);
  });

  it("are answered while the server is closing", () => {
    const server = new ServerDriver({ replyCache: true }).demand(9).request(1, "k").reply(1);
    server.feed({ type: "close" }).request(2, "k").request(2, "new");
    expect(server.answers).toEqual(["1: 201", "2: 201"]);
    expect(server.statuses).toContain("request-refused:closing");
  });
});

describe("the reply cache", () => {
  it("does not keep a reply of more frames than its bytes allow, empty as they are", () => {
    const server = new ServerDriver({ replyCache: { maxBytes: 10_000 } }).demand(2).request(1, "a");
    server.feed({ type: "reply", ticket: 1, body: Array.from({ length: 1000 }, () => bytes()) });
    expect(server.machine.cached).toBe(0);
    expect(server.request(2, "b").reply(2).machine.cached).toBe(1);
  });

  it("forgets by count, the oldest first", () => {
    const server = new ServerDriver({ replyCache: { maxEntries: 2 } }).demand(9);
    for (const [index, key] of ["a", "b", "c"].entries()) server.request(1, key).reply(index + 1);
    expect(server.machine.cached).toBe(2);
    expect(server.request(1, "b").runs).toHaveLength(3);
    expect(server.request(1, "a").runs).toHaveLength(4);
  });

  it("keeps copies: what the application does with its buffers later changes no remembered reply", () => {
    const server = new ServerDriver({ replyCache: true }).demand(9).request(1, "a");
    const buffer = Uint8Array.of(1);
    server.feed({ type: "reply", ticket: 1, body: [buffer] });
    buffer[0] = 2;
    expect(server.request(7, "a").answers.at(-1)).toBe("7: 1");
  });

  it("forgets by age, counted from the answer", () => {
    const server = new ServerDriver({ replyCache: { maxAgeMs: 100 } }).demand(9).request(1, "a");
    expect(server.machine.deadline).toBeUndefined();
    server.now = 50;
    server.reply(1);
    expect(server.machine.deadline).toBe(150);
    server.machine.tick(149);
    expect(server.machine.cached).toBe(1);
    server.machine.tick(150);
    expect(server.machine).toMatchObject({ cached: 0, deadline: undefined });
    expect(server.request(1, "a").runs).toHaveLength(2);
  });

  it("forgets by size, and does not keep what alone is too large", () => {
    const server = new ServerDriver({ replyCache: { maxBytes: 20 } }).demand(9);
    const reply = (ticket: number, size: number) =>
      server.feed({ type: "reply", ticket, body: [new Uint8Array(size)] });
    server.request(1, "a").request(1, "b").request(1, "c").request(1, "d");
    reply(1, 9);
    reply(2, 9);
    expect(server.machine.cached).toBe(2);
    reply(3, 9);
    expect(server.machine.cached).toBe(2);
    reply(4, 20);
    expect(server.machine.cached).toBe(2);
    server.request(1, "e").feed({ type: "fail", ticket: 5, message: "x".repeat(19) });
    expect(server.machine.cached).toBe(1);
  });
});

describe("closing", () => {
  it("refuses what waits and what comes, and lets what runs be answered", () => {
    const server = new ServerDriver({ replyCache: true })
      .demand(1)
      .request(1, "a")
      .request(2, "b")
      .request(3);
    server.feed({ type: "close" }).request(4);
    expect(server.statuses).toEqual(Array.from({ length: 3 }, () => "request-refused:closing"));
    expect(server.reply(1).answers).toEqual(["1: 201"]);
    expect(server.machine).toMatchObject({ queued: 0, running: 0 });
  });
});

describe("a request that is handed over", () => {
  const frame = {
    type: "request",
    route: [bytes(1), bytes(2)],
    key: "k",
    kind: 7,
    body: [bytes(3)],
  } as const;
  const request = { ...frame, route: [...frame.route], body: [...frame.body] };

  it("has all that came with it", () => {
    const server = new ServerDriver().demand(1).feed({ ...request, tag: 99 });
    expect(server.outputs).toEqual([{ ...frame, type: "run", ticket: 1, tag: 99 }]);
  });

  it("has the tag 0 if none came with it", () => {
    expect(new ServerDriver().demand(1).feed(request).outputs).toEqual([
      { ...frame, type: "run", ticket: 1, tag: 0 },
    ]);
  });

  it("has the way of its latest repeat, and its own kind and tag", () => {
    const server = new ServerDriver({ replyCache: true }).feed({ ...request, tag: 99 }).request(5, "k");
    expect(server.demand(1).outputs.at(-1)).toEqual({
      ...frame,
      type: "run",
      ticket: 1,
      tag: 99,
      route: [bytes(5)],
    });
  });
});

describe("an answer that was held back", () => {
  const forget = { type: "forget", key: "k" } as const;

  it("is forgotten: a repeat runs", () => {
    const server = new ServerDriver({ replyCache: true }).demand(9).request(1, "k").request(2, "other");
    server.reply(1).reply(2).feed(forget);
    expect(server.machine.cached).toBe(1);
    server.request(3, "k").request(4, "other").reply(3);
    expect(server.runs).toEqual([1, 2, 3]);
    expect(server.answers).toEqual(["1: 201", "2: 202", "4: 202", "3: 203"]);
  });

  it("leaves the room that it took, and what comes after it in its place", () => {
    const server = new ServerDriver({ replyCache: { maxEntries: 2, maxBytes: 20, maxAgeMs: 100 } }).demand(9);
    server.request(1, "k").reply(1).feed(forget);
    server.now = 50;
    for (const [index, key] of ["a", "k"].entries()) {
      server.request(1, key).feed({ type: "reply", ticket: index + 2, body: [new Uint8Array(9)] });
    }
    expect(server.machine).toMatchObject({ cached: 2, deadline: 150 });
    server.machine.tick(100);
    expect(server.machine.cached, "the age of the first is not that of the second").toBe(2);
  });

  it("is no matter where it is not remembered, or nothing is", () => {
    const server = new ServerDriver({ replyCache: true }).demand(9).feed(forget).request(1, "k").feed(forget);
    expect(server.request(2, "k").reply(1).answers, "what runs is joined as ever").toEqual(["2: 201"]);
    const bare = new ServerDriver().demand(9).request(1, "k").reply(1).feed(forget);
    expect(bare.request(2, "k").runs).toEqual([1, 2]);
  });
});

describe("revoking", () => {
  const revoke = { type: "revoke", reason: "revoked" } as const;

  it("refuses what waits, and takes later requests as ever", () => {
    const server = new ServerDriver().request(1).request(2, "b").feed(revoke);
    expect(server.statuses).toEqual(["request-refused:revoked", "request-refused:revoked"]);
    expect(server.machine).toMatchObject({ queued: 0, stats: { refused: 2, revoked: 0 } });
    expect(server.demand(2).request(3).reply(3).answers).toEqual(["3: 203"]);
  });

  it("makes room for as many bytes as waited", () => {
    const server = new ServerDriver({ maxQueuedBytes: 10 });
    const ask = () => server.request(1, undefined, new Uint8Array(9));
    ask();
    server.feed(revoke);
    ask();
    expect(server.machine).toMatchObject({ queued: 1, stats: { refused: 1 } });
  });

  it("lets what runs go on and sends none of its answers, however it ends", () => {
    const server = new ServerDriver({ replyCache: true }).demand(3);
    server.request(1, "a").request(2, "b").request(3).feed(revoke);
    expect(server.machine).toMatchObject({ running: 3, stats: { revoked: 0 } });
    server.reply(1).feed({ type: "fail", ticket: 2, message: "x" }).feed({ type: "drop", ticket: 3 });
    expect([server.answers, server.statuses]).toEqual([[], []]);
    expect(server.machine).toMatchObject({
      running: 0,
      cached: 0,
      stats: { run: 3, answered: 0, failed: 0, dropped: 0, revoked: 3 },
    });
  });

  it("leaves what runs in the hands that it has", () => {
    const server = new ServerDriver({ maxUnanswered: 1 }).demand(2).request(1).feed(revoke).request(2);
    expect(server.runs).toEqual([1]);
    expect(server.reply(1).runs).toEqual([1, 2]);
    expect(server.reply(2).answers).toEqual(["2: 202"]);
  });

  it("gives a hand that drops what was revoked the next request", () => {
    const server = new ServerDriver({ maxUnanswered: 1 }).demand(2).request(1).feed(revoke).request(2);
    expect(server.feed({ type: "drop", ticket: 1 }).runs).toEqual([1, 2]);
  });

  it("forgets who joined: a repeat runs as a request of its own", () => {
    const server = new ServerDriver({ replyCache: true }).demand(9).request(1, "k").request(2, "k");
    server.feed(revoke).request(3, "k");
    expect(server.runs).toEqual([1, 2]);
    server.reply(1).request(4, "k");
    expect(server.statuses, "the end of the first is not that of the second").toEqual([
      "repeat-joined",
      "repeat-joined",
    ]);
    expect(server.reply(2).answers).toEqual(["4: 202"]);
  });

  it("forgets what was answered before: a repeat runs, and what it gets is remembered", () => {
    const server = new ServerDriver({ replyCache: { maxBytes: 20, maxAgeMs: 100 } }).demand(9);
    const reply = (ticket: number) => server.feed({ type: "reply", ticket, body: [new Uint8Array(14)] });
    server.request(1, "k");
    reply(1).feed(revoke);
    expect(server.machine).toMatchObject({ cached: 0, deadline: undefined });
    server.now = 50;
    server.request(2, "k");
    expect([server.runs, server.answers]).toEqual([[1, 2], ["1: 0"]]);
    expect(reply(2).machine, "what was forgotten takes no room").toMatchObject({ cached: 1, deadline: 150 });
    server.request(3, "k");
    expect([server.runs, server.answers]).toEqual([
      [1, 2],
      ["1: 0", "2: 0", "3: 0"],
    ]);
  });

  it("twice counts each request once", () => {
    const server = new ServerDriver().demand(1).request(1).request(2).feed(revoke).feed(revoke).reply(1);
    expect(server.machine.stats).toMatchObject({ refused: 1, revoked: 1 });
  });

  it("does not open a server that is closing", () => {
    const server = new ServerDriver().demand(1).request(1).feed({ type: "close" }).feed(revoke).request(2);
    expect(server.statuses).toEqual(["request-refused:closing"]);
    expect(server.reply(1).machine).toMatchObject({ running: 0, stats: { revoked: 1 } });
  });
});

it("malformed messages and replies that cannot be delivered are counted and reported", () => {
  const server = new ServerDriver().feed({ type: "malformed", reason: "short" });
  server.feed({ type: "undeliverable", reason: "peer-unknown" }).feed({ type: "stalled", ms: 500 });
  expect(server.statuses).toEqual(["message-dropped:short", "reply-undeliverable:peer-unknown"]);
  expect(server.machine.stats).toMatchObject({ malformed: 1, undeliverable: 1 });
  server.machine.tick(1);
});
