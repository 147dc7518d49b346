import { type SocketHandlers, systemScheduler } from "@seaworthy/core";
import { SocketDriver } from "@seaworthy/core/node";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Socket } from "zeromq";

/** Faults that a real socket cannot be made to show on demand: a scripted one stands in. */
function driver(script: object, handlers: Partial<SocketHandlers> = {}): SocketDriver {
  let end: (event: { type: "end" }) => void = () => {};
  const ended = new Promise((resolve) => {
    end = resolve;
  });
  const receive = async (): Promise<never> => {
    await ended;
    throw failure("EAGAIN");
  };
  const socket = {
    events: { receive: () => ended },
    receive,
    close: () => end({ type: "end" }),
    linger: -1,
    readable: false,
    lastEndpoint: null,
    bindSync: () => {},
    ...script,
  };
  return new SocketDriver(socket as unknown as Socket, { message: () => {}, ...handlers }, 10);
}

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** Who hears of uncaught exceptions otherwise. */
const listeners = process.listeners("uncaughtException");

/** What surfaces as uncaught, instead of ending the test run. */
function uncaught(): unknown[] {
  const thrown: unknown[] = [];
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => thrown.push(error));
  return thrown;
}

afterEach(() => {
  process.removeAllListeners("uncaughtException");
  for (const listener of listeners) process.on("uncaughtException", listener);
});

const settled = (): Promise<unknown> => new Promise(setImmediate);

describe("SocketDriver over a socket on which messages keep coming", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    { handler: "that reads the clock first", read: () => systemScheduler.now(), most: 2 },
    { handler: "that reads no clock", read: () => {}, most: 1 },
  ])("lets others have their turn in spite of a slow handler $handler", async ({ read, most }) => {
    vi.useFakeTimers({ toFake: ["performance"] });
    read();
    let left = 100;
    const receive = (): Promise<Buffer[]> =>
      left > 0 ? Promise.resolve([Buffer.from("x")]) : new Promise(() => {});
    const message = (): void => {
      read();
      vi.advanceTimersByTime(20);
      left -= 1;
    };
    const busy = driver({ receive }, { message });
    for (let turn = 1; turn <= 10; turn++) {
      const before = left;
      await settled();
      expect(before - left, `turn ${turn}`).toBeGreaterThanOrEqual(1);
      expect(before - left, `turn ${turn}`).toBeLessThanOrEqual(most);
    }
    left = 0;
    await busy.close(0);
  });
});

describe("SocketDriver over a socket with several messages to be read", () => {
  // However busy the machine is, no turn of these is ended by the clock.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function scripted(reply: (replying: SocketDriver, to: string) => void): {
    log: string[];
    come(...texts: string[]): void;
  } {
    const log: string[] = [];
    let arrive: (frames: Buffer[]) => void = () => {};
    const waiting: string[] = [];
    const receive = (): Promise<Buffer[]> => {
      const next = waiting.shift();
      return next === undefined
        ? new Promise((resolve) => (arrive = resolve))
        : Promise.resolve([Buffer.from(next)]);
    };
    const send = async ([frame]: Uint8Array[]): Promise<void> => void log.push(`sent ${frame}`);
    const message = ([frame]: Uint8Array[]): void => {
      log.push(`read ${frame}`);
      reply(replying, `${frame}`);
    };
    const replying = driver({ receive, send }, { message });
    const come = (first: string, ...others: string[]): void => {
      waiting.push(...others);
      arrive([Buffer.from(first)]);
    };
    return { log, come };
  }

  const twice = (replying: SocketDriver, to: string): void => {
    for (const part of "ab") replying.send([Buffer.from(to + part)]);
  };

  it("sends the first reply at once, and the others when all are read", async () => {
    const { log, come } = scripted(twice);
    for (let round = 0; round < 2; round++) {
      log.length = 0;
      come("1", "2", "3");
      await settled();
      const behind = ["1b", "2a", "2b", "3a", "3b"].map((text) => `sent ${text}`);
      expect(log).toEqual(["read 1", "sent 1a", "read 2", "read 3", ...behind]);
    }
  });

  it("sends nothing ahead that may turn out to be wanted no more, or that replies to nothing", async () => {
    let isWanted = true;
    const { log, come } = scripted((replying, to) => {
      if (to === "1") replying.send([Buffer.from("part")], () => isWanted);
      else isWanted = false;
      setImmediate(() => {
        replying.send([Buffer.from("word")]);
        log.push("said");
      });
    });
    come("1", "2");
    await settled();
    await settled();
    expect(log).toEqual(["read 1", "read 2", "said", "sent word", "said", "sent word"]);
  });
});

