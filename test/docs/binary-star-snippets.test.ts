import { describe, expect, test } from "vitest";
import { hasPostgres, PostgresServer } from "../harness/postgres.js";
import { workspaceFile } from "./site.js";
import { fences, SnippetFolder } from "./snippet-folder.js";

const page = await workspaceFile("docs/patterns/binary-star.md");
const snippets = fences(page, "ts");
const [first = "", fence = "", arbiter = "", transfer = "", service = ""] = snippets;
const [fenceTables = "", leaseTable = ""] = fences(page, "sql");

/** Where `pg` finds the database if it is told nothing else, and tables in it. */
const prepared = (database: PostgresServer, sql: string): string => `
import pg from "pg";
const { hostname, port, username, pathname } = new URL(${JSON.stringify(database.url())});
const place = { PGHOST: hostname, PGPORT: port, PGUSER: username, PGDATABASE: pathname.slice(1) };
Object.assign(process.env, place);
const setUp = new pg.Client();
await setUp.connect();
await setUp.query(${JSON.stringify(sql)});
await setUp.end();
`;

/** What a snippet is without the server that it makes, and without what `prepared` imports as well. */
const ground = (code: string): string =>
  (code.split("\nconst server = ")[0] ?? "").replace('import pg from "pg";\n', "");

const writes = `
await write(1, raise);
await write(1, insert, "order 1", "rope");
await write(2, raise);
await write(2, insert, "order 1", "twine");
await write(2, insert, "order 2", "tar");
await write(1, insert, "order 3", "late").catch(({ message }) => console.log(message));
await write(1, raise).catch(({ message }) => console.log(message));
const { rows } = await database.query("select id, item from orders order by id");
console.log(rows.map(({ id, item }) => \`\${id}: \${item}\`).join(", "));
await database.end();
`;

const leases = `
const [one, other] = [new DatabaseArbiter("orders"), new DatabaseArbiter("orders")];
const { signal } = new AbortController();
const lease = await one.acquire({ role: "primary", minEpoch: 7, signal });
console.log(lease, await other.acquire({ role: "backup", minEpoch: 2, signal }));
console.log(lease && (await one.renew(lease)));
if (lease) await one.release(lease);
console.log(lease && (await one.renew(lease)));
console.log(await other.acquire({ role: "backup", minEpoch: 2, signal }));
process.exit();
`;

describe("snippets of the page of Binary Star", () => {
  test("all have the right types", async () => {
    expect(snippets).toHaveLength(5);
    await using folder = await SnippetFolder.create();
    const files = { first, fence, arbiter, transfer, service };
    for (const [name, code] of Object.entries(files)) await folder.write(`${name}.ts`, code);
    await folder.checkTypes();
  });

  describe.skipIf(!hasPostgres())("on a database", () => {
    test("what is written in an epoch that is over is refused", async () => {
      await using database = await PostgresServer.start();
      await using folder = await SnippetFolder.create();
      await folder.write("fence.ts", prepared(database, fenceTables) + ground(fence) + writes);
      expect(await folder.run("fence.ts")).toBe(
        "epoch 1 is over\nepoch 1 is over\norder 1: rope, order 2: tar\n",
      );
    });

    test("the arbiter lends to one at a time, in rising epochs", async () => {
      await using database = await PostgresServer.start();
      await using folder = await SnippetFolder.create();
      await folder.write("lease.ts", prepared(database, leaseTable) + ground(arbiter) + leases);
      expect(await folder.run("lease.ts")).toBe(
        [
          "{ epoch: 7, durationMs: 2970 } undefined",
          "{ epoch: 7, durationMs: 2970 }",
          "undefined",
          "{ epoch: 8, durationMs: 2970 }",
          "",
        ].join("\n"),
      );
    });
  });
});
