import { networkInterfaces } from "node:os";
import { type CurveOptions, resolveSettings, type SocketSettings, type SocketSpec } from "@seaworthy/core";
import { ZmqTransport } from "@seaworthy/core/node";
import { describe, expect, it } from "vitest";
import { curveKeyPair } from "zeromq";
import { bytes, open, openPair } from "./support/sockets.js";

const server = curveKeyPair();
const client = curveKeyPair();
const serverCurve: CurveOptions = { server: true, secretKey: server.secretKey };
const clientCurve: CurveOptions = { ...client, serverKey: server.publicKey };

const resolve = (given: unknown): unknown => resolveSettings("Role", given as SocketSettings);

describe("socket settings", () => {
  it("have the documented defaults", () => {
    expect(resolve({})).toEqual({
      sendHighWaterMark: 1000,
      receiveHighWaterMark: 1000,
      maxQueued: 10_000,
      maxFrameBytes: 64 * 1024 * 1024,
      reconnectIntervalMs: 100,
      reconnectMaxIntervalMs: 2000,
      pingIntervalMs: 0,
      ipv6: false,
    });
    expect(resolve({ curve: undefined })).not.toHaveProperty("curve");
  });

  it.each([
    ["sendHighWaterMark", 0],
    ["receiveHighWaterMark", 2 ** 31],
    ["maxQueued", 0.5],
    ["maxFrameBytes", -1],
    ["reconnectIntervalMs", 0],
    ["reconnectMaxIntervalMs", Number.POSITIVE_INFINITY],
    ["pingIntervalMs", -5],
  ])("%s: refuses %d and text by name", (name, value) => {
    expect(() => resolve({ [name]: value })).toThrow(RangeError);
    expect(() => resolve({ [name]: value })).toThrow(new RegExp(`^Role: option "${name}" .*, got ${value}$`));
    expect(() => resolve({ [name]: "7" })).toThrow(TypeError);
    expect(() => resolve({ [name]: "7" })).toThrow(`Role: option "${name}" must be`);
  });

  it.each([
    ["departures", "yes", "true or false"],
    ["subscriptions", 1, "true or false"],
    ["handover", 1, "true or false"],
    ["routingId", Buffer.from("id"), "a string"],
    ["type", "pair", "one of"],
  ])("%s: of a wrong kind is refused by name", (name, value, expected) => {
    const spec = { type: "router", [name]: value } as unknown as SocketSpec;
    expect(() => open(spec)).toThrow(`Test: option "${name}" must be ${expected}`);
  });

  it("are checked by the transport in the name of its owner", () => {
    expect(() => open({ type: "dealer", maxQueued: 0 })).toThrow(/^Test: option "maxQueued"/);
    expect(() => resolve({ highWaterMark: 5 })).toThrow('Role: there is no option "highWaterMark"');
  });

  it.each(["dealer", "router", "publisher", "subscriber"] as const)("all fit a %s", (type) => {
    const settings: Required<SocketSettings> = {
      sendHighWaterMark: 5,
      receiveHighWaterMark: 6,
      maxQueued: 7,
      maxFrameBytes: 8000,
      reconnectIntervalMs: 9.5,
      reconnectMaxIntervalMs: 2,
      pingIntervalMs: 1000.5,
      ipv6: true,
      curve: serverCurve,
    };
    const spec = { type, ...settings, immediate: true, handover: true, routingId: "id" };
    for (const subscriptions of [false, true]) {
      expect(open({ ...spec, subscriptions }).socket.bind("tcp://127.0.0.1:*")).toMatch(/:\d+$/);
    }
    expect(open({ type, curve: clientCurve }).transport.stats().sent).toBe(0);
  });
});

