import { textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { decodeNotice } from "../src/machine.js";
import { BrokerDriver } from "./broker-driver.js";

/** What the broker says when it is asked for one of its own services. */
function manage(broker: BrokerDriver, service: string, text = ""): string | undefined {
  broker.clear().ask(text, { service });
  return broker.answers[0]?.replace("client: ", "");
}

describe("mmi.service", () => {
  it("says 200 if there is a worker for the service, and 404 if there is none", () => {
    const broker = new BrokerDriver().ready("w").ask("?", { service: "wanted" });
    expect(manage(broker, "mmi.service", "echo")).toBe("200");
    expect(manage(broker, "mmi.service", "nobody")).toBe("404");
    expect(manage(broker, "mmi.service", "wanted")).toBe("404");
    expect(broker.machine.stats).toMatchObject({ mmi: 3, requests: 4 });
  });

  it("mmi.service says 404 once the worker of a busy service has died", () => {
    const broker = new BrokerDriver().ready("w").ask("q").until(299);
    expect(manage(broker, "mmi.service", "echo")).toBe("200");
    broker.until(300);
    expect(manage(broker, "mmi.service", "echo")).toBe("404");
    broker.heartbeat("w");
    expect(manage(broker, "mmi.service", "echo")).toBe("200");
    broker.departed("w");
    expect(manage(broker, "mmi.service", "echo")).toBe("404");
  });

  it("counts each worker that is lost once, however it went", () => {
    const broker = new BrokerDriver().ready("a", "b", "c", "alive").alive(300, "alive");
    broker.departed("a").disconnect("b").ready("c").heartbeat("alive");
    expect(manage(broker, "mmi.service", "echo")).toBe("200");
    expect(broker.machine.services()).toMatchObject([{ workers: 1, free: 1 }]);
    broker.until(620);
    expect(manage(broker, "mmi.service", "echo")).toBe("404");
  });

  it("a request that waits for workers that are all dead ends with `no-worker`", () => {
    const broker = new BrokerDriver({ requestTtlMs: 100 })
      .ready("w")
      .until(250)
      .ask("q", { sequence: 1 })
      .until(350);
    expect(broker.told).toEqual(["1 no-worker 0/0: "]);
  });

  it("takes the last frame for the name, as the guide's broker does", () => {
    const broker = new BrokerDriver().ready("w");
    broker.feed({
      ...{ type: "request", version: "0.2", key: undefined, ttlMs: 0, service: textFrame("mmi.service") },
      ...{ route: [textFrame("client")], body: [textFrame("nobody"), textFrame("echo")] },
    });
    expect(broker.answers).toEqual(["client: 200"]);
  });
});

describe("the broker's other services", () => {
  it("mmi.seaworthy introduces it", () => {
    const broker = new BrokerDriver().ask("", { service: "mmi.seaworthy" });
    const [answer] = broker.outputs;
    const [status, notice] = answer?.type === "answer" ? answer.body : [];
    expect(status).toEqual(textFrame("200"));
    expect(decodeNotice(notice as Uint8Array)).toEqual({ heartbeatMs: 100, credit: 0 });
  });

  it("mmi.services lists what workers offer, not what clients invent", () => {
    const broker = new BrokerDriver().ready("w").ask("q").ask("?", { service: "wanted" });
    const [status, json] = (manage(broker, "mmi.services") ?? "").split("|");
    expect(status).toBe("200");
    expect(JSON.parse(json ?? "")).toEqual([{ name: "echo", workers: 1, free: 0, waiting: 0, running: 1 }]);
  });

  it("mmi.workers lists those of one service, or all", () => {
    const broker = new BrokerDriver().ready("w").join("v", { service: "other", credit: 3 }).until(40);
    const list = (text: string) =>
      JSON.parse((manage(broker, "mmi.workers", text) ?? "").split("|")[1] ?? "");
    expect(list("")).toHaveLength(2);
    const info = { id: "v", service: "other", protocol: "0.1", credit: 3, running: 0, isOurs: true };
    expect(list("other")).toEqual([{ ...info, isMissing: false, silentMs: 40 }]);
    expect(list("nobody")).toEqual([]);
  });

  it("listings are a moment old: whoever asks again and again is sent the same frame", () => {
    const broker = new BrokerDriver().ready("w").clear();
    const listed = () => {
      broker.clear().ask("", { service: "mmi.services" }).ask("", { service: "mmi.workers" });
      return broker.outputs.flatMap((output) => (output.type === "answer" ? [output.body[1]] : []));
    };
    const [services, workers] = listed();
    broker.join("v", { service: "other" });
    expect(listed()).toEqual([services, workers]);
    expect(listed()[0]).toBe(services);
    broker.alive(250, "w", "v");
    expect(listed()[0]).not.toEqual(services);
  });

  it("mmi.service takes no name that is too long", () => {
    expect(manage(new BrokerDriver().ready("w"), "mmi.service", "x".repeat(256))).toBe("404");
  });

  it("any other name under mmi. is answered with 501", () => {
    const broker = new BrokerDriver();
    for (const service of ["mmi.", "mmi.anything", "mmi.service "])
      expect(manage(broker, service)).toBe("501");
  });

  it("names that only look like it are ordinary", () => {
    const broker = new BrokerDriver().join("w", { service: "mmi" }).join("v", { service: "xmmi.service" });
    broker.ask("1", { service: "mmi" }).ask("2", { service: "xmmi.service" });
    expect(broker.deliveries).toEqual(["1 > w", "2 > v"]);
  });

  it("our clients get the answer under the header of their request", () => {
    const broker = new BrokerDriver().ask("echo", { service: "mmi.service", sequence: 5 });
    expect(broker.told).toEqual(["5 message 0/0: 404"]);
  });

  it("are answered while the broker is closing", () => {
    const broker = new BrokerDriver().ready("w").ask("q").feed({ type: "close" });
    expect(manage(broker, "mmi.service", "echo")).toBe("200");
  });
});

describe("a worker for one of the broker's own services", () => {
  it("a worker that registers under mmi. is disconnected", () => {
    const broker = new BrokerDriver();
    for (const service of ["mmi.service", "mmi.mine", "mmi."]) broker.join(service, { service });
    expect(broker.said).toEqual(["disconnect mmi.service", "disconnect mmi.mine", "disconnect mmi."]);
    expect(broker.statuses[0]).toBe("worker-refused:reserved-name mmi.service");
    expect(broker.machine).toMatchObject({ workerCount: 0, stats: { refused: 3 } });
  });

  it("it is the name of the service that counts, not the routing id of the worker", () => {
    const broker = new BrokerDriver().join("mmi.worker", { service: "echo" }).ask("q");
    expect(broker.deliveries).toEqual(["q > mmi.worker"]);
  });
});