describe("SocketDriver over a socket that fails", () => {
  it("reads on after an announced message was taken back", async () => {
    const results = [Promise.reject(failure("EAGAIN")), Promise.resolve([Buffer.from("x")])];
    const seen: Uint8Array[][] = [];
    const never = new Promise<never>(() => {});
    const receive = (): Promise<Buffer[]> => results.shift() ?? never;
    driver({ receive }, { message: (frames) => seen.push(frames) });
    await settled();
    expect(seen).toEqual([[Buffer.from("x")]]);
  });

  it("surfaces the error of a socket that can no longer be read, and still closes", async () => {
    const thrown = uncaught();
    const broken = driver({ receive: () => Promise.reject(failure("ETERM")) });
    await settled();
    expect(thrown).toEqual([failure("ETERM")]);
    await broken.close(0);
  });

  it("drops a message that was read when it was already closed", async () => {
    let arrive: (frames: Buffer[]) => void = () => {};
    const message = vi.fn();
    const receive = (): Promise<Buffer[]> => new Promise((resolve) => (arrive = resolve));
    const closing = driver({ receive }, { message });
    const closed = closing.close(0);
    arrive([Buffer.from("late")]);
    await closed;
    expect([message.mock.calls.length, closing.stats.received]).toEqual([0, 0]);
  });

  it("goes on sending after an error that is no refusal, and surfaces it", async () => {
    const thrown = uncaught();
    const sent: unknown[] = [];
    const refused = vi.fn();
    const send = (frames: readonly Uint8Array[]): Promise<void> => {
      if (sent.push(frames) === 1) throw failure("EFSM");
      if (sent.length === 2) throw null;
      return Promise.resolve();
    };
    const sending = driver({ send }, { refused });
    for (let index = 0; index < 3; index++) sending.send([Uint8Array.of(index)]);
    // On a busy machine the driver may let others have their turn between two of them.
    while (sending.stats.sent === 0 || thrown.length < 2) await settled();
    expect(thrown).toEqual([failure("EFSM"), null]);
    expect(sending.stats).toMatchObject({ sent: 1, refused: 2, queued: 0 });
    expect(refused).not.toHaveBeenCalled();
    expect(sending.send([Uint8Array.of(3)])).toBe(true);
  });

  it("counts refusals and drops connection events that nobody wants to hear", async () => {
    const { receive: ended } = { receive: new Promise<never>(() => {}) };
    const events = [
      { type: "handshake", address: "a" },
      { type: "bind", address: "a" },
    ];
    const receive = (): unknown => Promise.resolve(events.shift() ?? ended);
    const send = (): Promise<void> => Promise.reject(failure("EHOSTUNREACH"));
    const quiet = driver({ send, events: { receive } });
    quiet.send([Uint8Array.of(1)]);
    await settled();
    expect(quiet.stats.refused).toBe(1);
    expect(events).toEqual([]);
  });

  it("ends with the monitor, also if that fails", async () => {
    const thrown = uncaught();
    const mute = driver({ events: { receive: () => Promise.reject(failure("EBADF")) } });
    await mute.close(0);
    expect(thrown).toEqual([]);
  });

  it("names the endpoint as given where the socket does not know a better one", () => {
    expect(driver({}).bind("inproc://x")).toBe("inproc://x");
  });

  it("reports no loss of a connection that never was", async () => {
    const connection = vi.fn();
    const never = new Promise<never>(() => {});
    const events: unknown[] = [{ type: "disconnect", address: "a" }];
    driver(
      { events: { receive: () => (events.length > 0 ? Promise.resolve(events.shift()) : never) } },
      { connection },
    );
    await settled();
    expect(events).toEqual([]);
    expect(connection).not.toHaveBeenCalled();
  });

  it("takes a pause at the address behind a lost host name for no failure to resolve it", async () => {
    const connection = vi.fn();
    const never = new Promise<never>(() => {});
    const events: unknown[] = [
      { type: "handshake", address: "tcp://localhost:1" },
      { type: "disconnect", address: "tcp://localhost:1" },
      { type: "connect:retry", address: "tcp://127.0.0.1:1" },
    ];
    driver(
      {
        connect() {},
        events: { receive: () => (events.length > 0 ? Promise.resolve(events.shift()) : never) },
      },
      { connection },
    ).connect("tcp://localhost:1");
    await settled();
    await vi.waitFor(() => expect(connection).toHaveBeenCalledTimes(2));
    expect(connection.mock.calls.map(([{ type }]) => type)).toEqual(["up", "down"]);
  });
});
