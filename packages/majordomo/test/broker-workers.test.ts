import { frameKey } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { BrokerDriver } from "./broker-driver.js";

/** A broker that is not told of its workers for long, so that a test need not let them speak. */
const patient = (): BrokerDriver => new BrokerDriver({ heartbeatMs: 1000, peerHeartbeatMs: 1_000_000 });

describe("heartbeats", () => {
  it("go to a worker that was told nothing else for an interval, busy or not", () => {
    const broker = new BrokerDriver().ready("a", "b").until(60).ask("q").alive(140, "a", "b");
    expect(broker.said).toEqual(["heartbeat b"]);
    expect(broker.alive(170, "a", "b").said).toEqual(["heartbeat b", "heartbeat a"]);
  });

  it("tell our workers, and no others, our interval: at once when they register, and each time", () => {
    const broker = new BrokerDriver().ready("plain").join("ours", { credit: 1 });
    expect(broker.said).toEqual(["heartbeat ours 100"]);
    expect(broker.until(100).said.slice(1)).toEqual(["heartbeat plain", "heartbeat ours 100"]);
  });

  it("leave together if they are due within a hundredth of the interval, early and never late", () => {
    const broker = patient().ready("a").until(1).ready("b").until(9.9).ready("c").until(10).ready("d");
    expect(broker.until(999.9).said).toEqual([]);
    expect(broker.until(1000).said).toEqual(["heartbeat a", "heartbeat b", "heartbeat c"]);
    expect(broker.until(1009.9).said).toHaveLength(3);
    expect(broker.until(1010).said.slice(3)).toEqual(["heartbeat d"]);
  });

  it("and draw no others to them, however often they are sent, and a little late", () => {
    const broker = patient();
    for (const [at, name] of ["a", "b", "c"].entries()) broker.until(10 * at).ready(name);
    for (let interval = 1; interval <= 500; interval++) {
      broker.clear();
      for (const [at, name] of ["a", "b", "c"].entries()) {
        broker.late(1000 * interval + 10 * at + (interval % 9));
        expect(broker.said, `interval ${interval}`).toHaveLength(at + 1);
        expect(broker.said[at]).toBe(`heartbeat ${name}`);
      }
    }
  });

  it("do not put a busy worker back on the list", () => {
    const broker = new BrokerDriver().ready("a").ask("1").heartbeat("a").ask("2");
    expect(broker.deliveries).toEqual(["1 > a"]);
    expect(broker.machine).toMatchObject({ running: 1, waiting: 1 });
  });
});

describe("mismatched heartbeat intervals", () => {
  it("mismatched heartbeat intervals cause no false disconnect: a worker is judged by what it announced", () => {
    const broker = new BrokerDriver()
      .join("slow", { heartbeatMs: 1000 })
      .join("fast", { heartbeatMs: 60 })
      .until(180);
    expect(broker.statuses.at(-1)).toBe("worker-expired fast");
    expect(broker.until(2999).machine.workers(2999)).toMatchObject([{ id: "slow", isMissing: false }]);
    expect(broker.until(3000).statuses.at(-1)).toBe("worker-expired slow");
  });

  it("and may announce another later: the next heartbeat counts", () => {
    const broker = new BrokerDriver()
      .join("w", { heartbeatMs: 1000 })
      .until(50)
      .heartbeat("w", { heartbeatMs: 60 });
    expect(broker.until(230).statuses.at(-1)).toBe("worker-expired w");
    expect(broker.heartbeat("w", { heartbeatMs: 5000 }).until(15_229).statuses.at(-1)).toBe(
      "worker-returned w",
    );
    expect(broker.until(15_230).statuses.at(-1)).toBe("worker-expired w");
  });

  it("nobody is judged by less than 50 ms, whatever it promises", () => {
    const broker = new BrokerDriver().join("w", { heartbeatMs: 1 }).until(149);
    expect(broker.statuses.at(-1)).toBe("worker-joined w");
    expect(broker.until(150).statuses.at(-1)).toBe("worker-expired w");
    broker.heartbeat("w", { heartbeatMs: 2 }).until(299);
    expect(broker.until(300).statuses.at(-1)).toBe("worker-expired w");
  });

  it("foreign workers are expected to keep `peerHeartbeatMs`", () => {
    const broker = new BrokerDriver({ peerHeartbeatMs: 1000 }).ready("w").until(2999);
    expect(broker.statuses.at(-1)).toBe("worker-joined w");
    expect(broker.until(3000).statuses.at(-1)).toBe("worker-expired w");
  });
});

