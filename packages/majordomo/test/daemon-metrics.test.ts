import { once } from "node:events";
import { connect } from "node:net";
import { textFrame } from "@seaworthy/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MajordomoBrokerMachine } from "../src/broker-machine.js";
import type { MajordomoBrokerInput } from "../src/broker-messages.js";
import { resolveBrokerOptions } from "../src/broker-options.js";
import { BrokerMetrics } from "../src/daemon-metrics.js";
import { type MetricsServer, serveMetrics } from "../src/daemon-metrics-server.js";

/** A broker without sockets, and what is told of it. */
class MeasuredBroker {
  readonly #machine = new MajordomoBrokerMachine(resolveBrokerOptions({ maxServices: 3 }));
  readonly metrics = new BrokerMetrics({
    services: () => this.#machine.services(),
    stats: () => ({
      ...this.#machine.stats,
      ...{
        waiting: this.#machine.waiting,
        running: this.#machine.running,
        heldBytes: this.#machine.heldBytes,
      },
      ...{ services: this.#machine.serviceCount, workers: this.#machine.workerCount },
      detectsDepartures: true,
      sockets: { sent: 11, received: 12, refused: 13, overflowed: 14, discarded: 15, queued: 16 },
    }),
  });

  handle(input: MajordomoBrokerInput): void {
    this.#machine.handle(input, 0);
    this.#note();
  }

  #note(): void {
    for (let output = this.#machine.take(); output !== undefined; output = this.#machine.take()) {
      if (output.type === "status") this.metrics.note(output.event);
    }
  }

  ready(worker: string, service: string): void {
    const command = { type: "ready", service: textFrame(service), notice: undefined } as const;
    this.handle({ type: "said", worker: textFrame(worker), version: "0.1", command });
  }

  gone(worker: string): void {
    this.handle({ type: "departed", peer: worker, isAnonymous: false });
    // For a moment the broker waits for more connections to end.
    this.#machine.tick(20);
    this.#note();
  }

  request(service: string): void {
    const route = [textFrame("client"), new Uint8Array(0)];
    const body = [textFrame("0123456789")];
    const named = textFrame(service);
    this.handle({ type: "request", version: "0.1", route, key: undefined, ttlMs: 0, service: named, body });
  }

  /** The samples of this broker by name and labels. */
  async samples(): Promise<Record<string, number>> {
    const lines = (await this.metrics.text()).split("\n");
    const own = lines.filter((line) => line.startsWith("majordomo_"));
    const samples = own.map((line) => /^(.+) (\S+)$/.exec(line) as unknown as [string, string, string]);
    return Object.fromEntries(samples.map(([, name, value]) => [name, Number(value)]));
  }
}

let broker: MeasuredBroker;
beforeEach(() => {
  broker = new MeasuredBroker();
});

