import { frameText, RequestServerMachine, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import { resolveStarServerOptions, type StarServerOptions } from "../src/server-options.js";
import { wireStarServer } from "../src/server-wiring.js";
import { BinaryStarMachine } from "../src/star-machine.js";
import {
  encodeFailure,
  encodeRefusal,
  encodeReply,
  encodeRequest,
  encodeRequestId,
  encodeState,
  type PublishedState,
} from "../src/wire.js";

const hop = Uint8Array.of(0, 1, 2, 3, 4);
const idOf = (sequence: number): Uint8Array => encodeRequestId({ epoch: 1n, sequence: BigInt(sequence) });
const text = (word: string): Uint8Array[] => [textFrame(word)];

function wire(options: StarServerOptions, more: { leaseMs?: number; activates?: boolean } = {}) {
  const sockets = new FakeSockets();
  const clock = new HandClock();
  const { star: starOptions, server: serverOptions } = resolveStarServerOptions("Server", options);
  const events: string[] = [];
  const runs: { ticket: number; tag: number; body: Uint8Array[] }[] = [];
  const { leaseMs, activates = true } = more;
  // The test plays the arbiter.
  const never = (): Promise<never> => new Promise(() => {});
  const arbiter = leaseMs === undefined ? undefined : { acquire: never, renew: never, release: never };
  const star = new BinaryStarMachine(starOptions, { asksForEpochs: arbiter !== undefined });
  const server = new RequestServerMachine(serverOptions);
  const wired = wireStarServer(
    { star, server },
    {
      transport: sockets,
      scheduler: clock,
      socket: serverOptions.socket,
      peerSocket: starOptions.peerSocket,
      arbiter,
      owner: {
        run: (run) => runs.push(run),
        revoke: (epoch, reason) => events.push(`revoke ${epoch} ${reason}`),
        activate(epoch) {
          events.push(`activate ${epoch}`);
          if (activates) wired.feedStar({ type: "activated", epoch });
        },
        deactivate: (epoch, reason) => events.push(`deactivate ${epoch} ${reason}`),
        transfer: (transfer) => events.push(`transfer ${transfer}`),
        stopTransfer: (transfer) => events.push(`stop-transfer ${transfer}`),
        status: (event) => events.push(event.type),
      },
    },
  );
  const [publisher, subscriber, router] = [sockets.at(0), sockets.at(1), sockets.at(2)];
  wired.connectPeer("tcp://peer:1");
  return {
    clock,
    star,
    server,
    wired,
    events,
    runs,
    publisher,
    subscriber,
    router,
    hear: (state: PublishedState, epoch: number) =>
      subscriber.handlers.message([
        ...encodeState(state, {
          role: options.role === "primary" ? "backup" : "primary",
          heartbeatMs: 1000,
          epoch,
        }),
      ]),
    /** One of our clients asks. */
    ask: (sequence: number, word = "hi") =>
      router.handlers.message([hop, ...encodeRequest(idOf(sequence), text(word))]),
    /** A REQ asks. */
    askPlain: (word = "hi") => router.handlers.message([hop, new Uint8Array(0), textFrame(word)]),
    reply: (ticket: number, word = "done") => wired.feed({ type: "reply", ticket, body: text(word) }),
  };
}

/** A primary that is active in epoch 1, with an application that takes ten requests. */
function active(options: Partial<StarServerOptions> = {}, more: Parameters<typeof wire>[1] = {}) {
  const server = wire({ role: "primary", ...options }, more);
  server.hear("backup", 0);
  const { leaseMs } = more;
  if (leaseMs !== undefined) server.wired.feedStar({ type: "granted", claim: 1, epoch: 1, leaseMs });
  server.wired.feed({ type: "demand", count: 10 });
  server.events.length = 0;
  return server;
}

const refusal = (sequence: number, state: PublishedState, retryAfterMs: number | undefined) =>
  encodeRefusal({ route: [hop, idOf(sequence)], key: "x" }, state, retryAfterMs);
const replied = (sequence: number, word = "done") => encodeReply([hop, idOf(sequence)], text(word));

describe("the sockets of a server", () => {
  it("are a ROUTER for clients and two for the peer, each with its own settings", () => {
    const { publisher, subscriber, router, wired } = wire({
      role: "primary",
      socket: { maxQueued: 3 },
      peerSocket: { maxQueued: 4 },
    });
    expect(router.spec).toMatchObject({ type: "router", maxQueued: 3 });
    expect([publisher.spec.maxQueued, subscriber.spec.maxQueued]).toEqual([4, 4]);
    expect([wired.bind("tcp://*:5001"), wired.bindPeer("tcp://*:5003")]).toEqual([
      "tcp://*:5001 as bound",
      "tcp://*:5003 as bound",
    ]);
  });
});

describe("a server that is active", () => {
  it("runs requests with its epoch, and answers them", () => {
    const { ask, askPlain, runs, reply, wired, router } = active();
    ask(1);
    askPlain();
    expect(runs.map(({ tag }) => tag)).toEqual([1, 1]);
    reply(1);
    wired.feed({ type: "fail", ticket: 2, message: "broken" });
    ask(2);
    wired.feed({ type: "fail", ticket: 3, message: "broken" });
    expect(router.sent).toEqual([replied(1), encodeFailure([hop, idOf(2)], "broken")]);
  });

  it("becomes active by a request, and answers that one", () => {
    const { clock, ask, runs, events, star, wired } = wire({ role: "primary" });
    wired.feed({ type: "demand", count: 1 });
    clock.until(2000);
    ask(1);
    expect(runs.map(({ tag }) => tag)).toEqual([1]);
    expect(events).not.toContain("request-rejected");
    expect(star.stats).toMatchObject({ accepted: 1, rejected: 0 });
  });

  it("messages that are no requests are told, and are no votes", () => {
    const { clock, router, events, star } = wire({ role: "primary" });
    clock.until(2000);
    router.handlers.message([hop, textFrame("no envelope")]);
    expect(events).toEqual(["message-dropped"]);
    expect(star.state).toBe("primary");
  });

  it("replies that cannot be routed or queued are told", () => {
    const { ask, reply, router, events, server } = active();
    ask(1);
    router.isFull = true;
    reply(1);
    router.handlers.refused?.([hop], "peer-unknown");
    expect(events).toEqual(["reply-undeliverable", "reply-undeliverable"]);
    expect(server.stats.undeliverable).toBe(2);
  });
});

describe("a server that is not active", () => {
  it("a rejected request is counted and told: our clients get a word of it, others none", () => {
    const { hear, ask, askPlain, router, events, star, runs } = wire({ role: "backup" });
    ask(1);
    hear("active", 1);
    ask(2);
    askPlain();
    expect(router.sent).toEqual([refusal(1, "backup", undefined), refusal(2, "passive", undefined)]);
    expect(events.filter((type) => type === "request-rejected")).toHaveLength(3);
    expect(star.stats.rejected).toBe(3);
    expect(runs).toEqual([]);
  });

  it("says after how long it can be made active, and 0 while it becomes so", () => {
    const { hear, ask, router, clock, wired } = wire({ role: "backup" }, { activates: false });
    hear("active", 1);
    wired.feedStar({ type: "caught-up", transfer: 1 });
    clock.until(1500);
    ask(1);
    clock.until(2000);
    ask(2);
    expect(router.sent).toEqual([refusal(1, "passive", 500), refusal(2, "active", 0)]);
  });

  it("is told to its owner, request by request, also where the word of it cannot be queued", () => {
    const { ask, router, events } = wire({ role: "backup" });
    router.isFull = true;
    ask(1);
    expect(events).toEqual(["request-rejected", "reply-undeliverable"]);
  });

  it("follows the other: transfers begin and are stopped", () => {
    const { hear, events } = wire({ role: "backup" });
    hear("active", 1);
    hear("primary", 1);
    expect(events.filter((event) => event.includes("transfer"))).toEqual(["transfer 1", "stop-transfer 1"]);
  });
});

describe("a server that is deposed", () => {
  it("revokes what runs before its owner is told, and answers none of it", () => {
    const { ask, hear, reply, router, events, server } = active();
    ask(1);
    hear("active", 2);
    expect(events.filter((event) => event.includes(" "))).toEqual([
      "revoke 1 yielded",
      "deactivate 1 yielded",
      "transfer 1",
    ]);
    reply(1);
    expect(router.sent).toEqual([]);
    expect(server.stats).toMatchObject({ revoked: 1, answered: 0 });
  });

  it("refuses what waits for a handler", () => {
    const { ask, hear, wired, events, runs } = wire({ role: "primary" });
    hear("backup", 0);
    ask(1);
    hear("active", 2);
    expect(events).toContain("request-refused");
    wired.feed({ type: "demand", count: 1 });
    expect(runs).toEqual([]);
  });

  it("a request that runs on into the next epoch is not answered in it", () => {
    const { ask, hear, reply, router, runs, star } = active();
    ask(1);
    hear("passive", 2);
    expect(star).toMatchObject({ state: "active", epoch: 3 });
    reply(1);
    expect(router.sent).toEqual([]);
    ask(1);
    expect(runs.map(({ tag }) => tag)).toEqual([1, 3]);
    reply(2);
    expect(router.sent).toEqual([replied(1)]);
  });
});

describe("a reply that is ready too late", () => {
  it("is fenced when the lease is over, and nobody has noticed yet", () => {
    const { ask, reply, router, events, wired, clock, star } = active({}, { leaseMs: 900 });
    ask(1);
    ask(2);
    let before = "";
    // Before the node's own timer of that time.
    clock.schedule(899, () => reply(1));
    clock.schedule(900, () => {
      before = star.state;
      reply(2);
    });
    clock.until(900);
    expect(before).toBe("active");
    expect(router.sent, "its client hears that it is to ask again").toEqual([
      replied(1),
      refusal(2, "active", 0),
    ]);
    expect(events.filter((event) => event === "reply-fenced")).toHaveLength(1);
    expect(wired.fenced).toBe(1);
  });

  it("is fenced in the socket's queue, too", () => {
    const { ask, reply, router, hear, wired, events } = active();
    ask(1);
    reply(1);
    const isWanted = router.wanted[0] as () => boolean;
    expect(isWanted()).toBe(true);
    hear("active", 2);
    expect(router.sent).toHaveLength(1);
    expect(isWanted()).toBe(false);
    expect(wired.fenced).toBe(1);
    expect(events.at(-1)).toBe("reply-fenced");
    expect(
      router.sent.slice(1),
      "its client hears that it is to ask again, and does not wait in vain",
    ).toEqual([refusal(1, "passive", undefined)]);
  });

  it("and stays there if the node is active again, in another epoch", () => {
    const { ask, reply, router, hear, star } = active();
    ask(1);
    reply(1);
    hear("passive", 2);
    expect(star.epoch).toBe(3);
    expect(router.wanted[0]?.()).toBe(false);
  });

  it("a word of refusal is not", () => {
    const { ask, router } = wire({ role: "backup" });
    ask(1);
    expect(router.wanted).toEqual([undefined]);
  });
});

describe("the reply cache", () => {
  const replyCache = true;

  it("has nothing of an epoch that is over: a repeat runs again, and gets what is made of it now", () => {
    const { ask, hear, reply, wired, router, runs, server, star, events } = active({ replyCache });
    ask(1);
    ask(2);
    reply(1, "of epoch 1");
    wired.feed({ type: "fail", ticket: 2, message: "epoch 1 is over" });
    hear("active", 2);
    expect(server.cached).toBe(0);
    wired.feedStar({ type: "caught-up", transfer: 1 });
    hear("backup", 2);
    expect([star.state, star.epoch]).toEqual(["active", 3]);
    router.sent.length = 0;
    ask(1);
    ask(2);
    expect(router.sent).toEqual([]);
    expect(runs.map(({ tag }) => tag)).toEqual([1, 1, 3, 3]);
    reply(3, "of epoch 3");
    reply(4, "of epoch 3");
    ask(1);
    expect(router.sent).toEqual([1, 2, 1].map((sequence) => replied(sequence, "of epoch 3")));
    expect(events.filter((event) => event === "repeat-answered")).toHaveLength(1);
  });

  it("has none that was fenced: whoever was told to ask again has it run again", () => {
    const { ask, askPlain, reply, wired, router, runs, clock, server, star } = active({ replyCache });
    ask(1);
    ask(2);
    askPlain();
    // The other one took over perhaps, and the word of it is still to be read.
    clock.standStill(2500);
    reply(1, "in doubt");
    wired.feed({ type: "fail", ticket: 2, message: "epoch 1 is over" });
    reply(3);
    expect([server.cached, wired.fenced]).toEqual([0, 3]);
    clock.until(2600);
    expect([star.isServing(2600), star.epoch], "it did not").toEqual([true, 1]);
    router.sent.length = 0;
    ask(1);
    ask(2);
    expect(router.sent).toEqual([]);
    expect(runs).toHaveLength(5);
  });

  it("nor one that was fenced in the socket's queue", () => {
    const { ask, reply, router, runs, clock, server, star } = active({ replyCache });
    ask(1);
    reply(1);
    expect(server.cached).toBe(1);
    clock.standStill(2500);
    expect(router.wanted[0]?.()).toBe(false);
    clock.until(2600);
    expect(star.epoch).toBe(1);
    ask(1);
    expect(runs).toHaveLength(2);
  });

  it("keeps what a later epoch has made of a request whose earlier reply is fenced in the queue", () => {
    const { ask, hear, reply, router, runs, server } = active({ replyCache });
    ask(1);
    reply(1);
    hear("passive", 2);
    ask(1);
    reply(2, "of epoch 3");
    expect(router.wanted[0]?.()).toBe(false);
    expect(server.cached).toBe(1);
    ask(1);
    expect(runs).toHaveLength(2);
    expect(router.sent.at(-1)).toEqual(replied(1, "of epoch 3"));
  });
});

describe("closing", () => {
  it("takes no more requests, tells each, and they are no votes", () => {
    const { ask, wired, runs, router, events, star } = active();
    wired.feed({ type: "close" });
    ask(1);
    expect(runs).toEqual([]);
    expect(router.sent).toEqual([refusal(1, "active", undefined)]);
    expect(events).toEqual(["request-rejected"]);
    expect(star.stats).toMatchObject({ accepted: 0, rejected: 1 });
    const waiting = wire({ role: "primary" });
    waiting.clock.until(2000);
    waiting.wired.feed({ type: "close" });
    waiting.ask(1);
    expect(waiting.star.state).toBe("primary");
  });

  it("what runs may end, and its reply leaves; then the peer takes over", async () => {
    const { ask, reply, wired, router, publisher, subscriber, events, star } = active();
    ask(1);
    wired.feed({ type: "close" });
    reply(1);
    await wired.close(500);
    expect(router.sent).toEqual([replied(1)]);
    expect(router.wanted[0]?.(), "it was made in office").toBe(true);
    expect(events).toContain("deactivate 1 closed");
    expect(frameText(publisher.sent.at(-1)?.[0] as Uint8Array)).toBe("1");
    expect([router, publisher, subscriber].map(({ closedWith }) => closedWith)).toEqual([500, 500, 0]);
    expect(star.state).toBe("left");
  });

  it("lets no reply leave that was in line in an earlier epoch", async () => {
    const { ask, reply, hear, wired, router, star } = active();
    ask(1);
    reply(1);
    hear("passive", 2);
    ask(2);
    reply(2);
    expect([star.state, star.epoch]).toEqual(["active", 3]);
    await wired.close(500);
    expect(router.wanted.map((isWanted) => isWanted?.())).toEqual([false, true]);
  });

  it("of a node that is not sure to be active lets no reply leave", async () => {
    const { ask, reply, hear, wired, router } = active();
    ask(1);
    reply(1);
    hear("active", 2);
    await wired.close(500);
    expect(router.wanted[0]?.()).toBe(false);
  });

  it("leaves the last word a moment where handlers have used up the time", async () => {
    const { wired, router, publisher } = active();
    await wired.close(0);
    expect([router.closedWith, publisher.closedWith]).toEqual([0, 100]);
  });
});
