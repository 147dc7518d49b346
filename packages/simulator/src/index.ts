/**
 * A deterministic network for sans-I/O machines: virtual time, ZeroMQ-like sockets, faults,
 * invariants, replay by seed. It runs in Node.js and in browsers.
 *
 * @module
 */
export type { Disk } from "./disk.js";
export { type Failure, type Phase, SimulationError } from "./errors.js";
export type { Fault, FaultPlan, FaultRate, LastingFaultRate } from "./faults.js";
export type { LogMode, LogPart } from "./log.js";
export type { NetworkOptions } from "./network.js";
export type { Boot, NodeContext, SimulatedNode } from "./node.js";
export type { Invariant, RunOptions, RunResult, SimulationOptions } from "./options.js";
export type { Range } from "./random.js";
export { Simulation } from "./simulation.js";
export { type Scenario, type ScenarioContext, type SweepOptions, type SweepResult, sweep } from "./sweep.js";
