/** Messages of 7/MDP and 18/MDP as a witness reads them: from the RFCs' text, not by the code under test. */
import { DELIMITER, type Frames, frameKey, frameText, textFrame } from "@seaworthy/core";
import type { MdpVersion } from "@seaworthy/majordomo/machine";

const CLIENT = { "0.1": textFrame("MDPC01"), "0.2": textFrame("MDPC02") } as const;
const WORKER = { "0.1": textFrame("MDPW01"), "0.2": textFrame("MDPW02") } as const;

/** Commands of workers by their byte. */
const NAMES = {
  "0.1": [undefined, "ready", "request", "final", "heartbeat", "disconnect"],
  "0.2": [undefined, "ready", "request", "partial", "final", "heartbeat", "disconnect"],
} as const;

type WorkerCommandName = Exclude<(typeof NAMES)["0.2"][number], undefined>;

/** The frame of a worker's command. */
function commandByte(version: MdpVersion, name: WorkerCommandName): Uint8Array {
  return new Uint8Array([(NAMES[version] as readonly (string | undefined)[]).indexOf(name)]);
}

/** A message in front of a client or worker. */
export type Message =
  | {
      readonly role: "client";
      readonly version: MdpVersion;
      readonly envelope: Frames;
      readonly service: string;
      /** Not a PARTIAL. */
      readonly isLast: boolean;
      readonly body: Frames;
    }
  | {
      readonly role: "worker";
      readonly version: MdpVersion;
      readonly command: WorkerCommandName;
      /** What follows the command. */
      readonly rest: Frames;
    };

const is = (frame: Uint8Array | undefined, header: Uint8Array): boolean =>
  frame?.length === 6 && frameKey(frame) === frameKey(header);

/** Takes a message apart that begins at `from`, behind the routing id if there is one. */
export function readMessage(frames: Frames, from: number): Message | undefined {
  const isBare02 = is(frames[from], CLIENT["0.2"]) || is(frames[from], WORKER["0.2"]);
  const end = isBare02 ? from - 1 : frames.findIndex((frame, at) => at >= from && frame.length === 0);
  const envelope = isBare02 ? [] : frames.slice(from, end);
  const header = frames[end + 1];
  const rest = frames.slice(end + 2);
  for (const version of ["0.1", "0.2"] as const) {
    if (is(header, WORKER[version])) return workerMessage(version, rest);
    if (is(header, CLIENT[version])) return clientMessage(version, envelope, rest);
  }
  return undefined;
}

function workerMessage(version: MdpVersion, [command, ...rest]: Frames): Message | undefined {
  const name = NAMES[version][command?.[0] as number];
  return name && { role: "worker", version, command: name, rest };
}

function clientMessage(version: MdpVersion, envelope: Frames, frames: Frames): Message {
  const isLast = version === "0.1" || frames[0]?.[0] !== 0x02;
  const [service, ...body] = version === "0.1" ? frames : frames.slice(1);
  return {
    role: "client",
    version,
    envelope,
    service: frameText(service as Uint8Array),
    isLast,
    body,
  };
}

/** A worker's command as its DEALER sends it. */
export function workerCommand(version: MdpVersion, name: WorkerCommandName, rest: Frames = []): Frames {
  const command = [WORKER[version], commandByte(version, name), ...rest];
  return version === "0.1" ? [DELIMITER, ...command] : command;
}

/** A client's request as its DEALER sends it. */
export function clientRequest(
  version: MdpVersion,
  envelope: Frames,
  service: Uint8Array,
  body: Frames,
): Frames {
  const front = version === "0.1" || envelope.length > 0 ? [...envelope, DELIMITER] : [];
  const command = version === "0.1" ? [] : [new Uint8Array([0x01])];
  return [...front, CLIENT[version], ...command, service, ...body];
}
