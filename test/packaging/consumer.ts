import { type ExecFileException, execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Started } from "./started.js";

export const workspace = fileURLToPath(new URL("../..", import.meta.url));

interface Manifest {
  readonly name: string;
  readonly exports: Record<string, unknown>;
  readonly devDependencies: Record<string, string>;
}

/** A package of the workspace. */
export interface Package extends Manifest {
  readonly folder: string;
}

/** What `npm pack` made of a package. */
export interface Tarball {
  readonly file: string;
  readonly contents: readonly string[];
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(workspace, folder, "package.json"), "utf8"));
}

export const packages: readonly Package[] = readdirSync(join(workspace, "packages")).map((name) => {
  const folder = join("packages", name);
  return { ...manifest(folder), folder: join(workspace, folder) };
});

/** The version that packages are tested with. */
const zeromq = `zeromq@${Object.assign({}, ...packages.map(({ devDependencies }) => devDependencies)).zeromq}`;

/** Import paths of all entries with code. */
export const entries: readonly string[] = packages.flatMap(({ name, exports }) =>
  Object.keys(exports)
    .filter((path) => path !== "./package.json")
    .map((path) => `${name}${path.slice(1)}`),
);

/** Runs a program to its end, at most a minute and a half. */
export function run(command: string, args: readonly string[], cwd: string): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, timeout: 90_000 }, (error: ExecFileException | null, stdout, stderr) => {
      const code = typeof error?.code === "number" ? error.code : Number(error !== null);
      resolve({ code, stdout, stderr: error?.signal ? `${stderr}\nended by ${error.signal}` : stderr });
    });
  });
}

async function must(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, cwd);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} exited with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

/** Compiles all packages into `dist`, with nothing left there from an earlier build. */
export async function buildPackages(): Promise<void> {
  await Promise.all(packages.map(({ folder }) => rm(join(folder, "dist"), { recursive: true, force: true })));
  await must("npx", ["tsc", "-b", "--force"], workspace);
}

/** An empty project outside of the workspace, into which the tarballs are installed as a user would. */
export class Consumer {
  readonly folder: string;
  readonly tarballs: ReadonlyMap<string, Tarball>;

  private constructor(folder: string, tarballs: ReadonlyMap<string, Tarball>) {
    this.folder = folder;
    this.tarballs = tarballs;
  }

  static async create(): Promise<Consumer> {
    const folder = await emptyProject();
    const tarballs = new Map(await Promise.all(packages.map((item) => pack(item, folder))));
    const { typescript, "@types/node": types } = manifest(".").devDependencies;
    const files = [...tarballs.values()].map(({ file }) => file);
    await install(folder, [...files, zeromq, `typescript@${typescript}`, `@types/node@${types}`]);
    return new Consumer(folder, tarballs);
  }

  /** Another project, with these packages only, from the same tarballs. */
  async withOnly(...names: readonly string[]): Promise<Consumer> {
    const folder = await emptyProject();
    const tarballs = new Map([...this.tarballs].filter(([name]) => names.includes(name)));
    await install(folder, [...[...tarballs.values()].map(({ file }) => file), zeromq]);
    return new Consumer(folder, tarballs);
  }

  /** Writes a file into the project. */
  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.folder, name), text);
  }

  node(...args: string[]): Promise<Outcome> {
    return run(process.execPath, args, this.folder);
  }

  /** Starts one of the programs that packages bring along, or Node.js itself. */
  start(program: string, ...args: string[]): Started {
    const command = program === "node" ? process.execPath : this.installed(join(".bin", program));
    return new Started(command, args, this.folder);
  }

  installed(name: string): string {
    return join(this.folder, "node_modules", name);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function emptyProject(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "seaworthy-consumer-"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true }));
  return folder;
}

async function install(folder: string, what: readonly string[]): Promise<void> {
  await must("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", ...what], folder);
}

async function pack({ name, folder }: Package, destination: string): Promise<[string, Tarball]> {
  const output = await must("npm", ["pack", "--json", "--silent", "--pack-destination", destination], folder);
  const [packed] = JSON.parse(output) as [{ filename: string; files: { path: string }[] }];
  return [name, { file: join(destination, packed.filename), contents: packed.files.map(({ path }) => path) }];
}

/** The first JavaScript example of a package's README. */
export async function readmeSnippet(folder: string): Promise<string> {
  const [, snippet] = /^```js\n(.*?)^```$/ms.exec(await readFile(join(folder, "README.md"), "utf8")) ?? [];
  if (snippet === undefined) throw new Error(`${folder}/README.md has no example in a js fence`);
  return snippet;
}

/** The files that a README tells to save, by name: those in js fences right behind a line that names them. */
export async function readmeFiles(folder: string): Promise<ReadonlyMap<string, string>> {
  const readme = await readFile(join(folder, "README.md"), "utf8");
  const files = readme.matchAll(/`([\w-]+\.mjs)`:\n\n```js\n(.*?)^```$/gms);
  return new Map([...files].map(([, name = "", code = ""]) => [name, code]));
}

/** The commands of a program that a README shows, by what follows its name. */
export async function readmeCommands(
  folder: string,
  program: string,
): Promise<readonly (readonly string[])[]> {
  const readme = await readFile(join(folder, "README.md"), "utf8");
  const lines = readme.matchAll(new RegExp(`^npx ${program} (.*)$`, "gm"));
  return [...lines].map(([, args = ""]) => args.split(" "));
}

/** The same program for CommonJS: imports become `require`, and the rest may still await. */
export function asCommonJs(program: string): string {
  const statement = /^import\s+(\{[^}]*\}|\* as \w+)\s+from\s+("[^"]+");?$/gm;
  const requires = [...program.matchAll(statement)].map(([, names = "", path]) => {
    const bound = names.startsWith("*") ? names.slice("* as ".length) : names.replaceAll(" as ", ": ");
    return `const ${bound} = require(${path});`;
  });
  const rest = program.replaceAll(statement, "");
  if (/^import\b/m.test(rest)) throw new Error(`an import that cannot be translated:\n${rest}`);
  return `${requires.join("\n")}\n(async () => {\n${rest}\n})();\n`;
}
