import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  asCommonJs,
  buildPackages,
  Consumer,
  entries,
  packages,
  readmeCommands,
  readmeFiles,
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

describe("majordomo-broker, as it was installed", () => {
  const flags = ["--bind", "tcp://127.0.0.1:*", "--metrics", "0"];

  test("npx finds it", async () => {
    const { code, stdout, stderr } = await run("npx", ["majordomo-broker", "--version"], consumer.folder);
    const { version } = JSON.parse(
      readFileSync(join(consumer.installed("@seaworthy/majordomo"), "package.json"), "utf8"),
    );
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: `${version}\n` });
  });

  test("says when it is ready and where, serves metrics, and ends with 0 when it is told to", async () => {
    await using broker = consumer.start("majordomo-broker", ...flags);
    const ready = await broker.line();
    expect(ready).toMatch(/^ready tcp:\/\/127\.0\.0\.1:\d+ http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    const [, , metrics = ""] = ready.split(" ");
    expect(await (await fetch(metrics)).text()).toContain("\nmajordomo_requests_total 0\n");
    expect(await broker.end("SIGTERM")).toBe(0);
  });

  test("the README's handler runs in threads behind it, and its worker leaves when it is told to", async () => {
    await using broker = consumer.start("majordomo-broker", ...flags);
    const [, endpoint = ""] = (await broker.line()).split(" ");
    const files = await readmeFiles(join(workspace, "packages/majordomo"));
    for (const [name, code] of files) {
      await consumer.write(name, code.replace("tcp://localhost:5555", endpoint));
    }
    await consumer.write(
      "ask.mjs",
      `import { MajordomoClient } from "@seaworthy/majordomo";
      const client = new MajordomoClient({ timeoutMs: 30_000 });
      client.connect(${JSON.stringify(endpoint)});
      const limits = ["10", "1000", "100000"];
      const replies = await Promise.all(limits.map((limit) => client.request("primes", limit)));
      console.log(replies.join());
      await client.close();`,
    );
    await using worker = consumer.start("node", "primes-worker.mjs");
    expect(await consumer.node("ask.mjs")).toEqual({ code: 0, stdout: "4,168,9592\n", stderr: "" });
    expect(await worker.end("SIGTERM")).toBe(0);
    expect(await broker.end("SIGTERM")).toBe(0);
  });
});

describe("titanic, as it was installed", async () => {
  const [serve = [], serveDatabase = [], ...operate] = await readmeCommands(
    join(workspace, "packages/titanic"),
    "titanic",
  );
  const program = (): string => consumer.installed(".bin/titanic");
  const withId = (args: readonly string[], id: string): string[] =>
    args.map((arg) => (arg === "ID" ? id : arg));

  test("npx finds it", async () => {
    const { code, stdout, stderr } = await run("npx", ["titanic", "--version"], consumer.folder);
    const { version } = JSON.parse(
      readFileSync(join(consumer.installed("@seaworthy/titanic"), "package.json"), "utf8"),
    );
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: `${version}\n` });
  });

  test("the README's commands run it and look into it", async () => {
    await using broker = consumer.start("majordomo-broker", "--bind", "tcp://127.0.0.1:*");
    const [, endpoint = ""] = (await broker.line()).split(" ");
    const values: Record<string, string> = { "tcp://broker:5555": endpoint, "9091": "0" };
    const flags = [...serve.map((arg) => values[arg] ?? arg), "--max-attempts", "1"];
    await using server = consumer.start("titanic", ...flags);
    const ready = await server.line();
    expect(ready).toMatch(new RegExp(`^ready ${endpoint} http://127\\.0\\.0\\.1:\\d+/metrics$`));

    await consumer.write("fail.mjs", failing(endpoint));
    const failed = await consumer.node("fail.mjs");
    const [id = "", other = ""] = failed.stdout.trim().split("\n");
    expect(failed).toEqual({ code: 0, stdout: `${id}\n${other}\n`, stderr: "" });
    expect(await (await fetch(ready.split(" ")[2] ?? "")).text()).toContain("\ntitanic_store_dead 2\n");

    // The worker is gone: what is requeued waits.
    const says: string[] = [];
    for (const args of operate) says.push((await run(program(), withId(args, id), consumer.folder)).stdout);
    expect(says).toEqual([
      expect.stringMatching(new RegExp(`\\n${id} .*\\n${other} .* its handler failed: no\\n$`)),
      expect.stringContaining(id),
      `${id} requeued\n`,
      "1 requeued\n",
      `${id} dropped\n`,
    ]);
    expect(await server.end("SIGTERM")).toBe(0);
    const left = await run(program(), ["ls", "--json", "--data", "./titanic-data"], consumer.folder);
    expect(JSON.parse(left.stdout)).toMatchObject({ id: other, state: "pending", service: "echo" });
    expect(await broker.end("SIGTERM")).toBe(0);
  });

  test("a database needs a package that is not installed with it, and it says which", async () => {
    const { code, stderr } = await run(program(), serveDatabase, consumer.folder);
    expect(stderr).toContain("npm install pg");
    expect(code).toBe(1);
  });
});

