import type { ConnectionEvent, Frames, SocketHandlers } from "@seaworthy/core";
import { describe, expect, it, vi } from "vitest";
import { capability, Router } from "zeromq";
import { bytes, open, openPair, openWith } from "./support/sockets.js";

const router = { type: "router", departures: true } as const;

/** A peer that says its name, is heard, and is gone when this resolves. */
async function visit(server: ReturnType<typeof open>, endpoint: string, name: string): Promise<void> {
  const visitor = open({ type: "dealer", routingId: name });
  visitor.socket.connect(endpoint);
  visitor.socket.send([bytes(name)]);
  await server.seen.until(({ texts }) => texts.some(([id]) => id === name));
  await visitor.socket.close(0);
}

/** What the router reads for a peer that is gone, as far as it was told to ZeroMQ. */
function farewellsOf(...openings: (() => void)[]): Buffer[] {
  const spy = vi.spyOn(Router.prototype as unknown as { setStringOption(): void }, "setStringOption");
  // A spy on a method that was spied on before remembers what it saw then.
  spy.mockClear();
  for (const opening of openings) opening();
  const farewells = spy.mock.calls.map((call) => (call as unknown as [number, Buffer])[1]);
  spy.mockRestore();
  return farewells;
}

describe("a router that is not asked for departures", () => {
  it("tells none, and reads nothing in their place", async () => {
    const { router: server, endpoint } = await openPair();
    await visit(server, endpoint, "first");
    await visit(server, endpoint, "second");
    expect(server.seen.departures).toEqual([]);
    expect(server.seen.texts).toEqual([
      ["first", "first"],
      ["second", "second"],
    ]);
  });
});

describe.each(capability.draft === true ? ["with ZeroMQ's draft API"] : [])("departures %s", () => {
  it("come behind the last message, each time", async () => {
    const server = open(router);
    const endpoint = server.socket.bind("tcp://127.0.0.1:*");
    let heardAtEnd = -1;
    const { departed } = server.seen;
    server.seen.departed = (id) => {
      heardAtEnd = server.seen.messages.length;
      departed(id);
    };
    for (let round = 1; round <= 20; round++) {
      const { socket } = open({ type: "dealer" });
      socket.connect(endpoint);
      for (let index = 0; index < 300; index++) socket.send([bytes("x")]);
      await socket.close(10_000);
      await server.seen.until(({ departures }) => departures.length === round);
      expect(heardAtEnd).toBe(300 * round);
      expect(server.seen.departures.at(-1)).toEqual(server.seen.messages.at(-1)?.[0]);
    }
  });

  it("are told by a frame that is another for each socket, and no peer can guess", () => {
    const [first, second, ...more] = farewellsOf(
      () => open(router),
      () => open(router),
      () => open({ type: "router" }),
    ) as [Buffer, Buffer];
    expect(more).toEqual([]);
    expect([first.length, second.length]).toEqual([16, 16]);
    expect(first.equals(second)).toBe(false);
  });

  it("cannot be forged with what another socket uses, nor by what surrounds the right one", async () => {
    let server = open(router);
    const [theirs, ours] = farewellsOf(
      () => open(router),
      () => {
        server = open(router);
      },
    ) as [Buffer, Buffer];
    const peer = open({ type: "dealer" });
    peer.socket.connect(server.socket.bind("tcp://127.0.0.1:*"));
    const lies: Frames[] = [
      [theirs],
      [Buffer.alloc(16)],
      [Buffer.alloc(0), ours],
      [ours, ours],
      [ours, theirs],
    ];
    for (const lie of lies) peer.socket.send(lie);
    await server.seen.until(({ messages }) => messages.length === lies.length);
    expect(server.seen.messages.map((frames) => frames.slice(1))).toEqual(lies);
    expect(server.seen.departures).toEqual([]);
  });

  it("leave the other handlers as they are, methods of a class with their `this` too", async () => {
    let resolve = (): void => {};
    const done = new Promise<void>((settle) => {
      resolve = settle;
    });
    class Owner implements SocketHandlers {
      readonly log = new Set<string>();
      message(frames: Uint8Array[]): void {
        this.note(`message of ${frames.length}`);
        server.socket.send([bytes("nobody"), bytes("x")]);
      }
      connection({ type }: ConnectionEvent): void {
        this.note(type);
      }
      refused(_frames: Frames, reason: string): void {
        this.note(reason);
      }
      departed(id: Uint8Array): void {
        this.note(`${Buffer.from(id)} departed`);
      }
      note(what: string): void {
        this.log.add(what);
        if (this.log.size === 5) resolve();
      }
    }
    const owner = new Owner();
    const server = openWith(router, owner);
    const peer = open({ type: "dealer", routingId: "peer" });
    peer.socket.connect(server.socket.bind("tcp://127.0.0.1:*"));
    peer.socket.send([bytes("x")]);
    await peer.seen.until((seen) => seen.count("up") === 1);
    await peer.socket.close(1000);
    await done;
    expect([...owner.log].sort()).toEqual(["down", "message of 2", "peer departed", "peer-unknown", "up"]);
  });

  it("need no handler", async () => {
    const messages: string[] = [];
    let heard = (): void => {};
    const { socket } = openWith(router, {
      message(frames) {
        messages.push(frames.join("|"));
        heard();
      },
    });
    const endpoint = socket.bind("tcp://127.0.0.1:*");
    for (const name of ["first", "second"]) {
      const arrived = new Promise<void>((resolve) => {
        heard = resolve;
      });
      const visitor = open({ type: "dealer", routingId: name });
      visitor.socket.connect(endpoint);
      visitor.socket.send([bytes("x")]);
      await arrived;
      await visitor.socket.close(0);
    }
    expect(messages).toEqual(["first|x", "second|x"]);
  });
});
