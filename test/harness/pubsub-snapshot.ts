import { example } from "./example.js";
import { freePort, freePorts } from "./ports.js";
import type { Program } from "./program.js";

/** How often the servers of these tests say something, in ms. */
const HEARTBEAT_MS = 200;
/** After so many ms of silence a server is dead to its peer. */
export const DEATH_MS: number = 2 * HEARTBEAT_MS;

/** A server of the example, alone or one of two: what its lines tell. */
export class ServerExample {
  readonly program: Program;
  /** The first of its three ports. */
  readonly port: number;
  /** The epochs that it was active in, over all its lives. */
  readonly epochs: number[] = [];
  #isActive = false;
  #isFollowed = false;
  #isPassive = false;

  constructor(port: number, args: readonly string[]) {
    const own = ["--host", "127.0.0.1", "--port", `${port}`, "--heartbeat", `${HEARTBEAT_MS}`];
    this.program = example("pubsub-snapshot/server", ...own, ...args);
    this.port = port;
    this.program.on("line", (line) => this.#note(line)).on("exit", () => this.#note("exit"));
  }

  /** Where clients connect. */
  get endpoint(): string {
    return `tcp://127.0.0.1:${this.port}`;
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  /** Resolves when it is active. */
  async becomesActive(): Promise<void> {
    if (!this.#isActive) await this.program.nextLine(() => this.#isActive);
  }

  /** Its peer follows it: has everything, and may take over. */
  get isFollowed(): boolean {
    return this.#isActive && this.#isFollowed;
  }

  /** It is passive, with the active's map. */
  get isPassive(): boolean {
    return this.#isPassive;
  }

  #note(line: string): void {
    const epoch = /^active in epoch (\d+): /.exec(line)?.[1];
    if (epoch !== undefined) this.epochs.push(Number(epoch));
    if (epoch !== undefined) this.#isActive = true;
    else if (line === "exit" || line.startsWith("not active any more")) this.#isActive = false;
    if (line === "passive") this.#isPassive = true;
    else if (this.#isActive || line === "exit") this.#isPassive = false;
    if (line === "the peer follows") this.#isFollowed = true;
    else if (!this.#isActive || line.startsWith("the peer does not follow")) this.#isFollowed = false;
  }
}

/** Two example servers, each the peer of the other. */
export class SnapshotPairExample implements AsyncDisposable {
  readonly primary: ServerExample;
  readonly backup: ServerExample;

  private constructor(primary: ServerExample, backup: ServerExample) {
    this.primary = primary;
    this.backup = backup;
  }

  /** A pair of which the primary is active, and the backup follows. */
  static async start(...args: readonly string[]): Promise<SnapshotPairExample> {
    const ports = [await freePorts(), await freePorts()] as const;
    const states = [await freePort(), await freePort()] as const;
    const [primary, backup] = (["primary", "backup"] as const).map((role, index) => {
      const [own, other] = [index, 1 - index] as [0 | 1, 0 | 1];
      const peer = ["--peer-host", "127.0.0.1", "--peer-port", `${ports[other]}`];
      const told = ["--state-port", `${states[own]}`, "--peer-state-port", `${states[other]}`];
      return new ServerExample(ports[own], [`--${role}`, ...peer, ...told, ...args]);
    }) as [ServerExample, ServerExample];
    const pair = new SnapshotPairExample(primary, backup);
    await Promise.all([primary.program.start(), backup.program.start()]);
    await pair.isWhole();
    return pair;
  }

  /**
   * Resolves when one is active, and the other has everything: only then does the pair survive the loss of either. On a busy machine
   * the two may change places by themselves, and then it does not for a while.
   */
  async isWhole(): Promise<[active: ServerExample, passive: ServerExample]> {
    const { primary, backup } = this;
    for (;;) {
      if (primary.isFollowed && backup.isPassive) return [primary, backup];
      if (backup.isFollowed && primary.isPassive) return [backup, primary];
      await Promise.race([primary, backup].map(({ program }) => program.nextLine(() => true)));
    }
  }

  /** Where clients connect. */
  get endpoints(): [string, string] {
    return [this.primary.endpoint, this.backup.endpoint];
  }

  /** Every epoch that one of the two was active in, over all their lives. */
  get epochs(): number[] {
    return [...this.primary.epochs, ...this.backup.epochs];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.primary.program.kill(), this.backup.program.kill()]);
  }
}
