import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { StarRole } from "@seaworthy/binary-star";
import { freePort } from "../harness/ports.js";
import type { StateNow } from "./binary-star-process.js";
import { killProcess, startProcess } from "./processes.js";

const program = fileURLToPath(new URL("binary-star-process.ts", import.meta.url));

/** One of the two servers, in a process of its own. */
class MeasuredServer {
  readonly role: StarRole;
  /** Where clients find it. */
  readonly endpoint: string;
  readonly #args: string[];
  #child: ChildProcess | undefined;
  #state: string | undefined;

  constructor(role: StarRole, heartbeatMs: number, endpoint: string, statesAt: string, peerAt: string) {
    this.role = role;
    this.endpoint = endpoint;
    this.#args = [role, String(heartbeatMs), endpoint, statesAt, peerAt];
  }

  start(): void {
    this.#state = undefined;
    this.#child = startProcess(program, ...this.#args);
    this.#child.on("message", ({ state }: StateNow) => {
      this.#state = state;
    });
  }

  /** Resolves when it is in this state. */
  async is(state: string): Promise<void> {
    while (this.#state !== state) await once(this.#child as ChildProcess, "message");
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await killProcess(this.#child as ChildProcess);
  }
}

/** Two servers, of which the active one is killed again and again. */
export class MeasuredPair {
  active: MeasuredServer;
  passive: MeasuredServer;
  readonly endpoints: readonly string[];

  private constructor(primary: MeasuredServer, backup: MeasuredServer) {
    this.active = primary;
    this.passive = backup;
    this.endpoints = [primary.endpoint, backup.endpoint];
  }

  static async start(heartbeatMs: number): Promise<MeasuredPair> {
    const free = async (): Promise<string> => `tcp://127.0.0.1:${await freePort()}`;
    const [primaryAt, backupAt] = [await free(), await free()];
    const primary = new MeasuredServer("primary", heartbeatMs, await free(), primaryAt, backupAt);
    const backup = new MeasuredServer("backup", heartbeatMs, await free(), backupAt, primaryAt);
    primary.start();
    backup.start();
    await Promise.all([primary.is("active"), backup.is("passive")]);
    return new MeasuredPair(primary, backup);
  }

  /** Kills the active one: the other is to take its place. */
  async kill(): Promise<void> {
    const { active, passive } = this;
    [this.active, this.passive] = [passive, active];
    await active.kill();
  }

  /** Starts the one that was killed, and waits until it can take over. */
  async restart(): Promise<void> {
    this.passive.start();
    await this.passive.is("passive");
  }

  /** Kills both. */
  async end(): Promise<void> {
    await Promise.all([this.active.kill(), this.passive.kill()]);
  }
}
