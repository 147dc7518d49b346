import type { Frame } from "./bare.js";

// What peers say, from the texts of 7/MDP and 18/MDP, for peers on bare sockets.

export type Version = "0.1" | "0.2";
export const VERSIONS: readonly Version[] = ["0.1", "0.2"];

/** The commands of workers as each version numbers them. */
export const WORKER_COMMANDS: Readonly<Record<Version, Readonly<Record<string, string>>>> = {
  "0.1": { ready: "\x01", request: "\x02", final: "\x03", heartbeat: "\x04", disconnect: "\x05" },
  "0.2": {
    ready: "\x01",
    request: "\x02",
    partial: "\x03",
    final: "\x04",
    heartbeat: "\x05",
    disconnect: "\x06",
  },
};

export type WorkerWord = "ready" | "request" | "partial" | "final" | "heartbeat" | "disconnect";

/** A command of or for a worker. */
export interface WorkerCommand {
  readonly version: Version;
  readonly word: WorkerWord;
  /** Behind the command. */
  readonly frames: Buffer[];
}

/** A request of a client, or a part of the reply to one. */
export interface ClientCommand {
  readonly version: Version;
  readonly word: "request" | "partial" | "final";
  readonly service: string;
  readonly body: Buffer[];
}

const CLIENT_WORDS = ["request", "partial", "final"] as const;

/** A command of or for a worker, as its socket sends it. */
export function workerFrames(version: Version, word: WorkerWord, ...frames: Frame[]): Frame[] {
  const byte = WORKER_COMMANDS[version][word];
  if (byte === undefined) throw new Error(`MDP ${version} has no ${word}`);
  return version === "0.1" ? ["", "MDPW01", byte, ...frames] : ["MDPW02", byte, ...frames];
}

/** A command of or for a client, as its DEALER sends it. */
export function clientFrames(
  version: Version,
  word: ClientCommand["word"],
  service: Frame,
  ...body: Frame[]
): Frame[] {
  if (version === "0.1") return ["", "MDPC01", service, ...body];
  return ["MDPC02", String.fromCharCode(CLIENT_WORDS.indexOf(word) + 1), service, ...body];
}

/** What a worker said or was told; nothing if it is not exactly what the RFCs say. */
export function readWorkerFrames(all: Buffer[]): WorkerCommand | undefined {
  const version = all[0]?.length === 0 ? "0.1" : "0.2";
  const [header, byte, ...frames] = version === "0.1" ? all.slice(1) : all;
  if (String(header) !== (version === "0.1" ? "MDPW01" : "MDPW02") || byte === undefined) return undefined;
  const entry = Object.entries(WORKER_COMMANDS[version]).find(([, value]) => value === String(byte));
  if (entry === undefined) return undefined;
  const word = entry[0] as WorkerWord;
  const isRight =
    word === "ready"
      ? frames.length === 1
      : word === "heartbeat" || word === "disconnect"
        ? frames.length === 0
        : frames.length >= 3 && (frames[0] as Buffer).length > 0 && frames[1]?.length === 0;
  return isRight ? { version, word, frames } : undefined;
}

/** What a client said or was told; nothing if it is not exactly what the RFCs say. */
export function readClientFrames(all: Buffer[]): ClientCommand | undefined {
  if (all[0]?.length === 0) {
    const [, header, service, ...body] = all;
    if (String(header) !== "MDPC01" || service === undefined || body.length === 0) return undefined;
    return { version: "0.1", word: "final", service: String(service), body };
  }
  const [header, byte, service, ...body] = all;
  const word = byte?.length === 1 ? CLIENT_WORDS[(byte[0] as number) - 1] : undefined;
  if (String(header) !== "MDPC02" || word === undefined) return undefined;
  if (service === undefined || body.length === 0) return undefined;
  return { version: "0.2", word, service: String(service), body };
}