describe("the pub-sub snapshot, installed without lmdb", () => {
  const name = "@seaworthy/pubsub-snapshot";
  let alone: Consumer;

  beforeAll(async () => {
    alone = await consumer.withOnly("@seaworthy/core", "@seaworthy/binary-star", name);
  });

  afterAll(() => alone?.remove());

  test("it runs", async () => {
    const [folder = ""] = packages.filter((known) => known.name === name).map(({ folder }) => folder);
    await alone.write("example.mjs", await readmeSnippet(folder));
    expect(existsSync(alone.installed("lmdb"))).toBe(false);
    expect(await alone.node("example.mjs")).toEqual({
      code: 0,
      stdout: expect.stringMatching(/\S/),
      stderr: "",
    });
  });

  test("its store on lmdb says what is missing", async () => {
    await alone.write("store.mjs", `import "${name}/lmdb";`);
    const { code, stderr } = await alone.node("store.mjs");
    expect(stderr).toContain("Cannot find module 'lmdb'");
    expect(code).toBe(1);
  });
});

/** A program that hands two requests in and lets its worker fail on them; it prints their ids. */
function failing(endpoint: string): string {
  return `
    import { MajordomoWorker } from "@seaworthy/majordomo";
    import { TitanicClient } from "@seaworthy/titanic";
    const worker = new MajordomoWorker("echo");
    worker.connect(${JSON.stringify(endpoint)});
    const serving = worker.serve(() => { throw new Error("no"); });
    const client = new TitanicClient();
    client.connect(${JSON.stringify(endpoint)});
    for (const body of ["a", "b"]) {
      const id = await client.submit("echo", body);
      const error = await client.waitForReply(id).catch((error) => error);
      console.log(error.code === "ERR_DEAD_LETTER" ? id : error);
    }
    await client.close();
    await worker.close();
    await serving;`;
}

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
    import { MajordomoBroker, MajordomoClient, MajordomoWorker, type MajordomoRequestError, type ThreadHandler } from "@seaworthy/majordomo";
    export const broker: AsyncDisposable = new MajordomoBroker({ maxUnoffered: 10, socket: { pingIntervalMs: 1000 } });
    const asking = new MajordomoClient({ protocol: "0.2" });
    for await (const part of asking.stream("echo", "a", { attempts: 1 })) part.map((frame: Buffer) => frame.length);
    export const answer: Promise<Buffer[]> = asking.request("echo", ["a", new Uint8Array(1)]);
    export const handler: ThreadHandler = async ({ body, signal, partial }) => (signal.aborted ? "" : (await partial("1%"), body));
    const offering = new MajordomoWorker("echo", { protocol: "auto" });
    export const inThreads: Promise<void> = offering.serve(new URL("file:///handler.js"), { threads: 2 });
    export const inLine: Promise<void> = offering.serve(async (request) => { await request.partial("1%"); return request.body; });
    export const isUp = (error: MajordomoRequestError): boolean => error.code !== "ERR_BROKER_UNREACHABLE" || error.sent > 0;
    import { MemoryStore, StoreError, TitanicClient, TitanicServer, type TitanicRequestError, type TitanicStore } from "@seaworthy/titanic";
    import { LmdbStore } from "@seaworthy/titanic/lmdb";
    import { PostgresStore } from "@seaworthy/titanic/postgres";
    import { type StoreHarness, storeCases } from "@seaworthy/titanic/store-compliance";
    export const stores: TitanicStore[] = [new MemoryStore(), new LmdbStore("data", { maxKeys: 10 }), new PostgresStore({ schema: "own" })];
    export const durable: AsyncDisposable = new TitanicServer(new MemoryStore(), { maxAttempts: 3, backoff: { jitter: 0 } });
    const submitting = new TitanicClient({ dialect: "auto" });
    export const id: Promise<string> = submitting.submit("echo", ["a"], { idempotencyKey: "order 1" });
    export const early: Promise<Buffer[] | undefined> = submitting.reply("0123456789ABCDEF0123456789ABCDEF");
    export const called: Promise<Buffer[]> = submitting.call("echo", "a", { onReply: ([frame]) => void frame.length });
    export const isDead = (error: TitanicRequestError): boolean => error.code === "ERR_DEAD_LETTER" && error.failure !== "";
    export const isFull = (error: StoreError): boolean => error.code === "ERR_STORE_FULL";
    export const names = (harness: StoreHarness): string[] => storeCases(harness).map(({ name }) => name);
    import { type Arbiter, BinaryStar, BinaryStarClient, BinaryStarServer, DeposedError, type BinaryStarRequestError } from "@seaworthy/binary-star";
    export const pair: AsyncDisposable[] = [new BinaryStar({ role: "primary", epochFile: "epoch" }), new BinaryStarServer({ role: "backup", liveness: 3 })];
    const moving = new BinaryStarClient({ settleMs: 300 });
    export const epochs: Promise<void> = new BinaryStarServer({ role: "primary" }).serve(({ epoch, signal }) => (signal.reason instanceof DeposedError ? "" : epoch.toFixed()));
    export const moved: Promise<Buffer[]> = moving.request("a", { attempts: 2 });
    export const lent = (arbiter: Arbiter): PromiseLike<number | undefined> => arbiter.acquire({ role: "primary", minEpoch: 1, signal: AbortSignal.timeout(1) }).then((lease) => lease?.epoch);
    export const isSplit = (error: BinaryStarRequestError): boolean => error.code === "ERR_NOT_ACTIVE" && error.sent > 0;
    import { FreelanceClient, FreelanceServer, type FreelanceRequestError, type FreelanceServerStatistics } from "@seaworthy/freelance";
    const choosing = new FreelanceClient({ strategy: "tracked", hedgePercentile: 0.95, maxHedgeRatio: 0.05 });
    choosing.on("server-gone", ({ reason }): "lost" | "silent" => reason);
    export const known: FreelanceServerStatistics[] = choosing.servers();
    export const bound: Promise<string> = new FreelanceServer({ protocol: "flp" }).bind("tcp://*:5555", { as: "tcp://host:5555" });
    export const wasLost = (error: FreelanceRequestError): boolean => error.code === "ERR_CONNECTION_LOST" && error.endpoints.length > 0;
    import { type SnailAlarm, SnailError, SnailPublisher, SnailSubscriber } from "@seaworthy/suicidal-snail";
    export const publish = (publisher: SnailPublisher): void => publisher.publish("topic", ["a", Buffer.from("b")]);
    const watching = new SnailSubscriber({ policy: "resync", maxDelayMs: 500, socket: { receiveHighWaterMark: 10 } });
    watching.on("alarm-raised", ({ reason }): SnailAlarm["reason"] => reason);
    export const late = async (): Promise<number> => { for await (const { delayMs } of watching) return delayMs; return 0; };
    export const wasTooSlow = (error: unknown): boolean => error instanceof SnailError && error.code === "ERR_TOO_SLOW";
    import { ConflictError, type MapStore, SnapshotClient, type SnapshotEndpoints, SnapshotServer, type SnapshotUpdateError } from "@seaworthy/pubsub-snapshot";
    import { LmdbStore as SnapshotStore } from "@seaworthy/pubsub-snapshot/lmdb";
    const kept: MapStore = new SnapshotStore("map", { maxKnown: 10 });
    export const shared: Promise<SnapshotEndpoints> = new SnapshotServer({ store: kept, pair: { role: "primary", liveness: 3 } }).bind("tcp://*:5556");
    const joining = new SnapshotClient({ subtree: "/client/", backoff: { jitter: 0 } });
    joining.on("gap-noticed", ({ missing }): number | undefined => missing);
    export const numbers: Promise<number>[] = [joining.set("/client/a", Buffer.from("b"), { ttlMs: 1, ifSequence: 0, properties: { by: "me" } }), joining.delete("/client/a")];
    export const values: Buffer[] = [...joining].map(({ value }) => value);
    for await (const { type, previous } of joining.watch("/client/")) if (type === "deleted") previous?.value.toString();
    export const wasFaster = (error: SnapshotUpdateError): number => (error instanceof ConflictError ? error.sequence : error.code === "ERR_SET_TIMEOUT" ? error.sent : 0);
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
