import { Addresses, type Frames, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import {
  decodeAtBroker,
  deliveredNumber,
  encodeBrokerDisconnect,
  encodeBrokerHeartbeat,
  encodeToClient,
  encodeToWorker,
  isForWorker,
} from "../src/broker-wire.js";
import { decodeReply, encodeRequest } from "../src/client-wire.js";
import { decodeBrokerNotice, decodeNotice, encodeBrokerNotice, encodeNotice } from "../src/notice.js";
import {
  answerHeader,
  decodeRequestHeader,
  encodeRequestHeader,
  headerKey,
  headerKind,
  headerTtlMs,
  isRequestHeader,
  routeHeader,
} from "../src/request-header.js";
import { headerVersion } from "../src/wire.js";
import {
  decodeFromBroker,
  encodeDisconnect,
  encodeFinal,
  encodeHeartbeat,
  encodePartial,
  encodeReady,
} from "../src/worker-wire.js";

const text = textFrame;
const EMPTY = new Uint8Array(0);
const ECHO = text("echo");
const BODY = [text("a"), text("b")];
const ROUTING_ID = Uint8Array.of(0, 1, 2, 3, 4);
const addresses = new Addresses(Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2));
const ADDRESS = addresses.encode(7);
const NOTICE = { heartbeatMs: 0x01020304, credit: 5 };
const BROKERS_NOTICE = { heartbeatMs: 0x01020304, askedMs: 0x05060708 };
const HEADER = { kind: "message", epoch: 1n, sequence: 2n, first: 3, second: 4 } as const;
const header = encodeRequestHeader(HEADER);

/** Frames as text, where they are printable, or as `0x…`. */
function readable(frames: Frames): string {
  const words = frames.map((frame) => {
    const buffer = Buffer.from(frame);
    return buffer.every((byte) => byte >= 0x20 && byte < 0x7f)
      ? buffer.toString()
      : `0x${buffer.toString("hex")}`;
  });
  return words.map((word) => `[${word}]`).join("");
}

