import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { chmod, chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./ports.js";
import { unwatchGroup, watchGroup } from "./stray.js";

/** Where Debian keeps the programs, one folder a version. */
const DEBIAN = "/usr/lib/postgresql";
/** PostgreSQL refuses to run as root: it then runs as the first of these that exists. */
const USERS = ["postgres", "nobody"];
/** How long a start may take, in ms: one after a crash replays its log. */
const START_LIMIT_MS = 60_000;
const READY = "database system is ready to accept connections";

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  // A server that is killed would leave its pieces in /dev/shm for ever.
  dynamic_shared_memory_type: "mmap",
  logging_collector: "off",
  log_destination: "stderr",
  max_wal_size: "4GB",
};

/** Whom a server runs as. */
interface Owner {
  readonly uid: number;
  readonly gid: number;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function debianFolders(): string[] {
  try {
    return readdirSync(DEBIAN)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(DEBIAN, version, "bin"));
  } catch {
    return [];
  }
}

function findPrograms(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...debianFolders()];
  return folders.find((folder) => ["initdb", "postgres"].every((name) => isProgram(join(folder, name))));
}

const programs = findPrograms();

/** True if PostgreSQL is installed; where tests must run, its absence is an error. */
export function hasPostgres(): boolean {
  if (programs !== undefined) return true;
  if (process.env["SEAWORTHY_REQUIRE_SERVERS"] === "1") throw new Error("PostgreSQL is not installed");
  console.warn("PostgreSQL is not installed: nothing is tested with it");
  return false;
}

function serverOwner(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of USERS) {
    const [, , uid, gid] = users.find(([user]) => user === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(`PostgreSQL does not run as root, and there is no user ${USERS.join(" or ")}`);
}

/** How a server is made. */
export interface PostgresOptions {
  /** Settings besides the usual ones, as in `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A PostgreSQL server of its own, in a temporary folder, that can be stopped, killed and started again. */
export class PostgresServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #owner: Owner | undefined;
  readonly #settings: Readonly<Record<string, string>>;
  #process: ChildProcess | undefined;
  #log = "";

  private constructor(
    folder: string,
    port: number,
    owner: Owner | undefined,
    settings: Readonly<Record<string, string>>,
  ) {
    this.#folder = folder;
    this.port = port;
    this.#owner = owner;
    this.#settings = settings;
  }

  /** Makes a server and waits until it is ready. Writes are synced as in production. */
  static async start({ settings = {} }: PostgresOptions = {}): Promise<PostgresServer> {
    if (programs === undefined) throw new Error("PostgreSQL is not installed");
    const owner = serverOwner();
    const folder = await mkdtemp(join(tmpdir(), "postgres-"));
    if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
    await chmod(folder, 0o700);
    const setUp = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"];
    await promisify(execFile)(join(programs, "initdb"), ["-D", folder, ...setUp], { cwd: folder, ...owner });
    const server = new PostgresServer(folder, await freePort(), owner, { ...SETTINGS, ...settings });
    await server.start();
    return server;
  }

  /** The address of a database, for clients. */
  url(database = "postgres"): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** Starts it again, on the same port and data, and waits until it is ready. */
  async start(): Promise<void> {
    if (this.#process !== undefined) throw new Error("PostgreSQL is running");
    const settings = Object.entries({ ...this.#settings, port: String(this.port) });
    const flags = settings.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const child = spawn(join(programs as string, "postgres"), ["-D", this.#folder, ...flags], {
      cwd: this.#folder,
      ...this.#owner,
      // A group of its own: Ctrl-C in the terminal reaches us alone. What it starts ends when it does.
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = child;
    if (child.pid !== undefined) watchGroup(child.pid);
    await this.#isReady(child);
  }

  /** Stops it: clients are cut off, and what they had not committed is rolled back. */
  async stop(): Promise<void> {
    await this.#end("SIGINT");
  }

  /** Kills it at once; its next start is one after a crash. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // At once, but it tidies up its shared memory.
    await this.#end("SIGQUIT");
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    // Its log ends when the last of the processes that it started has ended.
    const closed = once(child, "close");
    child.kill(signal);
    await closed;
  }

  async #isReady(child: ChildProcess): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      const fail = (what: string): void => reject(new Error(`PostgreSQL ${what}\n${this.#log.slice(-4000)}`));
      const timer = setTimeout(() => fail(`is not ready after ${START_LIMIT_MS} ms`), START_LIMIT_MS);
      let said = "";
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        this.#log = (this.#log + text).slice(-20_000);
        said = (said + text).slice(-20_000);
        if (!said.includes(READY)) return;
        clearTimeout(timer);
        resolve();
      });
      child.once("close", () => {
        clearTimeout(timer);
        this.#process = undefined;
        if (child.pid !== undefined) unwatchGroup(child.pid);
        fail("has ended");
      });
    });
    await ready;
  }
}
