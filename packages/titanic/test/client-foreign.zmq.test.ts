import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { closing, record, reported } from "../../core/test/support/queue-peers.js";
import { BareClientBroker, type BareRequest } from "../../majordomo/test/client-bare-broker.js";
import { TitanicClient } from "../src/client.js";
import type { TitanicClientOptions } from "../src/client-options.js";
import { asked, text } from "./client-town.js";

/**
 * A broker on a bare ROUTER and behind it a server, from the texts of 7/MDP and 9/TSP. It writes ids as some of the
 * guide's languages do, and knows none that is written in another way.
 */
class ForeignTitanic {
  readonly broker: BareClientBroker;
  readonly replies = new Map<string, Buffer[] | undefined>();
  /** How often each service was asked. */
  readonly asked = new Map<string, number>();
  /** What it says instead of what it should, once each. */
  readonly oddities: string[][] = [];

  private constructor(broker: BareClientBroker) {
    this.broker = broker;
    void this.#serve();
  }

  static async listen(kind: "guide" | "mute", services?: string[]): Promise<ForeignTitanic> {
    const broker = await BareClientBroker.listen(kind);
    broker.services = services && new Set(services);
    return new ForeignTitanic(broker);
  }

  client(options: TitanicClientOptions = {}): TitanicClient {
    const client = closing(new TitanicClient({ lingerMs: 0, heartbeatMs: 50, ...options }));
    client.connect(this.broker.endpoint);
    return client;
  }

  /** All requests that are pending have been worked on. */
  work(): void {
    for (const [id, reply] of this.replies) this.replies.set(id, reply ?? [Buffer.from(`done ${id}`)]);
  }

  async #serve(): Promise<void> {
    for (;;) {
      const request = await this.broker.next();
      this.asked.set(request.service, (this.asked.get(request.service) ?? 0) + 1);
      const answer = this.oddities.shift() ?? this.#answer(request);
      if (answer !== undefined) this.broker.reply(request, answer);
    }
  }

  #answer({ service, body }: BareRequest): (string | Buffer)[] | undefined {
    const id = String(body[0]);
    switch (service) {
      case "titanic.request": {
        const made = randomUUID();
        this.replies.set(made, undefined);
        return ["200", made];
      }
      case "titanic.reply": {
        if (!this.replies.has(id)) return ["400"];
        const reply = this.replies.get(id);
        return reply === undefined ? ["300"] : ["200", ...reply];
      }
      case "titanic.close":
        this.replies.delete(id);
        return ["200"];
      default:
        // It waits for somebody who offers such a service.
        return undefined;
    }
  }
}

const TSP = ["titanic.request", "titanic.reply", "titanic.close"];

