import { describe, expect, it } from "vitest";
import { bytes, open, openPair, unusedEndpoint } from "./support/sockets.js";

describe("close", () => {
  it("sends what is queued first", async () => {
    const count = 4000;
    const { router, dealer } = await openPair({}, { sendHighWaterMark: 100 });
    for (let index = 0; index < count; index++) dealer.socket.send([bytes(String(index))]);
    await dealer.socket.close(10_000);
    expect(dealer.transport.stats()).toMatchObject({ sent: count, queued: 0 });
    await router.seen.until(({ messages }) => messages.length === count);
  });

  it("gives up what is queued after its linger, and then is closed all the same", async () => {
    const dealer = open({ type: "dealer", immediate: true });
    dealer.socket.connect(await unusedEndpoint());
    dealer.socket.send([bytes("1")]);
    dealer.socket.send([bytes("2")]);
    await dealer.socket.close(20);
    expect(dealer.transport.stats()).toMatchObject({ sent: 0, queued: 0 });
  });

  it("waits for nothing when its linger is 0", async () => {
    const dealer = open({ type: "dealer" });
    dealer.socket.connect(await unusedEndpoint());
    for (let index = 0; index < 2000; index++) dealer.socket.send([bytes("x")]);
    await dealer.socket.close(0);
    expect(dealer.transport.stats().queued).toBe(0);
  });

  it("takes a linger longer than any timer for a very long one, not for none", async () => {
    const { router, dealer } = await openPair({}, { sendHighWaterMark: 10 });
    for (let index = 0; index < 3000; index++) dealer.socket.send([bytes("x")]);
    await dealer.socket.close(2 ** 40);
    await router.seen.until(({ messages }) => messages.length === 3000);
  });

  it("is done once: each call returns the same end", async () => {
    const { router } = await openPair();
    await Promise.all([router.socket.close(100), router.socket.close(0), router.socket.close(100)]);
    await router.socket.close(0);
    expect(router.transport.stats().received).toBe(0);
  });

  it("refuses sends from its first moment, and counts none of them as overflow", async () => {
    const { dealer } = await openPair();
    const closing = dealer.socket.close(100);
    expect(dealer.socket.send([bytes("x")])).toBe(false);
    await closing;
    expect(dealer.socket.send([bytes("x")])).toBe(false);
    expect(dealer.transport.stats()).toMatchObject({ sent: 0, overflowed: 0, queued: 0 });
  });

  it("frees its port: it can be bound again at once, fifty times over", async () => {
    const { router, endpoint } = await openPair();
    await router.socket.close(0);
    for (let round = 0; round < 50; round++) {
      const next = open({ type: "router" });
      expect(next.socket.bind(endpoint)).toBe(endpoint);
      const dealer = open({ type: "dealer" });
      dealer.socket.connect(endpoint);
      dealer.socket.send([bytes("x")]);
      await next.seen.until(({ messages }) => messages.length > 0);
      await dealer.socket.close(0);
      await next.socket.close(100);
    }
  });

  it("can be called from within a message handler, and no message follows", async () => {
    const { router, dealer } = await openPair();
    const closed = new Promise<void>((resolve) => {
      router.seen.onMessage = () => resolve(router.socket.close(0));
    });
    for (let index = 0; index < 100; index++) dealer.socket.send([bytes("x")]);
    await closed;
    expect(router.seen.messages).toHaveLength(1);
  });

  it("can be called from within a handler that has just sent an answer, which leaves", async () => {
    const { router, dealer } = await openPair();
    router.seen.onMessage = (frames) => {
      router.socket.send(frames);
      void router.socket.close(10_000);
    };
    dealer.socket.send([bytes("last")]);
    await dealer.seen.until(({ messages }) => messages.length === 1);
    expect(dealer.seen.texts).toEqual([["last"]]);
  });

  it("can be called while the send queue is refusing, and each message is sent or refused", async () => {
    const { router } = await openPair();
    const count = 2000;
    for (let index = 0; index < count; index++) router.socket.send([bytes("nobody"), bytes("x")]);
    await router.socket.close(10_000);
    expect(router.seen.refusals).toHaveLength(count);
  });

  it("can be called in any turn of a running exchange", async () => {
    for (let turn = 0; turn < 20; turn++) {
      const { router, dealer } = await openPair();
      router.seen.onMessage = (frames) => router.socket.send(frames);
      dealer.seen.onMessage = (frames) => dealer.socket.send(frames);
      for (let index = 0; index < 200; index++) dealer.socket.send([bytes("x")]);
      await dealer.seen.until(({ messages }) => messages.length >= turn * 10);
      for (let wait = 0; wait < turn; wait++) await Promise.resolve();
      await Promise.all([router.socket.close(turn % 3), dealer.socket.close(turn % 2)]);
      const received = dealer.seen.messages.length;
      await new Promise(setImmediate);
      expect(dealer.seen.messages).toHaveLength(received);
    }
  });

  it("reports no connection events of its own end", async () => {
    const { router } = await openPair();
    await router.socket.close(0);
    expect(router.seen.connections.map(({ type }) => type)).toEqual(["up"]);
  });

  it("keeps what the socket counted", async () => {
    const { router, dealer } = await openPair();
    dealer.socket.send([bytes("x")]);
    await router.seen.until(({ messages }) => messages.length === 1);
    await router.socket.close(0);
    router.transport.open({ type: "router" }, router.seen).close(0);
    expect(router.transport.stats().received).toBe(1);
  });
});
