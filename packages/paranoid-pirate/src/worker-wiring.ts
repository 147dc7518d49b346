import {
  type Frames,
  MachineHost,
  type Scheduler,
  SocketPool,
  type SocketSettings,
  type Transport,
  type WorkerOwner,
} from "@seaworthy/core";
import {
  decodeFromQueue,
  encodeAddressed,
  encodeHeartbeat,
  encodeLeave,
  encodeReady,
  workerRoutingId,
} from "./wire.js";
import type { ParanoidPirateWorkerMachine } from "./worker-machine.js";
import type {
  ParanoidPirateWorkerEvent,
  ParanoidPirateWorkerInput,
  ParanoidPirateWorkerOutput,
  WorkerSpeech,
} from "./worker-messages.js";

/** Where a worker machine lives. */
export interface ParanoidPirateWorkerSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  socket: SocketSettings;
  /** Text that no other worker has: part of its routing ids. */
  name: string;
  /** How long what was said last may take to leave, in ms. */
  lingerMs: number;
  owner: WorkerOwner<ParanoidPirateWorkerEvent>;
}

/** A worker machine with sockets around it. */
export interface WiredWorker {
  feed(input: ParanoidPirateWorkerInput): void;
  /** Closes all sockets, with no further word to the queues. */
  close(): Promise<void>;
}

function encode(speech: WorkerSpeech): Frames {
  switch (speech.type) {
    case "ready":
      return encodeReady();
    case "heartbeat":
      return encodeHeartbeat(speech);
    case "leave":
      return encodeLeave();
    case "reply":
      return encodeAddressed(speech.address, speech.body);
  }
}

/** Connects a worker machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireWorker(
  machine: ParanoidPirateWorkerMachine,
  { transport, scheduler, socket, name, lingerMs, owner }: ParanoidPirateWorkerSurroundings,
): WiredWorker {
  const sockets = new SocketPool(transport);

  function open(connection: number, endpoint: string): void {
    // A fresh routing id each time: a queue may still know the one before.
    const routingId = workerRoutingId(name, connection);
    const spec = { ...socket, type: "dealer", reconnect: false, routingId } as const;
    sockets.open(connection, endpoint, spec, {
      message(frames) {
        const command = decodeFromQueue(frames);
        if (command.type === "malformed") host.feed({ ...command, connection });
        else host.feed({ type: "said", connection, command });
      },
      connection({ type, reason }) {
        if (type === "up") host.feed({ type: "up", connection });
        else host.feed({ type: "lost", connection, reason });
      },
    });
  }

  function perform(output: ParanoidPirateWorkerOutput): void {
    switch (output.type) {
      case "say":
        if (!sockets.send(output.connection, encode(output.speech)))
          host.feed({ type: "lost", connection: output.connection, reason: "the send queue is full" });
        return;
      case "run":
        return owner.run(output.ticket, output.body);
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
    feed: (input) => host.feed(input),
    close() {
      host.stop();
      return sockets.close();
    },
  };
}