describe("silence", () => {
  it("of an idle worker: it is given nothing; it comes back when it is heard, and is forgotten if not", () => {
    const broker = new BrokerDriver().ready("w").until(300);
    expect(broker.statuses).toEqual(["service-added", "worker-joined w", "worker-expired w"]);
    expect(broker.ask("1").deliveries).toEqual([]);
    expect(broker.machine.workers(300)).toMatchObject([{ id: "w", isMissing: true, silentMs: 300 }]);
    expect(broker.until(400).heartbeat("w").deliveries).toEqual(["1 > w"]);
    broker.reply("w", "1").until(1000);
    expect(broker.statuses.slice(-4)).toEqual([
      "worker-returned w",
      "worker-expired w",
      "worker-gone:silent w",
      "service-removed",
    ]);
    expect(broker.machine).toMatchObject({ workerCount: 0, serviceCount: 0, deadline: undefined });
    expect(broker.machine.stats.expired).toBe(2);
  });

  it("purge does not stop at the first live worker", () => {
    const broker = new BrokerDriver().ready("a", "alive", "b", "c").alive(350, "alive").ask("1").ask("2");
    expect(broker.statuses.filter((status) => status.startsWith("worker-expired"))).toEqual([
      "worker-expired a",
      "worker-expired b",
      "worker-expired c",
    ]);
    expect(broker.deliveries).toEqual(["1 > alive"]);
  });

  it("for almost its liveness keeps a worker from requests until it is heard, and those wait if there is no other", () => {
    const broker = new BrokerDriver().ready("doubtful", "prompt").alive(200, "prompt").ask("1").ask("2");
    expect(broker.deliveries).toEqual(["1 > prompt"]);
    expect(broker.machine.services()).toMatchObject([{ free: 1, waiting: 1 }]);
    expect(broker.heartbeat("doubtful").deliveries).toEqual(["1 > prompt", "2 > doubtful"]);
    expect(broker.machine.stats.expired).toBe(0);
  });

  it("that is over costs a worker its place once, and not again with each word", () => {
    const broker = new BrokerDriver()
      .join("a", { credit: 5 })
      .join("b", { credit: 5 })
      .alive(200, "b")
      .ask("1");
    broker.heartbeat("a").ask("2").heartbeat("a").ask("3");
    expect(broker.deliveries).toEqual(["1 > b", "2 > b", "3 > a"]);
  });

  it("does not make who takes its leave work on", () => {
    const broker = new BrokerDriver().ready("doubtful").until(200).ask("1").disconnect("doubtful");
    expect(broker.deliveries).toEqual([]);
    expect(broker.machine).toMatchObject({ workerCount: 0, waiting: 1 });
  });

  it("of many workers at once: what one had is not given to another that has died with it", () => {
    const broker = new BrokerDriver({ maxDeliveries: 2 }).ready("a", "b", "c", "alive").ask("1");
    broker.now = 290;
    broker.heartbeat("alive").late(301);
    expect(broker.deliveries).toEqual(["1 > a", "1 > alive"]);
    expect(broker.machine.stats).toMatchObject({ expired: 3, dropped: 0 });
  });

  it("is not judged right after the broker itself stood still", () => {
    const broker = new BrokerDriver().ready("w");
    broker.now = 20_000;
    broker.feed({ type: "stalled", ms: 19_700 }).tick().until(20_099);
    expect(broker.statuses.slice(2)).toEqual(["process-stalled"]);
    expect(broker.until(20_100).statuses.at(-1)).toBe("worker-expired w");
  });

  it("that lasts until the worker would be forgotten, found in one late look, is the end", () => {
    const broker = new BrokerDriver().ready("w").late(600);
    expect(broker.statuses.slice(2)).toEqual(["worker-expired w", "worker-gone:silent w", "service-removed"]);
  });
});

