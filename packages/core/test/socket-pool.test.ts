import {
  type ConnectionEvent,
  type Frames,
  frameText,
  type SocketHandlers,
  SocketPool,
  type SocketSpec,
  type Transport,
  type TransportSocket,
  textFrame,
} from "@seaworthy/core";
import { describe, expect, it } from "vitest";

const spec: SocketSpec = { type: "dealer" };
const noHandlers: SocketHandlers = { message() {} };

interface FakeSocket extends TransportSocket {
  readonly log: string[];
  /** Lets a close that was asked for come to its end. */
  finish(): void;
}

/** A transport whose sockets write down what they are told, and close when the test says so. */
class FakeTransport implements Transport {
  readonly opened: FakeSocket[] = [];
  readonly given: { spec: SocketSpec; handlers: SocketHandlers }[] = [];
  failure: unknown;
  connectFailure: unknown;

  open(given: SocketSpec, handlers: SocketHandlers): TransportSocket {
    if (this.failure !== undefined) throw this.failure;
    this.given.push({ spec: given, handlers });
    const log: string[] = [];
    let finish = (): void => {};
    const closed = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const socket: FakeSocket = {
      log,
      finish,
      bind: (endpoint) => endpoint,
      connect: (endpoint) => {
        if (this.connectFailure !== undefined) throw this.connectFailure;
        log.push(`connect ${endpoint}`);
      },
      subscribe: (prefix) => void log.push(`subscribe ${frameText(prefix)}`),
      send(frames: Frames, isWanted) {
        log.push(`send ${frames.length} ${isWanted === undefined ? "always" : isWanted()}`);
        return log.length < 4;
      },
      close(lingerMs) {
        log.push(`close ${lingerMs}`);
        return closed;
      },
    };
    this.opened.push(socket);
    return socket;
  }

  backlog(): boolean {
    return false;
  }
}

/** Whether a promise is settled, once everything that has happened has had its effect. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await new Promise(setImmediate);
  return settled;
}

describe("SocketPool", () => {
  it("opens a socket under its number, as asked, and connects it", () => {
    const transport = new FakeTransport();
    const pool = new SocketPool(transport);
    pool.open(7, "tcp://a:1", spec, noHandlers);
    pool.open(8, "tcp://b:1", spec, noHandlers);
    expect(transport.given).toEqual(Array(2).fill({ spec, handlers: noHandlers }));
    expect(transport.opened.map(({ log }) => log)).toEqual([["connect tcp://a:1"], ["connect tcp://b:1"]]);
  });

  it("sends on the socket of that number, and says whether it took the message", () => {
    const transport = new FakeTransport();
    const pool = new SocketPool(transport);
    pool.open(7, "tcp://a:1", spec, noHandlers);
    const frames = [textFrame("x"), textFrame("y")];
    expect(pool.send(7, frames)).toBe(true);
    expect(pool.send(7, frames, () => false)).toBe(true);
    expect(pool.send(7, frames)).toBe(false);
    expect(pool.send(8, frames), "not open").toBe(false);
    expect(transport.opened[0]?.log).toEqual([
      "connect tcp://a:1",
      "send 2 always",
      "send 2 false",
      "send 2 always",
    ]);
  });

  it("subscribes on the socket of that number, if it is open", () => {
    const transport = new FakeTransport();
    const pool = new SocketPool(transport);
    pool.open(7, "tcp://a:1", { type: "subscriber" }, noHandlers);
    pool.open(8, "tcp://b:1", { type: "subscriber" }, noHandlers);
    pool.subscribe(7, textFrame("x"));
    pool.subscribe(9, textFrame("x"));
    pool.discard(8);
    pool.subscribe(8, textFrame("x"));
    expect(transport.opened.map(({ log }) => log.slice(1))).toEqual([["subscribe x"], ["close 0"]]);
  });

  it.each([
    ["an error", new Error("too many open files"), "too many open files"],
    ["anything else", "EMFILE", "EMFILE"],
  ])("reports %s that keeps a socket from being opened as a failed connection", (_, failure, reason) => {
    const transport = new FakeTransport();
    const pool = new SocketPool(transport);
    const events: ConnectionEvent[] = [];
    transport.failure = failure;
    pool.open(7, "tcp://a:1", spec, { ...noHandlers, connection: (event) => void events.push(event) });
    expect(events).toEqual([{ type: "failed", endpoint: "tcp://a:1", reason }]);
    expect(pool.send(7, [])).toBe(false);
    pool.discard(7);
    pool.open(7, "tcp://a:1", spec, noHandlers);
    transport.failure = undefined;
    pool.open(7, "tcp://a:1", spec, noHandlers);
    expect(pool.send(7, []), "the number can be used again").toBe(true);
  });

  it("closes a socket that could be opened but not connected", async () => {
    const transport = new FakeTransport();
    const pool = new SocketPool(transport);
    const events: ConnectionEvent[] = [];
    transport.connectFailure = new Error("no");
    pool.open(7, "tcp://a:1", spec, { ...noHandlers, connection: (event) => void events.push(event) });
    expect(events).toEqual([{ type: "failed", endpoint: "tcp://a:1", reason: "no" }]);
    pool.discard(7);
    expect(transport.opened[0]?.log).toEqual(["close 0"]);
  });

  it("discards a socket with nothing of its queue, or with a linger time, and only once", () => {
    const transport = new FakeTransport();
    const pool = new SocketPool(transport);
    for (const number of [1, 2]) pool.open(number, "tcp://a:1", spec, noHandlers);
    pool.discard(1);
    pool.discard(2, 500);
    pool.discard(1);
    pool.discard(3);
    expect(transport.opened.map(({ log }) => log.slice(1))).toEqual([["close 0"], ["close 500"]]);
    expect(pool.send(1, [])).toBe(false);
  });

  it("is closed when all sockets are, also those that were discarded before", async () => {
    const transport = new FakeTransport();
    const pool = new SocketPool(transport);
    for (const number of [1, 2, 3]) pool.open(number, "tcp://a:1", spec, noHandlers);
    const [first, second, third] = transport.opened as [FakeSocket, FakeSocket, FakeSocket];
    pool.discard(1, 50);
    pool.discard(2, 50);
    second.finish();
    const closed = pool.close(200);
    expect(transport.opened.map(({ log }) => log.at(-1))).toEqual(["close 50", "close 50", "close 200"]);
    expect(await isSettled(closed)).toBe(false);
    third.finish();
    expect(await isSettled(closed), "the first still lingers").toBe(false);
    first.finish();
    expect(await isSettled(closed)).toBe(true);
  });

  it("with nothing open is closed at once, and gives sockets no time by default", async () => {
    const transport = new FakeTransport();
    const pool = new SocketPool(transport);
    await pool.close();
    pool.open(1, "tcp://a:1", spec, noHandlers);
    const closed = pool.close();
    transport.opened[0]?.finish();
    await closed;
    expect(transport.opened[0]?.log.at(-1)).toBe("close 0");
  });
});
