import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { textFrame } from "@seaworthy/core";
import { beforeEach, describe, expect, it } from "vitest";
import { LmdbStore } from "../src/lmdb.js";
import { TitanicProcess, testFolder } from "./daemon-crew.js";

let folder: string;
beforeEach(() => {
  folder = testFolder();
});

const titanic = (...args: string[]) => TitanicProcess.run([...args, "--data", folder]);

describe("where there is no store", { timeout: 120_000 }, () => {
  it("a command makes none: a line on standard error, and 1", async () => {
    folder = join(folder, "nowhere");
    expect(await titanic("ls")).toEqual({
      ...{ code: 1, out: [], err: [`titanic ls: there is no store in ${folder}`] },
    });
    expect(existsSync(folder)).toBe(false);
  });

  it("a folder with other things in it is left as it is", async () => {
    writeFileSync(join(folder, "letters.txt"), "mine");
    expect((await titanic("drop", "0".repeat(32))).code).toBe(1);
    expect(readdirSync(folder)).toEqual(["letters.txt"]);
  });

  it("what is no store is not opened, by no command and by no server", async () => {
    writeFileSync(join(folder, "requests.lmdb"), "something else");
    const [command, server] = [await titanic("ls"), await titanic("--log-level", "silent")];
    expect([command, server]).toMatchObject([{ code: 1 }, { code: 1 }]);
    expect(command.err).toEqual([
      expect.stringMatching(/^titanic ls: cannot open the store in .* no file of LMDB$/),
    ]);
    expect(server.err).toEqual([
      expect.stringMatching(/^titanic: cannot open the store in .* no file of LMDB$/),
    ]);
  });
});

describe("a store with more than one page", { timeout: 120_000 }, () => {
  const COUNT = 2500;
  const service = textFrame("echo");

  beforeEach(async () => {
    const store = new LmdbStore(folder);
    await store.open();
    const body = [textFrame("x")];
    const ids = Array.from({ length: COUNT }, () => Uint8Array.from(randomBytes(16)));
    await Promise.all(ids.map((id) => store.add({ id, service, body, key: undefined })));
    const { claims } = await store.claim(service, COUNT, 60_000, Number.MAX_SAFE_INTEGER);
    await Promise.all(claims.map((claim) => store.bury(claim, "no answer")));
    await store.close();
  }, 120_000);

  it("is listed and requeued whole, each request once", async () => {
    const { code, out, err } = await titanic("ls", "--json", "--limit", "3000", "--state", "dead");
    expect({ code, err }).toEqual({ code: 0, err: [] });
    expect(new Set(out.map((line) => (JSON.parse(line) as { id: string }).id)).size).toBe(COUNT);
    expect(out).toHaveLength(COUNT);
    const table = await titanic("ls", "--limit", "2200");
    expect(table.out.filter((line) => line.startsWith("ID"))).toHaveLength(1);
    expect(table.out).toHaveLength(2201);
    expect(await titanic("requeue", "--all-dead")).toEqual({ code: 0, out: [`${COUNT} requeued`], err: [] });
    expect((await titanic("ls", "--json", "--limit", "3000", "--state", "dead")).out).toEqual([]);
  });
});