describe("credit", () => {
  it("is what a worker of ours says, and not more than `maxCredit`; that of others is one", () => {
    const broker = new BrokerDriver({ maxCredit: 2 }).join("many", { credit: 100 }).ready("plain");
    for (const text of ["1", "2", "3", "4"]) broker.ask(text);
    expect(broker.deliveries).toEqual(["1 > many", "2 > plain", "3 > many"]);
    broker.heartbeat("many", { credit: 100 });
    expect(broker.machine.workers(0)).toMatchObject([{ credit: 2, running: 2 }, { credit: 1 }]);
  });

  it("may change: more is used at once, less is kept to, and none means no more requests", () => {
    const broker = new BrokerDriver().join("w", { credit: 1 }).ask("1").ask("2").ask("3").ask("4");
    expect(broker.heartbeat("w", { credit: 3 }).deliveries).toEqual(["1 > w", "2 > w", "3 > w"]);
    broker.heartbeat("w", { credit: 1 }).reply("w", "1").reply("w", "2");
    expect(broker.machine.waiting).toBe(1);
    expect(broker.heartbeat("w", { credit: 0 }).reply("w", "3").deliveries).toHaveLength(3);
    expect(broker.machine.services()).toMatchObject([{ workers: 1, free: 0, waiting: 1, running: 0 }]);
    expect(broker.heartbeat("w", { credit: 1 }).deliveries.at(-1)).toBe("4 > w");
  });

  it("none at first: a worker may register and take requests later", () => {
    const broker = new BrokerDriver().join("w", { credit: 0 }).ask("1");
    expect(broker.deliveries).toEqual([]);
    expect(broker.heartbeat("w", { credit: 1 }).deliveries).toEqual(["1 > w"]);
  });

  it("that a missing worker announces is used when it is back", () => {
    const broker = new BrokerDriver()
      .join("w", { credit: 0 })
      .until(300)
      .ask("1")
      .heartbeat("w", { credit: 1 });
    expect(broker.statuses).toContain("worker-returned w");
    expect(broker.deliveries).toEqual(["1 > w"]);
  });

  it("that a doubtful worker gives up is not used when it is heard", () => {
    const broker = new BrokerDriver()
      .join("w", { credit: 1 })
      .until(200)
      .ask("1")
      .heartbeat("w", { credit: 0 });
    expect(broker.deliveries).toEqual([]);
    expect(broker.machine.services()).toMatchObject([{ free: 0, waiting: 1 }]);
  });
});

describe("what workers should not say", () => {
  it("READY twice: the worker is disconnected, and what it had goes to another", () => {
    const broker = new BrokerDriver().ready("a", "b").ask("1").ready("a");
    expect(broker.said).toEqual(["disconnect a"]);
    expect(broker.statuses).toContain("worker-gone:unexpected a");
    expect(broker.deliveries).toEqual(["1 > a", "1 > b"]);
    expect(broker.machine.stats.expelled).toBe(1);
    expect(broker.ready("a").machine.workerCount).toBe(2);
  });

  it("a REPLY from a worker that has no request does not list it twice: it is told to disconnect", () => {
    const broker = new BrokerDriver().ready("w");
    broker.says("w", { type: "part", kind: "final", number: 9, body: [new Uint8Array(1)] });
    expect(broker.said).toEqual(["disconnect w"]);
    expect(broker.fates).toEqual(["reply-dropped:unknown"]);
    expect(broker.ask("1").ask("2").deliveries).toEqual([]);
    expect(broker.machine).toMatchObject({ workerCount: 0, waiting: 2 });
    expect(broker.ready("w").deliveries).toEqual(["1 > w"]);
  });

  it("a REPLY to a request that it was not given, or that this broker never had: the same", () => {
    for (const number of [undefined, 1]) {
      const broker = new BrokerDriver().ready("a", "b").ask("1");
      broker.says("b", { type: "part", kind: "partial", number, body: [new Uint8Array(1)] });
      expect(broker.said).toEqual(["disconnect b"]);
      expect(broker.answers).toEqual([]);
      expect(broker.reply("a", "1").answers).toEqual(["client: re 1"]);
    }
  });

  it("REPLY twice: the first is the reply, and the second ends the worker", () => {
    const broker = new BrokerDriver().ready("w").ask("1").reply("w", "1").reply("w", "1");
    expect(broker.answers).toEqual(["client: re 1"]);
    expect(broker.said).toEqual(["disconnect w"]);
  });

  it("REPLY or HEARTBEAT before READY: a stranger is told to disconnect, so that it registers anew", () => {
    const broker = new BrokerDriver().heartbeat("a");
    broker.says("b", { type: "part", kind: "final", number: 1, body: [new Uint8Array(1)] });
    expect(broker.said).toEqual(["disconnect a", "disconnect b"]);
    expect(broker.fates).toEqual(["reply-dropped:unknown"]);
    expect(broker.machine).toMatchObject({ workerCount: 0, stats: { expelled: 2, repliesDropped: 1 } });
  });

  it("DISCONNECT before READY is allowed, and not answered", () => {
    expect(new BrokerDriver().disconnect("a").outputs).toEqual([]);
  });

  it("a missing worker that says READY is told to disconnect, too", () => {
    const broker = new BrokerDriver().ready("w").ask("1").until(300).clear().ready("w");
    expect(broker.said).toEqual(["disconnect w"]);
    expect(broker.statuses).toEqual(["worker-gone:unexpected w"]);
    expect(broker.ready("w").deliveries).toEqual(["1 > w"]);
  });

  it("what is no command is counted and dropped", () => {
    const broker = new BrokerDriver().feed({ type: "malformed", reason: "why" });
    expect(broker.statuses).toEqual(["message-dropped:why"]);
    expect(broker.machine.stats.malformed).toBe(1);
  });
});

