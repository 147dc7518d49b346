import { readUint64, writeUint64 } from "@seaworthy/core";
import type {
  FreelanceClientMachine,
  FreelanceFailure,
  FreelanceServerMachine,
  FreelanceStrategy,
} from "@seaworthy/freelance/machine";
import type { SimulatedNode, Simulation } from "@seaworthy/simulator";

export const STORM_MS = 2000;
/** Longest pause before a request is sent again, in ms. */
export const BACKOFF_MS = 100;
/** Longest pause before a connection is tried again, in ms. */
export const RECONNECT_MS = 200;
export const FLP_PORT = 5555;
export const PLAIN_PORT = 5556;

/** Everything that a seed decides about one server. */
export interface ServerSetting {
  readonly name: string;
  /** `foreign`: by the documents alone, on a bare socket; `misnamed`: its FLP name is not its endpoint. */
  readonly kind: "ours" | "foreign" | "misnamed";
  readonly concurrency: number;
  readonly handlerMs: number;
  /** Share of requests whose handler fails. */
  readonly failing: number;
  /** Share of requests that the application does not answer. */
  readonly silent: number;
  readonly replyCache: boolean;
}

/** Everything that a seed decides about one client. */
export interface ClientSetting {
  readonly name: string;
  /** `foreign`: in the manner of guide model 3, on a bare socket. */
  readonly kind: FreelanceStrategy | "foreign";
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly heartbeatMs: number;
  readonly liveness: number;
  readonly connectTimeoutMs: number;
  readonly hedging: { readonly hedgeAfterMs?: number; readonly hedgePercentile?: number };
  readonly maxHedgeRatio: number;
  readonly immediate: boolean;
  /** Its sockets take next to nothing while a server does not read. */
  readonly isTight: boolean;
  /** Endpoints in the order in which it enters them. */
  readonly endpoints: readonly string[];
}

/** Everything that a seed decides about a run besides its faults. */
export interface Setting {
  readonly servers: readonly ServerSetting[];
  readonly clients: readonly ClientSetting[];
  /** A server that no fault ever meets, nor any way to it, nor a client. */
  readonly sanctuary: string | undefined;
  readonly everyMs: number;
  /** From one change of a client's servers to the next, in ms. */
  readonly churnMs: number;
  /** From one client's end, and beginning anew, to the next, in ms. */
  readonly renewMs: number;
  /** Share of requests that are aborted. */
  readonly aborted: number;
}

type Ending = "answered" | FreelanceFailure["code"] | "died with its client" | "timed out";

/** What the world knows of one request. */
export interface Asked {
  readonly call: number;
  readonly client: string;
  readonly madeAt: number;
  /** By when it must have ended if its client never stood still. */
  readonly boundMs: number;
  /** How often it was sent to each server, by name. */
  readonly sent: Map<string, number>;
  readonly runs: Map<string, number>;
  isAborted: boolean;
  ended: Ending | undefined;
}

export interface ClientApp {
  /** Whether it can take a request. */
  readonly isReady: boolean;
  /** Only of ours. */
  readonly machine: FreelanceClientMachine | undefined;
  request(request: Asked): void;
  abort(call: number): void;
  /** Enters a server, or takes it out. */
  change(endpoint: string, what: "connect" | "disconnect"): void;
  /** Closes, and begins anew. */
  renew(): void;
  close(): void;
}

export interface ServerApp {
  readonly machines: readonly FreelanceServerMachine[];
}

/** What all nodes of a run share. */
export interface World {
  readonly simulation: Simulation;
  readonly setting: Setting;
  readonly asked: Map<number, Asked>;
  readonly open: Set<Asked>;
  readonly servers: SimulatedNode<ServerApp>[];
  ended(call: number, how: Ending): void;
  violated(what: string): void;
}

export const bodyOf = (call: number): Uint8Array => {
  const body = new Uint8Array(8);
  writeUint64(body, 0, BigInt(call));
  return body;
};

export const callOf = (frame: Uint8Array | undefined): number | undefined =>
  frame?.length === 8 ? Number(readUint64(frame, 0)) : undefined;

/** Where a client of this kind finds a server. */
export const endpointOf = (kind: ClientSetting["kind"], server: string): string =>
  `tcp://${server}:${kind === "tracked" || kind === "foreign" ? FLP_PORT : PLAIN_PORT}`;

export const serverOf = (endpoint: string): string => /^tcp:\/\/(.*):\d+$/.exec(endpoint)?.[1] as string;

/** What a handler that fails says. */
export const complaintOf = (call: number): string => `not request ${call}`;

/** What a server runs was sent to it, and as often. */
export function recordRun(world: World, call: number, server: string): void {
  const request = world.asked.get(call);
  if (request === undefined) return world.violated(`${server} runs ${call}, which nobody asked`);
  const runs = (request.runs.get(server) ?? 0) + 1;
  request.runs.set(server, runs);
  const sent = request.sent.get(server) ?? 0;
  if (runs > sent)
    world.violated(`request ${call} ran ${runs} times at ${server}, and was sent ${sent} times`);
}
