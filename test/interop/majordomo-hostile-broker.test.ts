import { MajordomoClient, MajordomoWorker } from "@seaworthy/majordomo";
import { describe, expect, it } from "vitest";
import { Router } from "zeromq";
import { type Frame, Mouth } from "./bare.js";
import { keep } from "./keep.js";
import { type Asked, BareMdpBroker } from "./mdp-broker.js";
import { clientFrames, VERSIONS, type Version, workerFrames } from "./mdp-frames.js";
import { BareMdpClient } from "./mdp-peers.js";
import { noise } from "./noise.js";

const TEN_MB = Buffer.alloc(10_000_000, "x");

describe.each(VERSIONS)("our worker, with a hostile broker of %s", (version) => {
  it("random messages, and 10 MB of them: each is counted or answered, and work goes on", async () => {
    const broker = keep(new BareMdpBroker({ version }));
    const protocol = version === "0.1" ? "auto" : "0.2";
    const pauses = { reconnect: { initialMs: 1, maxMs: 5 } };
    const worker = keep(
      new MajordomoWorker("echo", {
        protocol,
        heartbeatMs: 20,
        peerHeartbeatMs: 10_000,
        lingerMs: 0,
        ...pauses,
      }),
    );
    worker.connect(broker.endpoint);
    void worker.serve(({ body }) => body);
    const client = keep(new BareMdpClient(broker.endpoint, version));
    await broker.until(() => broker.readies.length === 1);
    for (const message of noise(3000, 3)) {
      // Not DISCONNECT, nor what only a broker of ours would say.
      if (message.some((frame) => frame.length === 12 || String(frame) === DISCONNECT[version])) continue;
      broker.sayToAll(message);
    }
    for (const message of huge(version)) broker.sayToAll(message);
    expect(await client.ask("echo", "still there")).toEqual(["still there"]);
    expect(worker.stats().malformed).toBeGreaterThan(1000);
    expect(worker.stats().sessionsLost).toBe(0);
    // Whatever it is told, it comes back when it is sent away.
    for (const message of noise(3000, 4)) broker.sayToAll(message);
    broker.dismiss();
    const before = broker.readies.length;
    await broker.until(() => broker.readies.length > before);
    expect(await client.ask("echo", "and again")).toEqual(["and again"]);
  });
});

const DISCONNECT: Readonly<Record<Version, string>> = { "0.1": "\x05", "0.2": "\x06" };

/** Commands to a worker with 10 MB where they do not belong. */
function huge(version: Version): Frame[][] {
  const messages = [workerFrames(version, "request", "address", "", "x"), workerFrames(version, "heartbeat")];
  return messages.flatMap((message) => message.map((_, at) => message.toSpliced(at, 1, TEN_MB)));
}

describe.each(VERSIONS)("our client, with a hostile broker of %s", (version) => {
  it("random messages, and 10 MB of them, before and between replies: each request ends in its own reply", async () => {
    const held: Asked[] = [];
    const broker = keep(new BareMdpBroker({ version, services: { echo: (request) => held.push(request) } }));
    const protocol = version === "0.1" ? "auto" : "0.2";
    const client = keep(new MajordomoClient({ protocol, lingerMs: 0, timeoutMs: 30_000, maxSockets: 4 }));
    client.connect(broker.endpoint);
    const texts = Array.from({ length: 20 }, (_, index) => `${index}`);
    const replies = Promise.all(texts.map((text) => client.request("echo", text)));
    for (let count = 0; count < texts.length; count++) {
      await broker.until(() => held.length > 0);
      const request = held.shift() as Asked;
      for (const message of noise(200, count)) broker.say(request, message);
      for (const message of [["", "MDPC01", TEN_MB, "x"], ["MDPC02", "\x03", "other", TEN_MB], [TEN_MB]])
        broker.say(request, message);
      request.reply(...request.body);
    }
    expect((await replies).map(String)).toEqual(texts);
    expect(client.stats()).toMatchObject({ answered: 20, failed: 0, retries: 0 });
    expect(client.stats().dropped).toBeGreaterThan(1000);
  });
});

