import {
  type Random,
  resolveSpec,
  type Scheduler,
  type SocketHandlers,
  type SocketSpec,
  type Transport,
  type TransportSocket,
} from "@seaworthy/core";
import { Disk } from "./disk.js";
import type { LogPart } from "./log.js";
import type { Network } from "./network.js";
import { NodeProcess } from "./process.js";
import { hashText, randomStream } from "./random.js";
import type { SimulatedSocket } from "./socket.js";
import { SimulatedDealer } from "./socket-dealer.js";
import { SimulatedPublisher } from "./socket-publisher.js";
import { SimulatedRouter } from "./socket-router.js";
import { SimulatedSubscriber } from "./socket-subscriber.js";

/** What a node's program is started with, anew in each life of the node. */
export interface NodeContext {
  readonly name: string;
  /** How often the node has been started before: 0 in its first life. */
  readonly life: number;
  /** Opens simulated sockets. */
  readonly transport: Transport;
  /** Virtual time, and timers that die with the process. */
  readonly scheduler: Scheduler;
  /** A stream of randomness of this node's own. */
  readonly random: Random;
  /** Survives crashes; everything else is lost. */
  readonly disk: Disk;
  /** Virtual time, in ms. */
  now(): number;
  /** Writes a line into the simulation's log: the parts, separated by blanks. */
  log(...parts: LogPart[]): void;
}

/** A node's program: runs at the start and at each restart, and returns what the test wants to get at. */
export type Boot<App> = (context: NodeContext) => App;

/** A host that runs one process. */
export class SimulatedNode<App = unknown> {
  readonly name: string;
  readonly disk: Disk = new Disk();
  /** @internal */
  readonly hash: number;
  /** @internal */
  readonly index: number;
  readonly #network: Network;
  readonly #seed: number;
  readonly #boot: Boot<App>;
  #process: NodeProcess | undefined;
  #app: App | undefined;
  #lives = 0;
  #pauses = 0;
  #slowness: number[] = [];

  /** @internal Made by `Simulation.node`. */
  constructor(network: Network, seed: number, name: string, index: number, boot: Boot<App>) {
    this.#network = network;
    this.#seed = seed;
    this.name = name;
    this.hash = hashText(name);
    this.index = index;
    this.#boot = boot;
  }

  /** What `boot` returned in this life; `undefined` while the node is down. */
  get app(): App | undefined {
    return this.#app;
  }

  /** How many lives the node has begun. */
  get lives(): number {
    return this.#lives;
  }

  get state(): "down" | "up" | "paused" {
    if (this.#process === undefined) return "down";
    return this.#process.paused ? "paused" : "up";
  }

  /**
   * Runs `action` on the node's main thread, behind what waits there; not at all if the node is
   * down or crashes before.
   *
   * @returns false if the node is down
   */
  call(action: (app: App) => void): boolean {
    const process = this.#process;
    if (process === undefined) return false;
    process.post(() => action(this.#app as App));
    return true;
  }

  /** Starts the process, if it is not running. */
  start(): void {
    if (this.#process !== undefined) return;
    const life = this.#lives;
    this.#lives += 1;
    this.#record("boots", [life]);
    const process = new NodeProcess(this.#network.loop);
    this.#process = process;
    process.serviceMs = Math.max(0, ...this.#slowness);
    process.post(() => {
      this.#app = this.#boot(this.#context(process, life));
    });
  }

  /** Kills the process: its memory is lost, its kernel closes the sockets, its disk stays. */
  crash(): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#record("crashes");
    this.#process = undefined;
    this.#app = undefined;
    this.#pauses = 0;
    process.kill();
    this.#network.watch();
  }

  /** Stops the process where it is, as SIGSTOP does. Pauses add up. No effect while it is down. */
  pause(): void {
    if (this.#process === undefined) return;
    this.#record("pauses");
    this.#pauses += 1;
    this.#process.pause();
    this.#network.watch();
  }

  /** Takes one {@link pause} back. */
  resume(): void {
    if (this.#process === undefined || this.#pauses === 0) return;
    this.#record("resumes");
    this.#pauses -= 1;
    this.#process.resume();
    this.#network.watch();
  }

  /**
   * Makes every task of the main thread take `serviceMs` of virtual time; of several calls the
   * slowest counts. It outlives crashes.
   *
   * @returns takes it back
   */
  slow(serviceMs: number): () => void {
    this.#slowness.push(serviceMs);
    this.#applySlowness();
    return () => {
      const index = this.#slowness.indexOf(serviceMs);
      if (index === -1) return;
      this.#slowness.splice(index, 1);
      this.#applySlowness();
    };
  }

  #applySlowness(): void {
    const serviceMs = Math.max(0, ...this.#slowness);
    this.#record("slows", [serviceMs]);
    if (this.#process !== undefined) this.#process.serviceMs = serviceMs;
  }

  #record(verb: "boots" | "crashes" | "pauses" | "resumes" | "slows", parts?: LogPart[]): void {
    this.#network.log.record(this.#network.loop.now, verb, this, parts);
  }

  #context(process: NodeProcess, life: number): NodeContext {
    const { loop, log } = this.#network;
    return {
      name: this.name,
      life,
      transport: {
        open: (spec, handlers) => this.#open(process, spec, handlers),
        backlog: () => process.unread > 0,
      },
      scheduler: process.scheduler,
      random: randomStream(this.#seed, `node ${this.name} ${life}`),
      disk: this.disk,
      now: () => loop.now,
      log: (...parts) => log.record(loop.now, "says", this, parts),
    };
  }

  #open(process: NodeProcess, given: SocketSpec, handlers: SocketHandlers): TransportSocket {
    const spec = resolveSpec(this.name, given);
    const socket = openSocket(this, process, this.#network, spec, handlers);
    // Left-overs of an old life, a promise for one, get a socket that does nothing.
    if (process.dead) socket.kill();
    return socket;
  }
}

function openSocket(...args: ConstructorParameters<typeof SimulatedDealer>): SimulatedSocket {
  switch (args[3].type) {
    case "dealer":
      return new SimulatedDealer(...args);
    case "router":
      return new SimulatedRouter(...args);
    case "publisher":
      return new SimulatedPublisher(...args);
    case "subscriber":
      return new SimulatedSubscriber(...args);
  }
}
