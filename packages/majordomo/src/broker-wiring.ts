import {
  type Addresses,
  type Frames,
  frameKey,
  isAnonymous,
  MachineHost,
  type QueueOwner,
  type RefusalReason,
  type Scheduler,
  type SocketSettings,
  type Transport,
  type TransportSocket,
} from "@seaworthy/core";
import type { MajordomoBrokerMachine } from "./broker-machine.js";
import type {
  MajordomoBrokerEvent,
  MajordomoBrokerInput,
  MajordomoBrokerOutput,
  PartOf,
} from "./broker-messages.js";
import {
  decodeAtBroker,
  deliveredNumber,
  encodeBrokerDisconnect,
  encodeBrokerHeartbeat,
  encodeToClient,
  encodeToWorker,
  isForWorker,
} from "./broker-wire.js";

/** Where a broker machine lives. */
export interface MajordomoBrokerSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  /** Names requests for workers. */
  addresses: Addresses;
  socket: SocketSettings;
  detectDepartures: boolean;
  owner: QueueOwner<MajordomoBrokerEvent>;
}

/** A broker machine with its socket. */
export interface WiredBroker {
  feed(input: MajordomoBrokerInput): void;
  bind(endpoint: string): string;
  /** Tells all workers to go, gives queued messages up to `lingerMs` to leave, then closes the socket. */
  close(lingerMs: number): Promise<void>;
}

/** Connects a broker machine with a socket: of zeromq, of a simulation, or of a browser's playground. */
export function wireBroker(
  machine: MajordomoBrokerMachine,
  { transport, scheduler, addresses, socket: settings, detectDepartures, owner }: MajordomoBrokerSurroundings,
): WiredBroker {
  const socket: TransportSocket = transport.open(
    // A peer that comes back under its routing id is to be heard, not the connection that it has lost.
    { ...settings, type: "router", departures: detectDepartures, handover: true },
    {
      message: (frames) => host.feed(decodeAtBroker(frames, addresses)),
      departed(id) {
        host.feed({ type: "departed", peer: frameKey(id), isAnonymous: isAnonymous(id) });
      },
      refused,
    },
  );

  /** Which replies the PARTIALs on their way are of. */
  const parts = new WeakMap<Frames, PartOf>();

  function refused(frames: Frames, reason: RefusalReason | "queue-full"): void {
    const peer = frameKey(frames[0] as Uint8Array);
    const number = deliveredNumber(frames, addresses);
    const partOf = parts.get(frames);
    host.feed({ type: "undeliverable", peer, reason, number, partOf, isForWorker: isForWorker(frames) });
  }

  function send(frames: Frames): void {
    if (!socket.send(frames)) refused(frames, "queue-full");
  }

  function perform(output: MajordomoBrokerOutput): void {
    switch (output.type) {
      case "deliver": {
        const { worker, version, number, body } = output;
        return send([worker, ...encodeToWorker(version, addresses.encode(number), body)]);
      }
      case "answer": {
        const { version, route, service, body, isFinal, partOf } = output;
        const frames = encodeToClient(version, route, service, body, isFinal);
        if (partOf !== undefined) parts.set(frames, partOf);
        return send(frames);
      }
      case "heartbeat":
        return send([output.worker, ...encodeBrokerHeartbeat(output.version, output.notice)]);
      case "cancel": {
        const { worker, version, number } = output;
        return send([worker, ...encodeBrokerHeartbeat(version, addresses.encode(number))]);
      }
      case "disconnect":
        return send([output.worker, ...encodeBrokerDisconnect(output.version)]);
      case "idle":
        return owner.idle();
      case "status":
        return owner.status(output.event);
    }
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    feed: (input) => host.feed(input),
    bind: (endpoint) => socket.bind(endpoint),
    async close(lingerMs) {
      host.feed({ type: "dismiss" });
      // Deaf from now on: what workers answer to that is of no use any more.
      host.stop();
      await socket.close(lingerMs);
    },
  };
}
