import { frameKey, textFrame } from "@seaworthy/core";
import { describe, expect, test } from "vitest";
import { type Lab, labsWithDepartures, openLab, type Peer, texts } from "./labs.js";

const router = { type: "router" } as const;
const dealer = { type: "dealer", reconnectIntervalMs: 10 } as const;

describe.each(labsWithDepartures)("departures from a router of %s", (_name, makeLab) => {
  const watchful = { ...router, departures: true } as const;
  const once = { ...dealer, reconnect: false } as const;

  /** A peer comes, speaks and goes: by then the end of whoever went before it has been told. */
  const visit = async (lab: Lab, server: Peer, endpoint: string): Promise<string> => {
    const count = server.messages.length;
    const visitor = lab.open(once);
    visitor.socket.connect(endpoint);
    texts(visitor, "visit");
    await lab.until(() => server.messages.length > count);
    const id = frameKey(server.ids.at(-1) as Uint8Array);
    await visitor.socket.close(0);
    await lab.until(() => server.departures.at(-1)?.id === id);
    return id;
  };

  test("are told behind all that the peer had sent, under its routing id, and only there", async () => {
    const lab = openLab(makeLab);
    const server = lab.open(watchful);
    const client = lab.open(once);
    client.socket.connect(server.socket.bind("tcp://127.0.0.1:*"));
    const sent = Array.from({ length: 500 }, (_, index) => String(index));
    texts(client, ...sent);
    void client.socket.close(10_000);
    await lab.until(() => server.departures.length > 0);
    expect(server.messages).toEqual(sent);
    expect(server.departures).toEqual([{ id: frameKey(server.ids[0] as Uint8Array), after: 500 }]);
    expect(client.departures).toEqual([]);
  });

  test("a cut connection is one, and its peer comes back as another", async () => {
    const lab = openLab(makeLab);
    const server = lab.open(watchful);
    const client = lab.open(dealer);
    client.socket.connect(await lab.wayTo(server.socket.bind("tcp://127.0.0.1:*")));
    texts(client, "before");
    await lab.until(() => server.messages.length === 1 && client.events.length === 1);
    lab.cut();
    await lab.until(() => client.events.at(-1) === "up" && client.events.length === 3);
    texts(client, "after");
    await lab.until(() => server.messages.length === 2);
    const [before, after] = server.ids.map((id) => frameKey(id));
    expect(after).not.toBe(before);
    expect(server.departures).toEqual([{ id: before, after: 1 }]);
    // Whoever has departed is known no more.
    server.socket.send([server.ids[0] as Uint8Array, textFrame("too late")]);
    await lab.until(() => server.refusals.length === 1);
    expect(server.refusals).toEqual(["peer-unknown"]);
  });

  test("a routing id that its peers fix themselves departs each time, and is free again soon after", async () => {
    const lab = openLab(makeLab);
    const server = lab.open(watchful, true);
    const endpoint = server.socket.bind("tcp://127.0.0.1:*");
    const gone: string[] = [];
    for (const _round of [1, 2, 3]) {
      const client = lab.open({ ...once, routingId: "x" });
      client.socket.connect(endpoint);
      texts(client, "hello");
      await lab.until(() => client.messages.length === 1);
      await client.socket.close(0);
      gone.push("x");
      await lab.until(() => server.departures.length === gone.length);
      // libzmq frees the id only when both ends of the old connection's pipe have agreed on its end, which takes
      // another turn of either thread; whoever comes before that is ignored. Another peer's visit takes longer.
      gone.push(await visit(lab, server, endpoint));
    }
    expect(server.departures).toEqual(gone.map((id, index) => ({ id, after: index + 1 })));
  });

  test("a routing id that its peers fix themselves is free at once where it may be taken over", async () => {
    const lab = openLab(makeLab);
    const server = lab.open({ ...watchful, handover: true }, true);
    const endpoint = server.socket.bind("tcp://127.0.0.1:*");
    for (const round of [1, 2, 3]) {
      const client = lab.open({ ...once, routingId: "x" });
      client.socket.connect(endpoint);
      texts(client, "hello");
      await lab.until(() => client.messages.length === 1);
      await client.socket.close(0);
      await lab.until(() => server.departures.length === round);
    }
    expect(server.departures).toEqual([1, 2, 3].map((after) => ({ id: "x", after })));
  });

  test("a peer whose routing id was handed over does not depart, but its successor does", async () => {
    const lab = openLab(makeLab);
    const server = lab.open({ ...watchful, handover: true });
    const endpoint = server.socket.bind("tcp://127.0.0.1:*");
    const [first, second] = ["first", "second"].map(() => lab.open({ ...once, routingId: "x" })) as [
      Peer,
      Peer,
    ];
    for (const [count, peer] of [first, second].entries()) {
      peer.socket.connect(endpoint);
      texts(peer, "hello");
      await lab.until(() => server.messages.length > count);
    }
    await first.socket.close(0);
    const visitor = await visit(lab, server, endpoint);
    expect(server.departures.map(({ id }) => id)).toEqual([visitor]);
    texts(second, "still here");
    await lab.until(() => server.messages.at(-1) === "still here");
    await second.socket.close(0);
    await lab.until(() => server.departures.length === 2);
    expect(server.departures[1]).toEqual({ id: "x", after: 4 });
  });

  test("a peer that was ignored does not depart, and leaves its rival where it is", async () => {
    const lab = openLab(makeLab);
    const server = lab.open(watchful, true);
    const endpoint = server.socket.bind("tcp://127.0.0.1:*");
    const [first, second] = ["first", "second"].map(() => lab.open({ ...once, routingId: "x" })) as [
      Peer,
      Peer,
    ];
    first.socket.connect(endpoint);
    texts(first, "hello");
    await lab.until(() => first.messages.length === 1);
    second.socket.connect(endpoint);
    await lab.until(() => second.events.length === 1 && server.events.length === 2);
    await second.socket.close(0);
    const visitor = await visit(lab, server, endpoint);
    expect(server.departures.map(({ id }) => id)).toEqual([visitor]);
    texts(first, "still here");
    await lab.until(() => first.messages.length === 2);
    await first.socket.close(0);
    await lab.until(() => server.departures.length === 2);
    expect(server.departures[1]?.id).toBe("x");
  });

  test("are not told unless asked for", async () => {
    const lab = openLab(makeLab);
    const server = lab.open(router);
    const client = lab.open(once);
    client.socket.connect(server.socket.bind("tcp://127.0.0.1:*"));
    texts(client, "hello");
    void client.socket.close(10_000);
    await lab.until(() => server.events.at(-1) === "down");
    expect([server.messages, server.departures]).toEqual([["hello"], []]);
  });

  test.each([false, true])(
    "are not told of peers that the router itself connected to, immediate: %s",
    async (immediate) => {
      const lab = openLab(makeLab);
      const client = lab.open(dealer);
      const server = lab.open({ ...watchful, immediate, reconnect: false });
      server.socket.connect(client.socket.bind("tcp://127.0.0.1:*"));
      texts(client, "hello");
      await lab.until(() => server.messages.length === 1);
      await client.socket.close(0);
      await lab.until(() => server.events.at(-1) === "down");
      await visit(lab, server, server.socket.bind("tcp://127.0.0.1:*"));
      expect(server.departures).toHaveLength(1);
    },
  );

  test("are not told when the router itself closes", async () => {
    const lab = openLab(makeLab);
    const server = lab.open(watchful);
    const client = lab.open(once);
    client.socket.connect(server.socket.bind("tcp://127.0.0.1:*"));
    texts(client, "hello");
    await lab.until(() => server.messages.length === 1);
    await server.socket.close(0);
    await lab.until(() => client.events.at(-1) === "down");
    expect(server.departures).toEqual([]);
  });
});
