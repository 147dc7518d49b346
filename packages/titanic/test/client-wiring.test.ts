import { textFrame } from "@seaworthy/core";
import { expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import { TitanicClientMachine } from "../src/client-machine.js";
import { resolveTitanicOptions, type TitanicClientOptions } from "../src/client-options.js";
import { wireTitanicClient } from "../src/client-wiring.js";

const ENDPOINT = "tcp://a:1";
const NOTICE = Buffer.from("535701000000006400000000", "hex");
const ID = "0123456789ABCDEF0123456789ABCDEF";

function wire(options: TitanicClientOptions = {}) {
  const sockets = new FakeSockets();
  const clock = new HandClock();
  const events: string[] = [];
  const resolved = resolveTitanicOptions({ heartbeatMs: 100, ...options });
  const machine = new TitanicClientMachine(
    resolved,
    () => textFrame("own key"),
    () => 0,
  );
  const client = wireTitanicClient(machine, {
    transport: sockets,
    scheduler: clock,
    epoch: 1n,
    random: () => 0,
    options: resolved,
    owner: {
      told: (output) => events.push(output.type === "failed" ? output.failure.code : output.type),
      status: (event) => events.push(event.type),
    },
  });
  client.connect(ENDPOINT);
  sockets.at(0).handlers.connection?.({ type: "up", endpoint: ENDPOINT });
  return { sockets, clock, client, events, machine };
}

type Wired = ReturnType<typeof wire>;

const say = ({ sockets }: Wired, socket: number, ...frames: (string | Buffer)[]): void =>
  sockets.at(socket).handlers.message(frames.map((frame) => Buffer.from(frame as string)));

const up = ({ sockets }: Wired, socket: number): void =>
  sockets.at(socket).handlers.connection?.({ type: "up", endpoint: ENDPOINT });

const isOurs = (wired: Wired, socket = 0): void =>
  say(wired, socket, "", "MDPC01", "mmi.seaworthy", "200", NOTICE);

const isForeign = (wired: Wired, socket = 0): void =>
  say(wired, socket, "", "MDPC01", "mmi.seaworthy", "501");

/** What was sent last, from the name of the service on. */
function lastSent({ sockets }: Wired, socket = 0): string {
  const frames = (sockets.at(socket).sent.at(-1) ?? []).map((frame) => Buffer.from(frame).toString("latin1"));
  const at = frames.findIndex((frame) => frame.startsWith("MDPC"));
  return frames.slice(at + (frames[at] === "MDPC02" ? 2 : 1)).join("|");
}

/** A broker of ours answers what was sent last with these frames. */
function answer(wired: Wired, ...body: string[]): void {
  const [header, , , , service] = (wired.sockets.at(0).sent.at(-1) ?? []).map((frame) => Buffer.from(frame));
  if (header === undefined || service === undefined) throw new Error("nothing was sent");
  header.writeUInt32BE(0, 20);
  say(wired, 0, header, "", "MDPC02", "\x03", service, ...body);
}

const submission = { service: textFrame("echo"), body: [textFrame("x")], key: undefined };

it("asks through a Majordomo client, and what it learns of the broker it goes by", () => {
  const wired = wire();
  wired.client.feed({ type: "submit", call: 1, ...submission, timeoutMs: 1000, attempts: 2 });
  isOurs(wired);
  expect(lastSent(wired)).toBe("mmi.service|titanic.submit");
  answer(wired, "200");
  expect(lastSent(wired)).toBe("titanic.submit|own key|echo|x");
  answer(wired, "200", ID);
  expect(wired.events).toEqual(["connection-opened", "broker-recognised", "dialect-found", "submitted"]);
  wired.sockets.at(0).handlers.connection?.({ type: "down", endpoint: ENDPOINT });
  wired.client.feed({ type: "submit", call: 2, ...submission, timeoutMs: 1000, attempts: 2 });
  wired.clock.until(100);
  up(wired, 1);
  isOurs(wired, 1);
  expect(lastSent(wired, 1)).toBe("mmi.service|titanic.submit");
});

it("does without titanic.submit at a foreign broker that is silent, in what is left of the request's time", () => {
  const wired = wire();
  wired.client.feed({ type: "submit", call: 1, ...submission, timeoutMs: 1000, attempts: 1 });
  isForeign(wired);
  expect(lastSent(wired)).toBe("mmi.service|titanic.submit");
  wired.clock.until(499);
  expect(wired.events).toEqual(["connection-opened", "broker-recognised"]);
  wired.clock.until(500);
  expect(wired.events.slice(2)).toEqual(["connection-replaced", "dialect-found"]);
  up(wired, 1);
  isForeign(wired, 1);
  expect(lastSent(wired, 1)).toBe("titanic.request|echo|x");
  say(wired, 1, "", "MDPC01", "titanic.request", "200", ID);
  expect(wired.events.at(-1)).toBe("submitted");
});

it("tells of connections, and not of what single questions meet with", () => {
  const wired = wire({ dialect: "seaworthy", attempts: 2 });
  isOurs(wired);
  wired.client.feed({ type: "reply", call: 1, id: ID, timeoutMs: 50, attempts: 2 });
  wired.clock.until(5000);
  expect(wired.events).toEqual(
    expect.arrayContaining(["connection-replaced", "ERR_BROKER_UNREACHABLE", "call-failed"]),
  );
  expect(wired.events).not.toContain("request-retried");
  expect(wired.events).not.toContain("request-failed");
  expect(wired.client.majordomo.stats).toMatchObject({ retries: 1, failed: 1 });
});

it("a call that is given up is given up at the broker, too, and closing ends all", async () => {
  const wired = wire({ dialect: "seaworthy" });
  isOurs(wired);
  wired.client.feed({ type: "wait", call: 1, id: ID, limitMs: Number.POSITIVE_INFINITY });
  wired.client.feed({ type: "abort", call: 1 });
  expect(wired.client.majordomo.stats.cancelled).toBe(1);
  wired.client.feed({ type: "wait", call: 2, id: ID, limitMs: Number.POSITIVE_INFINITY });
  await wired.client.close(70);
  wired.client.disconnect(ENDPOINT);
  expect(wired.events.filter((event) => event.startsWith("ERR"))).toEqual(["ERR_ABORTED", "ERR_CLOSED"]);
  expect(wired.sockets.at(0).closedWith).toBe(70);
});
