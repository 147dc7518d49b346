import { TitanicClient, type TitanicClientOptions } from "@seaworthy/titanic";
import { describe, expect, it } from "vitest";
import type { Frame } from "./bare.js";
import { keep } from "./keep.js";
import { BareMdpBroker, type BrokerHabits } from "./mdp-broker.js";
import { VERSIONS } from "./mdp-frames.js";
import { BareTitanic, ID } from "./tsp-peers.js";

function newClient(broker: BareMdpBroker, options: TitanicClientOptions = {}): TitanicClient {
  const client = keep(
    new TitanicClient({ lingerMs: 0, timeoutMs: 20_000, backoff: { initialMs: 1, maxMs: 5 }, ...options }),
  );
  client.connect(broker.endpoint);
  return client;
}

const text = (frames: readonly Uint8Array[] | undefined): string[] | undefined => frames?.map(String);
const WAYS = VERSIONS.flatMap((version) => (["guide", "none"] as const).map((mmi) => ({ version, mmi })));

describe.each(WAYS)("our client, with a bare server of $version (8/MMI: $mmi)", ({ version, mmi }) => {
  async function foreign(
    options: TitanicClientOptions = {},
    habits: BrokerHabits = {},
  ): Promise<{ broker: BareMdpBroker; titanic: BareTitanic; client: TitanicClient }> {
    const broker = keep(new BareMdpBroker({ version, mmi, ...habits }));
    const titanic = new BareTitanic(broker.endpoint, version);
    await broker.until(() => broker.readies.length === titanic.workers.length);
    const protocol = version === "0.1" ? "auto" : "0.2";
    return { broker, titanic, client: newClient(broker, { protocol, ...options }) };
  }

  it("goes through all that there is, and sends what RFC 9 has and no more", async () => {
    const { broker, titanic, client } = await foreign({ dialect: mmi === "guide" ? "auto" : "rfc9" });
    const id = await client.submit("echo", ["one", "", "three"]);
    expect(id).toMatch(ID);
    expect(text(titanic.requests.get(id))).toEqual(["echo", "one", "", "three"]);
    expect(await client.reply(id)).toBeUndefined();
    const reply = client.waitForReply(id);
    titanic.work();
    expect(text(await reply)).toEqual(["one", "", "three"]);
    for (let time = 0; time < 2; time++) await client.close(id);
    await expect(client.reply(id)).rejects.toMatchObject({ code: "ERR_UNKNOWN_REQUEST", id });
    expect(titanic.requests.size).toBe(0);
    expect(broker.invalid).toEqual([]);
    expect(new Set(titanic.asked)).toEqual(new Set(["titanic.request", "titanic.reply", "titanic.close"]));
    expect(titanic.workers.flatMap(({ strange }) => strange)).toEqual([]);
  });

  it("many calls at a time each have their own reply", async () => {
    const { titanic, client } = await foreign({ dialect: "rfc9", poll: { initialMs: 5, maxMs: 20 } });
    const texts = Array.from({ length: 50 }, (_, index) => `${index}`);
    const calls = Promise.all(texts.map((one) => client.call("echo", one)));
    const working = setInterval(() => titanic.work(), 5);
    try {
      expect((await calls).map(String)).toEqual(texts);
    } finally {
      clearInterval(working);
    }
    expect(titanic.requests.size).toBe(0);
    expect(titanic.asked.filter((service) => service === "titanic.request")).toHaveLength(50);
  });
});

describe("our client, with a server that answers in its own way", () => {
  async function strange(
    ...oddities: (Frame[] | undefined)[]
  ): Promise<{ titanic: BareTitanic; client: TitanicClient }> {
    const broker = keep(new BareMdpBroker());
    const titanic = new BareTitanic(broker.endpoint);
    await broker.until(() => broker.readies.length === titanic.workers.length);
    titanic.oddities.push(...oddities);
    return { titanic, client: newClient(broker, { dialect: "rfc9" }) };
  }

  it.each<[string, Frame[], object]>([
    ["200 without an id", ["200"], { code: "ERR_SERVER_FAILED" }],
    ["200 with an empty id", ["200", ""], { code: "ERR_SERVER_FAILED" }],
    ["200 with a path", ["200", "../../../etc/passwd"], { code: "ERR_SERVER_FAILED" }],
    ["200 with an id of a megabyte", ["200", "A".repeat(1 << 20)], { code: "ERR_SERVER_FAILED" }],
    ["300", ["300"], { code: "ERR_SERVER_FAILED" }],
    ["400", ["400"], { code: "ERR_REQUEST_REFUSED" }],
    ["another code", ["201", "A".repeat(32)], { code: "ERR_SERVER_FAILED" }],
    ["a code with more behind it", ["200 ", "A".repeat(32)], { code: "ERR_SERVER_FAILED" }],
    ["an empty frame", [""], { code: "ERR_SERVER_FAILED" }],
    ["noise", [Buffer.alloc(1000, 0xfe)], { code: "ERR_SERVER_FAILED" }],
  ])(
    "a request answered with %s is not sent again, as nobody knows what became of it",
    async (_, odd, error) => {
      const { titanic, client } = await strange(odd);
      await expect(client.submit("echo", "x")).rejects.toMatchObject(error);
      expect(titanic.asked).toEqual(["titanic.request"]);
      expect(await client.submit("echo", "x"), "the next one goes through").toMatch(ID);
    },
  );

  it("a server that says 500, with a text or without, is asked again", async () => {
    const { titanic, client } = await strange(["500"], ["500", "disk full", "and more"]);
    const id = await client.submit("echo", "x");
    expect(titanic.asked).toHaveLength(3);
    titanic.work();
    titanic.oddities.push(["500"], ["999"], ["200 "], [""], [Buffer.alloc(50, 0xff)], ["500", "again"]);
    expect(text(await client.waitForReply(id)), "to wait harms nobody, whatever is said").toEqual(["x"]);
    titanic.oddities.push(["500"], ["300"]);
    await client.close(id);
    expect(titanic.requests.size).toBe(0);
  });

  it("a 200 to a question for a reply is a reply, with no frame behind it and with many", async () => {
    const { titanic, client } = await strange();
    const id = await client.submit("echo", "x");
    titanic.oddities.push(["200"], ["200", ...Array<string>(1000).fill("")], ["200", "300"]);
    expect(text(await client.reply(id))).toEqual([""]);
    expect(await client.reply(id)).toHaveLength(1000);
    expect(text(await client.reply(id))).toEqual(["300"]);
  });

  it("a server that always says 500 is given up in time, with what it said", async () => {
    const { titanic, client } = await strange(...Array<Frame[]>(3).fill(["500", "disk full"]));
    await expect(client.submit("echo", "x", { attempts: 3 })).rejects.toMatchObject({
      code: "ERR_SERVER_FAILED",
      message: expect.stringContaining("disk full"),
    });
    expect(titanic.asked).toHaveLength(3);
  });

  it("a server that says nothing is given up in time", async () => {
    const { client } = await strange(undefined, undefined);
    const late = client.submit("echo", "x", { timeoutMs: 100, attempts: 2 });
    await expect(late).rejects.toMatchObject({ code: "ERR_REQUEST_TIMEOUT" });
  });
});