describe("commands are laid out as 7/MDP and 18/MDP have them", () => {
  it("a client's", () => {
    expect(readable(encodeRequest("0.1", ECHO, undefined, BODY))).toBe("[][MDPC01][echo][a][b]");
    expect(readable(encodeRequest("0.2", ECHO, undefined, BODY))).toBe("[MDPC02][0x01][echo][a][b]");
    expect(readable(encodeRequest("0.1", ECHO, text("id"), BODY))).toBe("[id][][MDPC01][echo][a][b]");
    expect(readable(encodeRequest("0.2", ECHO, text("id"), BODY))).toBe("[id][][MDPC02][0x01][echo][a][b]");
  });

  it("a worker's", () => {
    const notice = "[0x535701000102030400000005]";
    const to = [text("to")];
    expect(readable(encodeReady("0.1", ECHO, NOTICE))).toBe(`[][MDPW01][0x01][echo]${notice}`);
    expect(readable(encodeReady("0.2", ECHO, NOTICE))).toBe(`[MDPW02][0x01][echo]${notice}`);
    expect(readable(encodeHeartbeat("0.1", undefined))).toBe("[][MDPW01][0x04]");
    expect(readable(encodeHeartbeat("0.2", undefined))).toBe("[MDPW02][0x05]");
    expect(readable(encodeHeartbeat("0.2", NOTICE))).toBe(`[MDPW02][0x05]${notice}`);
    expect(readable(encodeDisconnect("0.1"))).toBe("[][MDPW01][0x05]");
    expect(readable(encodeDisconnect("0.2"))).toBe("[MDPW02][0x06]");
    expect(readable(encodeFinal("0.1", to, BODY))).toBe("[][MDPW01][0x03][to][][a][b]");
    expect(readable(encodeFinal("0.2", to, BODY))).toBe("[MDPW02][0x04][to][][a][b]");
    expect(readable(encodePartial(to, BODY))).toBe("[MDPW02][0x03][to][][a][b]");
  });

  it("a worker's outcomes, for brokers of ours, have a byte more in the address", () => {
    expect(readable(encodeFinal("0.2", [text("to")], BODY, "handler-failed"))).toBe(
      "[MDPW02][0x04][0x746f01][][a][b]",
    );
    expect(readable(encodeFinal("0.1", [text("to")], BODY, "dropped"))).toBe(
      "[][MDPW01][0x03][0x746f02][][a][b]",
    );
    expect(readable(encodeFinal("0.2", [text("to")], BODY, "returned"))).toBe(
      "[MDPW02][0x04][0x746f03][][a][b]",
    );
  });

  it("a broker's", () => {
    const address = `[0x${Buffer.from(ADDRESS).toString("hex")}]`;
    expect(readable(encodeToWorker("0.1", ADDRESS, BODY))).toBe(`[][MDPW01][0x02]${address}[][a][b]`);
    expect(readable(encodeToWorker("0.2", ADDRESS, BODY))).toBe(`[MDPW02][0x02]${address}[][a][b]`);
    expect(readable(encodeBrokerHeartbeat("0.1", undefined))).toBe("[][MDPW01][0x04]");
    expect(readable(encodeBrokerHeartbeat("0.2", ADDRESS))).toBe(`[MDPW02][0x05]${address}`);
    expect(readable(encodeBrokerHeartbeat("0.2", BROKERS_NOTICE))).toBe(
      "[MDPW02][0x05][0x535701000102030405060708]",
    );
    expect(readable(encodeBrokerDisconnect("0.1"))).toBe("[][MDPW01][0x05]");
    expect(readable(encodeBrokerDisconnect("0.2"))).toBe("[MDPW02][0x06]");
    const route = [text("peer"), EMPTY];
    expect(readable(encodeToClient("0.1", route, ECHO, BODY, true))).toBe("[peer][][MDPC01][echo][a][b]");
    const [peer] = route as [Uint8Array];
    expect(readable(encodeToClient("0.2", [peer], ECHO, BODY, false))).toBe(
      "[peer][MDPC02][0x02][echo][a][b]",
    );
    expect(readable(encodeToClient("0.2", [peer], ECHO, BODY, true))).toBe(
      "[peer][MDPC02][0x03][echo][a][b]",
    );
  });

  it("of which kind a broker's message is, and what it delivers, can be told from the message", () => {
    for (const version of ["0.1", "0.2"] as const) {
      const request = [ROUTING_ID, ...encodeToWorker(version, ADDRESS, BODY)];
      expect([isForWorker(request), deliveredNumber(request, addresses)]).toEqual([true, 7]);
      const heartbeat = [ROUTING_ID, ...encodeBrokerHeartbeat(version, ADDRESS)];
      expect([isForWorker(heartbeat), deliveredNumber(heartbeat, addresses)]).toEqual([true, undefined]);
      const reply = encodeToClient(version, [ROUTING_ID, EMPTY], ECHO, BODY, true);
      expect([isForWorker(reply), deliveredNumber(reply, addresses)]).toEqual([false, undefined]);
    }
    expect(isForWorker([ROUTING_ID])).toBe(false);
  });

  it("a reply to a client whose envelope looks like a worker's header is still a client's", () => {
    // The only header of a worker that a client may begin its envelope with: with the other it is one.
    const route = [ROUTING_ID, text("MDPW01"), Uint8Array.of(2), ADDRESS, EMPTY];
    for (const [version, bare] of [
      ["0.1", encodeRequest("0.1", ECHO, undefined, BODY).slice(1)],
      ["0.2", encodeRequest("0.2", ECHO, undefined, BODY)],
    ] as const) {
      expect(decodeAtBroker([...route, ...bare], addresses)).toMatchObject({
        type: "request",
        version,
        route,
      });
      const reply = encodeToClient(version, route, ECHO, BODY, true);
      expect([isForWorker(reply), deliveredNumber(reply, addresses)]).toEqual([false, undefined]);
    }
    const other = [ROUTING_ID, text("MDPW02"), Uint8Array.of(5), EMPTY, text("MDPC01"), ECHO, ...BODY];
    expect(decodeAtBroker(other, addresses)).toMatchObject({ type: "said" });
  });
});

