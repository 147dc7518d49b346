import type { MajordomoRequest } from "@seaworthy/majordomo";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hasPostgres, PostgresServer } from "../../../test/harness/postgres.js";
import { Crew, TitanicProcess } from "./daemon-crew.js";

describe.skipIf(!hasPostgres())("titanic --postgres", { timeout: 120_000 }, () => {
  let database: PostgresServer;
  let crew: Crew;
  let at: string[];
  beforeAll(async () => {
    database = await PostgresServer.start();
    at = ["--postgres", database.url()];
  }, 120_000);
  afterAll(() => database[Symbol.asyncDispose]());
  beforeEach(async () => {
    crew = await Crew.muster();
  });

  it("waits for a database that is not there yet", async () => {
    await database.stop();
    const server = new TitanicProcess(["--connect", crew.endpoint, ...at]);
    expect(await server.logged("the store cannot be reached")).toMatchObject({
      level: "warn",
      reason: expect.stringContaining("ECONNREFUSED"),
    });
    expect(server.lines).toEqual([]);
    await database.start();
    expect(await server.ready()).toBe(`ready ${crew.endpoint}`);
    expect((await server.logged("starting"))["store"]).toBe(`postgres://127.0.0.1:${database.port}/postgres`);
    server.signal("SIGTERM");
    expect(await server.exit).toBe(0);
  });

  it("stops while it waits", async () => {
    await database.stop();
    const server = new TitanicProcess(["--connect", crew.endpoint, ...at]);
    await server.logged("the store cannot be reached");
    server.signal("SIGTERM");
    expect(await server.exit).toBe(0);
    const command = await TitanicProcess.run(["ls", ...at]);
    expect(command).toEqual({ code: 1, out: [], err: [expect.stringContaining("ECONNREFUSED")] });
    await database.start();
  });

  it("is looked into and changed while servers run", async () => {
    crew.offer("echo");
    const server = await crew.serve([...at, "--max-attempts", "1"]);
    const dead = await crew.submit("echo", "fail");
    await server.logged("request buried");
    const list = await TitanicProcess.run(["ls", "--state", "dead", "--json", ...at]);
    expect(list.out.map((line) => JSON.parse(line))).toMatchObject([{ id: dead, service: "echo" }]);
    const show = await TitanicProcess.run(["show", dead, ...at]);
    expect(show.out.slice(-2)).toEqual(["body      1 frame, 4 bytes", '  "fail"']);
    const buried = (): number => server.log.filter(({ msg }) => msg === "request buried").length;
    const requeue = await TitanicProcess.run(["requeue", "--all-dead", ...at]);
    expect(requeue).toEqual({ code: 0, out: ["1 requeued"], err: [] });
    while (buried() < 2) await crew.reply(dead);
    const drop = await TitanicProcess.run(["drop", dead, ...at]);
    expect(drop).toEqual({ code: 0, out: [`${dead} dropped`], err: [] });
    expect(await crew.reply(dead)).toBe("unknown");
    server.signal("SIGTERM");
    expect(await server.exit).toBe(0);
  });

  it("fault: what is dropped while it waits in the broker's line never runs", async () => {
    const worker = crew.worker("echo");
    const take = async (): Promise<MajordomoRequest> => (await worker.next()).value;
    const server = await crew.serve([...at, "--lease", "600000"]);
    const busy = await crew.submit("echo", "busy");
    const first = await take();
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push(await crew.submit("echo", `dropped ${n}`));
    await crew.waiting(5);
    const drop = await TitanicProcess.run(["drop", ...ids, ...at]);
    expect(drop).toEqual({ code: 0, out: ids.map((id) => `${id} dropped`), err: [] });
    await crew.waiting(0);
    const last = await crew.submit("echo", "last");
    await crew.waiting(1);
    first.reply("done");
    expect(String((await take()).body[0])).toBe("last");
    expect(await crew.reply(last)).toBe("pending");
    for (const id of ids) expect(await crew.reply(id)).toBe("unknown");
    while ((await crew.reply(busy)) === "pending");
    server.signal("SIGKILL");
    await server.exit;
  });
});

describe("titanic --postgres without the package pg", { timeout: 120_000 }, () => {
  // Of pg alone: as if it were not installed.
  const hook = `export async function resolve(name, context, next) {
    if (name !== "pg") return next(name, context);
    throw Object.assign(new Error("Cannot find package 'pg'"), { code: "ERR_MODULE_NOT_FOUND" });
  }`;
  const url = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
  const without = `import { register } from "node:module"; register(${JSON.stringify(url(hook))});`;

  it.each([[["--log-level", "silent"]], [["ls"]]])("%j: says what to install, and 1", async (args) => {
    const name = args[0] === "ls" ? "titanic ls" : "titanic";
    const program = new TitanicProcess(
      [...args, "--postgres", "postgres://127.0.0.1:1/x"],
      // Node.js 26 warns of register(), which the others need.
      ["--disable-warning=DEP0205", "--import", url(without)],
    );
    expect(await program.exit).toBe(1);
    expect(program.errors).toEqual([
      `${name}: --postgres needs the package pg, which is not installed: npm install pg`,
    ]);
  });
});
