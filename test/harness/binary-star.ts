import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BinaryStarClient } from "@seaworthy/binary-star";
import { Crew, type CrewOptions } from "./crew.js";
import { example } from "./example.js";
import { freePort } from "./ports.js";
import type { Program } from "./program.js";
import { TcpProxy } from "./tcp-proxy.js";

/** How often the nodes of these tests say something, in ms. */
const HEARTBEAT_MS = 100;
/** After so many ms of silence a node is dead to its peer. */
export const DEATH_MS: number = 2 * HEARTBEAT_MS;

type Role = "primary" | "backup";

/** One of the two, in a process of its own: what its lines tell. */
export class NodeExample {
  readonly program: Program;
  /** Where clients find it. */
  readonly endpoint: string;
  /** The epochs that it was active in, over all its lives. */
  readonly epochs: number[] = [];
  readonly #role: Role;
  #state: string;
  #peer = "silent";

  constructor(role: Role, endpoint: string, args: readonly string[]) {
    const pace = ["--heartbeat", String(HEARTBEAT_MS)];
    this.program = example("binary-star/server", `--${role}`, "--bind", endpoint, ...pace, ...args);
    this.endpoint = endpoint;
    this.#role = role;
    this.#state = role;
    this.program.on("line", (line) => this.#note(line)).on("exit", () => this.#restart());
  }

  /** The state that it published last, as far as it has said so. */
  get state(): string {
    return this.#state;
  }

  /** Resolves when it is in this state. */
  async is(state: string): Promise<void> {
    if (this.#state !== state) await this.says((line) => line.endsWith(` -> ${state}`));
  }

  /**
   * Resolves when its peer is in this state to it, or `silent`: at once where that is what it said last. On a busy
   * machine a peer may be silent for a moment at any time, and a test that waited for the next such line would take that one.
   */
  async hears(peer: string): Promise<void> {
    if (this.#peer !== peer) await this.says((line) => peerIn(line) === peer);
  }

  /** Resolves when it has said so, from now on. */
  async says(what: string | ((line: string) => boolean)): Promise<string> {
    return await this.program.nextLine(typeof what === "string" ? (line) => line === what : what);
  }

  #note(line: string): void {
    const state = / -> (\w+)$/.exec(line)?.[1];
    if (state !== undefined) this.#state = state;
    this.#peer = peerIn(line) ?? this.#peer;
    const epoch = /^active in epoch (\d+): /.exec(line)?.[1];
    if (epoch !== undefined) this.epochs.push(Number(epoch));
  }

  #restart(): void {
    this.#state = this.#role;
    this.#peer = "silent";
  }
}

/** The state of the peer that a line tells of. */
function peerIn(line: string): string | undefined {
  return /^peer is (\w+)/.exec(line)?.[1];
}

/** A pair of example servers, with the network between the two in the hands of the test. */
export class PairExample implements AsyncDisposable {
  readonly primary: NodeExample;
  readonly backup: NodeExample;
  /** Where each of the two publishes: the way of its states to the other. */
  readonly paths: readonly [primary: TcpProxy, backup: TcpProxy];
  readonly #folder: string;

  private constructor(nodes: readonly NodeExample[], paths: PairExample["paths"], folder: string) {
    [this.primary, this.backup] = nodes as [NodeExample, NodeExample];
    this.paths = paths;
    this.#folder = folder;
  }

  /** A pair that is not started yet, and keeps its epochs over restarts. */
  static async make(...args: readonly string[]): Promise<PairExample> {
    const folder = await mkdtemp(join(tmpdir(), "binary-star-"));
    const ports = [await freePort(), await freePort()] as const;
    const paths = [await TcpProxy.to(ports[0]), await TcpProxy.to(ports[1])] as const;
    const nodes: NodeExample[] = [];
    for (const [index, role] of (["primary", "backup"] as const).entries()) {
      const local = ["--local", `tcp://127.0.0.1:${ports[index]}`];
      const remote = ["--remote", `tcp://127.0.0.1:${paths[1 - index]?.port}`];
      const epochs = ["--epoch-file", join(folder, role)];
      nodes.push(
        new NodeExample(role, `tcp://127.0.0.1:${await freePort()}`, [
          ...local,
          ...remote,
          ...epochs,
          ...args,
        ]),
      );
    }
    return new PairExample(nodes, paths, folder);
  }

  /** A pair of which the primary is active and the backup follows. */
  static async start(...args: readonly string[]): Promise<PairExample> {
    const pair = await PairExample.make(...args);
    await Promise.all([pair.primary.program.start(), pair.backup.program.start()]);
    await Promise.all([pair.primary.is("active"), pair.backup.is("passive")]);
    return pair;
  }

  /**
   * Resolves when one is active, and the other follows. On a busy machine the two may change places by themselves: who strikes the
   * active one has to see which that is.
   */
  async isWhole(): Promise<[active: NodeExample, passive: NodeExample]> {
    const { primary, backup } = this;
    for (;;) {
      if (primary.state === "active" && backup.state === "passive") return [primary, backup];
      if (backup.state === "active" && primary.state === "passive") return [backup, primary];
      await Promise.race([primary, backup].map(({ program }) => program.nextLine(() => true)));
    }
  }

  /** Where clients find the two. */
  get endpoints(): [string, string] {
    return [this.primary.endpoint, this.backup.endpoint];
  }

  /** Every epoch that one of the two was active in, over all their lives. */
  get epochs(): number[] {
    return [...this.primary.epochs, ...this.backup.epochs];
  }

  /** Cuts the way between the two, both ways: nothing passes, and no connection can be made. */
  async part(): Promise<void> {
    for (const path of this.paths) {
      await path.refuse();
      path.cut();
    }
  }

  /** Ends {@link part}. */
  async join(): Promise<void> {
    for (const path of this.paths) await path.accept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.primary.program.kill(), this.backup.program.kill()]);
    await Promise.all(this.paths.map((path) => path.close()));
    await rm(this.#folder, { recursive: true });
  }
}

/** A crew of Binary Star clients. */
export class BinaryStarCrew extends Crew<BinaryStarClient> {
  constructor(options: CrewOptions) {
    super(
      {
        open: (common) => new BinaryStarClient({ ...common, heartbeatMs: HEARTBEAT_MS }),
        ask: (client, body) => client.request(body),
        typed: ["ERR_REQUEST_TIMEOUT", "ERR_CONNECTION_LOST", "ERR_NOT_ACTIVE"],
      },
      options,
    );
  }

  /** Resolves when a server has told the first client that it is not active. */
  async isRefusedBy(server: string): Promise<void> {
    await new Promise<void>((resolve) => {
      const onRefusal = ({ endpoint }: { readonly endpoint: string }): void => {
        if (endpoint !== server) return;
        this.client.off("request-refused", onRefusal);
        resolve();
      };
      this.client.on("request-refused", onRefusal);
    });
  }

  /** How often clients went to the other server. */
  get moves(): number {
    return this.clients.reduce((sum, client) => sum + client.stats().moves, 0);
  }
}
