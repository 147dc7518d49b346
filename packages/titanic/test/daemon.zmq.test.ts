import { once } from "node:events";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MajordomoBroker, type MajordomoRequest } from "@seaworthy/majordomo";
import { beforeEach, describe, expect, it } from "vitest";
import { curveKeyPair } from "zeromq";
import { Crew, TitanicProcess, testFolder } from "./daemon-crew.js";

let crew: Crew;
let folder: string;
let at: string[];
beforeEach(async () => {
  crew = await Crew.muster();
  folder = testFolder();
  at = ["--data", folder];
});

/** The next request that a worker is given. */
async function next(worker: AsyncIterator<MajordomoRequest>): Promise<MajordomoRequest> {
  return (await worker.next()).value as MajordomoRequest;
}

/** A server that works on a request, which a worker has. */
async function busyServer(...flags: string[]) {
  const worker = crew.worker("echo");
  const server = await crew.serve([...at, ...flags]);
  const id = await crew.submit("echo", "at hand");
  return { server, worker, id, request: await next(worker) };
}

/** Waits for the reply of a request. */
async function replied(server: TitanicProcess, url: string, count: number): Promise<void> {
  expect(server.lines).toHaveLength(1);
  while ((await metric(url, "titanic_attempts_completed_total")) < count);
}

/** One sample of the metrics. */
async function metric(url: string, name: string): Promise<number> {
  const lines = (await (await fetch(url)).text()).split("\n");
  return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1));
}

describe("titanic", { timeout: 120_000 }, () => {
  it("says that it is ready, serves requests, and its metrics tell so", async () => {
    crew.offer("echo");
    const server = await crew.serve([...at, "--metrics", "0"]);
    const [, , url = ""] = (server.lines[0] as string).split(" ");
    expect(server.lines).toEqual([`ready ${crew.endpoint} ${url}`]);
    expect(await (await fetch(new URL("/healthz", url))).text()).toBe("ok\n");
    expect(await metric(url, "titanic_requests_accepted_total")).toBe(0);
    const ids = [await crew.submit("echo", "one"), await crew.submit("echo", "two")];
    await crew.submit("nobody", "three");
    await replied(server, url, 2);
    expect(await Promise.all(ids.map((id) => crew.reply(id)))).toEqual(["ONE", "TWO"]);
    expect(await metric(url, "titanic_requests_accepted_total")).toBe(3);
    expect(await metric(url, "titanic_replies_fetched_total")).toBe(2);
    expect(await metric(url, "titanic_store_pending")).toBe(1);
    expect(await metric(url, "titanic_store_done")).toBe(2);
    expect(await server.logged("service missed")).toMatchObject({ level: "warn", service: "nobody" });
    expect(await metric(url, "titanic_services_missed")).toBe(1);
    expect(await server.logged("starting")).toMatchObject({
      ...{ level: "info", store: folder, endpoints: [crew.endpoint], metrics: url },
    });
    const offered = server.log.filter(({ msg }) => msg === "service offered").map(({ service }) => service);
    expect(offered.sort()).toEqual(["titanic.close", "titanic.reply", "titanic.request", "titanic.submit"]);
  });

  it("has the options of its command line", async () => {
    crew.offer("echo");
    const server = await crew.serve([...at, "--max-attempts", "1", "--log-level", "warn"]);
    const id = await crew.submit("echo", "fail");
    expect(await server.logged("request buried")).toMatchObject({ level: "warn", id, service: "echo" });
    expect(server.messages).toEqual(["request buried"]);
  });
});

describe("CURVE", { timeout: 120_000 }, () => {
  it("is spoken with a broker that wants it, and without keys the broker is not reached", async () => {
    const { publicKey, secretKey } = curveKeyPair();
    await using broker = new MajordomoBroker({ socket: { curve: { server: true, secretKey } } });
    const endpoint = await broker.bind("tcp://127.0.0.1:*");
    const path = join(folder, "key");
    writeFileSync(path, publicKey);
    const plain = new TitanicProcess(["--connect", endpoint, "--data", join(folder, "plain")]);
    const keys = ["--curve-server-key-file", path];
    const server = new TitanicProcess(["--connect", endpoint, "--data", join(folder, "store"), ...keys]);
    expect(await server.ready()).toBe(`ready ${endpoint}`);
    await plain.logged("connection failed");
    // It is ready when it has said so to the broker, which reads it a moment later.
    while (broker.workers().length < 4) await once(broker, "worker-joined");
    expect(plain.lines).toEqual([]);
  });
});

