// What the nodes of several scenarios have in common.
import type { Machine, Random } from "@seaworthy/core";
import type { Simulation } from "@seaworthy/simulator";

/** A machine's host reads for so long after a stall before it judges anybody. */
export const DRAIN_MS = 1100;

/** Random bytes that name one life of a node. */
export const epochOf = (random: Random): Uint8Array => Uint8Array.from({ length: 8 }, () => 256 * random());

/** Has the books of a machine looked at whenever anything has happened to it. */
export function audited<M extends Machine<never, unknown>>(machine: M, audit: (machine: M) => void): M {
  const { handle, tick } = machine;
  machine.handle = (input, now) => {
    handle.call(machine, input, now);
    audit(machine);
  };
  machine.tick = (now) => {
    tick.call(machine, now);
    audit(machine);
  };
  return machine;
}

/** How much of the time since `since` a node stood still or crawled, or had done so up to `afterMs` ago. */
export function hinderedMs(simulation: Simulation, node: string, since: number, afterMs: number): number {
  let sum = 0;
  for (const fault of simulation.faults) {
    if ((fault.kind !== "pause" && fault.kind !== "slow") || fault.node !== node) continue;
    const end = fault.at + (fault.forMs ?? Number.POSITIVE_INFINITY) + afterMs;
    sum += Math.max(0, Math.min(simulation.now(), end) - Math.max(since, fault.at));
  }
  return sum;
}
