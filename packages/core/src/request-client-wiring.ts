import type { Scheduler } from "./clock.js";
import type { Malformed } from "./frames.js";
import { MachineHost } from "./host.js";
import type { Machine } from "./machine.js";
import type {
  RequestClientInput,
  RequestClientOutput,
  RequestClientOwner,
} from "./request-client-messages.js";
import { encodeRequest, encodeRequestId } from "./request-envelope.js";
import { SocketPool } from "./socket-pool.js";
import type { StatusEvent } from "./status.js";
import type { SocketSettings, Transport } from "./transport.js";

/** Where a client's machine lives. */
export interface RequestClientSurroundings<E extends StatusEvent, F> {
  transport: Transport;
  scheduler: Scheduler;
  socket: SocketSettings;
  /** Whom the outcomes of requests are told to. */
  owner: RequestClientOwner<E, F>;
}

/** The machine of a client that has a socket for each connection. */
export interface RequestClientMachine<R, E extends StatusEvent, F>
  extends Machine<RequestClientInput<R>, RequestClientOutput<E, F>> {
  /** Whether the attempt that was handed to a connection is still the one that counts. */
  isAwaiting(call: number, attempt: number): boolean;
}

/** A client's machine with sockets around it. */
export interface WiredRequestClient<Input> {
  feed(input: Input): void;
  /** Ends what is in flight and closes all sockets. */
  close(): Promise<void>;
}

/**
 * Connects a client's machine with sockets: a DEALER for each connection, which connects once, so that what was queued
 * for a lost server goes with it. Requests travel in the envelope of our clients.
 *
 * @param decode - reads what a server sent
 */
export function wireRequestClient<R extends { readonly type: string }, E extends StatusEvent, F>(
  machine: RequestClientMachine<R, E, F>,
  { transport, scheduler, socket, owner }: RequestClientSurroundings<E, F>,
  decode: (frames: Uint8Array[]) => R | Malformed,
): WiredRequestClient<RequestClientInput<R>> {
  const sockets = new SocketPool(transport);
  const spec = { ...socket, type: "dealer", reconnect: false } as const;

  function open(connection: number, endpoint: string): void {
    sockets.open(connection, endpoint, spec, {
      message(frames) {
        const reply = decode(frames);
        if (isMalformed(reply)) host.feed({ ...reply, connection });
        else host.feed({ type: "received", connection, reply });
      },
      connection({ type, reason }) {
        host.feed({ type: type === "up" ? "up" : "down", connection, reason });
      },
    });
  }

  function send({ connection, call, attempt, id, body }: RequestClientOutput<E, F> & { type: "send" }): void {
    const frames = encodeRequest(encodeRequestId(id), body);
    const isTaken = sockets.send(connection, frames, () => machine.isAwaiting(call, attempt));
    if (!isTaken) host.feed({ type: "not-taken", call });
  }

  function perform(output: RequestClientOutput<E, F>): void {
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

function isMalformed(message: { readonly type: string }): message is Malformed {
  return message.type === "malformed";
}