describe("curve options", () => {
  const key = server.secretKey;
  const noText = (got: string): string => `a CURVE key, 40 characters of Z85 text, got ${got}`;

  it.each([
    ["not an object", "secret", TypeError, 'Role: option "curve" must be an object, got "secret"'],
    ["no keys", {}, TypeError, `Role: curve: option "publicKey" must be ${noText("undefined")}`],
    ["null", { ...clientCurve, secretKey: null }, TypeError, `"secretKey" must be ${noText("null")}`],
    [
      "a Buffer",
      { server: true, secretKey: Buffer.alloc(32) },
      TypeError,
      `"secretKey" must be ${noText("object")}`,
    ],
    ["short", { ...clientCurve, serverKey: "abc" }, RangeError, '"serverKey" must be'],
    ["long", { ...clientCurve, publicKey: `${key}x` }, RangeError, '"publicKey" must be'],
    ["not Z85", { server: true, secretKey: `${"0".repeat(39)}~` }, RangeError, '"secretKey" must be'],
    ["more than 32 bits", { server: true, secretKey: "#".repeat(40) }, RangeError, '"secretKey" must be'],
    [
      "unknown key",
      { ...clientCurve, passphrase: "x" },
      TypeError,
      'Role: curve: there is no option "passphrase"',
    ],
    ["a server's with a public key", { ...serverCurve, publicKey: key }, TypeError, 'no option "publicKey"'],
    ["server: false", { ...clientCurve, server: false }, TypeError, 'no option "server"'],
  ])("%s: refused by name", (_, curve, type, message) => {
    expect(() => resolve({ curve })).toThrow(type);
    expect(() => resolve({ curve })).toThrow(message);
  });

  it("do not show a key that is wrong by a character", () => {
    let message = "";
    try {
      resolve({ curve: { server: true, secretKey: `${key}\n` } });
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain("got 41 characters");
    expect(message).not.toContain(key);
  });

  it("are kept as given", () => {
    expect(resolve({ curve: serverCurve })).toMatchObject({ curve: serverCurve });
    expect(resolve({ curve: clientCurve })).toMatchObject({ curve: clientCurve });
  });
});

describe("CURVE", () => {
  it("lets in a client that has the server's key", async () => {
    const { router, dealer } = await openPair({ curve: serverCurve }, { curve: clientCurve });
    dealer.socket.send([bytes("secret")]);
    await router.seen.until(({ messages }) => messages.length === 1);
    expect(router.seen.texts[0]?.[1]).toBe("secret");
  });

  it.each<[string, CurveOptions | undefined]>([
    ["the wrong key of the server", { ...client, serverKey: client.publicKey }],
    ["no encryption at all", undefined],
  ])("reports a client with %s as failed, and passes no message", async (_, curve) => {
    const router = open({ type: "router", curve: serverCurve });
    const endpoint = router.socket.bind("tcp://127.0.0.1:*");
    const dealer = open({ type: "dealer", curve, reconnectIntervalMs: 10 });
    dealer.socket.connect(endpoint);
    dealer.socket.send([bytes("secret")]);
    await dealer.seen.until((seen) => seen.count("failed") > 0);
    await router.seen.until((seen) => seen.count("failed") > 0);
    expect(dealer.seen.connections.every(({ type }) => type === "failed")).toBe(true);
    expect(router.seen.connections.every(({ type }) => type === "failed")).toBe(true);
    expect(router.seen.connections[0]?.reason).toMatch(/./);
    expect(router.seen.messages).toEqual([]);
  });
});

describe("backlog", () => {
  it("says whether anything was handed over since it was last asked", async () => {
    const { router, dealer } = await openPair();
    expect(router.transport.backlog()).toBe(false);
    dealer.socket.send([bytes("x")]);
    await router.seen.until(({ messages }) => messages.length === 1);
    expect(router.transport.backlog()).toBe(true);
    expect(router.transport.backlog()).toBe(false);
    await router.socket.close(0);
    expect(router.transport.backlog()).toBe(false);
  });

  it("can be asked at any time without putting the reader to sleep", async () => {
    const { router, dealer } = await openPair();
    router.seen.onMessage = (frames) => router.socket.send(frames);
    dealer.seen.onMessage = (frames) => dealer.socket.send(frames);
    dealer.socket.send([bytes("x")]);
    let asking = setImmediate(function ask() {
      router.transport.backlog();
      dealer.transport.backlog();
      asking = setImmediate(ask);
    });
    await dealer.seen.until(({ messages }) => messages.length === 3000);
    clearImmediate(asking);
  });
});

describe("reconnect: false", () => {
  it("leaves a lost connection lost, and what is queued for it unsent", async () => {
    const { router, dealer, endpoint } = await openPair({}, { reconnect: false, reconnectIntervalMs: 1 });
    await router.socket.close(0);
    await dealer.seen.until((seen) => seen.count("down") === 1);
    dealer.socket.send([bytes("late")]);
    const again = open({ type: "router" });
    again.socket.bind(endpoint);
    // A socket that does reconnect, with longer pauses, marks the time by which this one would have.
    const witness = open({ type: "dealer", reconnectIntervalMs: 50 });
    witness.socket.connect(endpoint);
    witness.socket.send([bytes("witness")]);
    await again.seen.until(({ messages }) => messages.length === 1);
    expect(again.seen.texts[0]?.[1]).toBe("witness");
    expect(dealer.seen.connections.map(({ type }) => type)).toEqual(["up", "down"]);
  });
});

describe("the end of a connection", () => {
  it("is reported after everything that came over it", async () => {
    for (let round = 0; round < 30; round++) {
      const { router, dealer } = await openPair({}, { reconnect: false });
      dealer.socket.send([bytes("hello")]);
      await router.seen.until(({ messages }) => messages.length === 1);
      const id = router.seen.messages[0]?.[0] as Uint8Array;
      let receivedAtEnd = -1;
      const { connection } = dealer.seen;
      dealer.seen.connection = (event) => {
        if (event.type === "down") receivedAtEnd = dealer.seen.messages.length;
        connection(event);
      };
      for (let index = 0; index < 700; index++) router.socket.send([id, bytes("x")]);
      await router.socket.close(10_000);
      await dealer.seen.until((seen) => seen.count("down") === 1);
      expect(receivedAtEnd).toBe(700);
    }
  });
});

describe("addresses", () => {
  it("that cannot be resolved are reported as failed, once, and at once", async () => {
    const { socket, seen } = open({ type: "dealer", reconnect: false });
    // A label of a name has 63 characters at most, so no name server need be asked.
    const endpoint = `tcp://${"x".repeat(64)}.invalid:5555`;
    socket.connect(endpoint);
    await seen.until(({ connections }) => connections.length > 0);
    expect(seen.connections).toEqual([
      {
        type: "failed",
        endpoint,
        reason: "the address cannot be resolved",
      },
    ]);
  });

  it("that ZeroMQ does not take are reported as failed, and not from within connect", async () => {
    const { socket, seen } = open({ type: "dealer" });
    socket.connect("nonsense");
    expect(seen.connections).toEqual([]);
    await seen.until(({ connections }) => connections.length > 0);
    expect(seen.connections).toMatchObject([{ type: "failed", endpoint: "nonsense" }]);
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === "::1"),
  );

  it.skipIf(!hasIpv6)("may be IPv6 where that is asked for", async () => {
    const { socket, seen } = open({ type: "router", ipv6: true });
    const client = open({ type: "dealer", ipv6: true });
    client.socket.connect(socket.bind("tcp://[::1]:*"));
    client.socket.send([bytes("six")]);
    await seen.until(({ messages }) => messages.length > 0);
    expect(seen.texts[0]?.[1]).toBe("six");
  });
});

describe("sockets of a process", () => {
  it("that are no more are told before the last is opened, so that all can be closed", async () => {
    const transport = new ZmqTransport("Role");
    const open = () => transport.open({ type: "dealer" }, { message() {} });
    for (let round = 0; round < 2; round++) {
      const sockets: ReturnType<typeof open>[] = [];
      expect(() => {
        for (;;) sockets.push(open());
      }).toThrow(/^Role: \d+ sockets are open, and context.maxSockets of zeromq is 1023$/);
      expect(sockets.length).toBeGreaterThanOrEqual(300);
      await Promise.all(sockets.map((socket) => socket.close(0)));
    }
  });
});
