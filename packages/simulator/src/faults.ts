import {
  fraction,
  milliseconds,
  nested,
  type OptionRule,
  type Random,
  resolveOptions,
} from "@seaworthy/core";
import { draw, pick, type Range } from "./random.js";

interface Timed {
  /** When it begins, in ms from the start of the run. */
  readonly at: number;
}

interface Lasting extends Timed {
  /** How long it lasts, in ms. Default until everything is healed. */
  readonly forMs?: number | undefined;
}

/** One fault of a schedule. */
export type Fault =
  /** The process dies (SIGKILL); after `forMs` it is started again. */
  | (Lasting & { readonly kind: "crash"; readonly node: string })
  /** The process stands still (SIGSTOP) for `forMs`. */
  | (Lasting & { readonly kind: "pause"; readonly node: string })
  /** Each task of the node's main thread takes `serviceMs`. */
  | (Lasting & { readonly kind: "slow"; readonly node: string; readonly serviceMs: number })
  /** All connections between two nodes break. */
  | (Timed & { readonly kind: "cut"; readonly nodes: readonly [string, string] })
  /** Nothing passes from any node of `from` to any of `to`; unless `oneWay`, nor back. */
  | (Lasting & {
      readonly kind: "partition";
      readonly from: readonly string[];
      readonly to: readonly string[];
      readonly oneWay?: boolean;
    })
  /** What passes from one node to another takes `extraMs` longer. */
  | (Lasting & {
      readonly kind: "delay";
      readonly from: string;
      readonly to: string;
      readonly extraMs: number;
    });

/** How often a kind of fault happens, and to whom. */
export interface FaultRate {
  /** From one to the next, in ms. */
  readonly everyMs: Range;
  /** Nodes that it may hit. Default all. */
  readonly nodes?: readonly string[];
}

/** A {@link FaultRate} of faults that last. */
export interface LastingFaultRate extends FaultRate {
  /** How long each lasts, in ms. */
  readonly forMs: Range;
}

/** Kinds of faults and their rates; a kind that is left out does not happen. */
export interface FaultPlan {
  readonly crash?: LastingFaultRate;
  readonly pause?: LastingFaultRate;
  /** `serviceMs`: virtual time that each task takes. Default 5 to 50. */
  readonly slow?: LastingFaultRate & { readonly serviceMs?: Range };
  readonly cut?: FaultRate;
  /** `oneWay`: share of partitions that block one direction only. Default 0.3. */
  readonly partition?: LastingFaultRate & { readonly oneWay?: number };
  /** `extraMs`: added latency. Default 10 to 500. */
  readonly delay?: LastingFaultRate & { readonly extraMs?: Range };
}

const noNodes: OptionRule<readonly string[] | undefined> = {
  fallback: undefined,
  check: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string")
      ? undefined
      : { kind: "type", expected: "an array of names of nodes" },
};

/** A number of ms, or a pair of them in order. */
function range(fallback: Range, min: number): OptionRule<Range> {
  const bound = milliseconds(0, { min });
  const expected = `a number of milliseconds of at least ${min}, or [min, max] of such`;
  return {
    fallback,
    check(value) {
      const ends: unknown[] = Array.isArray(value) ? value : [value, value];
      const fault = ends.map((end) => bound.check(end)).find((found) => found !== undefined);
      if (fault !== undefined || ends.length !== 2) return { kind: fault?.kind ?? "type", expected };
      return (ends[0] as number) <= (ends[1] as number) ? undefined : { kind: "range", expected };
    },
  };
}

const everyMs = range([1000, 10_000], 1);
const forMs = range([100, 3000], 0);
const lasting = { everyMs, forMs, nodes: noNodes };
const schemas = {
  crash: lasting,
  pause: lasting,
  slow: { ...lasting, serviceMs: range([5, 50], 0) },
  cut: { everyMs, nodes: noNodes },
  partition: { ...lasting, oneWay: fraction(0.3) },
  delay: { ...lasting, extraMs: range([10, 500], 0) },
};
const kinds = Object.keys(schemas) as (keyof FaultPlan)[];
const planSchema = Object.fromEntries(kinds.map((kind) => [kind, nested({})]));

