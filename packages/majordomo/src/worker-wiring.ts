import {
  AbortedError,
  type Frames,
  MachineHost,
  type Scheduler,
  SocketPool,
  type SocketSettings,
  type Transport,
  type WorkerOwner,
} from "@seaworthy/core";
import type { MajordomoWorkerMachine } from "./worker-machine.js";
import type {
  MajordomoWorkerEvent,
  MajordomoWorkerInput,
  MajordomoWorkerOutput,
  WorkerSpeech,
} from "./worker-messages.js";
import {
  decodeFromBroker,
  encodeDisconnect,
  encodeFinal,
  encodeHeartbeat,
  encodePartial,
  encodeReady,
} from "./worker-wire.js";

/** How long the last words of a session may take to leave, at least, while the worker goes on, in ms. */
const PARTING_MS = 1000;

/** What a worker's sockets and machine tell the role. */
export interface MajordomoWorkerOwner extends WorkerOwner<MajordomoWorkerEvent> {
  /** A part of a reply has left, is kept, or finds no way: there is room for the next. */
  passed(part: number): void;
}

/** Where a worker machine lives. */
export interface MajordomoWorkerSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  socket: SocketSettings;
  /** The name of the service that it offers. */
  service: Uint8Array;
  /** How long what was said last may take to leave, in ms. */
  lingerMs: number;
  owner: MajordomoWorkerOwner;
}

/** A worker machine with sockets around it. */
export interface WiredWorker {
  feed(input: MajordomoWorkerInput): void;
  keptBytes(ticket: number): number;
  /** Leaves brokers that it has not left yet, and closes all sockets. */
  close(): Promise<void>;
}

function encode(service: Uint8Array, speech: WorkerSpeech): Frames {
  switch (speech.type) {
    case "ready":
      return encodeReady(speech.version, service, speech.notice);
    case "heartbeat":
      return encodeHeartbeat(speech.version, speech.notice);
    case "disconnect":
      return encodeDisconnect(speech.version);
    case "partial":
      return encodePartial(speech.address, speech.body);
    case "final":
      return encodeFinal(speech.version, speech.address, speech.body, speech.outcome);
  }
}

/** Connects a worker machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireWorker(
  machine: MajordomoWorkerMachine,
  { transport, scheduler, socket, service, lingerMs, owner }: MajordomoWorkerSurroundings,
): WiredWorker {
  const sockets = new SocketPool(transport);
  /** Parts of replies that have not left yet, and the connection of each. */
  const parts = new Map<number, number>();
  /** When DISCONNECT was said, by connection. */
  const farewells = new Map<number, number>();
  let isClosing = false;

  function open(connection: number, endpoint: string): void {
    // Without a routing id of its own: the broker makes one up, and knows nothing of the connection before.
    const spec = { ...socket, type: "dealer", reconnect: false } as const;
    sockets.open(connection, endpoint, spec, {
      message(frames) {
        const command = decodeFromBroker(frames);
        if (command.type === "malformed") host.feed({ ...command, connection });
        else host.feed({ type: "said", connection, command });
      },
      connection({ type, reason }) {
        if (type === "up") host.feed({ type: "up", connection });
        else host.feed({ type: "lost", connection, reason });
      },
    });
  }

  function say(connection: number, speech: WorkerSpeech): void {
    let isWanted: (() => boolean) | undefined;
    if (speech.type === "partial") {
      parts.set(speech.part, connection);
      isWanted = () => passed(speech.part);
    } else if (speech.type === "disconnect") farewells.set(connection, scheduler.now());
    if (sockets.send(connection, encode(service, speech), isWanted)) return;
    host.feed({ type: "lost", connection, reason: "the send queue is full" });
  }

  function passed(part: number): true {
    if (parts.delete(part)) owner.passed(part);
    return true;
  }

  function discard(connection: number, lingers: boolean): void {
    // What waits in front of ZeroMQ leaves while the socket lingers, or not at all.
    for (const [part, at] of parts) if (at === connection) passed(part);
    const saidAt = farewells.get(connection) as number;
    farewells.delete(connection);
    // The wait for the broker's answer was time to leave as well.
    const until = saidAt + (isClosing ? lingerMs : Math.max(lingerMs, PARTING_MS));
    sockets.discard(connection, lingers ? Math.max(0, until - scheduler.now()) : 0);
  }

  function perform(output: MajordomoWorkerOutput): void {
    switch (output.type) {
      case "say":
        return say(output.connection, output.speech);
      case "run":
        return owner.run(output.ticket, output.body);
      case "open":
        return open(output.connection, output.endpoint);
      case "discard":
        return discard(output.connection, output.lingers);
      case "revoke":
        return output.reason === "client-gone"
          ? owner.revoke(output.ticket, new AbortedError("the client has given the request up"))
          : owner.revoke(output.ticket);
      case "passed":
        return owner.passed(output.part);
      case "closed":
        return owner.closed();
      case "status":
        return owner.status(output.event);
    }
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    feed(input) {
      isClosing ||= input.type === "close";
      host.feed(input);
    },
    keptBytes: (ticket) => machine.keptBytes(ticket),
    close() {
      host.feed({ type: "time-is-up" });
      host.stop();
      return sockets.close();
    },
  };
}
