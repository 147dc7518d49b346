import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  asCommonJs,
  buildPackages,
  Consumer,
  entries,
  packages,
  readmeSnippet,
  run,
  workspace,
} from "./consumer.js";

let consumer: Consumer;

beforeAll(async () => {
  await buildPackages();
  consumer = await Consumer.create();
});

afterAll(() => consumer?.remove());

/** All files that were installed for a package. */
function installedFiles(name: string): string[] {
  const folder = consumer.installed(name);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe.each(packages)("$name", ({ name, folder }) => {
  test("the tarball has the code, its source, README and LICENSE, and nothing else", () => {
    const contents = consumer.tarballs.get(name)?.contents ?? [];
    expect(contents).toEqual(
      expect.arrayContaining(["LICENSE", "README.md", "package.json", "dist/index.js"]),
    );
    const known =
      /^(LICENSE|README\.md|CHANGELOG\.md|package\.json|src\/.+\.ts|dist\/.+\.(js|d\.ts)(\.map)?)$/;
    expect(contents.filter((file) => !known.test(file))).toEqual([]);
    expect(contents.filter((file) => /test|tsbuildinfo/.test(file))).toEqual([]);
  });

  test("nothing in it tells where it was built", () => {
    const files = installedFiles(name);
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter((file) => readFileSync(file, "utf8").includes(workspace.replace(/\/$/, "")))).toEqual(
      [],
    );
  });

  test("maps lead to source that is installed with it", () => {
    const files = installedFiles(name);
    const maps = files.filter((file) => file.endsWith(".map"));
    expect(maps.length).toBeGreaterThan(0);
    const lost = maps.flatMap((map) => {
      const { sources } = JSON.parse(readFileSync(map, "utf8")) as { sources: string[] };
      return sources
        .map((source) => resolve(dirname(map), source))
        .filter((source) => !files.includes(source));
    });
    expect(lost).toEqual([]);
  });

  test("the README's example runs, with import and with require alike", async () => {
    const snippet = await readmeSnippet(folder);
    await consumer.write("example.mjs", snippet);
    await consumer.write("example.cjs", asCommonJs(snippet));
    const withImport = await consumer.node("example.mjs");
    expect(withImport).toEqual({ code: 0, stdout: expect.stringMatching(/\S/), stderr: "" });
    // Node.js 20 and 22 warn on stderr that require() of an ES module is new.
    const withRequire = await consumer.node("--disable-warning=ExperimentalWarning", "example.cjs");
    expect(withRequire).toEqual(withImport);
  });

  test("publint has nothing to say", async () => {
    const tarball = consumer.tarballs.get(name)?.file ?? "";
    const { code, stdout } = await run("npx", ["publint", "run", "--strict", tarball], workspace);
    expect(stdout).toContain("All good!");
    expect(code).toBe(0);
  });

  test("are-the-types-wrong finds nothing wrong", async () => {
    const tarball = consumer.tarballs.get(name)?.file ?? "";
    const { code, stdout } = await run("npx", ["attw", tarball, "--profile", "esm-only"], workspace);
    expect(code, stdout).toBe(0);
  });
});

const compilations = [
  { moduleResolution: "nodenext", module: "nodenext" },
  { moduleResolution: "bundler", module: "esnext" },
];

test.each(compilations)("TypeScript compiles against all types with $moduleResolution", async (options) => {
  const uses = `
    import { LazyPirateClient, LazyPirateServer, RequestTimeoutError } from "@seaworthy/lazy-pirate";
    const client: AsyncDisposable = new LazyPirateClient({ timeoutMs: 100, backoff: { jitter: 0 } });
    const server = new LazyPirateServer({ replyCache: { maxEntries: 10 } });
    server.on("handler-failed", ({ message }): string => message);
    export const served: Promise<void> = server.serve(async ({ body }) => body, { concurrency: 2 });
    export const reply: Promise<Buffer[]> = new LazyPirateClient().request(["a", new Uint8Array(1)], { attempts: 1 });
    export const code = (error: RequestTimeoutError): "ERR_REQUEST_TIMEOUT" => error.code;
    import { ParanoidPirateQueue, ParanoidPirateWorker } from "@seaworthy/paranoid-pirate";
    import { SimplePirateQueue, SimplePirateWorker } from "@seaworthy/simple-pirate";
    export const queues: AsyncDisposable[] = [new ParanoidPirateQueue({ liveness: 4 }), new SimplePirateQueue()];
    const worker = new ParanoidPirateWorker({ heartbeatMs: 100, reconnect: { jitter: 0 } });
    worker.on("session-lost", ({ how }): "silent" | "disconnected" | "failed" => how);
    export const working: Promise<void> = worker.serve(({ body: [word] }) => word, { concurrency: 2 });
    for await (const request of new SimplePirateWorker()) await request.reply(request.body);
    export { client };
  `;
  await consumer.write("uses.mts", uses);
  const all = entries.map((entry, index) => `export * as entry${index} from ${JSON.stringify(entry)};`);
  await consumer.write("all.mts", all.join("\n"));
  const compilerOptions = {
    ...options,
    target: "es2023",
    lib: ["es2023"],
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  const config = `tsconfig.${options.moduleResolution}.json`;
  await consumer.write(config, JSON.stringify({ compilerOptions, files: ["all.mts", "uses.mts"] }));
  const compiler = join(consumer.installed("typescript"), "bin/tsc");
  expect(await consumer.node(compiler, "-p", config)).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("a wrong use does not compile", async () => {
  await consumer.write(
    "wrong.mts",
    `import { LazyPirateClient } from "@seaworthy/lazy-pirate";\nnew LazyPirateClient({ timeout: 1 });\n`,
  );
  const compiler = join(consumer.installed("typescript"), "bin/tsc");
  const flags = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--types", "node"];
  const { code, stdout } = await consumer.node(compiler, ...flags, "wrong.mts");
  expect(stdout).toContain("'timeout' does not exist");
  expect(code).not.toBe(0);
});
