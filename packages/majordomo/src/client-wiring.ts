import {
  MachineHost,
  type Scheduler,
  SocketPool,
  type SocketSettings,
  type Transport,
  textFrame,
} from "@seaworthy/core";
import type { MajordomoClientMachine } from "./client-machine.js";
import type {
  MajordomoClientEvent,
  MajordomoClientInput,
  MajordomoClientOutput,
  RequestFailure,
} from "./client-messages.js";
import { decodeReply, encodeRequest } from "./client-wire.js";
import { encodeNotice } from "./notice.js";
import { encodeRequestHeader } from "./request-header.js";
import { MMI_SEAWORTHY } from "./wire.js";

/** Whom the outcomes of requests are told to. */
export interface MajordomoClientOwner {
  /** A part of a stream, not the last. */
  part(call: number, body: Uint8Array[]): void;
  /** The whole reply, or the last part of a stream. */
  answered(call: number, body: Uint8Array[]): void;
  failed(call: number, failure: RequestFailure): void;
  status(event: MajordomoClientEvent): void;
}

/** Where a client machine lives. */
export interface MajordomoClientSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  socket: SocketSettings;
  /** What the client announces to brokers. */
  heartbeatMs: number;
  owner: MajordomoClientOwner;
}

/** A client machine with sockets around it. */
export interface WiredClient {
  feed(input: MajordomoClientInput): void;
  /** Ends what is in flight, tells brokers of ours so within `lingerMs`, and closes all sockets. */
  close(lingerMs: number): Promise<void>;
}

const SEAWORTHY = textFrame(MMI_SEAWORTHY);

/** Connects a client machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireClient(
  machine: MajordomoClientMachine,
  { transport, scheduler, socket: settings, heartbeatMs, owner }: MajordomoClientSurroundings,
): WiredClient {
  const sockets = new SocketPool(transport);
  const notice = encodeNotice({ heartbeatMs, credit: 0 });
  // Nothing that is queued behind a dead broker may run later; but who leaves says so.
  let lingerMs = 0;

  function open(socket: number, endpoint: string): void {
    const spec = { ...settings, type: "dealer", reconnect: false } as const;
    sockets.open(socket, endpoint, spec, {
      message(frames) {
        const reply = decodeReply(frames);
        if (reply.type === "malformed") host.feed({ ...reply, socket });
        else host.feed({ type: "received", socket, reply });
      },
      connection({ type, reason }) {
        host.feed({ type: type === "up" ? "up" : "down", socket, reason });
      },
    });
  }

  function send(output: MajordomoClientOutput & { type: "send" }): void {
    const { socket, call, attempt, version, service, header, body } = output;
    const frames = encodeRequest(version, service, header && encodeRequestHeader(header), body);
    const isTaken = sockets.send(socket, frames, () => machine.isAwaiting(call, attempt));
    if (!isTaken) host.feed({ type: "not-taken", call });
  }

  function perform(output: MajordomoClientOutput): void {
    switch (output.type) {
      case "send":
        return send(output);
      case "part":
        return owner.part(output.call, output.body);
      case "answered":
        return owner.answered(output.call, output.body);
      case "failed":
        return owner.failed(output.call, output.failure);
      case "status":
        return owner.status(output.event);
      case "open":
        return open(output.socket, output.endpoint);
      case "discard":
        return sockets.discard(output.socket, lingerMs);
      // If the socket's queue is full, silence tells the rest.
      case "introduce":
        sockets.send(output.socket, encodeRequest(output.version, SEAWORTHY, undefined, [notice]));
        return;
      case "cancel": {
        const { version, service, header } = output;
        sockets.send(output.socket, encodeRequest(version, service, encodeRequestHeader(header), []));
        return;
      }
    }
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    feed: (input) => host.feed(input),
    async close(maxMs) {
      lingerMs = maxMs;
      host.feed({ type: "close" });
      host.stop();
      await sockets.close();
    },
  };
}
