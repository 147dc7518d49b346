import { describe, expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import { MajordomoClientMachine } from "../src/client-machine.js";
import { type MajordomoClientOptions, resolveClientOptions } from "../src/client-options.js";
import { wireClient } from "../src/client-wiring.js";

const ENDPOINT = "tcp://a:1";
const NOTICE = Buffer.from("535701000000006400000000", "hex");
const HEADER = "53570100" + "0000000000000001" + "0000000000000001";

function wire(options: MajordomoClientOptions = {}) {
  const sockets = new FakeSockets();
  const clock = new HandClock();
  const events: string[] = [];
  const resolved = resolveClientOptions({ backoff: { jitter: 0 }, heartbeatMs: 100, ...options });
  const machine = new MajordomoClientMachine(resolved, 1n, () => 0);
  const client = wireClient(machine, {
    transport: sockets,
    scheduler: clock,
    socket: resolved.socket,
    heartbeatMs: resolved.heartbeatMs,
    owner: {
      part: (call, body) => events.push(`part ${call} ${body.map(String)}`),
      answered: (call, body) => events.push(`answered ${call} ${body.map(String)}`),
      failed: (call, { code }) => events.push(`failed ${call} ${code}`),
      status: (event) => events.push("reason" in event ? `${event.type}: ${event.reason}` : event.type),
    },
  });
  const request = (call: number, isStream = false): void =>
    client.feed({
      type: "request",
      call,
      service: Buffer.from("echo"),
      body: [Buffer.from("x")],
      timeoutMs: 1000,
      attempts: 1,
      isStream,
    });
  return { sockets, clock, client, events, machine, request };
}

type Wired = ReturnType<typeof wire>;

function up({ client, sockets }: Wired): void {
  client.feed({ type: "connect", endpoint: ENDPOINT });
  sockets.at(0).handlers.connection?.({ type: "up", endpoint: ENDPOINT });
}

const say = ({ sockets }: Wired, ...frames: (string | Buffer)[]): void =>
  sockets.at(0).handlers.message(frames.map((frame) => Buffer.from(frame as string)));

const isOurs = (wired: Wired): void => say(wired, "", "MDPC01", "mmi.seaworthy", "200", NOTICE);

/** Frames as text, where they are printable, or in hexadecimal. */
const readable = (frames: readonly Uint8Array[] | undefined): string[] =>
  (frames ?? []).map((frame) => {
    const buffer = Buffer.from(frame);
    return /^[\x20-\x7e]*$/.test(buffer.toString("latin1")) ? buffer.toString() : buffer.toString("hex");
  });

describe("what is sent", () => {
  it("the question whether the broker is ours, with a notice, then requests with a header", () => {
    const wired = wire();
    up(wired);
    wired.request(1);
    expect(wired.sockets.at(0).sent.map(readable)).toEqual([
      ["", "MDPC01", "mmi.seaworthy", NOTICE.toString("hex")],
    ]);
    isOurs(wired);
    expect(readable(wired.sockets.at(0).sent[1])).toEqual([
      `${HEADER}0000038400000001`,
      "",
      "MDPC02",
      "01",
      "echo",
      "x",
    ]);
    expect(wired.sockets.at(0).spec).toMatchObject({ type: "dealer", reconnect: false });
  });

  it("a request to a foreign broker is as 7/MDP has it", () => {
    const wired = wire();
    up(wired);
    say(wired, "", "MDPC01", "mmi.seaworthy", "501");
    wired.request(1);
    expect(readable(wired.sockets.at(0).sent[1])).toEqual(["", "MDPC01", "echo", "x"]);
  });

  it("an aborted request is cancelled, as a request without a body", () => {
    const wired = wire();
    up(wired);
    isOurs(wired);
    wired.request(1);
    wired.client.feed({ type: "abort", call: 1 });
    expect(readable(wired.sockets.at(0).sent[2])).toEqual([
      `${HEADER.slice(0, 6)}01${HEADER.slice(8)}0000000000000001`,
      "",
      "MDPC02",
      "01",
      "echo",
    ]);
    expect(wired.events).toContain("failed 1 ERR_ABORTED");
  });

  it("a request that the full send queue does not take counts as not sent", () => {
    const wired = wire();
    up(wired);
    isOurs(wired);
    wired.sockets.at(0).isFull = true;
    wired.request(1);
    expect(wired.events).toContain("send-refused");
    expect(wired.machine.isAwaiting(1, 1)).toBe(false);
  });

  it("fault: what waits in the socket's queue is not wanted once its caller was told of failure", () => {
    const wired = wire();
    const wanted: ((() => boolean) | undefined)[] = [];
    up(wired);
    isOurs(wired);
    wired.sockets.at(0).send = (_frames: unknown, isWanted?: () => boolean): boolean => {
      wanted.push(isWanted);
      return true;
    };
    wired.request(1);
    expect(wanted[0]?.()).toBe(true);
    wired.client.feed({ type: "abort", call: 1 });
    expect(wanted[0]?.()).toBe(false);
  });
});

describe("what comes", () => {
  it("parts and the end of a stream go to their owner", () => {
    const wired = wire();
    up(wired);
    isOurs(wired);
    wired.request(1, true);
    const header = (index: number): Buffer => Buffer.from(`${HEADER}0000000${index}00000001`, "hex");
    say(wired, header(0), "", "MDPC02", "\x02", "echo", "a");
    say(wired, header(1), "", "MDPC02", "\x03", "echo", "b");
    expect(wired.events.slice(-2)).toEqual(["part 1 a", "answered 1 b"]);
  });

  it("what is no reply is told as such", () => {
    const wired = wire();
    up(wired);
    say(wired, "garbage");
    expect(wired.events.at(-1)).toMatch(/^message-dropped: /);
  });

  it("a socket that cannot be opened is a failed connection, and is tried again", () => {
    const wired = wire();
    wired.sockets.fault = new Error("Too many open files");
    wired.client.feed({ type: "connect", endpoint: ENDPOINT });
    expect(wired.events).toEqual(["connection-failed: Too many open files"]);
    wired.sockets.fault = undefined;
    wired.clock.until(100);
    wired.sockets.at(0).handlers.connection?.({ type: "up", endpoint: ENDPOINT });
    expect(wired.events.at(-1)).toBe("connection-opened");
  });

  it("sockets of the pool that cannot be opened are tried again after a pause, and not for ever at once", () => {
    const wired = wire();
    up(wired);
    say(wired, "", "MDPC01", "mmi.seaworthy", "501");
    wired.request(1);
    wired.sockets.fault = new Error("Too many open files");
    for (let call = 2; call <= 5; call++) wired.request(call);
    expect(wired.sockets.opened).toHaveLength(1);
    wired.sockets.fault = undefined;
    wired.clock.until(100);
    expect(wired.sockets.opened).toHaveLength(5);
  });
});

it("a broker that does not answer is judged by the clock", () => {
  const wired = wire();
  up(wired);
  wired.request(1);
  wired.clock.until(99);
  expect(wired.sockets.at(0).sent).toHaveLength(1);
  wired.clock.until(100);
  expect(readable(wired.sockets.at(0).sent[1])).toEqual(["", "MDPC01", "echo", "x"]);
});

it("a lost socket is discarded at once; when closing, what says so has time to leave", async () => {
  const wired = wire();
  up(wired);
  wired.sockets.at(0).handlers.connection?.({ type: "down", endpoint: ENDPOINT });
  expect(wired.sockets.at(0).closedWith).toBe(0);
  wired.clock.until(100);
  wired.sockets.at(1).handlers.connection?.({ type: "up", endpoint: ENDPOINT });
  wired.request(1);
  await wired.client.close(70);
  expect(wired.events.at(-2)).toBe("failed 1 ERR_CLOSED");
  expect(wired.sockets.at(1).closedWith).toBe(70);
});
