import {
  type Addresses,
  frameKey,
  MachineHost,
  openFrontend,
  type QueueOwner,
  type Scheduler,
  type SocketSettings,
  type Transport,
  type TransportSocket,
} from "@seaworthy/core";
import type { ParanoidPirateQueueMachine } from "./queue-machine.js";
import type {
  ParanoidPirateQueueEvent,
  ParanoidPirateQueueInput,
  ParanoidPirateQueueOutput,
} from "./queue-messages.js";
import { decodeFromWorker, encodeAddressed, encodeHeartbeat, encodeLeave } from "./wire.js";

/** Where a queue machine lives. */
export interface ParanoidPirateQueueSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  /** Names requests for workers. */
  addresses: Addresses;
  frontend: SocketSettings;
  backend: SocketSettings;
  detectDepartures: boolean;
  owner: QueueOwner<ParanoidPirateQueueEvent>;
}

/** A queue machine with its sockets. */
export interface WiredQueue {
  feed(input: ParanoidPirateQueueInput): void;
  bindFrontend(endpoint: string): string;
  bindBackend(endpoint: string): string;
  /** Gives queued messages up to `lingerMs` to leave, then closes the sockets. */
  close(lingerMs: number): Promise<void>;
}

/** Connects a queue machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireQueue(
  machine: ParanoidPirateQueueMachine,
  surroundings: ParanoidPirateQueueSurroundings,
): WiredQueue {
  const { transport, scheduler, addresses, detectDepartures: departures, owner } = surroundings;

  const frontend = openFrontend(transport, surroundings.frontend, departures, (input) => host.feed(input));
  const backend: TransportSocket = transport.open(
    // A worker that comes back under the same routing id is to be heard, not the connection it has lost.
    { ...surroundings.backend, type: "router", departures, handover: true },
    {
      message(frames) {
        const id = frames[0] as Uint8Array;
        const worker = frameKey(id);
        const command = decodeFromWorker(frames, addresses);
        if (command.type === "malformed") host.feed({ ...command, worker });
        else host.feed({ type: "said", worker, id, command });
      },
      departed: (id) => host.feed({ type: "worker-departed", worker: frameKey(id) }),
      refused([id, address], reason) {
        const number = address && addresses.decode(address);
        host.feed({ type: "unreachable", worker: frameKey(id as Uint8Array), reason, number });
      },
    },
  );

  function tell(worker: Uint8Array, frames: readonly Uint8Array[], number?: number): void {
    if (backend.send([worker, ...frames])) return;
    host.feed({ type: "unreachable", worker: frameKey(worker), reason: "queue-full", number });
  }

  function perform(output: ParanoidPirateQueueOutput): void {
    switch (output.type) {
      case "deliver": {
        const { number, body } = output.request;
        return tell(output.worker, encodeAddressed([addresses.encode(number)], body), number);
      }
      case "answer":
        return frontend.answer(output.route, output.body);
      case "heartbeat":
        return tell(output.worker, encodeHeartbeat(output));
      case "release":
        return tell(output.worker, encodeLeave());
      case "idle":
        return owner.idle();
      case "status":
        return owner.status(output.event);
    }
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    feed: (input) => host.feed(input),
    bindFrontend: (endpoint) => frontend.bind(endpoint),
    bindBackend: (endpoint) => backend.bind(endpoint),
    async close(lingerMs) {
      await Promise.all([frontend.close(lingerMs), backend.close(lingerMs)]);
      host.stop();
    },
  };
}