describe("registration", () => {
  it("tells who came, with what, and who is there", () => {
    const broker = new BrokerDriver()
      .join("w", { service: "s", version: "0.2", credit: 4, heartbeatMs: 70 })
      .ask("q", { service: "s" });
    expect(broker.outputs).toContainEqual({
      type: "status",
      event: { type: "worker-joined", at: 0, worker: "w", service: "s", protocol: "0.2", credit: 4 },
    });
    const info = { id: "w", service: "s", protocol: "0.2", credit: 4, running: 1, isOurs: true };
    expect(broker.machine.workers(20)).toEqual([{ ...info, isMissing: false, silentMs: 20 }]);
  });

  it("routing ids and names of services are bytes: those that differ where text does not are different", () => {
    const broker = new BrokerDriver();
    const names = [Uint8Array.of(0xff, 0), Uint8Array.of(0xfe, 0), Uint8Array.of(0)];
    for (const name of names) {
      const command = { type: "ready", service: name, notice: undefined } as const;
      broker.feed({ type: "said", worker: name, version: "0.1", command });
    }
    expect(broker.machine).toMatchObject({ workerCount: 3, serviceCount: 3 });
    for (const service of names) {
      broker.feed({
        ...{ type: "request", version: "0.1", key: undefined, ttlMs: 0, service },
        ...{ route: [Uint8Array.of(1), new Uint8Array(0)], body: [service] },
      });
    }
    const given = broker.outputs.flatMap((output) => (output.type === "deliver" ? [output] : []));
    expect(given.map(({ worker, body }) => [worker, body[0]])).toEqual(names.map((name) => [name, name]));
    expect(given.map(({ worker }) => frameKey(worker))).toEqual(["\xff\0", "\xfe\0", "\0"]);
  });

  it("more workers than `maxWorkers` are refused and told to disconnect, until one is gone", () => {
    const broker = new BrokerDriver({ maxWorkers: 1 }).ready("a", "b");
    expect(broker.said).toEqual(["disconnect b"]);
    expect(broker.statuses.at(-1)).toBe("worker-refused:maxWorkers b");
    expect(broker.machine.stats.refused).toBe(1);
    expect(broker.departed("a").ready("b").statuses).toContain("worker-joined b");
  });

  it("more services than `maxServices` are refused; more workers for one that there is are not", () => {
    const broker = new BrokerDriver({ maxServices: 1 }).join("a").join("b", { service: "other" }).join("c");
    expect(broker.said).toEqual(["disconnect b"]);
    expect(broker.statuses).toContain("worker-refused:maxServices b");
    broker.departed("a").departed("c").join("b", { service: "other" });
    expect(broker.statuses.slice(-3)).toEqual(["service-removed", "service-added", "worker-joined b"]);
  });

  it("a name that only requests wait for takes none of the `maxServices`", () => {
    const broker = new BrokerDriver({ maxServices: 1 })
      .ask("1", { service: "x" })
      .join("w", { service: "y" });
    expect(broker.machine).toMatchObject({ workerCount: 1, serviceCount: 2 });
    expect(broker.join("v", { service: "x" }).statuses.at(-1)).toBe("worker-refused:maxServices v");
  });

  it("a service stays as long as something of it is here: a worker, a request that runs or that waits", () => {
    const broker = new BrokerDriver({ requestTtlMs: 500 }).ready("w").ask("1").departed("w");
    expect(broker.statuses).not.toContain("service-removed");
    expect(broker.until(520).statuses.slice(-2)).toEqual(["request-dropped:no-worker", "service-removed"]);
  });
});
