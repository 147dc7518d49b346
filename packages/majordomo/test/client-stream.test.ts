import { textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { ClientDriver } from "./client-driver.js";

const stream = (client: ClientDriver, limits: { timeoutMs?: number; attempts?: number } = {}): number =>
  client.request({ isStream: true, ...limits });

describe("a stream", () => {
  it("hands each part over as it comes, and the last one as its end", () => {
    const client = new ClientDriver().ours();
    stream(client);
    client.part(1, 0).part(1, 1);
    expect(client.parts).toEqual(["1: part 0", "1: part 1"]);
    client.said(1, { index: 2, text: "end" });
    expect(client.answers).toEqual(["1: end"]);
    expect(client.machine.stats).toMatchObject({ parts: 2, answered: 1, cancelled: 0 });
  });

  it("may last as long as it likes while parts come in time", () => {
    const client = new ClientDriver().ours();
    stream(client);
    for (let index = 0; index < 20; index++) client.until(index * 900).part(1, index);
    expect(client.parts).toHaveLength(20);
    client.until(19 * 900 + 999);
    expect(client.failures).toEqual([]);
    client.until(19 * 900 + 1000);
    expect(client.of("failed")[0]?.failure).toMatchObject({
      code: "ERR_STREAM_INTERRUPTED",
      reason: "timed-out",
      attempts: 1,
    });
    expect(client.cancels).toEqual(["1@0"]);
  });

  it("is tried again until its first part has come", () => {
    const client = new ClientDriver().ours();
    stream(client, { attempts: 2 });
    client.down().until(100).up(1).isOurs(1);
    expect(client.sends).toEqual(["1@0", "1@1"]);
    client.part(1, 0, 1, 1);
    expect(client.parts).toEqual(["1: part 0"]);
  });

  it("is interrupted by the loss of its connection", () => {
    const client = new ClientDriver().ours();
    stream(client);
    client.part(1, 0).down();
    expect(client.of("failed")[0]?.failure).toMatchObject({ reason: "connection-lost" });
  });

  it.each([
    ["restarted", { index: 0, delivery: 2 }],
    ["incomplete", { index: 2, delivery: 1 }],
    ["incomplete", { index: 1, delivery: 2 }],
  ] as const)("is interrupted as %s by part %o", (reason, next) => {
    const client = new ClientDriver().ours();
    stream(client);
    client.part(1, 0).said(1, { ...next, isFinal: false });
    expect(client.of("failed")[0]?.failure).toMatchObject({ code: "ERR_STREAM_INTERRUPTED", reason });
    expect(client.cancels).toEqual(["1@0"]);
  });

  it.each(["no-worker", "too-old", "limit", "closing", "dropped"] as const)(
    "is interrupted if the broker says %s after a part",
    (kind) => {
      const client = new ClientDriver().ours().connect("tcp://b:2");
      stream(client);
      client.part(1, 0).said(1, { kind });
      expect(client.of("failed")[0]?.failure).toMatchObject({ code: "ERR_STREAM_INTERRUPTED", reason: kind });
      expect(client.cancels).toEqual([]);
    },
  );

  it("whose handler failed after a part ends in that", () => {
    const client = new ClientDriver().ours();
    stream(client);
    client.part(1, 0).said(1, { kind: "handler-failed", text: "no" });
    expect(client.of("failed")[0]?.failure).toMatchObject({ code: "ERR_HANDLER_FAILED", message: "no" });
  });

  it("that does not begin with its first part is tried again", () => {
    const client = new ClientDriver().ours();
    stream(client);
    client.part(1, 1).said(1, { index: 2 });
    expect(client.parts).toEqual([]);
    expect(client.statuses.slice(-2)).toEqual(["reply-dropped:incomplete", "request-retried:incomplete"]);
  });

  it("may begin with a part of an earlier attempt during the pause, and lasts on that connection", () => {
    const client = new ClientDriver().ours();
    stream(client);
    client.until(500).word().until(1050).part(1, 0);
    expect(client.parts).toHaveLength(1);
    expect(client.until(2049).failures).toEqual([]);
    client.part(1, 1).down();
    expect(client.of("failed")[0]?.failure).toMatchObject({ reason: "connection-lost" });
  });

  it("may begin so while the next attempt waits for a broker, which then gets nothing", () => {
    const client = new ClientDriver().ours().connect("tcp://b:2");
    client.request({ timeoutMs: 60_000 });
    stream(client);
    client.until(500).feed({ type: "disconnect", endpoint: "tcp://a:1" }).until(1150).part(2, 0);
    client.up(1).isOurs(1);
    expect(client.sends).toEqual(["1@0", "2@0"]);
  });

  it("goes by the connection of the attempt under way: parts of another are late, a whole reply is not", () => {
    const client = new ClientDriver().ours().connect("tcp://b:2");
    client.request({ timeoutMs: 60_000 });
    stream(client);
    stream(client);
    client.until(500).feed({ type: "disconnect", endpoint: "tcp://a:1" }).up(1).isOurs(1).until(1100);
    expect(client.sends.slice(-2)).toEqual(["2@1", "3@1"]);
    client.part(2, 0, 1, 0).part(2, 0, 1, 1).part(2, 1, 1, 0);
    client.said(2, { kind: "handler-failed", text: "no" }, 0);
    expect(client.parts).toEqual(["2: part 0"]);
    expect(client.statuses.filter((status) => status === "reply-dropped:late")).toHaveLength(3);
    client.said(3, { text: "whole" }, 0);
    expect(client.answers).toEqual(["3: whole"]);
    expect(client.cancels).toEqual(["3@1"]);
  });

  it("that nobody waits for any more is given up at the broker", () => {
    const client = new ClientDriver().ours();
    stream(client);
    client.part(1, 0).feed({ type: "abort", call: 1 });
    expect(client.cancels).toEqual(["1@0"]);
    expect(client.part(1, 1).parts).toHaveLength(1);
  });

  it("has parts without a header over 0.2, and one part over 0.1", () => {
    const client = new ClientDriver({ protocol: "0.2" }).foreign();
    stream(client);
    client.bare([textFrame("a")], { isFinal: false }).bare([textFrame("b")]);
    expect([...client.parts, ...client.answers]).toEqual(["1: a", "1: b"]);
    stream(client);
    client.bare([textFrame("c")]);
    expect(client.answers.at(-1)).toBe("2: c");
  });

  it("of a foreign broker that falls silent is interrupted, and the next one gets its turn", () => {
    const client = new ClientDriver({ protocol: "0.2" }).foreign().connect("tcp://b:2");
    stream(client);
    client
      .until(500)
      .bare([textFrame("a")], { isFinal: false })
      .until(1500);
    expect(client.of("failed")[0]?.failure).toMatchObject({ reason: "timed-out" });
    expect(client.statuses).toContain("connection-replaced:silent");
  });
});

describe("parts that nobody reads", () => {
  it("end the stream when they are too many", () => {
    const client = new ClientDriver({ maxStreamParts: 2 }).ours();
    stream(client);
    client.part(1, 0).part(1, 1).feed({ type: "read", call: 1, bytes: 6 }).part(1, 2);
    expect(client.failures).toEqual([]);
    client.part(1, 3);
    expect(client.of("failed")[0]?.failure).toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxStreamParts",
      limit: 2,
    });
    expect(client.cancels).toEqual(["1@0"]);
    client.feed({ type: "read", call: 1, bytes: 6 });
  });

  it("end the stream when they are too large together, or one of them is too large", () => {
    const client = new ClientDriver({ maxStreamBytes: 12, maxBodyBytes: 10 }).ours();
    stream(client);
    client.part(1, 0).part(1, 1).feed({ type: "read", call: 1, bytes: 6 }).part(1, 2);
    expect(client.failures).toEqual([]);
    client.part(1, 3);
    stream(client);
    client.said(2, { text: "x".repeat(11), isFinal: false });
    expect(client.of("failed").map(({ failure }) => "option" in failure && failure.option)).toEqual([
      "maxStreamBytes",
      "maxBodyBytes",
    ]);
  });

  it("do not keep the last one from coming", () => {
    const client = new ClientDriver({ maxStreamParts: 1 }).ours();
    stream(client);
    client.part(1, 0).said(1, { index: 1 });
    expect(client.answers).toHaveLength(1);
  });
});
