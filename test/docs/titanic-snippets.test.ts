import { describe, expect, test } from "vitest";
import { hasPostgres, PostgresServer } from "../harness/postgres.js";
import { workspaceFile } from "./site.js";
import { fences, SnippetFolder } from "./snippet-folder.js";

const snippets = fences(await workspaceFile("docs/patterns/titanic.md"), "ts");
const [first = "", call = "", parts = "", postgres = "", compliance = "", operate = ""] = snippets;

/** What the snippets that are no programs take for granted; each of them stands in a block. */
const world = `
import { MajordomoBroker, MajordomoWorker } from "@seaworthy/majordomo";
import { MemoryStore, TitanicClient, TitanicServer } from "@seaworthy/titanic";

const broker = new MajordomoBroker();
const endpoint = await broker.bind("tcp://127.0.0.1:*");
const server = new TitanicServer(new MemoryStore(), { maxAttempts: 1 });
server.connect(endpoint);
await server.open();
const worker = new MajordomoWorker("print");
worker.connect(endpoint);
const serving = worker.serve(({ body: [chapter] }) => {
  if (String(chapter) === "") throw new Error("there is nothing to print");
  return \`pages of \${chapter}\`;
});
const client = new TitanicClient();
client.connect(endpoint);
async function save(key: string, text: string): Promise<void> {
  console.log(\`saved \${key}: \${text}\`);
}
{
${call}
}
{
${parts}
}
const id = await client.submit("print", "");
await client.waitForReply(id).catch(({ code }) => console.log(code));
const again = new Promise((resolve) => server.once("request-buried", resolve));
{
${operate}
}
await again;
console.log(id.toLowerCase());
await client.close();
await worker.close();
await serving;
await server.close();
await broker.close();
`;

/** The simplest store that there is passes for one of the reader's. */
const myStore = 'export { MemoryStore as MyStore } from "@seaworthy/titanic";\n';

describe("snippets of the page of Titanic", () => {
  test("all have the right types", async () => {
    expect(snippets).toHaveLength(6);
    await using folder = await SnippetFolder.create();
    const files = { first, world, postgres, compliance, "my-store": myStore };
    for (const [name, code] of Object.entries(files)) await folder.write(`${name}.ts`, code);
    await folder.checkTypes();
  });

  test("those of client and operator do what the page says", async () => {
    await using folder = await SnippetFolder.create();
    await folder.write("world.ts", world);
    const lines = (await folder.run("world.ts")).split("\n");
    const [, , , , , id] = lines;
    expect(lines).toEqual([
      "saved print job 17: pages of chapter 4",
      "pages of chapter 4",
      "pages of chapter 5",
      "ERR_DEAD_LETTER",
      `${id} its handler failed: there is nothing to print`,
      expect.stringMatching(/^[0-9a-f]{32}$/),
      "",
    ]);
  });

  test("that of the suite runs it, under the test runner of Node.js", async () => {
    await using folder = await SnippetFolder.create();
    await folder.write("my-store.ts", myStore);
    await folder.write("compliance.ts", compliance);
    const report = await folder.run("compliance.ts");
    expect(Number(/^# pass (\d+)$/m.exec(report)?.[1])).toBeGreaterThan(50);
    expect(report).toMatch(/^# fail 0$/m);
  });

  test.skipIf(!hasPostgres())("that of a database opens it", async () => {
    await using database = await PostgresServer.start();
    await using folder = await SnippetFolder.create();
    const program = postgres.replace(/"postgres:[^"]*"/, JSON.stringify(database.url()));
    const end = "console.log(await server.counts());\nawait server.close();\n";
    await folder.write("postgres.ts", program + end);
    expect(await folder.run("postgres.ts")).toBe("{ pending: 0, done: 0, dead: 0 }\n");
  });
});
