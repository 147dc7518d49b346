import { Addresses, type Frames, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import {
  encodeBrokerDisconnect,
  encodeDisconnect,
  encodeReady,
  MajordomoBrokerMachine,
  resolveBrokerOptions,
  wireBroker,
} from "../src/machine.js";
import { BrokerDriver } from "./broker-driver.js";

const OURS = { credit: 3 };

describe("DISCONNECT from a worker", () => {
  it("of ours is answered with the same, behind all that it was given, and nothing follows", () => {
    const broker = new BrokerDriver().join("w", OURS).ask("1").ask("2").clear().disconnect("w");
    expect(broker.said).toEqual(["disconnect w"]);
    broker.ask("3").cancel(1).until(5000);
    expect([broker.deliveries, broker.said]).toEqual([[], ["disconnect w"]]);
    expect(broker.machine.workerCount).toBe(0);
  });

  it("that is not ours is not answered: it has closed its connection", () => {
    const broker = new BrokerDriver().ready("w").ask("1").clear().disconnect("w");
    expect(broker.said).toEqual([]);
    expect(broker.statuses).toEqual(["worker-gone:disconnected w", "request-redelivered"]);
  });

  it("of ours that was taken for dead is answered as well", () => {
    const broker = new BrokerDriver().join("w", { credit: 1, heartbeatMs: 100 }).until(300).clear();
    expect(broker.machine.workers(300)).toMatchObject([{ isMissing: true }]);
    expect(broker.disconnect("w").said).toEqual(["disconnect w"]);
    expect(broker.statuses).toEqual(["worker-gone:disconnected w", "service-removed"]);
  });

  it("that is not known is no news, and is not answered", () => {
    const broker = new BrokerDriver().disconnect("w").join("w", OURS).disconnect("w").clear().disconnect("w");
    expect(broker.outputs).toEqual([]);
    expect(broker.machine.stats.expelled).toBe(0);
  });

  it("of ours gives what it has not answered to others, which does not count as given", () => {
    const broker = new BrokerDriver({ maxDeliveries: 1 }).join("w", OURS).ask("1").ask("2").clear();
    broker.disconnect("w").join("v", OURS);
    expect(broker.deliveries).toEqual(["1 > v", "2 > v"]);
    expect(broker.fates).toEqual(["request-redelivered", "request-redelivered"]);
    expect(broker.reply("v", "1").reply("v", "2").answers).toEqual(["client: re 1", "client: re 2"]);
  });

  it("of ours may come back under its id when it was answered", () => {
    const broker = new BrokerDriver().join("w", OURS).disconnect("w").join("w", OURS).clear().ask("1");
    expect(broker.deliveries).toEqual(["1 > w"]);
  });

  it("of ours whose answer finds no way costs nothing", () => {
    const broker = new BrokerDriver().join("w", OURS).ask("1").disconnect("w").clear().unreachable("w");
    expect(broker.outputs).toEqual([]);
    expect(broker.machine).toMatchObject({ waiting: 1, stats: { undeliverable: 0 } });
  });
});

it.each(["0.1", "0.2"] as const)("the answer is spoken as the worker speaks: %s", (version) => {
  const sockets = new FakeSockets();
  const options = resolveBrokerOptions();
  const machine = new MajordomoBrokerMachine(options);
  wireBroker(machine, {
    transport: sockets,
    scheduler: new HandClock(),
    addresses: new Addresses(new Uint8Array(8)),
    ...options,
    owner: { idle() {}, status() {} },
  });
  const socket = sockets.at(0);
  const says = (frames: Frames): void => socket.handlers.message([textFrame("w"), ...frames]);
  says(encodeReady("0.1", textFrame("echo"), { heartbeatMs: 100, credit: 1 }));
  says(encodeDisconnect(version));
  expect(socket.sent.slice(1)).toEqual([[textFrame("w"), ...encodeBrokerDisconnect(version)]]);
});
