import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach } from "vitest";
import { compiledProgram, removePrograms } from "../../../test/harness/compiled.js";

const program = fileURLToPath(new URL("../src/bin.ts", import.meta.url));
const running = new Set<ChildProcess>();

/** Kills all programs that run, and waits until they are gone. */
export async function killPrograms(): Promise<void> {
  await Promise.all([...running].map((child) => child.kill("SIGKILL") && once(child, "close")));
}
afterEach(killPrograms);
afterAll(removePrograms);

/** A line of the log. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A program from source in a process of its own, killed after the test if it still runs. */
export class ProgramProcess {
  /** Lines of standard output. */
  readonly lines: string[] = [];
  /** Lines of standard error. */
  readonly errors: string[] = [];
  /** The code that it ends with, or the signal that ended it. */
  readonly exit: Promise<number | string>;
  readonly #child: ChildProcess;
  readonly #news = new EventEmitter();

  /**
   * @param bin - the file that is run, compiled beforehand
   * @param log - a file descriptor for its standard error, instead of `errors`
   * @param nodeFlags - of the process
   */
  constructor(
    bin: string,
    args: readonly string[],
    log: number | "pipe" = "pipe",
    nodeFlags: readonly string[] = [],
  ) {
    const command = [...nodeFlags, compiledProgram(bin), ...args];
    this.#child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", log] });
    running.add(this.#child);
    this.#read(this.#child.stdout, this.lines);
    this.#read(this.#child.stderr, this.errors);
    this.exit = once(this.#child, "close").then(([code, signal]: (number | string | null)[]) => {
      running.delete(this.#child);
      this.#news.emit("end");
      return (code ?? signal) as number | string;
    });
  }

  /** Waits for the line that says that it is ready. */
  ready(): Promise<string> {
    return this.#found(() => this.lines.find((line) => line.startsWith("ready")));
  }

  get log(): LogLine[] {
    return this.errors.map((line) => JSON.parse(line) as LogLine);
  }

  /** The messages of the log, but for stalls of a busy machine. */
  get messages(): string[] {
    return this.log.map(({ msg }) => msg).filter((msg) => msg !== "process stalled");
  }

  /** The first line of the log with this message, as soon as there is one. */
  logged(msg: string): Promise<LogLine> {
    return this.#found(() => this.log.find((line) => line.msg === msg));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #read(stream: NodeJS.ReadableStream | null, lines: string[]): void {
    if (stream === null) return;
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      this.#news.emit("line");
    });
  }

  #found<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find();
        if (found !== undefined) resolve(found);
      };
      this.#news.on("line", look);
      this.#news.on("end", () =>
        reject(new Error(`it has ended:\n${[...this.lines, ...this.errors].join("\n")}`)),
      );
      look();
    });
  }
}

/** `majordomo-broker` in a process of its own. */
export class DaemonProcess extends ProgramProcess {
  constructor(args: readonly string[], log: number | "pipe" = "pipe") {
    super(program, args, log);
  }

  /** Starts it, on a port of 127.0.0.1 that the system picks, and waits until it is ready. */
  static async start(
    args: readonly string[] = [],
    log: number | "pipe" = "pipe",
  ): Promise<{ daemon: DaemonProcess; endpoint: string; url: string }> {
    const daemon = new DaemonProcess(["--bind", "tcp://127.0.0.1:*", ...args], log);
    const [, endpoint = "", url = ""] = (await daemon.ready()).split(" ");
    return { daemon, endpoint, url };
  }
}
