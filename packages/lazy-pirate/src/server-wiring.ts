import {
  MachineHost,
  type RequestServerMachine,
  type Scheduler,
  type SocketSettings,
  type Transport,
  type TransportSocket,
} from "@seaworthy/core";
import type {
  LazyPirateServerEvent,
  LazyPirateServerInput,
  LazyPirateServerOutput,
} from "./server-messages.js";
import { decodeRequest, encodeFailure, encodeReply } from "./wire.js";

/** Who runs the requests. */
export interface LazyPirateServerOwner {
  run(request: LazyPirateServerOutput & { type: "run" }): void;
  status(event: LazyPirateServerEvent): void;
}

/** Where a server machine lives. */
export interface LazyPirateServerSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  socket: SocketSettings;
  owner: LazyPirateServerOwner;
}

/** A server machine with its socket. */
export interface WiredServer {
  feed(input: LazyPirateServerInput): void;
  bind(endpoint: string): string;
  /** Gives queued replies up to `lingerMs` to leave, then closes the socket. */
  close(lingerMs: number): Promise<void>;
}

/** Connects a server machine with a socket: of zeromq, of a simulation, or of a browser's playground. */
export function wireServer(
  machine: RequestServerMachine,
  { transport, scheduler, socket, owner }: LazyPirateServerSurroundings,
): WiredServer {
  const router: TransportSocket = transport.open(
    { ...socket, type: "router" },
    {
      message: (frames) => host.feed(decodeRequest(frames)),
      refused: (_frames, reason) => host.feed({ type: "undeliverable", reason }),
    },
  );

  function perform(output: LazyPirateServerOutput): void {
    if (output.type === "run") return owner.run(output);
    if (output.type === "status") return owner.status(output.event);
    const { route, outcome } = output;
    const frames =
      outcome.type === "reply" ? encodeReply(route, outcome.body) : encodeFailure(route, outcome.message);
    if (frames !== undefined && !router.send(frames))
      host.feed({ type: "undeliverable", reason: "queue-full" });
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    feed: (input) => host.feed(input),
    bind: (endpoint) => router.bind(endpoint),
    async close(lingerMs) {
      await router.close(lingerMs);
      host.stop();
    },
  };
}