describe("the frames of our own", () => {
  it("a notice is laid out as documented, and a longer one of a later version is read as far as it is known", () => {
    const frame = encodeNotice(NOTICE);
    expect([...frame]).toEqual([...Buffer.from("SW"), 1, 0, 1, 2, 3, 4, 0, 0, 0, 5]);
    expect(decodeNotice(Uint8Array.of(...frame, 99))).toEqual(NOTICE);
  });

  it("an address is told from a notice by its length, whatever bytes the broker's life begins with", () => {
    const lookalike = new Addresses(encodeNotice(NOTICE).slice(0, 8)).encode(7);
    expect(decodeNotice(lookalike)).toBeUndefined();
    for (const version of ["0.1", "0.2"] as const) {
      expect(decodeFromBroker([...encodeBrokerHeartbeat(version, lookalike)])).toEqual({
        type: "heartbeat",
        cancelled: lookalike,
      });
    }
    const longer = Uint8Array.of(...encodeBrokerNotice(BROKERS_NOTICE), 1, 2, 3);
    const heard = decodeFromBroker([...encodeBrokerHeartbeat("0.2", longer)]);
    expect(heard).toEqual({ type: "heartbeat", notice: BROKERS_NOTICE });
  });

  it("a HEARTBEAT with a frame that is neither notice nor address is a plain one", () => {
    for (const frame of [EMPTY, text("x"), new Uint8Array(17), encodeNotice(NOTICE).slice(0, 11)]) {
      expect(decodeFromBroker([...encodeBrokerHeartbeat("0.2", frame)])).toEqual({ type: "heartbeat" });
    }
  });

  it("a notice promises no more than is kept: its interval is rounded up, and bounded", () => {
    expect(decodeNotice(encodeNotice({ heartbeatMs: 0.2, credit: 0 }))?.heartbeatMs).toBe(1);
    expect(decodeNotice(encodeNotice({ heartbeatMs: 1e12, credit: 1e12 }))).toEqual({
      heartbeatMs: 2 ** 32 - 1,
      credit: 2 ** 32 - 1,
    });
  });

  it("a broker that asks for nothing is not told from one that does not know how, and what it asks is rounded up", () => {
    const heartbeatMs = 1000;
    expect(encodeBrokerNotice({ heartbeatMs, askedMs: 0 })).toEqual(encodeNotice({ heartbeatMs, credit: 0 }));
    expect(decodeBrokerNotice(encodeBrokerNotice({ heartbeatMs, askedMs: 62.5 }))?.askedMs).toBe(63);
    expect(decodeBrokerNotice(encodeBrokerNotice({ heartbeatMs, askedMs: 1e12 }))?.askedMs).toBe(2 ** 32 - 1);
  });

  it.each([
    ["too short", encodeNotice(NOTICE).slice(0, 11)],
    ["not ours", Uint8Array.of(0x53, 0x58, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0)],
    ["not ours from the start", Uint8Array.of(0x52, 0x57, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0)],
    ["of another version", Uint8Array.of(0x53, 0x57, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0)],
    ["without an interval", Uint8Array.of(0x53, 0x57, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
  ])("a frame that is %s is no notice", (_what, frame) => {
    expect(decodeNotice(frame)).toBeUndefined();
    expect(decodeBrokerNotice(frame)).toBeUndefined();
  });

  it("a request header is laid out as documented", () => {
    const frame = encodeRequestHeader({
      kind: "cancel",
      epoch: 0x0102030405060708n,
      sequence: 0xf1f2f3f4f5f6f7f8n,
      first: 0x11121314,
      second: 0x21222324,
    });
    expect(Buffer.from(frame).toString("hex")).toBe(
      `53570101${"0102030405060708"}${"f1f2f3f4f5f6f7f8"}${"11121314"}${"21222324"}`,
    );
  });

  it("a header of a time that is too long says the longest that it can", () => {
    expect(headerTtlMs(encodeRequestHeader({ ...HEADER, first: 1e12 }))).toBe(2 ** 32 - 1);
  });

  it("an answer's header is the request's, with what is said of it; the request's stays as it was", () => {
    const answer = answerHeader(header, "given-up", 5, 6);
    expect(decodeRequestHeader(answer)).toEqual({ ...HEADER, kind: "given-up", first: 5, second: 6 });
    expect(decodeRequestHeader(answerHeader(answer, "message", 0, 1))).toMatchObject({ kind: "message" });
    expect(decodeRequestHeader(header)).toEqual(HEADER);
  });

  it.each([
    ["too short", header.slice(1)],
    ["too long", Uint8Array.of(...header, 0)],
    ["not ours", Uint8Array.of(0, ...header.slice(1))],
    ["not quite ours", Uint8Array.of(0x53, 0, ...header.slice(2))],
    ["of another version", Uint8Array.of(0x53, 0x57, 2, ...header.slice(3))],
  ])("a frame that is %s is no request header", (_what, frame) => {
    expect(isRequestHeader(frame)).toBe(false);
    expect(decodeRequestHeader(frame)).toBeUndefined();
  });

  it("a header of an unknown kind is none that can be read", () => {
    const unknown = Uint8Array.of(...header.slice(0, 3), 9, ...header.slice(4));
    expect(decodeRequestHeader(unknown)).toBeUndefined();
    expect(headerKind(unknown)).toBeUndefined();
  });

  it("a route has a header only right in front of the empty frame, behind the routing id and hops of devices", () => {
    expect(routeHeader([ROUTING_ID, header, EMPTY])).toBe(header);
    expect(routeHeader([ROUTING_ID, text("hop"), text("hop"), header, EMPTY])).toBe(header);
    expect(routeHeader([header, EMPTY])).toBeUndefined();
    expect(routeHeader([ROUTING_ID, header, text("id"), EMPTY])).toBeUndefined();
    expect(routeHeader([ROUTING_ID, header, text("hop")])).toBeUndefined();
    expect(routeHeader([ROUTING_ID, text("id"), EMPTY])).toBeUndefined();
    expect(routeHeader([])).toBeUndefined();
  });

  it.each([
    ["MDPC01", "C", "0.1"],
    ["MDPC02", "C", "0.2"],
    ["MDPW01", "W", "0.1"],
    ["MDPW02", "W", "0.2"],
    ["MDPC01", "W", undefined],
    ["MDPC03", "C", undefined],
    ["MDPC12", "C", undefined],
    ["XDPC01", "C", undefined],
    ["MXPC01", "C", undefined],
    ["MDXC01", "C", undefined],
    ["MDPC0", "C", undefined],
  ] as const)("%s is a header of a %s of %s", (frame, role, version) => {
    expect(headerVersion(text(frame), role)).toBe(version);
  });
});

const command = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);
const C1 = text("MDPC01");
const C2 = text("MDPC02");
const W1 = text("MDPW01");
const W2 = text("MDPW02");
const kind9 = Uint8Array.of(...header.slice(0, 3), 9, ...header.slice(4));
const manyHops = Array.from({ length: 40 }, () => text("hop"));

describe("malformed messages", () => {
  it.each([
    ["no frames", []],
    ["no header", [EMPTY, ECHO, text("x")]],
    ["no empty frame", [C1, ECHO, text("x")]],
    ["only an empty frame", [EMPTY]],
    ["a header of a worker", [EMPTY, W1, ECHO, text("x")]],
    ["an envelope of two frames", [header, header, EMPTY, C2, command(3), ECHO, text("x")]],
    ["an envelope that is no request header", [text("id"), EMPTY, C1, ECHO, text("x")]],
    ["a header of an unknown kind", [kind9, EMPTY, C1, ECHO, text("x")]],
    ["no service", [EMPTY, C1]],
    ["no body", [EMPTY, C1, ECHO]],
    ["0.2 without a command", [C2]],
    ["0.2 with a command of two bytes", [C2, command(3, 3), ECHO, text("x")]],
    ["0.2 with a command that is not a broker's", [C2, command(1), ECHO, text("x")]],
    ["0.2 without a service", [C2, command(3)]],
    ["0.2 without a body", [C2, command(2), ECHO]],
  ])("a client gets %s", (_what, frames) => {
    expect(decodeReply(frames)).toMatchObject({ type: "malformed", reason: expect.any(String) });
  });

  it.each([
    ["no frames", []],
    ["only an empty frame", [EMPTY]],
    ["a header of a client", [EMPTY, C1, command(2)]],
    ["no command", [W2]],
    ["an empty command", [W2, EMPTY]],
    ["an unknown command", [W2, command(9)]],
    ["a command of the other version", [EMPTY, W1, command(6)]],
    ["a request without an address", [W2, command(2), EMPTY, text("x")]],
    ["a request without an empty frame", [W2, command(2), ADDRESS, text("x")]],
    ["a request without a body", [W2, command(2), ADDRESS, EMPTY]],
  ])("a worker gets %s", (_what, frames) => {
    expect(decodeFromBroker(frames)).toMatchObject({ type: "malformed", reason: expect.any(String) });
  });

  it.each([
    ["nothing", []],
    ["no empty frame and no 0.2", [C1, ECHO, text("x")]],
    ["something of six bytes", [text("abcdef"), text("x")]],
    ["an empty frame and no more", [EMPTY]],
    ["no header", [EMPTY, text("MDPX01"), ECHO]],
    ["an endless envelope", [...manyHops, EMPTY, C1, ECHO, text("x")]],
    ["an endless row of hops", [...manyHops, C2, command(1), ECHO, text("x")]],
    ["a worker of 0.2 behind a device", [text("hop"), W2, command(5)]],
    ["a request without a service", [EMPTY, C1]],
    ["a request for nothing", [EMPTY, C1, EMPTY, text("x")]],
    ["too long a name", [EMPTY, C1, new Uint8Array(256).fill(97), text("x")]],
    ["a request without a body", [EMPTY, C1, ECHO]],
    ["0.2 without a command", [C2]],
    ["0.2 with a command that is not a client's", [C2, command(3), ECHO, text("x")]],
    ["a request header that is a reply's", [answerHeader(header, "limit", 0, 0), EMPTY, C1, ECHO, text("x")]],
    ["a request header of an unknown kind", [kind9, EMPTY, C1, ECHO, text("x")]],
    ["a worker's command in an envelope", [text("id"), EMPTY, W1, command(4)]],
    ["a worker of 0.2 behind an empty frame", [EMPTY, W2, command(5)]],
    ["a worker without a command", [W2]],
    ["a worker's unknown command", [W2, command(9)]],
    ["a PARTIAL, which 0.1 has not", [EMPTY, W1, command(6), ADDRESS, EMPTY, text("x")]],
    ["READY without a service", [W2, command(1)]],
    ["READY for nothing", [W2, command(1), EMPTY]],
    ["READY with too long a name", [W2, command(1), new Uint8Array(256)]],
    ["a reply without an address", [W2, command(4), EMPTY, text("x")]],
    ["a reply without an empty frame", [W2, command(4), ADDRESS, text("x")]],
    ["a reply without a body", [W2, command(4), ADDRESS, EMPTY]],
    ["a reply of an unknown outcome", [W2, command(4), Uint8Array.of(...ADDRESS, 4), EMPTY, text("x")]],
  ])("a broker gets %s", (_what, frames) => {
    expect(decodeAtBroker([ROUTING_ID, ...frames], addresses)).toMatchObject({
      type: "malformed",
      reason: expect.any(String),
    });
  });

  it("a broker gets no message at all", () => {
    expect(decodeAtBroker([], addresses)).toMatchObject({ type: "malformed" });
  });
});

describe("what others may send is taken", () => {
  it("a READY with a frame that is no notice, as a broker sees it", () => {
    expect(decodeAtBroker([ROUTING_ID, EMPTY, W1, command(1), ECHO, text("x")], addresses)).toMatchObject({
      type: "said",
      command: { type: "ready", notice: undefined },
    });
  });

  it("a reply under another broker's address, or under several frames, is to nobody here", () => {
    for (const address of [[text("other")], [ADDRESS, ADDRESS]]) {
      const frames = [ROUTING_ID, W2, command(4), ...address, EMPTY, text("x")];
      expect(decodeAtBroker(frames, addresses)).toMatchObject({
        command: { type: "part", kind: "final", number: undefined },
      });
    }
  });

  it("a request with an address of several frames, as a worker sees it: all go back", () => {
    const request = decodeFromBroker([EMPTY, W1, command(2), text("a"), text("b"), EMPTY, text("x")]);
    expect(request).toEqual({ type: "request", address: [text("a"), text("b")], body: [text("x")] });
  });

  it("a request that came through a device, with its hop in front: the route has it, and the header counts", () => {
    const route = [ROUTING_ID, text("hop"), header, EMPTY];
    expect(decodeAtBroker([...route, C2, command(1), ECHO, text("x")], addresses)).toMatchObject({
      type: "request",
      version: "0.2",
      route,
      key: headerKey(header),
      ttlMs: headerTtlMs(header),
    });
  });

  it.each([1, 2, 32])(
    "a request of 0.2 that came through %i devices: no empty frame is in front",
    (count) => {
      const route = [ROUTING_ID, ...manyHops.slice(0, count)];
      // An empty frame of the body is none of the envelope's.
      expect(decodeAtBroker([...route, C2, command(1), ECHO, EMPTY, text("x")], addresses)).toMatchObject({
        type: "request",
        version: "0.2",
        route,
        key: undefined,
        body: [EMPTY, text("x")],
      });
    },
  );
});