interface ResolvedRate {
  everyMs: Range;
  forMs: Range;
  nodes: readonly string[] | undefined;
  serviceMs: Range;
  oneWay: number;
  extraMs: Range;
}

/**
 * Draws a schedule from a plan: every fault that begins within `untilMs`, in order.
 *
 * @param random - gives the random stream for a kind of fault, so that changing the rate of one
 * kind leaves the others as they were
 * @throws TypeError or RangeError that names the option at fault
 */
export function scheduleFaults(
  plan: FaultPlan,
  names: readonly string[],
  untilMs: number,
  random: (kind: string) => Random,
): Fault[] {
  resolveOptions("faults", planSchema, plan);
  const faults: Fault[] = [];
  for (const kind of kinds) {
    const given = plan[kind];
    if (given === undefined) continue;
    const rate = resolveOptions(`faults: ${kind}`, schemas[kind], given) as unknown as ResolvedRate;
    const nodes = [...new Set(rate.nodes ?? names)];
    const needed = kind === "crash" || kind === "pause" || kind === "slow" ? 1 : 2;
    if (nodes.length < needed)
      throw new RangeError(`faults: ${kind}: needs at least ${needed} nodes, got ${nodes.length}`);
    const stream = random(kind);
    for (let at = draw(rate.everyMs, stream); at < untilMs; at += draw(rate.everyMs, stream)) {
      faults.push(drawFault(kind, toMicros(at), nodes, rate, stream));
    }
  }
  return faults.sort((a, b) => a.at - b.at);
}

/** A readable number of ms: whole microseconds. */
function toMicros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function drawFault(
  kind: keyof FaultPlan,
  at: number,
  nodes: readonly string[],
  rate: ResolvedRate,
  random: Random,
): Fault {
  const time = { at, forMs: kind === "cut" ? undefined : toMicros(draw(rate.forMs, random)) };
  switch (kind) {
    case "crash":
    case "pause":
      return { ...time, kind, node: pick(nodes, random) };
    case "slow":
      return { ...time, kind, node: pick(nodes, random), serviceMs: toMicros(draw(rate.serviceMs, random)) };
    case "cut":
      return { at, kind, nodes: pickTwo(nodes, random) };
    case "partition":
      return { ...time, kind, ...split(nodes, random), oneWay: random() < rate.oneWay };
    case "delay": {
      const [from, to] = pickTwo(nodes, random);
      return { ...time, kind, from, to, extraMs: toMicros(draw(rate.extraMs, random)) };
    }
  }
}

function pickTwo(nodes: readonly string[], random: Random): [string, string] {
  const first = pick(nodes, random);
  return [
    first,
    pick(
      nodes.filter((name) => name !== first),
      random,
    ),
  ];
}

/** Half of the time one node against the rest, else any split into two groups. */
function split(nodes: readonly string[], random: Random): { from: string[]; to: string[] } {
  const lonely = pick(nodes, random);
  const isLonely = random() < 0.5;
  const from: string[] = [];
  const to: string[] = [];
  for (const name of nodes) {
    const joins = name === lonely || (!isLonely && random() < 0.5);
    (joins ? from : to).push(name);
  }
  if (to.length === 0)
    to.push(
      from.splice(
        from.findIndex((name) => name !== lonely),
        1,
      )[0] as string,
    );
  return random() < 0.5 ? { from, to } : { from: to, to: from };
}

/** A fault as one line. */
export function describeFault(fault: Fault): string {
  const lasts = fault.kind === "cut" || fault.forMs === undefined ? "" : ` for ${fault.forMs} ms`;
  return `${fault.kind} ${faultDetail(fault)}${lasts}`;
}

function faultDetail(fault: Fault): string {
  switch (fault.kind) {
    case "crash":
    case "pause":
      return fault.node;
    case "slow":
      return `${fault.node} to ${fault.serviceMs} ms per task`;
    case "cut":
      return fault.nodes.join(" - ");
    case "partition":
      return `${fault.from.join(",")} ${fault.oneWay === true ? "-x->" : "<-x->"} ${fault.to.join(",")}`;
    case "delay":
      return `${fault.from} -> ${fault.to} by ${fault.extraMs} ms`;
  }
}