describe("with another's broker and server", () => {
  it("a request is handed in by titanic.request, has its reply, and is closed", async () => {
    const foreign = await ForeignTitanic.listen("guide", TSP);
    const client = foreign.client();
    const events = record(client);
    const id = await client.submit("echo", "x");
    expect([...foreign.replies.keys()]).toEqual([id]);
    expect(await client.reply(id)).toBeUndefined();
    const reply = client.waitForReply(id);
    foreign.work();
    expect(text(await reply)).toBe(`done ${id}`);
    await client.close(id);
    expect(foreign.replies.size).toBe(0);
    await expect(client.reply(id)).rejects.toMatchObject({ code: "ERR_UNKNOWN_REQUEST", id });
    expect(events).toEqual(["connection-opened", "broker-recognised", "dialect-found", "call-failed"]);
    expect(foreign.asked.get("titanic.submit")).toBeUndefined();
  });

  it("call() does it all", async () => {
    const foreign = await ForeignTitanic.listen("guide", TSP);
    const client = foreign.client();
    const reply = client.call("echo", "x");
    await foreign.broker.until(() => foreign.asked.has("titanic.reply"));
    foreign.work();
    expect(text(await reply)).toMatch(/^done /);
    expect(foreign.replies.size).toBe(0);
  });

  it("keys are not supported, and that is said instead of taking the request in", async () => {
    const foreign = await ForeignTitanic.listen("guide", TSP);
    const client = foreign.client();
    for (const method of ["submit", "call"] as const) {
      await expect(client[method]("echo", "x", { idempotencyKey: "k" })).rejects.toMatchObject({
        code: "ERR_NOT_SUPPORTED",
        name: "NotSupportedError",
      });
    }
    expect(foreign.replies.size).toBe(0);
  });

  it("a server that is replaced by one of ours is found again when the old services are missed", async () => {
    const foreign = await ForeignTitanic.listen("guide", TSP);
    const client = foreign.client();
    await client.submit("echo", "x");
    foreign.broker.close();
    await reported(client, "connection-lost");
    const successor = await BareClientBroker.listen("guide", foreign.broker.endpoint);
    successor.services = new Set(["titanic.submit", ...TSP]);
    const id = asked(client.submit("echo", "y", { idempotencyKey: "k" }));
    const request = await successor.next();
    expect([request.service, ...request.body.map(String)]).toEqual(["titanic.submit", "k", "echo", "y"]);
    successor.reply(request, ["200", "0".repeat(32)]);
    expect(await id).toBe("0".repeat(32));
  });

  it.each([
    ["answers 501 to mmi.service", "guide"],
    ["says nothing to mmi.service", "mute"],
  ] as const)(
    "a broker that %s gets plain requests, and those with a key do not hang",
    async (_what, kind) => {
      const foreign = await ForeignTitanic.listen(kind);
      const client = foreign.client({ timeoutMs: 600, attempts: 2 });
      const id = await client.submit("echo", "x");
      const reply = client.waitForReply(id);
      foreign.work();
      expect(text(await reply)).toBe(`done ${id}`);
      await expect(client.submit("echo", "x", { idempotencyKey: "k" })).rejects.toMatchObject({
        code: "ERR_REQUEST_TIMEOUT",
      });
      expect(foreign.asked.get("titanic.submit")).toBeGreaterThanOrEqual(1);
    },
  );

  it("500 is not the end", async () => {
    const foreign = await ForeignTitanic.listen("guide", TSP);
    const client = foreign.client({ backoff: { initialMs: 1 } });
    foreign.oddities.push(["500"], ["500"]);
    const id = await client.submit("echo", "x");
    foreign.work();
    foreign.oddities.push(["500"]);
    expect(text(await client.waitForReply(id))).toBe(`done ${id}`);
    foreign.oddities.push(["500"]);
    await client.close(id);
    expect(foreign.replies.size).toBe(0);
  });

  it("fault: an id that is a path is not believed, and a request whose fate is unknown is not sent again", async () => {
    const foreign = await ForeignTitanic.listen("guide", TSP);
    const client = foreign.client();
    foreign.oddities.push(["200", "../../../../tmp/evil"]);
    await expect(client.submit("echo", "x")).rejects.toMatchObject({ code: "ERR_SERVER_FAILED" });
    expect(foreign.asked.get("titanic.request")).toBe(1);
  });

  it("a reply without a body is one with an empty frame", async () => {
    const foreign = await ForeignTitanic.listen("guide", TSP);
    const client = foreign.client();
    const id = await client.submit("echo", "x");
    foreign.replies.set(id, []);
    const [frame] = await client.waitForReply(id);
    expect(frame).toEqual(Buffer.alloc(0));
  });

  it("is spoken to as RFC 9 has it at once, if that is asked for", async () => {
    const foreign = await ForeignTitanic.listen("guide");
    const client = foreign.client({ dialect: "rfc9" });
    const events = record(client);
    expect(await client.submit("echo", "x")).toMatch(/^[0-9a-f-]{36}$/);
    expect(events).not.toContain("dialect-found");
  });
});
