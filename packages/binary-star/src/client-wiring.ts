import {
  MachineHost,
  type Scheduler,
  SocketPool,
  type SocketSettings,
  type Transport,
} from "@seaworthy/core";
import type { BinaryStarClientMachine } from "./client-machine.js";
import type {
  BinaryStarClientEvent,
  BinaryStarClientInput,
  BinaryStarClientOutput,
  RequestFailure,
} from "./client-messages.js";
import { decodeAnswer, encodeRequest, encodeRequestId } from "./wire.js";

/** Whom the outcomes of requests are told to. */
export interface BinaryStarClientOwner {
  answered(call: number, body: Uint8Array[]): void;
  failed(call: number, failure: RequestFailure): void;
  status(event: BinaryStarClientEvent): void;
}

/** Where a client machine lives. */
export interface BinaryStarClientSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  socket: SocketSettings;
  owner: BinaryStarClientOwner;
}

/** A client machine with sockets around it. */
export interface WiredClient {
  feed(input: BinaryStarClientInput): void;
  /** Ends what is in flight and closes all sockets. */
  close(): Promise<void>;
}

/** Connects a client machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireClient(
  machine: BinaryStarClientMachine,
  { transport, scheduler, socket, owner }: BinaryStarClientSurroundings,
): WiredClient {
  const sockets = new SocketPool(transport);

  function open(connection: number, endpoint: string): void {
    const spec = { ...socket, type: "dealer", reconnect: false } as const;
    sockets.open(connection, endpoint, spec, {
      message(frames) {
        const answer = decodeAnswer(frames);
        if (answer.type === "malformed") host.feed({ ...answer, connection });
        else host.feed({ type: "received", connection, answer });
      },
      connection({ type, reason }) {
        host.feed({ type: type === "up" ? "up" : "down", connection, reason });
      },
    });
  }

  function send({ connection, call, attempt, id, body }: BinaryStarClientOutput & { type: "send" }): void {
    const frames = encodeRequest(encodeRequestId(id), body);
    const isTaken = sockets.send(connection, frames, () => machine.isAwaiting(call, attempt));
    if (!isTaken) host.feed({ type: "not-taken", call });
  }

  function perform(output: BinaryStarClientOutput): void {
    switch (output.type) {
      case "send":
        return send(output);
      case "answered":
        return owner.answered(output.call, output.body);
      case "failed":
        return owner.failed(output.call, output.failure);
      case "status":
        return owner.status(output.event);
      case "open":
        return open(output.connection, output.endpoint);
      case "discard":
        // Linger 0: nothing that is queued behind a dead server may run later.
        return sockets.discard(output.connection);
    }
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    feed: (input) => host.feed(input),
    async close() {
      host.feed({ type: "close" });
      host.stop();
      await sockets.close();
    },
  };
}
