import { once } from "node:events";
import { MajordomoClient, type MajordomoClientOptions } from "@seaworthy/majordomo";
import { describe, expect, it } from "vitest";
import { freePort } from "../harness/ports.js";
import { gate } from "./bare.js";
import { keep } from "./keep.js";
import { type Asked, BareMdpBroker } from "./mdp-broker.js";
import { VERSIONS, type Version } from "./mdp-frames.js";
import { BareMdpWorker, echo } from "./mdp-peers.js";

/** With the patience that a busy machine needs, unless told otherwise. */
function newClient(
  { endpoint }: { endpoint: string },
  options: MajordomoClientOptions = {},
): MajordomoClient {
  const client = keep(new MajordomoClient({ lingerMs: 0, timeoutMs: 30_000, ...options }));
  client.connect(endpoint);
  return client;
}

/** A broker of 0.1 or 0.2 has to be spoken to in that version: `auto` begins with 0.1. */
const protocolFor = (version: Version): "auto" | "0.2" => (version === "0.1" ? "auto" : "0.2");

/** Settles without waiting for anybody: what it rejects with is looked at later. */
function asked<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

const textOf = ({ body }: Asked): string => body.map(String).join("|");
const repeat = (request: Asked): void => request.reply(...request.body);

describe.each(VERSIONS)("our client, with a bare broker of %s", (version) => {
  const protocol = protocolFor(version);

  it.each(["guide", "none"] as const)("and bare workers behind it (8/MMI: %s)", async (mmi) => {
    const broker = keep(new BareMdpBroker({ version, mmi }));
    const workers = [1, 2, 3].map(() => keep(new BareMdpWorker(broker.endpoint, { version, answer: echo })));
    const client = newClient(broker, { protocol, heartbeatMs: 200 });
    const texts = Array.from({ length: 300 }, (_, index) => `${index}`);
    const replies = await Promise.all(texts.map((text) => client.request("echo", [text, "", "more"])));
    expect(replies.map(String)).toEqual(texts.map((text) => `${text},,more`));
    for (const { requests, sessions } of workers) {
      expect(requests.length).toBeGreaterThan(0);
      expect(sessions).toBe(1);
    }
    // It asked once whether the broker is ours, and sent nothing that this broker does not know.
    expect(broker.asked.filter((name) => name === "mmi.seaworthy")).toHaveLength(1);
    expect(broker.asked).toHaveLength(301);
    expect(broker.invalid).toEqual([]);
    expect(client.stats()).toMatchObject({ answered: 300, retries: 0, lateReplies: 0, dropped: 0 });
  });

  it("that speaks the other version to it gets no reply, and a typed error", async () => {
    const broker = keep(new BareMdpBroker({ version, services: { echo: repeat } }));
    const other = version === "0.1" ? "0.2" : "0.1";
    const client = newClient(broker, { protocol: other, timeoutMs: 100, attempts: 2, heartbeatMs: 50 });
    await expect(client.request("echo", "x")).rejects.toMatchObject({
      code: "ERR_REQUEST_TIMEOUT",
      attempts: 2,
    });
    expect(broker.asked).toEqual([]);
    expect(broker.invalid.length).toBeGreaterThan(0);
  });

  it.each([1, 4, 16])(
    "has one request on each of %i sockets, and takes no reply for another's",
    async (maxSockets) => {
      const held: Asked[] = [];
      const peers = new Set<string>();
      let most = 0;
      const broker = keep(
        new BareMdpBroker({
          version,
          services: {
            echo(request) {
              held.push(request);
              peers.add(request.peer);
              most = Math.max(most, held.length);
              expect(new Set(held.map(({ peer }) => peer)).size).toBe(held.length);
              // Nobody is answered until all sockets have a request, and then the last comes first.
              if (held.length === maxSockets) for (const one of held.splice(0).reverse()) repeat(one);
            },
          },
        }),
      );
      const client = newClient(broker, { protocol, maxSockets });
      const texts = Array.from({ length: 10 * maxSockets }, (_, index) => `${index}`);
      const replies = await Promise.all(texts.map((text) => client.request("echo", text)));
      expect(replies.map(String)).toEqual(texts);
      expect(most).toBe(maxSockets);
      expect(peers.size).toBe(maxSockets);
      expect(client.stats()).toMatchObject({ connections: maxSockets, retries: 0 });
    },
  );

  it("a reply that comes after its request was given up is nobody's", async () => {
    const late: Asked[] = [];
    const services = { echo: repeat, slow: (request: Asked) => late.push(request) };
    const broker = keep(new BareMdpBroker({ version, services }));
    const client = newClient(broker, { protocol, maxSockets: 4 });
    await Promise.all([1, 2, 3, 4].map((index) => client.request("echo", `${index}`)));
    const given = [1, 2, 3, 4].map((index) =>
      asked(client.request("slow", `${index}`, { timeoutMs: 300, attempts: 1 })),
    );
    for (const one of given) await expect(one).rejects.toMatchObject({ code: "ERR_REQUEST_TIMEOUT" });
    await broker.until(() => late.length === 4);
    // The replies to those are on their way when the next requests for the same service are.
    const next = [5, 6, 7, 8].map((index) => client.request("slow", `${index}`));
    await broker.until(() => late.length === 8);
    for (const request of late) repeat(request);
    expect((await Promise.all(next)).map(String)).toEqual(["5", "6", "7", "8"]);
    expect(client.stats()).toMatchObject({ answered: 8, failed: 4 });
  });

  it("retries on a new socket, where the reply to the first attempt is not taken for anything", async () => {
    const attempts: Asked[] = [];
    const services = {
      echo(request: Asked) {
        // The first attempt is answered when the second has come.
        if (attempts.push(request) === 2) attempts[0]?.reply("to the first attempt");
        if (attempts.length > 1) repeat(request);
      },
    };
    const broker = keep(new BareMdpBroker({ version, services }));
    const client = newClient(broker, { protocol, maxSockets: 1, backoff: { initialMs: 1, maxMs: 1 } });
    expect(String(await client.request("echo", "x", { timeoutMs: 300, attempts: 100 }))).toBe("x");
    expect(String(await client.request("echo", "y"))).toBe("y");
    const peers = attempts.map(({ peer }) => peer);
    expect(peers.lastIndexOf(peers[0] as string)).toBe(0);
  });

  it("two replies to one request: the second is not taken for the next request's", async () => {
    const second = gate();
    const broker = keep(
      new BareMdpBroker({
        version,
        services: {
          echo(request) {
            request.reply(`${textOf(request)}, said once`);
            // In front of whatever comes next over this socket.
            if (textOf(request) === "a") request.reply("a, said twice");
            second.open();
          },
          other: repeat,
        },
      }),
    );
    const client = newClient(broker, { protocol, maxSockets: 1 });
    expect(String(await client.request("echo", "a"))).toBe("a, said once");
    await second.opened;
    // For another service it cannot be.
    expect(String(await client.request("other", "b"))).toBe("b");
  });

  it("asks which services there are (8/MMI), and gets no answer from a broker that does not tell", async () => {
    const broker = keep(new BareMdpBroker({ version, services: { coffee: repeat } }));
    const client = newClient(broker, { protocol });
    expect(await client.hasService("coffee")).toBe(true);
    expect(await client.hasService("tea")).toBe(false);
    const mute = keep(new BareMdpBroker({ version, mmi: "none" }));
    const other = newClient(mute, { protocol, timeoutMs: 100, attempts: 1, heartbeatMs: 20 });
    await expect(other.hasService("tea")).rejects.toMatchObject({ code: "ERR_REQUEST_TIMEOUT" });
  });

  it("goes to the next broker when one hangs, and back to one that was restarted", async () => {
    const hanging = keep(new BareMdpBroker({ version, services: { echo: repeat } }));
    const endpoint = `tcp://127.0.0.1:${await freePort()}`;
    const healthy = keep(new BareMdpBroker({ version, endpoint, services: { echo: repeat } }));
    const client = newClient(hanging, {
      protocol,
      timeoutMs: 250,
      attempts: 100,
      backoff: { initialMs: 1, maxMs: 1 },
    });
    client.connect(endpoint);
    expect(String(await client.request("echo", "1"))).toBe("1");
    hanging.isFrozen = true;
    expect(String(await client.request("echo", "2"))).toBe("2");
    expect(healthy.asked).toContain("echo");
    const lost = once(client, "connection-lost");
    healthy.close();
    await lost;
    const again = once(client, "connection-opened");
    keep(new BareMdpBroker({ version, endpoint, services: { echo: repeat } }));
    await again;
    expect(String(await client.request("echo", "3"))).toBe("3");
  });
});

