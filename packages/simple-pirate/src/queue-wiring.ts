import {
  type Addresses,
  isAnonymous,
  MachineHost,
  openFrontend,
  type QueueOwner,
  type Scheduler,
  type SocketSettings,
  type Transport,
  type TransportSocket,
} from "@seaworthy/core";
import type { SimplePirateQueueMachine } from "./queue-machine.js";
import type {
  SimplePirateQueueEvent,
  SimplePirateQueueInput,
  SimplePirateQueueOutput,
} from "./queue-messages.js";
import { ADDRESS_INDEX, decodeFromWorker, encodeRequest } from "./wire.js";

/** Where a queue machine lives. */
export interface SimplePirateQueueSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  /** Names requests for workers. */
  addresses: Addresses;
  frontend: SocketSettings;
  backend: SocketSettings;
  owner: QueueOwner<SimplePirateQueueEvent>;
}

/** A queue machine with its sockets. */
export interface WiredQueue {
  feed(input: SimplePirateQueueInput): void;
  bindFrontend(endpoint: string): string;
  bindBackend(endpoint: string): string;
  /** Gives queued messages up to `lingerMs` to leave, then closes the sockets. */
  close(lingerMs: number): Promise<void>;
}

/** Connects a queue machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireQueue(
  machine: SimplePirateQueueMachine,
  surroundings: SimplePirateQueueSurroundings,
): WiredQueue {
  const { transport, scheduler, addresses, owner } = surroundings;

  const frontend = openFrontend(transport, surroundings.frontend, true, (input) => host.feed(input));
  const backend: TransportSocket = transport.open(
    // A worker that comes back under its old routing id is to be heard, not the connection it has lost.
    { ...surroundings.backend, type: "router", handover: true, departures: true },
    {
      message: (frames) => host.feed(decodeFromWorker(frames, addresses)),
      departed(id) {
        // One with a name of its own may come back under it, and a REQ says READY only once.
        if (isAnonymous(id)) host.feed({ type: "worker-departed", worker: id });
      },
      refused(frames, reason) {
        const number = addresses.decode(frames[ADDRESS_INDEX] as Uint8Array);
        host.feed({ type: "undelivered", worker: frames[0] as Uint8Array, number, reason });
      },
    },
  );

  function dispatch({ worker, request }: SimplePirateQueueOutput & { type: "dispatch" }): void {
    const { number, body } = request;
    if (backend.send(encodeRequest(worker, addresses.encode(number), body))) return;
    host.feed({ type: "undelivered", worker, number, reason: "queue-full" });
  }

  function perform(output: SimplePirateQueueOutput): void {
    switch (output.type) {
      case "dispatch":
        return dispatch(output);
      case "answer":
        return frontend.answer(output.route, output.body);
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
