import {
  MachineHost,
  type Scheduler,
  SocketPool,
  type SocketSettings,
  type Transport,
} from "@seaworthy/core";
import type { LazyPirateClientMachine } from "./client-machine.js";
import type {
  LazyPirateClientEvent,
  LazyPirateClientInput,
  LazyPirateClientOutput,
  RequestFailure,
} from "./client-messages.js";
import { decodeReply, encodeRequest, encodeRequestId } from "./wire.js";

/** Whom the outcomes of requests are told to. */
export interface LazyPirateClientOwner {
  answered(call: number, body: Uint8Array[]): void;
  failed(call: number, failure: RequestFailure): void;
  status(event: LazyPirateClientEvent): void;
}

/** Where a client machine lives. */
export interface LazyPirateClientSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  socket: SocketSettings;
  owner: LazyPirateClientOwner;
}

/** A client machine with sockets around it. */
export interface WiredClient {
  feed(input: LazyPirateClientInput): void;
  /** Ends what is in flight and closes all sockets. */
  close(): Promise<void>;
}

/** Connects a client machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireClient(
  machine: LazyPirateClientMachine,
  { transport, scheduler, socket, owner }: LazyPirateClientSurroundings,
): WiredClient {
  const sockets = new SocketPool(transport);

  function open(connection: number, endpoint: string): void {
    const spec = { ...socket, type: "dealer", reconnect: false } as const;
    sockets.open(connection, endpoint, spec, {
      message(frames) {
        const reply = decodeReply(frames);
        if (reply.type === "malformed") host.feed({ ...reply, connection });
        else host.feed({ type: "received", connection, reply });
      },
      connection({ type, reason }) {
        host.feed({ type: type === "up" ? "up" : "down", connection, reason });
      },
    });
  }

  function send({ connection, call, attempt, id, body }: LazyPirateClientOutput & { type: "send" }): void {
    const frames = encodeRequest(encodeRequestId(id), body);
    const isTaken = sockets.send(connection, frames, () => machine.isAwaiting(call, attempt));
    if (!isTaken) host.feed({ type: "not-taken", call });
  }

  function perform(output: LazyPirateClientOutput): void {
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
