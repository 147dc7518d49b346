import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { signalGroup, unwatchGroup, watchGroup } from "./stray.js";

/** Root of the repository. */
const ROOT: string = join(import.meta.dirname, "..", "..");

/** What runs a TypeScript file from source in a plain Node process. */
const NODE_FLAGS: readonly string[] = ["--import", "tsx", "--conditions=@seaworthy/source"];

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Who gets a signal: all that the process started too, as by Ctrl-C, or it alone, as by a process manager. */
type Whom = "group" | "leader";

/** What to run. */
export interface ProgramOptions {
  /** TypeScript or compiled file, below the root of the repository if not absolute; or a script of its package.json. */
  readonly file: string | { readonly script: string };
  readonly args?: readonly string[];
  /** Flags for Node besides those that run TypeScript. */
  readonly nodeFlags?: readonly string[];
  /** Open a channel for messages. */
  readonly ipc?: boolean;
}

type ProgramEvents = {
  line: [line: string];
  stderr: [text: string];
  message: [message: unknown];
  exit: [exit: Exit];
};

/** A program in a real Node process, which can be killed, stopped and started again. */
export class Program extends EventEmitter<ProgramEvents> {
  /** Lines of standard output, over all starts. */
  readonly lines: string[] = [];
  /** Text of standard error, over all starts. */
  stderr = "";
  readonly #name: string;
  readonly #command: readonly [executable: string, ...args: string[]];
  readonly #options: ProgramOptions;
  #child: ChildProcess | undefined;
  #exit: Promise<Exit> = Promise.resolve({ code: null, signal: null });

  constructor(options: ProgramOptions) {
    super();
    this.setMaxListeners(0);
    this.#options = options;
    const { file, args = [], nodeFlags = [] } = options;
    this.#name = typeof file === "string" ? file : `npm run ${file.script}`;
    this.#command =
      typeof file === "string"
        ? [process.execPath, ...(file.endsWith(".ts") ? NODE_FLAGS : []), ...nodeFlags, file, ...args]
        : ["npm", "run", "--silent", file.script, "--", ...args];
  }

  /** Starts the process without waiting for anything. */
  static spawn(options: ProgramOptions): Program {
    const program = new Program(options);
    program.spawn();
    return program;
  }

  /** Starts the process and waits until it says that it is ready. */
  static async start(options: ProgramOptions): Promise<Program> {
    const program = new Program(options);
    await program.start();
    return program;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** The end of what it said, to tell why a test failed. */
  get lastOutput(): string {
    return [...this.lines.slice(-10), this.stderr.slice(-2000)].join("\n");
  }

  /** How the current or the last run ends. */
  get exited(): Promise<Exit> {
    return this.#exit;
  }

  /** Starts the process again, with the same arguments; the one before must have ended. */
  spawn(): void {
    if (this.#child !== undefined) throw new Error(`${this.#name} is running`);
    const [executable, ...args] = this.#command;
    const child = spawn(executable, args, {
      cwd: ROOT,
      // A group of its own: Ctrl-C in the terminal reaches us alone, and we can end all that it started.
      detached: true,
      stdio: ["ignore", "pipe", "pipe", ...(this.#options.ipc ? (["ipc"] as const) : [])],
    });
    this.#child = child;
    if (child.pid !== undefined) watchGroup(child.pid);
    this.#exit = this.#follow(child);
  }

  /** {@link spawn}, and waits for the line that begins with `ready`; resolves to it. */
  async start(): Promise<string> {
    const ready = this.nextLine((line) => line.startsWith("ready"));
    ready.catch(() => undefined);
    this.spawn();
    return await ready;
  }

  /**
   * The next line of standard output, from now on, that a test holds for.
   *
   * @throws (by rejecting) if the process ends, or `withinMs` passes, without such a line
   */
  nextLine(test: (line: string) => boolean, withinMs = 60_000): Promise<string> {
    return new Promise((resolve, reject) => {
      const settle = (action: () => void): void => {
        clearTimeout(timer);
        this.off("line", onLine).off("exit", onExit);
        action();
      };
      const fail = (what: string): void =>
        settle(() => reject(new Error(`${this.#name}: ${what}\n${this.lastOutput}`)));
      const onLine = (line: string): void => {
        if (test(line)) settle(() => resolve(line));
      };
      const onExit = ({ code, signal }: Exit): void => fail(`ended with ${signal ?? code}`);
      const timer = setTimeout(() => fail(`not the expected line within ${withinMs} ms`), withinMs);
      this.on("line", onLine).on("exit", onExit);
    });
  }

  /** Sends a message over the channel opened with `ipc`. */
  send(message: object): void {
    this.#child?.send(message);
  }

  /** Kills the process at once, also a stopped one, and waits until it is gone. */
  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  /** Freezes the process (SIGSTOP), with all that it started or alone. */
  pause(whom: Whom = "group"): void {
    this.#signal("SIGSTOP", whom);
  }

  /** Lets a frozen process go on (SIGCONT). */
  resume(whom: Whom = "group"): void {
    this.#signal("SIGCONT", whom);
  }

  /** Sends a signal and waits for the end of the process. */
  async end(signal: NodeJS.Signals, whom: Whom = "group"): Promise<Exit> {
    this.#signal(signal, whom);
    return await this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #signal(signal: NodeJS.Signals, whom: Whom): void {
    const pid = this.#child?.pid;
    if (whom === "leader") this.#child?.kill(signal);
    else if (pid !== undefined) signalGroup(pid, signal);
  }

  async #follow(child: ChildProcess): Promise<Exit> {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      this.lines.push(line);
      this.emit("line", line);
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.emit("stderr", text);
    });
    child.on("message", (message) => this.emit("message", message));
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    if (child.pid !== undefined) unwatchGroup(child.pid);
    this.#child = undefined;
    this.emit("exit", { code, signal });
    return { code, signal };
  }
}
