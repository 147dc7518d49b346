import { milliseconds, type Random, resolveOptions } from "@seaworthy/core";
import { type Phase, SimulationError } from "./errors.js";
import { EventLoop } from "./event-loop.js";
import { type Fault, type FaultPlan, scheduleFaults } from "./faults.js";
import { FaultInjector, WORLD } from "./injector.js";
import { EventLog, type LogPart } from "./log.js";
import { Network } from "./network.js";
import { type Boot, SimulatedNode } from "./node.js";
import {
  type Invariant,
  type RunOptions,
  type RunResult,
  resolveRun,
  resolveSimulation,
  type SimulationOptions,
} from "./options.js";
import { randomStream } from "./random.js";

/**
 * A world in virtual time: nodes that run programs over simulated sockets, a network between them,
 * and faults. All that happens follows from the seed and from what the programs do.
 */
export class Simulation {
  readonly seed: number;
  /** Randomness for the workload, a stream of its own. */
  readonly random: Random;
  readonly #loop = new EventLoop();
  readonly #log: EventLog;
  readonly #network: Network;
  readonly #nodes = new Map<string, SimulatedNode>();
  readonly #injector: FaultInjector;
  readonly #invariants = new Map<string, Invariant>();
  readonly #maxEvents: number;
  readonly #replay: (seed: number) => string;
  #phase: Phase = "safety";

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: SimulationOptions = {}) {
    const given = resolveSimulation(options);
    this.seed = given.seed;
    this.random = this.stream("workload");
    this.#log = new EventLog(given.log, given.tailLines);
    this.#network = new Network(this.#loop, this.#log, this.stream("network"), this.#nodes, given.network);
    this.#injector = new FaultInjector(this.#network, this.#nodes);
    this.#maxEvents = given.maxEvents;
    this.#replay = given.replay;
  }

  /** Virtual time, in ms; it begins at 0. */
  now(): number {
    return this.#loop.now;
  }

  /** Events that have happened. */
  get events(): number {
    return this.#loop.events;
  }

  /** Hash of all that has happened, as 8 hexadecimal digits: equal for two runs that did the same. */
  get digest(): string {
    return this.#log.digest;
  }

  /** Lines of the log that are kept, oldest first: time in ms, who, what. */
  get log(): readonly string[] {
    return this.#log.lines();
  }

  /** Faults that have begun, in order. */
  get faults(): readonly Fault[] {
    return this.#injector.begun;
  }

  /** `safety` until everything is healed, then `liveness`. */
  get phase(): Phase {
    return this.#phase;
  }

  /** A stream of randomness of its own: draws from it disturb no other stream. */
  stream(name: string): Random {
    return randomStream(this.seed, name);
  }

  /**
   * Adds a host that runs `boot` at the next event, and again whenever it is restarted. Other nodes
   * reach it under its name: `tcp://<name>:<port>`.
   *
   * @throws RangeError if the name is taken or would not do in an endpoint
   */
  node<App>(name: string, boot: Boot<App>): SimulatedNode<App> {
    if (!/^[\w.-]+$/.test(name)) throw new RangeError(`Simulation: "${name}" is no name for a node`);
    if (this.#nodes.has(name)) throw new RangeError(`Simulation: there is a node "${name}" already`);
    const node = new SimulatedNode<App>(this.#network, this.seed, name, this.#nodes.size, boot);
    this.#nodes.set(name, node as SimulatedNode);
    node.start();
    return node;
  }

  /** Calls `action` once at a virtual time, outside of all nodes. */
  at(at: number, action: () => void): void {
    this.#loop.at(at, action);
  }

  /** Calls `action` every `intervalMs`, outside of all nodes, until it returns false. */
  every(intervalMs: number, action: () => unknown): void {
    const { intervalMs: interval } = resolveOptions(
      "Simulation.every",
      { intervalMs: milliseconds(1, { min: 0.001 }) },
      { intervalMs },
    );
    const again = (): void => {
      if (action() !== false) this.#loop.at(this.#loop.now + interval, again);
    };
    this.#loop.at(this.#loop.now + interval, again);
  }

  /** Writes a line into the log: the parts, separated by blanks. */
  note(...parts: LogPart[]): void {
    this.#log.record(this.#loop.now, "says", WORLD, parts);
  }

  /** Adds an invariant, to be checked after every event. */
  invariant(name: string, check: Invariant): void {
    this.#invariants.set(name, check);
  }

  /**
   * Schedules faults; their times count from now.
   *
   * @throws RangeError if one names a node that does not exist
   */
  inject(...faults: readonly Fault[]): void {
    for (const fault of faults) this.#injector.schedule(fault);
  }

  /** Breaks all connections between two nodes now. */
  cut(a: string, b: string): void {
    this.#network.cut(this.#injector.node(a), this.#injector.node(b));
  }

  /**
   * Blocks the paths between two groups of nodes now; with `oneWay` only those from the first.
   *
   * @returns opens them again
   */
  partition(from: string | readonly string[], to: string | readonly string[], oneWay = false): () => void {
    return this.#injector.partition([from].flat(), [to].flat(), oneWay);
  }

  /** Ends all faults, also those to come: paths open, every node started, resumed and at full speed. */
  heal(): void {
    this.#injector.heal();
  }

  /** Lets `ms` of virtual time pass. @throws SimulationError */
  runFor(ms: number): void {
    this.#runUntil(this.#loop.now + ms, () => false);
  }

  /**
   * Runs until `done` holds after an event.
   *
   * @returns false if `withinMs` of virtual time passed first
   * @throws SimulationError
   */
  runUntil(done: () => boolean, withinMs: number): boolean {
    return this.#runUntil(this.#loop.now + withinMs, done);
  }

  /**
   * The whole test: a safety phase with faults; then everything is healed, and in the liveness
   * phase the nodes must converge. Invariants hold throughout.
   *
   * @throws SimulationError if they do not, or if a node's code throws
   */
  run(options: RunOptions = {}): RunResult {
    const { safetyMs, livenessMs, faults, invariants, converged } = resolveRun(options);
    for (const [name, check] of Object.entries(invariants)) this.invariant(name, check);
    this.inject(...this.#schedule(faults, safetyMs));
    this.runFor(safetyMs);
    this.#phase = "liveness";
    this.note("heals everything");
    this.heal();
    const healedAt = this.#loop.now;
    this.#converge(converged, livenessMs);
    const { seed, events, digest, faults: happened } = this;
    const log = (): readonly string[] => this.log;
    const at = this.#loop.now;
    return { seed, events, at, convergedMs: at - healedAt, digest, faults: happened, log };
  }

  #schedule(faults: FaultPlan | readonly Fault[], untilMs: number): readonly Fault[] {
    if (Array.isArray(faults)) return faults as readonly Fault[];
    const names = [...this.#nodes.keys()];
    return scheduleFaults(faults as FaultPlan, names, untilMs, (kind) => this.stream(`fault ${kind}`));
  }

  #converge(converged: () => boolean | string, withinMs: number): void {
    let missing: boolean | string = false;
    const isConverged = (): boolean => {
      missing = converged();
      return missing === true;
    };
    if (isConverged() || this.runUntil(isConverged, withinMs)) return;
    const why = typeof missing === "string" ? `: ${missing}` : "";
    throw this.#failure(`not converged within ${withinMs} ms after everything was healed${why}`);
  }

  #runUntil(end: number, done: () => boolean): boolean {
    const loop = this.#loop;
    try {
      while (loop.step(end)) {
        this.#afterEvent();
        if (done()) return true;
      }
    } catch (error) {
      if (error instanceof SimulationError) throw error;
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      throw this.#failure(`threw ${text}`, undefined, error);
    }
    loop.advance(end);
    return false;
  }

  #afterEvent(): void {
    this.#log.mix(Math.round(this.#loop.now * 1000) | 0);
    for (const [name, check] of this.#invariants) {
      const broken = check();
      if (broken !== undefined) throw this.#failure(broken, name);
    }
    if (this.#loop.events > this.#maxEvents) {
      throw this.#failure(`more than maxEvents = ${this.#maxEvents} events: does virtual time stand still?`);
    }
  }

  #failure(reason: string, invariant?: string, cause?: unknown): SimulationError {
    return new SimulationError(
      {
        seed: this.seed,
        phase: this.#phase,
        at: this.#loop.now,
        invariant,
        reason,
        faults: [...this.faults],
        log: this.log,
        replay: this.#replay(this.seed),
      },
      cause,
    );
  }
}
