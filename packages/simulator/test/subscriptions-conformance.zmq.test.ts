import { textFrame } from "@seaworthy/core";
import { describe, expect, test } from "vitest";
import { bothLabs, type Lab, openLab, type Peer, texts } from "./labs.js";

const watchful = { type: "publisher", subscriptions: true } as const;

/** A subscriber that is told to come back soon. */
function subscriber(lab: Lab, ...prefixes: string[]): Peer {
  const peer = lab.open({ type: "subscriber", reconnectIntervalMs: 10 });
  for (const prefix of prefixes) peer.socket.subscribe(textFrame(prefix));
  return peer;
}

describe.each(bothLabs)("subscriptions at a publisher of %s", (_name, makeLab) => {
  test("are told when they are in force: what is sent then arrives", async () => {
    const lab = openLab(makeLab);
    const publisher = lab.open(watchful);
    const endpoint = publisher.socket.bind("tcp://127.0.0.1:*");
    for (const name of ["a", "b", "c", "d", "e"]) {
      const early = subscriber(lab, name);
      early.socket.connect(endpoint);
      const late = subscriber(lab);
      late.socket.connect(endpoint);
      late.socket.subscribe(textFrame(name.toUpperCase()));
      for (const [peer, prefix] of [
        [early, name],
        [late, name.toUpperCase()],
      ] as const) {
        await lab.until(() => publisher.subscriptions.includes(`+${prefix}`));
        texts(publisher, "to nobody", `${prefix} once`);
        await lab.until(() => peer.messages.length > 0);
        expect(peer.messages).toEqual([`${prefix} once`]);
      }
    }
    expect(publisher.messages).toEqual([]);
  });

  test("are told of each peer, and their end when the last one is gone", async () => {
    const lab = openLab(makeLab);
    const publisher = lab.open(watchful);
    const endpoint = publisher.socket.bind("tcp://127.0.0.1:*");
    const [first, second] = [subscriber(lab, "x"), subscriber(lab, "x")];
    for (const [index, peer] of [first, second].entries()) {
      peer.socket.connect(endpoint);
      await lab.until(() => publisher.subscriptions.length > index);
    }
    await first.socket.close(0);
    await lab.until(() => publisher.events.at(-1) === "down");
    texts(publisher, "x still");
    await lab.until(() => second.messages.length > 0);
    expect(publisher.subscriptions).toEqual(["+x", "+x"]);
    await second.socket.close(0);
    await lab.until(() => publisher.subscriptions.length > 2);
    expect(publisher.subscriptions).toEqual(["+x", "+x", "-x"]);
  });

  test("one to everything is one like any other, and one that is repeated is told again", async () => {
    const lab = openLab(makeLab);
    const publisher = lab.open(watchful);
    const peer = subscriber(lab, "");
    peer.socket.connect(publisher.socket.bind("tcp://127.0.0.1:*"));
    await lab.until(() => publisher.subscriptions.length === 1);
    for (const prefix of ["", "x", "x"]) peer.socket.subscribe(textFrame(prefix));
    await lab.until(() => publisher.subscriptions.length === 4);
    expect(publisher.subscriptions).toEqual(["+", "+", "+x", "+x"]);
    await peer.socket.close(0);
    await lab.until(() => publisher.subscriptions.length === 6);
    expect(publisher.subscriptions.slice(4).sort()).toEqual(["-", "-x"]);
  });

  test("end with a connection that is cut", async () => {
    const lab = openLab(makeLab);
    const publisher = lab.open(watchful);
    const peer = lab.open({ type: "subscriber", reconnect: false });
    for (const prefix of ["x", "y"]) peer.socket.subscribe(textFrame(prefix));
    peer.socket.connect(await lab.wayTo(publisher.socket.bind("tcp://127.0.0.1:*")));
    await lab.until(() => publisher.subscriptions.length === 2 && peer.events.length === 1);
    lab.cut();
    await lab.until(() => publisher.subscriptions.length === 4);
    expect(publisher.subscriptions.slice(0, 2).sort()).toEqual(["+x", "+y"]);
    expect(publisher.subscriptions.slice(2).sort()).toEqual(["-x", "-y"]);
  });

  test("are told anew, each once, when a connection that was cut is made again", async () => {
    const lab = openLab(makeLab);
    const publisher = lab.open(watchful);
    const peer = subscriber(lab, "x", "y", "x");
    peer.socket.connect(await lab.wayTo(publisher.socket.bind("tcp://127.0.0.1:*")));
    const told = (): string[] => publisher.subscriptions.filter((word) => word.startsWith("+"));
    await lab.until(() => told().length === 2 && peer.events.length === 1);
    lab.cut();
    await lab.until(() => told().length === 4);
    texts(publisher, "x again");
    await lab.until(() => peer.messages.length > 0);
    for (const prefix of ["x", "y"]) {
      const story = publisher.subscriptions.filter((word) => word.endsWith(prefix)).map((word) => word[0]);
      // The end of the old connection may come too late to be told.
      expect(["+-+", "++"]).toContain(story.join(""));
    }
  });

  test.each([
    [false, ["+x", "+x"]],
    [true, ["+x", "-x", "+x"]],
  ])(
    "of a peer that the publisher connected to stay while the connection is lost, if it is not immediate; immediate: %s",
    async (immediate, story) => {
      const lab = openLab(makeLab);
      const publisher = lab.open({ ...watchful, immediate, reconnectIntervalMs: 10 });
      const [first, second] = [subscriber(lab, "x"), subscriber(lab, "x")];
      const endpoint = first.socket.bind("tcp://127.0.0.1:*");
      publisher.socket.connect(endpoint);
      await lab.until(() => publisher.subscriptions.length === 1 && publisher.events.length === 1);
      await first.socket.close(0);
      const withEnd = immediate ? 2 : 1;
      await lab.until(() => publisher.subscriptions.length === withEnd && publisher.events.at(-1) === "down");
      second.socket.bind(endpoint);
      await lab.until(() => publisher.subscriptions.length === story.length);
      expect(publisher.subscriptions).toEqual(story);
    },
  );

  test("are not told unless asked for, nor when the publisher itself closes", async () => {
    const lab = openLab(makeLab);
    const publishers = [lab.open({ type: "publisher" }), lab.open(watchful)] as const;
    const peer = subscriber(lab, "x");
    for (const { socket } of publishers) peer.socket.connect(socket.bind("tcp://127.0.0.1:*"));
    await lab.until(() => {
      texts(publishers[0], "x");
      return peer.messages.length > 0 && publishers[1].subscriptions.length > 0;
    });
    for (const { socket } of publishers) await socket.close(0);
    await lab.until(() => peer.events.filter((type) => type === "down").length === 2);
    expect(publishers.map(({ subscriptions }) => subscriptions)).toEqual([[], ["+x"]]);
  });
});
