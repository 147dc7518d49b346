import { type SocketSpec, type Transport, type TransportSocket, textFrame } from "@seaworthy/core";
import type { MdpVersion, ResolvedBrokerOptions } from "@seaworthy/majordomo/machine";
import type { Fault, Simulation } from "@seaworthy/simulator";
import { tapped, type Witness } from "./tapped.js";

export const SAFETY_MS = 6000;

/** From the word to leave until the next start of a program: what closing may take, and then a pause. */
export const LINGER_MS = 500;
export const RESTART_MS = 200;
export const ABSENCE_MS: number = LINGER_MS + RESTART_MS;

/** `ours`, or a program written from the text of 7/MDP or 18/MDP. */
export type Kind = "ours" | MdpVersion;

/** What a seed decides about one broker. */
export interface BrokerSetting {
  readonly name: string;
  readonly options: Pick<
    ResolvedBrokerOptions,
    | "heartbeatMs"
    | "peerHeartbeatMs"
    | "liveness"
    | "maxHeartbeatsPerSecond"
    | "maxDeliveries"
    | "requestTtlMs"
    | "maxWaiting"
    | "maxUnoffered"
    | "maxCredit"
    | "detectDepartures"
  >;
}

/** What a seed decides about one client. */
export interface ClientSetting {
  readonly name: string;
  readonly kind: Kind;
  readonly brokers: readonly string[];
  /** Ours: what it speaks. */
  readonly protocol: "auto" | MdpVersion;
  readonly heartbeatMs: number;
  readonly liveness: number;
  /** Of those that are not ours: whether it puts an envelope in front, as a REQ with correlation ids does. */
  readonly hasEnvelope: boolean;
}

/** What a seed decides about one worker process. */
export interface WorkerSetting {
  readonly name: string;
  readonly kind: Kind;
  readonly service: string;
  readonly protocol: "auto" | MdpVersion;
  readonly concurrency: number;
  readonly heartbeatMs: number;
  readonly peerHeartbeatMs: number;
  readonly liveness: number;
  readonly reconnectMaxMs: number;
  /** Most PARTIALs before the last part of a reply. */
  readonly maxPartials: number;
  /** Of those that are not ours: says nothing while it works, as the guide's. */
  readonly isMute: boolean;
  /** Of those that are not ours: after it was sent away it answers over its next connection what came over the last. */
  readonly isCareless: boolean;
}

/** Everything that a seed decides about a run besides its faults. */
export interface Setting {
  readonly brokers: readonly BrokerSetting[];
  readonly clients: readonly ClientSetting[];
  readonly workers: readonly WorkerSetting[];
  /** Names that are asked for; {@link NOBODYS} besides. */
  readonly services: readonly string[];
  readonly handlerMs: number;
  /** Share of requests that handlers fail with, or drop. */
  readonly failing: number;
  /** Share of requests with which workers that are not ours do what they should not. */
  readonly stutters: number;
  readonly everyMs: number;
}

/** A service that no worker offers. */
export const NOBODYS = "nobodys";

/** What the world knows of one request of a client: made, perhaps run, ended. */
export interface Asked {
  readonly call: number;
  readonly client: string;
  readonly service: string;
  readonly isStream: boolean;
  /** A question whether there is a worker, and the status that it must get, if that is certain (8/MMI). */
  readonly mmi: { readonly expected: "200" | "404" | undefined } | undefined;
  /** It must be answered, since all is well. */
  readonly isSure: boolean;
  ended: string | undefined;
}

/** What all nodes of a run share. */
export interface World {
  readonly simulation: Simulation;
  readonly setting: Setting;
  readonly asked: Map<number, Asked>;
  readonly open: Set<Asked>;
  /** The workers' sockets that are open, by name: what ours have as routing id, and others say after READY. */
  readonly sockets: Map<string, WorkerSocket>;
  /** When which broker left, other than by a crash. */
  readonly leaves: { readonly node: string; readonly at: number }[];
  /** Numbers the runs of handlers. */
  runs: number;
  /** Sees each run of a handler of ours begin, and may have it fail. */
  readonly ran?: (call: number, worker: WorkerSetting) => "fails" | "works";
  violated(what: string): void;
  ended(call: number, how: string): void;
}

/** What a request may take. */
export interface RequestLimits {
  readonly timeoutMs: number;
  readonly attempts: number;
}

/** For how many sessions of one worker a broker may have to slow down: without news of departures it counts lost ones. */
const SESSIONS_COUNTED = 4;
/** How much longer than needed an interval may be. */
export const PACE_FACTOR = 2.5;

/** The longest interval that a broker may keep toward workers of ours, and ask them for, in ms. */
export function slowestMs({ options }: BrokerSetting, { workers }: Setting): number {
  const ours = workers.filter(({ kind }) => kind === "ours").length;
  const neededMs = (1000 * SESSIONS_COUNTED * ours) / options.maxHeartbeatsPerSecond;
  return Math.max(options.heartbeatMs, PACE_FACTOR * neededMs);
}

/** A faulty connection may lag behind for so long after its fault. */
const AFTERMATH_MS = 2000;

/** Whether nothing was wrong with two nodes, nor with the network between them, since some time. */
export function isUndisturbed({ simulation, leaves }: World, a: string, b: string, since: number): boolean {
  const healedAt = simulation.phase === "liveness" ? SAFETY_MS : Number.POSITIVE_INFINITY;
  const from = since - AFTERMATH_MS;
  if (leaves.some(({ node, at }) => (node === a || node === b) && at + ABSENCE_MS >= from)) return false;
  return !simulation.faults.some((fault) => {
    const forMs = fault.kind === "cut" ? 0 : (fault.forMs ?? Number.POSITIVE_INFINITY);
    return Math.min(fault.at + forMs, healedAt) >= from && concerns(fault, a, b);
  });
}

function concerns(fault: Fault, a: string, b: string): boolean {
  switch (fault.kind) {
    case "crash":
    case "pause":
    case "slow":
      return fault.node === a || fault.node === b;
    case "cut":
      return fault.nodes.includes(a) && fault.nodes.includes(b);
    case "partition":
      return (
        (fault.from.includes(a) && fault.to.includes(b)) || (fault.from.includes(b) && fault.to.includes(a))
      );
    case "delay":
      return (fault.from === a && fault.to === b) || (fault.from === b && fault.to === a);
  }
}

/** A socket of a worker, as its world knows it. */
class WorkerSocket implements Witness {
  readonly worker: WorkerSetting;
  /** The node that it is connected to. */
  broker = "";

  constructor(worker: WorkerSetting) {
    this.worker = worker;
  }

  connected(endpoint: string): void {
    this.broker = /^tcp:\/\/(.*):/.exec(endpoint)?.[1] as string;
  }
}

/** A worker's transport whose sockets are listed in the world under the names that they are given. */
export function listed(
  { sockets }: World,
  transport: Transport,
  worker: WorkerSetting,
  nameOf: (spec: SocketSpec) => string,
): Transport {
  const names = new Map<TransportSocket, string>();
  let name = "";
  const witnessOf = (spec: SocketSpec): WorkerSocket => {
    name = nameOf(spec);
    return new WorkerSocket(worker);
  };
  return tapped(transport, witnessOf, {
    opened(socket, witness) {
      names.set(socket, name);
      sockets.set(name, witness);
    },
    closed: (socket) => sockets.delete(names.get(socket) as string),
  });
}

/** The name of a service as it is on the wire. */
export const serviceFrames = new Map(
  [NOBODYS, "service-0", "service-1", "service-2"].map((name) => [name, textFrame(name)]),
);
