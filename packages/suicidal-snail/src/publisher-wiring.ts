import {
  type Frames,
  MachineHost,
  type Scheduler,
  type SocketSettings,
  type Transport,
} from "@seaworthy/core";
import type { PublisherMachine } from "./publisher-machine.js";
import type { SnailPublisherEvent, SnailPublisherOutput } from "./publisher-messages.js";

/** Whom a publisher tells what happens. */
export interface SnailPublisherOwner {
  status(event: SnailPublisherEvent): void;
}

/** Where a publisher machine lives. */
export interface SnailPublisherSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  socket: SocketSettings;
  owner: SnailPublisherOwner;
}

/** A publisher machine with its socket. */
export interface WiredPublisher {
  /**
   * Binds; returns the endpoint with its real port.
   *
   * @throws BindError
   */
  bind(endpoint: string): string;
  connect(endpoint: string): void;
  /**
   * Publishes; false if the socket takes no more now, and nothing has happened.
   *
   * @param body - at least one frame
   */
  publish(topic: string | Uint8Array, body: Frames): boolean;
  /** Closes the socket. */
  close(lingerMs: number): Promise<void>;
}

/** Connects a publisher machine with a socket: of zeromq, of a simulation, or of a browser's playground. */
export function wirePublisher(
  machine: PublisherMachine,
  { transport, scheduler, socket: settings, owner }: SnailPublisherSurroundings,
): WiredPublisher {
  let isRefused = false;
  const socket = transport.open(
    { ...settings, type: "publisher" },
    {
      message() {},
      connection: ({ type, endpoint, reason }) => host.feed({ type, endpoint, reason }),
    },
  );

  function perform(output: SnailPublisherOutput): void {
    if (output.type === "status") return owner.status(output.event);
    if (socket.send(output.frames)) return;
    isRefused = true;
    host.feed({ type: "refused", life: output.life, isEnd: output.isEnd });
  }

  const host = new MachineHost(machine, { scheduler, perform });
  return {
    bind: (endpoint) => socket.bind(endpoint),
    connect: (endpoint) => socket.connect(endpoint),
    publish(topic, body) {
      isRefused = false;
      host.feed({ type: "publish", topic, body });
      // A host that is telling a listener, which publishes, leaves this for later: too late to say that it was refused.
      for (let output = machine.take(); output !== undefined; output = machine.take()) perform(output);
      return !isRefused;
    },
    async close(lingerMs) {
      host.stop();
      await socket.close(lingerMs);
    },
  };
}
