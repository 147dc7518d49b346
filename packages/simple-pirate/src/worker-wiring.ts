import {
  MachineHost,
  type Scheduler,
  SocketPool,
  type SocketSettings,
  type Transport,
  type WorkerCall,
  type WorkerOwner,
} from "@seaworthy/core";
import { decodeRequest, encodeReady, encodeReply } from "./wire.js";
import type { SimplePirateWorkerMachine } from "./worker-machine.js";
import type { SimplePirateWorkerEvent, SimplePirateWorkerOutput } from "./worker-messages.js";

/** Where a worker machine lives. */
export interface SimplePirateWorkerSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  socket: SocketSettings;
  /** How long the last reply of a session that leaves may take to leave, in ms. */
  lingerMs: number;
  owner: WorkerOwner<SimplePirateWorkerEvent>;
}

/** A worker machine with sockets around it. */
export interface WiredWorker {
  feed(call: WorkerCall): void;
  /** Closes all sockets; resolves when they are, and what lingers has left. */
  close(): Promise<void>;
}

/** Connects a worker machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireWorker(
  machine: SimplePirateWorkerMachine,
  { transport, scheduler, socket, lingerMs, owner }: SimplePirateWorkerSurroundings,
): WiredWorker {
  const sockets = new SocketPool(transport);

  function open(connection: number, endpoint: string): void {
    const spec = { ...socket, type: "dealer", reconnect: false } as const;
    sockets.open(connection, endpoint, spec, {
      message(frames) {
        const request = decodeRequest(frames);
        if (request.type === "malformed") host.feed({ ...request, connection });
        else host.feed({ type: "received", connection, request });
      },
      connection({ type, reason }) {
        host.feed(type === "up" ? { type, connection } : { type: "lost", connection, reason });
      },
    });
  }

  function say(connection: number, frames: readonly Uint8Array[]): void {
    if (sockets.send(connection, frames)) return;
    // What was not said cannot be made up for: the queue would wait for it for ever.
    host.feed({ type: "lost", connection, reason: "the send queue is full" });
  }

  function perform(output: SimplePirateWorkerOutput): void {
    switch (output.type) {
      case "run":
        return owner.run(output.ticket, output.body);
      case "reply":
        return say(output.connection, encodeReply(output.address, output.body));
      case "ready":
        return say(output.connection, encodeReady());
      case "open":
        return open(output.connection, output.endpoint);
      case "discard":
        return sockets.discard(output.connection, output.lingers ? lingerMs : 0);
      case "revoke":
        return owner.revoke(output.ticket);
      case "closed":
        return owner.closed();
      case "status":
        return owner.status(output.event);
    }
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    feed: (call) => host.feed(call),
    async close() {
      host.stop();
      await sockets.close();
    },
  };
}