describe("signals", { timeout: 120_000 }, () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "%s lets a running request be answered, then it exits with 0",
    async (signal) => {
      const { server, id, request } = await busyServer("--linger", "60000");
      server.signal(signal);
      expect(await server.logged("draining")).toMatchObject({ level: "info", signal, inFlight: 1 });
      await request.reply("answered");
      expect(await server.exit).toBe(0);
      expect(server.log.at(-1)).toMatchObject({ msg: "stopped", accepted: 1, completed: 1 });
      await crew.serve(at);
      expect(await crew.reply(id)).toBe("answered");
    },
  );

  it("what is not answered in time is there after the restart, and runs again", async () => {
    const { server, worker, id } = await busyServer("--linger", "0");
    server.signal("SIGTERM");
    expect(await server.exit).toBe(0);
    const second = await crew.serve([...at, "--metrics", "0"]);
    await (await next(worker)).reply("answered");
    await replied(second, (second.lines[0] as string).split(" ")[2] as string, 1);
    expect(await crew.reply(id)).toBe("answered");
  });

  it("SIGKILL loses nothing: the next server has it all", async () => {
    const { server, worker, id } = await busyServer();
    const other = await crew.submit("nobody", "waits");
    server.signal("SIGKILL");
    expect(await server.exit).toBe("SIGKILL");
    const second = await crew.serve([...at, "--metrics", "0"]);
    expect(await crew.reply(other)).toBe("pending");
    await (await next(worker)).reply("answered");
    await replied(second, (second.lines[0] as string).split(" ")[2] as string, 1);
    expect(await crew.reply(id)).toBe("answered");
  });

  it("one that stood still for long and lost its folder ends with 1, and leaves it to the other", async () => {
    const server = await crew.serve([...at, "--look", "50"]);
    const id = await crew.submit("nobody", "waits");
    server.signal("SIGSTOP");
    const second = await crew.serve(at);
    server.signal("SIGCONT");
    expect(await server.exit).toBe(1);
    expect(server.errors.at(-1)).toBe(
      "titanic: another process has taken the store over, since this one stood still or lost its lock",
    );
    const { out } = await TitanicProcess.run(["ls", ...at]);
    expect(out[1]).toContain(id);
    expect(await crew.reply(id)).toBe("pending");
    expect(second.lines).toHaveLength(1);
  });

  it("one whose folder is away for a moment goes on when that is back, with all that it had taken in", async () => {
    const server = await crew.serve([...at, "--look", "50"]);
    const id = await crew.submit("nobody", "waits");
    renameSync(folder, `${folder}-away`);
    await server.logged("store failed");
    renameSync(`${folder}-away`, folder);
    await server.logged("store recovered");
    expect(await crew.reply(id)).toBe("pending");
    expect(await crew.reply(await crew.submit("nobody", "waits, too"))).toBe("pending");
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("a second one, %s, ends it at once with %i", async (signal, code) => {
    const { server } = await busyServer("--linger", "60000");
    server.signal("SIGTERM");
    await server.logged("draining");
    server.signal(signal);
    expect(await server.exit).toBe(code);
  });

  it("it stops also if there never was a broker", async () => {
    const server = new TitanicProcess(["--connect", "tcp://127.0.0.1:1", ...at]);
    await server.logged("connection failed");
    server.signal("SIGTERM");
    expect(await server.exit).toBe(0);
    expect(server.lines).toEqual([]);
  });
});

describe("what cannot be run", { timeout: 120_000 }, () => {
  it("a folder that another server has: a line on standard error, and 1", async () => {
    await crew.serve(at);
    const { code, out, err } = await TitanicProcess.run([
      "--connect",
      crew.endpoint,
      ...at,
      "--log-level",
      "silent",
    ]);
    expect({ code, out }).toEqual({ code: 1, out: [] });
    expect(err).toEqual([expect.stringMatching(`^titanic: .*${folder}.* in use`)]);
  });

  it("a folder of something else: a line on standard error, and 1", async () => {
    const path = join(folder, "file");
    writeFileSync(path, "");
    const { code, out, err } = await TitanicProcess.run(["--data", path, "--log-level", "silent"]);
    expect({ code, out }).toEqual({ code: 1, out: [] });
    expect(err).toEqual([expect.stringContaining(`titanic: cannot open the store in ${path}`)]);
  });

  it.each([
    [[], "titanic: give either --data or --postgres"],
    [["--verbose"], "titanic: Unknown option '--verbose'"],
    [["ls", "--verbose"], "titanic ls: Unknown option '--verbose'"],
    [["--postgres", "http://x"], "titanic: --postgres needs a URL"],
    [["drop", "--data", "d", "x"], 'titanic drop: an id has 32 hexadecimal digits, got "x"'],
    [["list"], 'titanic: there is no command "list"'],
  ])("%j: a line on standard error, and 2", async (args, message) => {
    const { code, out, err } = await TitanicProcess.run(args);
    expect({ code, out }).toEqual({ code: 2, out: [] });
    expect(err).toEqual([expect.stringContaining(message)]);
    expect(err[0]).toMatch(/ \(see --help\)$/);
  });

  it("--help of all commands and --version are printed, and that is all", async () => {
    const commands = [[], ["ls"], ["show"], ["requeue"], ["drop"]];
    const helps = await Promise.all(commands.map((args) => TitanicProcess.run([...args, "--help"])));
    for (const [index, { code, out, err }] of helps.entries()) {
      expect({ code, err }).toEqual({ code: 0, err: [] });
      expect(out[0]).toContain(["Usage: titanic", ...(commands[index] as string[])].join(" "));
    }
    const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
    const { version } = JSON.parse(manifest) as { version: string };
    expect(await TitanicProcess.run(["--version"])).toEqual({ code: 0, out: [version], err: [] });
  });
});

describe("a folder whose name is too long for a socket", { timeout: 120_000 }, () => {
  it("is served all the same; the commands say why they cannot ask, and work when the server has stopped", async () => {
    const long = join(folder, "x".repeat(110));
    mkdirSync(long);
    const server = await crew.serve(["--data", long]);
    const id = await crew.submit("nobody", "waits");
    expect(await server.logged("no control socket for ls, show, requeue and drop")).toMatchObject({
      level: "warn",
      reason: expect.stringContaining("is too long for a socket"),
    });
    const asked = await TitanicProcess.run(["ls", "--data", long]);
    expect(asked).toEqual({ code: 1, out: [], err: [expect.stringContaining("is too long for a socket")] });
    server.signal("SIGTERM");
    expect(await server.exit).toBe(0);
    const { code, out } = await TitanicProcess.run(["ls", "--data", long]);
    expect({ code, id: out[1]?.slice(0, 32) }).toEqual({ code: 0, id });
  });
});