describe("our client, with a broker that says it is ours", () => {
  const notice = Buffer.from("5357010000000064000000ff", "hex");

  /** A broker that tells each client that it is ours, and then says of each request whatever comes to its mind. */
  function newImpostor(sayOf: (header: Buffer, body: Buffer) => Frame[][]): string {
    const router = keep(new Router({ linger: 0, sendHighWaterMark: 0 }));
    router.bindSync("tcp://127.0.0.1:*");
    const mouth = new Mouth(router);
    void (async () => {
      for await (const [id, ...frames] of router) {
        const isIntroduction = String(frames[2]) === "mmi.seaworthy";
        const says = isIntroduction
          ? [clientFrames("0.1", "final", "mmi.seaworthy", "200", notice)]
          : sayOf(frames[0] as Buffer, frames.at(-1) as Buffer);
        // Nobody may be there any more.
        for (const said of says) mouth.say([id as Buffer, ...said]).catch(() => undefined);
      }
    })();
    return router.lastEndpoint as string;
  }

  /** The header of a request, changed at one place. */
  const changed = (header: Buffer, at: number, byte: number): Buffer => {
    const other = Buffer.from(header);
    other[at] = byte;
    return other;
  };

  const final = (header: Frame, body: Frame): Frame[] => [header, "", "MDPC02", "\x03", "echo", body];

  /** As a broker of ours does: part 0, of the first delivery. */
  const rightReply = (header: Buffer, body: Buffer): Frame[] => {
    const back = changed(header, 3, 0);
    back.writeUInt32BE(0, 20);
    back.writeUInt32BE(1, 24);
    return final(back, body);
  };

  it("and replies to what nobody asked, under headers that are wrong: each request gets its own reply", async () => {
    const endpoint = newImpostor((header, body) => [
      // A cancel, a kind that is unknown, another version, another life, a number that was never given.
      ...[changed(header, 3, 1), changed(header, 3, 200), changed(header, 2, 2)].map((it) =>
        final(it, "wrong"),
      ),
      ...[changed(header, 4, 255 - (header[4] as number)), changed(header, 12, 255)].map((it) =>
        final(it, "wrong"),
      ),
      ...[header.subarray(1), Buffer.concat([header, header]), TEN_MB].map((it) => final(it, "wrong")),
      [header, ...clientFrames("0.2", "final", "echo", "wrong")],
      clientFrames("0.1", "final", "echo", "wrong"),
      clientFrames("0.2", "partial", "echo", "wrong"),
      clientFrames("0.1", "final", "mmi.seaworthy", "501"),
      rightReply(header, body),
      rightReply(header, Buffer.from("twice")),
    ]);
    const client = keep(new MajordomoClient({ lingerMs: 0, timeoutMs: 30_000 }));
    client.connect(endpoint);
    const texts = Array.from({ length: 50 }, (_, index) => `${index}`);
    const replies = await Promise.all(texts.map((text) => client.request("echo", text)));
    expect(replies.map(String)).toEqual(texts);
    expect(client.stats()).toMatchObject({ answered: 50, failed: 0, retries: 0 });
  });

  it("and says nothing of use: each request ends in a typed error, in its time", async () => {
    const endpoint = newImpostor((header) => [final(changed(header, 3, 200), "wrong"), [""], ["", "MDPC01"]]);
    const client = keep(new MajordomoClient({ lingerMs: 0, backoff: { initialMs: 1, maxMs: 1 } }));
    client.connect(endpoint);
    const asked = Array.from({ length: 20 }, () =>
      client.request("echo", "x", { timeoutMs: 100, attempts: 2 }),
    );
    for (const { status, ...end } of await Promise.allSettled(asked)) {
      expect(status).toBe("rejected");
      expect(end).toMatchObject({ reason: { code: "ERR_REQUEST_TIMEOUT", attempts: 2 } });
    }
    expect(client.stats()).toMatchObject({ failed: 20, inFlight: 0 });
  });
});
