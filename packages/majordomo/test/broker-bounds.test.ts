import { Addresses, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { decodeAtBroker, encodeRequest } from "../src/machine.js";
import { BrokerDriver } from "./broker-driver.js";

describe("queues are bounded", () => {
  it("queues are bounded, per service: the client that has most in line gives way, and ours are told which limit it was", () => {
    const broker = new BrokerDriver({ maxWaiting: 2 }).ready("w").ask("runs");
    broker.ask("x1", { client: "x", sequence: 1 }).ask("x2", { client: "x", sequence: 2 });
    broker.ask("x3", { client: "x", sequence: 3 }).ask("y1", { client: "y", sequence: 4 });
    expect(broker.told).toEqual(["3 limit 0/0: maxWaiting", "2 limit 0/0: maxWaiting"]);
    expect(broker.machine).toMatchObject({ waiting: 2, running: 1, stats: { dropped: 2 } });
    expect(broker.ask("elsewhere", { service: "other" }).machine.waiting).toBe(3);
  });

  it("per service also while its workers are all gone: what a lost one had keeps its place besides", () => {
    const broker = new BrokerDriver({ maxWaiting: 1 }).ready("w").ask("1").departed("w").ask("2");
    expect(broker.ask("3", { sequence: 3 }).told).toEqual(["3 limit 0/0: maxWaiting"]);
    expect(broker.ready("a", "b").deliveries).toEqual(["1 > w", "1 > a", "2 > b"]);
  });

  it("in bytes, per service", () => {
    const broker = new BrokerDriver({ maxWaitingBytes: 2000 }).ready("w").ask("runs").ask("x".repeat(30));
    expect(broker.ask("y".repeat(30)).fates).toEqual(["request-dropped:limit"]);
  });

  it("for names that no worker offers, all such names together, however many there are", () => {
    const broker = new BrokerDriver({ maxUnoffered: 2 }).ready("w");
    for (const service of ["p", "q", "r"]) broker.ask("?", { service, sequence: service.charCodeAt(0) });
    expect(broker.told).toEqual([`${"r".charCodeAt(0)} limit 0/0: maxUnoffered`]);
    expect(broker.machine).toMatchObject({ waiting: 2, serviceCount: 3 });
    expect(broker.ask("1").deliveries).toEqual(["1 > w"]);
  });

  it("for such names a client with many gives way to one with few", () => {
    const broker = new BrokerDriver({ maxUnoffered: 3 });
    for (const service of ["p", "q", "r"]) broker.ask(service, { service, client: "many" });
    broker.ask("mine", { service: "mine", client: "few" });
    expect(broker.machine.services().map(({ name }) => name)).toEqual(["p", "q", "mine"]);
    expect(broker.fates).toEqual(["request-dropped:limit"]);
    expect(broker.join("w", { service: "mine" }).deliveries).toEqual(["mine > w"]);
  });

  it("for such names in bytes", () => {
    const broker = new BrokerDriver({ maxUnofferedBytes: 2000 }).ask("x".repeat(30), { service: "p" });
    expect(broker.ask("y".repeat(30), { service: "q" }).fates).toEqual(["request-dropped:limit"]);
    expect(broker.machine).toMatchObject({ waiting: 1, serviceCount: 1 });
  });

  it("1,000,000 invented service names do not grow the books beyond `maxUnoffered`", () => {
    const broker = new BrokerDriver({ maxUnoffered: 100 });
    let mostServices = 0;
    for (let count = 0; count < 1_000_000; count++) {
      broker.ask("", { service: `invented ${count}`, client: count % 2 === 0 ? "even" : "odd" }).clear();
      mostServices = Math.max(mostServices, broker.machine.serviceCount);
    }
    expect(mostServices).toBe(100);
    expect(broker.machine).toMatchObject({ waiting: 100, serviceCount: 100, running: 0 });
    expect(broker.machine.stats.dropped).toBe(999_900);
    broker.until(60_000);
    expect(broker.machine).toMatchObject({ waiting: 0, serviceCount: 0, heldBytes: 0, deadline: undefined });
  }, 30_000);

  it("all requests at hand in bytes, those at workers included", () => {
    const broker = new BrokerDriver({ maxHeldBytes: 2000 })
      .ready("w", "v")
      .ask("x".repeat(80))
      .ask("y".repeat(80), { sequence: 1 });
    expect(broker.told).toEqual(["1 limit 0/0: maxHeldBytes"]);
    // The body, the routing id, and what the broker keeps of each request besides.
    expect(broker.machine.heldBytes).toBe(80 + 6 + 1280);
    expect(broker.reply("w", "x".repeat(80)).machine.heldBytes).toBe(0);
  });

  it("and the envelope of a retry, if that is larger: one for which there is no room does not join", () => {
    const broker = new BrokerDriver({ maxHeldBytes: 1600 }).ready("w").ask("q", { sequence: 1 });
    const heldBytes = broker.machine.heldBytes;
    broker.ask("q", { sequence: 1, attempt: 2, envelope: ["x".repeat(200)] });
    expect(broker.machine).toMatchObject({ heldBytes: heldBytes + 200, stats: { joined: 1 } });
    broker.ask("q", { sequence: 1, attempt: 3, envelope: ["x".repeat(200), "x".repeat(200)] });
    expect(broker.told).toEqual(["1 limit 0/0: maxHeldBytes"]);
    expect(broker.machine).toMatchObject({ heldBytes: heldBytes + 200, stats: { joined: 1 } });
    broker.ask("q", { sequence: 1, attempt: 4 });
    expect(broker.machine).toMatchObject({ heldBytes, stats: { joined: 2 } });
    expect(broker.reply("w", "q").machine.heldBytes).toBe(0);
  });

  it("what waits takes half of that at most: it keeps nothing from a service whose workers are free", () => {
    const broker = new BrokerDriver({ maxHeldBytes: 8000 }).ready("w");
    for (const text of ["1", "2", "3", "4"]) broker.ask(text, { service: "line" });
    expect(broker.machine).toMatchObject({ waiting: 3, stats: { dropped: 1 } });
    expect(broker.ask("x".repeat(1000)).deliveries).toEqual([`${"x".repeat(1000)} > w`]);
  });

  it("the frames of an envelope: as long as a routing id can be", () => {
    const addresses = new Addresses(new Uint8Array(8));
    const frames = (hop: number) => [
      ...[textFrame("c"), new Uint8Array(hop).fill(1), new Uint8Array(0)],
      ...encodeRequest("0.1", textFrame("echo"), undefined, [textFrame("x")]).slice(1),
    ];
    expect(decodeAtBroker(frames(255), addresses).type).toBe("request");
    expect(decodeAtBroker(frames(256), addresses)).toMatchObject({ type: "malformed" });
  });

  it("the body of a request: too large a one is not taken in", () => {
    const broker = new BrokerDriver({ maxBodyBytes: 10 })
      .ready("w")
      .ask("ten bytes!")
      .ask("eleven byte", { sequence: 1 });
    expect(broker.told).toEqual(["1 limit 0/0: maxBodyBytes"]);
    expect(broker.deliveries).toEqual(["ten bytes! > w"]);
  });

  it("the body of a reply: our client is told, and its worker is free again", () => {
    const broker = new BrokerDriver({ maxBodyBytes: 10 }).ready("w").ask("q", { sequence: 1 });
    broker.reply("w", "q", "eleven byte");
    expect(broker.told).toEqual(["1 limit 0/1: maxBodyBytes"]);
    expect(broker.fates).toEqual(["reply-dropped:body-too-large", "request-dropped:limit"]);
    expect(broker.ask("next").deliveries.at(-1)).toBe("next > w");
  });
});

describe("names that get their first worker", () => {
  it("what waits gets a line of its own, in order, and room for others is there again", () => {
    const broker = new BrokerDriver({ maxUnoffered: 3 }).ask("1").ask("x", { service: "other" }).ask("2");
    broker.join("w", { credit: 5 });
    expect(broker.deliveries).toEqual(["1 > w", "2 > w"]);
    for (const text of ["y", "z"]) broker.ask(text, { service: "other" });
    expect(broker.fates).toEqual([]);
  });

  it("what has no room in that line is dropped", () => {
    const broker = new BrokerDriver({ maxWaiting: 1 })
      .ask("1", { sequence: 1 })
      .ask("2", { sequence: 2 })
      .ready("w");
    expect(broker.told).toEqual(["2 limit 0/0: maxWaiting"]);
    expect(broker.deliveries).toEqual(["1 > w"]);
    expect(broker.machine).toMatchObject({ waiting: 0, running: 1 });
  });
});
