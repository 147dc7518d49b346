import { createContext, runInContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { bundleForBrowsers, portableEntries } from "./bundle.js";

/** What every browser has and a module may use; nothing of Node.js beside it. */
const browserGlobals = {
  AbortController,
  AbortSignal,
  clearTimeout,
  console,
  crypto,
  Event,
  EventTarget,
  performance,
  queueMicrotask,
  setTimeout,
  structuredClone,
  TextDecoder,
  TextEncoder,
};

function evaluate(code: string): Record<string, unknown> {
  const context = createContext({ ...browserGlobals }, { codeGeneration: { strings: false, wasm: false } });
  expect(runInContext("[typeof process, typeof Buffer, typeof require].join()", context)).toBe(
    "undefined,undefined,undefined",
  );
  return runInContext(`${code}; bundled`, context) as Record<string, unknown>;
}

test("there is a portable entry in every package", () => {
  expect(portableEntries()).toEqual(
    expect.arrayContaining([
      "@seaworthy/binary-star/machine",
      "@seaworthy/core",
      "@seaworthy/freelance/machine",
      "@seaworthy/lazy-pirate/machine",
      "@seaworthy/majordomo/machine",
      "@seaworthy/paranoid-pirate/machine",
      "@seaworthy/pubsub-snapshot/machine",
      "@seaworthy/simple-pirate/machine",
      "@seaworthy/simulator",
      "@seaworthy/suicidal-snail/machine",
      "@seaworthy/titanic/machine",
    ]),
  );
});

describe.each(portableEntries())("%s", (entry) => {
  test("brings no zeromq and no module of Node.js along", async () => {
    const { foreign, inputs } = await bundleForBrowsers(entry);
    expect(foreign).toEqual([]);
    expect(inputs.filter((file) => /node_modules\/zeromq\//.test(file))).toEqual([]);
    expect(inputs.filter((file) => /\/src\/node\//.test(file))).toEqual([]);
    // From source: a bundle of dist would test the last build.
    expect(inputs.filter((file) => /^packages\/[^/]+\/dist\//.test(file))).toEqual([]);
    expect(inputs.some((file) => /^packages\/[^/]+\/src\//.test(file))).toBe(true);
  });

  test("evaluates where there is nothing but a browser's globals", async () => {
    const { code } = await bundleForBrowsers(entry, true);
    expect(Object.keys(evaluate(code))).toEqual(Object.keys(await import(entry)).sort());
    const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
    console.log(`${entry}: ${kilobytes(code.length)} minified, ${kilobytes(gzipSync(code).length)} gzipped`);
  });
});

test("a bundle that needs Node.js is caught", async () => {
  const { foreign } = await bundleForBrowsers("@seaworthy/core/node");
  const paths = foreign.map(({ path }) => path);
  expect(paths).toContain("zeromq");
  expect(paths).toContain("node:events");
  expect(foreign.every(({ importer }) => importer.includes("core/src/node"))).toBe(true);
});
