import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { workspaceFile } from "./site.js";

const workspace = fileURLToPath(new URL("../..", import.meta.url));
const LIMIT_MS = 60_000;

/** The snippets of a page, in one language. */
export const fences = (markdown: string, language: string): string[] =>
  [...markdown.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(
    ([, code = ""]) => code,
  );

/** Checks the types of all snippets of a page, each of which stands by itself. @returns how many there are */
export async function checkSnippetTypes(page: string): Promise<number> {
  const snippets = fences(await workspaceFile(page), "ts");
  await using folder = await SnippetFolder.create();
  for (const [index, code] of snippets.entries()) await folder.write(`snippet-${index}.ts`, code);
  await folder.checkTypes();
  return snippets.length;
}

/** A folder in which snippets run from source. What they write stays in it. */
export class SnippetFolder implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async create(): Promise<SnippetFolder> {
    const folder = new SnippetFolder(await mkdtemp(join(tmpdir(), "seaworthy-snippets-")));
    await symlink(join(workspace, "node_modules"), join(folder.#path, "node_modules"));
    await folder.write("package.json", JSON.stringify({ type: "module" }));
    return folder;
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.#path, name), text);
  }

  /** Runs a file. @returns what it prints. Rejects if it does not exit with 0 */
  async run(name: string): Promise<string> {
    return this.#node("--conditions=@seaworthy/source", "--import", "tsx", name);
  }

  /** Checks the types of all files, as those of the tests are checked. Rejects if something is wrong with them. */
  async checkTypes(): Promise<void> {
    const config = { extends: join(workspace, "tsconfig.check.json"), include: ["*.ts"] };
    await this.write("tsconfig.json", JSON.stringify(config));
    await this.#node(join(workspace, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.json");
  }

  async #node(...args: readonly string[]): Promise<string> {
    const options = { cwd: this.#path, timeout: LIMIT_MS };
    try {
      return (await promisify(execFile)(process.execPath, args, options)).stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout?: string; stderr?: string };
      throw new Error(`${args.at(-1)} failed:\n${stdout}${stderr}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#path, { recursive: true, force: true });
  }
}