describe("our client, and PARTIALs of a bare broker of 0.2", () => {
  it("streams them, or returns them with the FINAL as one reply", async () => {
    const broker = keep(
      new BareMdpBroker({
        version: "0.2",
        services: {
          count({ body, partial, reply }) {
            for (let part = 1; part < Number(body[0]); part++) partial(`${part}`);
            reply(`${body[0]}`);
          },
        },
      }),
    );
    const client = newClient(broker, { protocol: "0.2" });
    expect((await client.request("count", "5")).map(String)).toEqual(["1", "2", "3", "4", "5"]);
    const streams = [3, 5, 8].map(async (count) => {
      const parts: string[] = [];
      for await (const part of client.stream("count", `${count}`)) parts.push(String(part));
      return parts.length;
    });
    expect(await Promise.all(streams)).toEqual([3, 5, 8]);
  });

  it("a stream that is left early is not read on by the next request", async () => {
    const held: Asked[] = [];
    const broker = keep(new BareMdpBroker({ version: "0.2", services: { count: (it) => held.push(it) } }));
    const client = newClient(broker, { protocol: "0.2", maxSockets: 1 });
    const reading = (async () => {
      const stream = client.stream("count", "x");
      const { value } = await stream.next();
      await stream.return();
      return String(value);
    })();
    await broker.until(() => held.length === 1);
    held[0]?.partial("1");
    expect(await reading).toBe("1");
    const next = client.request("count", "y");
    await broker.until(() => held.length === 2);
    held[0]?.partial("2");
    held[0]?.reply("3");
    held[1]?.reply("y");
    expect(String(await next)).toBe("y");
  });
});
