import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import { FLAGS, OPTION_FLAGS } from "../src/daemon-flags.js";
import { BrokerMetrics } from "../src/daemon-metrics.js";
import { MajordomoBroker } from "../src/index.js";
import { resolveBrokerOptions, resolveClientOptions, resolveWorkerOptions } from "../src/machine.js";
import { brokerEvents, clientEvents, errors, workerEvents } from "./names.js";

const readme = await Readme.of(import.meta.url);

describe("the README", () => {
  it("has an example that runs as it stands, and shows how a request outlives its worker", async () => {
    expect(await readme.runExample()).toEqual({
      stdout: "echo: to another worker\nyou said ahoy\n",
      stderr: "",
    });
  });

  it("lists every option of all roles, and no other", () => {
    expect(readme.options("The broker")).toEqual(Object.keys(resolveBrokerOptions()).sort());
    expect(readme.options("The worker")).toEqual(Object.keys(resolveWorkerOptions()).sort());
    expect(readme.options("The client")).toEqual(Object.keys(resolveClientOptions()).sort());
  });

  it("lists every event", () => {
    const events = [brokerEvents, workerEvents, clientEvents].flatMap(Object.keys);
    expect(readme.lacks(events)).toEqual([]);
  });

  it("lists every error of the client", () => {
    expect(readme.lacks(Object.keys(errors))).toEqual([]);
  });

  it("names every flag of the daemon, those of limits by the names of the options", () => {
    const limits = new Set(Object.values(OPTION_FLAGS).filter(({ name }) => name.startsWith("max-")));
    const named = FLAGS.filter((flag) => !limits.has(flag)).map(({ name }) => `--${name}`);
    expect(named.filter((flag) => !readme.text.includes(flag))).toEqual([]);
    expect(limits.size).toBeGreaterThan(0);
  });

  it("lists every metric of the broker, and no other", async () => {
    await using broker = new MajordomoBroker();
    const text = await new BrokerMetrics(broker).text();
    const metrics = [...text.matchAll(/^# TYPE majordomo_(\w+)/gm)].map(([, name = ""]) => name);
    const [, table = ""] = readme.text.split("| metrics, with `majordomo_` in front |");
    const [rows = ""] = table.split("\n\n", 1);
    const listed = [...rows.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = ""]) => [
      ...cell.matchAll(/`(\w+)`/g),
    ]);
    expect(listed.map(([, name]) => name).sort()).toEqual(metrics.sort());
  });
});