describe("metrics", () => {
  it("are there from the start, as zeros", async () => {
    const samples = await broker.samples();
    expect(samples).toMatchObject({ majordomo_requests_total: 0, majordomo_workers: 0 });
    expect(Object.keys(samples)).toHaveLength(13 + 5 + 5 + 1);
  });

  it("tell what the broker tells", async () => {
    broker.ready("w1", "echo");
    broker.ready("w2", "echo");
    broker.ready("w3", "mmi.x");
    for (let count = 0; count < 3; count++) broker.request("echo");
    broker.request("mmi.service");
    broker.handle({ type: "malformed", reason: "no MDP header" });
    expect(await broker.samples()).toMatchObject({
      majordomo_requests_total: 4,
      majordomo_requests_mmi_total: 1,
      majordomo_requests_delivered_total: 2,
      majordomo_messages_malformed_total: 1,
      majordomo_workers_refused_total: 1,
      majordomo_requests_waiting: 1,
      majordomo_requests_running: 2,
      majordomo_services: 1,
      majordomo_workers: 2,
      majordomo_socket_sent_total: 11,
      majordomo_socket_received_total: 12,
      majordomo_socket_refused_total: 13,
      majordomo_socket_overflowed_total: 14,
      majordomo_socket_discarded_total: 15,
      majordomo_socket_queued: 16,
      'majordomo_service_workers{service="echo"}': 2,
      'majordomo_service_workers_free{service="echo"}': 0,
      'majordomo_service_requests_waiting{service="echo"}': 1,
      'majordomo_service_requests_running{service="echo"}': 2,
    });
    expect((await broker.samples())["majordomo_held_bytes"]).toBeGreaterThanOrEqual(30);
  });

  it("tell how it is now: counters are not added up from scrape to scrape", async () => {
    broker.ready("w1", "echo");
    broker.request("echo");
    await broker.samples();
    broker.request("echo");
    const [first, second] = await Promise.all([broker.samples(), broker.samples()]);
    expect(first["majordomo_requests_total"]).toBe(2);
    expect(second).toEqual(first);
  });

  it("name the services that workers offer, and not those that clients invent", async () => {
    broker.ready("w1", "echo");
    for (let count = 0; count < 500; count++) broker.request(`invented-${count}`);
    const samples = await broker.samples();
    expect(samples["majordomo_services"]).toBe(501);
    const labelled = Object.keys(samples).filter((name) => name.includes("{"));
    expect(labelled).toHaveLength(4);
    for (const name of labelled) expect(name).toContain('service="echo"');
  });

  it("keep a service that has lost its last worker for as long as requests wait for it", async () => {
    broker.ready("w1", "echo");
    broker.request("echo");
    broker.gone("w1");
    expect(await broker.samples()).toMatchObject({
      'majordomo_service_workers{service="echo"}': 0,
      'majordomo_service_requests_waiting{service="echo"}': 1,
    });
  });

  it("forget a service that is gone, so that there are never more than maxServices", async () => {
    for (let count = 0; count < 50; count++) {
      broker.ready(`w${count}`, `service-${count}`);
      if (count >= 3) broker.gone(`w${count - 3}`);
    }
    const names = Object.keys(await broker.samples()).filter((name) =>
      name.startsWith("majordomo_service_workers{"),
    );
    expect(names.length).toBeGreaterThan(0);
    expect(names.length).toBeLessThanOrEqual(3);
  });

  it("have names of services escaped", async () => {
    broker.ready("w1", 'a"b\\c\nd');
    expect((await broker.samples())['majordomo_service_workers{service="a\\"b\\\\c\\nd"}']).toBe(1);
  });

  it("have those of the process, too", async () => {
    const text = await broker.metrics.text();
    expect(text).toMatch(/^process_cpu_seconds_total [\d.]+$/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds [\d.e-]+$/m);
  });
});

describe("the HTTP server", () => {
  let server: MetricsServer;
  let fails = false;
  const metrics = {
    contentType: "text/plain; version=0.0.4",
    text: async () => {
      if (fails) throw new Error("no figures");
      return "figures\n";
    },
  };
  const local = { host: "127.0.0.1", port: 0 };
  beforeEach(async () => {
    fails = false;
    server = await serveMetrics(metrics, local);
  });
  afterEach(() => server.close());
  const ask = (path: string, method = "GET"): Promise<Response> =>
    fetch(new URL(path, server.url), { method });

  it.each([
    ["GET", "/metrics", 200, "figures\n"],
    ["GET", "/metrics?format=text", 200, "figures\n"],
    ["HEAD", "/metrics", 200, ""],
    ["GET", "/healthz", 200, "ok\n"],
    ["GET", "/", 404, "not found\n"],
    ["GET", "/metrics/x", 404, "not found\n"],
    ["POST", "/", 404, "not found\n"],
    ["POST", "/metrics", 405, "method not allowed\n"],
    ["DELETE", "/healthz", 405, "method not allowed\n"],
  ])("%s %s: %i", async (method, path, status, text) => {
    const response = await ask(path, method);
    expect(response.status).toBe(status);
    expect(await response.text()).toBe(text);
    expect(response.headers.get("allow")).toBe(status === 405 ? "GET, HEAD" : null);
  });

  it("says what it is that Prometheus reads", async () => {
    expect((await ask("/metrics")).headers.get("content-type")).toBe("text/plain; version=0.0.4");
  });

  it("stays when there are no figures", async () => {
    fails = true;
    expect((await ask("/metrics")).status).toBe(500);
    fails = false;
    expect((await ask("/metrics")).status).toBe(200);
  });

  it("cannot listen on a port in use", async () => {
    const { hostname: host, port } = new URL(server.url);
    await expect(serveMetrics(metrics, { host, port: Number(port) })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });

  it("closes although a request has not arrived in full", async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    const ended = once(socket, "close");
    socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /metrics HTTP/1.1\r\n");
    // The first has been answered: what is there of the second has been read.
    await once(socket, "data");
    await server.close();
    await ended;
    await expect(ask("/healthz")).rejects.toThrow();
    server = await serveMetrics(metrics, local);
  });
});
